//! What happens when most tasks are in blocking calls?

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::heartbeat::beside;
use super::spin::Spin;
use crate::measurement::Measurement;
use crate::runtimes::Runtime;

/// How long a storm of short calls lasts.
const STORM: Duration = Duration::from_secs(2);
/// A short call. The kernel adds the timer slack of the thread, 50 us if that has not been changed.
const SHORT_CALL: Duration = Duration::from_millis(1);
/// A long call, and how many of them each task makes.
const LONG_CALL: Duration = Duration::from_millis(50);
const LONG_CALLS: u64 = 10;
/// A call that a task makes without saying so.
const UNDECLARED_CALL: Duration = Duration::from_millis(30);

/// `storm`: 256 tasks in calls of 50 ms.
pub(crate) async fn long<R: Runtime>() -> io::Result<Vec<Measurement>> {
    Ok(beside::<R, _>(256, |_| long_calls::<R>()).await)
}

async fn long_calls<R: Runtime>() -> u64 {
    for _ in 0..LONG_CALLS {
        R::blocking(|| thread::sleep(LONG_CALL)).await;
    }
    LONG_CALLS
}

/// `storm_short`: 64 tasks in calls of 1 ms.
pub(crate) async fn short<R: Runtime>() -> io::Result<Vec<Measurement>> {
    Ok(beside::<R, _>(64, |_| short_calls::<R>(STORM)).await)
}

/// Makes calls of 1 ms for `time`, one after the other; says how many.
pub(crate) async fn short_calls<R: Runtime>(time: Duration) -> u64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < time {
        R::blocking(|| thread::sleep(SHORT_CALL)).await;
        calls += 1;
    }
    calls
}

/// `mix20`, `mix100`: 64 tasks that call for 1 ms and compute for `micros`.
pub(crate) async fn mixed<R: Runtime>(micros: u64) -> io::Result<Vec<Measurement>> {
    let work = Spin::lasting(Duration::from_micros(micros));
    Ok(beside::<R, _>(64, |_| calls_and_work::<R>(work)).await)
}

async fn calls_and_work<R: Runtime>(work: Spin) -> u64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < STORM {
        R::blocking(|| thread::sleep(SHORT_CALL)).await;
        calls += 1;
        R::yield_now().await;
        work.run();
        R::yield_now().await;
    }
    calls
}

/// `undeclared`: 8 tasks that block for 30 ms without a word to the runtime.
pub(crate) async fn undeclared<R: Runtime>() -> io::Result<Vec<Measurement>> {
    Ok(beside::<R, _>(8, |_| undeclared_calls::<R>()).await)
}

async fn undeclared_calls<R: Runtime>() -> u64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < STORM {
        thread::sleep(UNDECLARED_CALL);
        calls += 1;
        R::yield_now().await;
    }
    calls
}
