//! What do sleeps cost, and are they on time?

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::tasks::Countdown;
use crate::measurement::{Measurement, Metric};
use crate::random::Random;
use crate::runtimes::Runtime;
use crate::sample::Sample;
use crate::usage::Usage;

/// `timers`: so many tasks sleep for a random time of up to a second.
pub(crate) async fn many<R: Runtime>(sleeps: u64) -> io::Result<Vec<Measurement>> {
    const LONGEST_MICROS: u64 = 1_000_000;
    let late: &'static [AtomicU64] = (0..sleeps).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak();
    let mut random = Random::new(0);
    let (countdown, ended) = Countdown::leak();
    countdown.start(sleeps);
    let before = Usage::now();
    for slot in late {
        let time = Duration::from_micros(random.below(LONGEST_MICROS));
        R::detach(async move {
            slot.store(lateness::<R>(time).await.as_nanos() as u64, Ordering::Relaxed);
            countdown.count_off();
        });
    }
    ended.recv().await.map_err(io::Error::other)?;
    let used = Usage::now() - before;
    // Relaxed is enough: the countdown has made the stores visible.
    let late = late.iter().map(|slot| Duration::from_nanos(slot.load(Ordering::Relaxed))).collect::<Sample>().sort();
    Ok(vec![
        Measurement::time(Metric::Cpu, used.cpu),
        Measurement::time_each(Metric::CpuPerSleep, used.cpu, sleeps),
        Measurement::time(Metric::LateP50, late.percentile(50)),
        Measurement::time(Metric::LateP99, late.percentile(99)),
    ])
}

/// Sleeps for `time`; how much longer it took.
///
/// # Panics
///
/// Panics if the sleep was too short.
async fn lateness<R: Runtime>(time: Duration) -> Duration {
    let start = Instant::now();
    R::sleep(time).await;
    start.elapsed().checked_sub(time).expect("a sleep has ended early")
}

/// `sleep_1ms`: one after the other, nothing beside it.
pub(crate) async fn sleep_1ms<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let mut late = Sample::default();
    for _ in 0..2_000 {
        late.push(lateness::<R>(Duration::from_millis(1)).await);
    }
    let late = late.sort();
    Ok(vec![Measurement::time(Metric::LateP50, late.percentile(50)), Measurement::time(Metric::LateP99, late.percentile(99))])
}

/// `ticker`: wakes a hundred times a second for 5 s.
pub(crate) async fn ticker<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let before = Usage::now();
    for _ in 0..500 {
        R::sleep(Duration::from_millis(10)).await;
    }
    let used = Usage::now() - before;
    Ok(vec![Measurement::time(Metric::Cpu, used.cpu), Measurement::new(Metric::Switches, used.switches as f64)])
}
