//! How long do ready tasks wait when those who run go into long calls?

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::measurement::{Measurement, Metric};
use crate::runtimes::Runtime;
use crate::sample::Sample;

const BURSTS: usize = 60;
/// Before each burst nothing happens for so long: whatever watches over the runtime has gone to sleep.
const GAP: Duration = Duration::from_millis(30);
const CALLERS: usize = 8;
const PROBES: usize = 8;
const CALL: Duration = Duration::from_millis(10);

/// `handoff`: how late the probes run, and how long a burst takes. The first burst, with no thread made yet, counts.
pub(crate) async fn measure<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let mut late = Sample::default();
    let mut bursts = Sample::default();
    for _ in 0..BURSTS {
        R::sleep(GAP).await;
        let start = Instant::now();
        burst::<R>(&mut late).await;
        bursts.push(start.elapsed());
    }
    let late = late.sort();
    Ok(vec![
        Measurement::time(Metric::ProbeP50, late.percentile(50)),
        Measurement::time(Metric::ProbeP99, late.percentile(99)),
        Measurement::time(Metric::BurstP50, bursts.sort().percentile(50)),
    ])
}

/// First the callers, then, at once, the probes; until all are done.
async fn burst<R: Runtime>(late: &mut Sample) {
    let callers: Vec<_> = (0..CALLERS).map(|_| R::spawn(R::blocking(|| thread::sleep(CALL)))).collect();
    let probes: Vec<_> = (0..PROBES).map(|_| R::spawn(probe(Instant::now()))).collect();
    for probe in probes {
        late.push(probe.await);
    }
    for caller in callers {
        caller.await;
    }
}

/// How long ago it was submitted when it runs.
async fn probe(submitted: Instant) -> Duration {
    submitted.elapsed()
}
