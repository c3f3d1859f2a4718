//! What does a task that only wants to be on time see of the work beside it?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::measurement::{Measurement, Metric};
use crate::runtimes::Runtime;
use crate::sample::Sample;
use crate::usage::Usage;

/// What the heartbeat sleeps each time.
const BEAT: Duration = Duration::from_millis(1);

/// Runs `tasks` tasks, each of which says how many calls it has made, beside a heartbeat; gives the calls in a second,
/// their CPU time, how late the heartbeat was, and switches for each call. (Threads are counted from outside.)
pub(crate) async fn beside<R, F>(tasks: u64, task: impl Fn(u64) -> F) -> Vec<Measurement>
where
    R: Runtime,
    F: Future<Output = u64> + Send + 'static,
{
    let over = Arc::new(AtomicBool::new(false));
    let heartbeat = R::spawn(heartbeat::<R>(Arc::clone(&over)));
    let (before, start) = (Usage::now(), Instant::now());
    let running: Vec<_> = (0..tasks).map(|index| R::spawn(task(index))).collect();
    let mut calls = 0;
    for task in running {
        calls += task.await;
    }
    let (elapsed, used) = (start.elapsed(), Usage::now() - before);
    over.store(true, Ordering::Relaxed);
    let late = heartbeat.await.sort();
    vec![
        Measurement::rate(Metric::CallsPerS, calls, elapsed),
        Measurement::time_each(Metric::CpuPerCall, used.cpu, calls),
        Measurement::time(Metric::LateP50, late.percentile(50)),
        Measurement::time(Metric::LateP99, late.percentile(99)),
        Measurement::time(Metric::LateMax, late.max()),
        Measurement::new(Metric::Switches, used.switches as f64 / calls as f64),
    ]
}

/// Sleeps again and again until it is over; how much too late it woke each time.
async fn heartbeat<R: Runtime>(over: Arc<AtomicBool>) -> Sample {
    let mut late = Sample::default();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        R::sleep(BEAT).await;
        late.push(start.elapsed().saturating_sub(BEAT));
    }
    late
}
