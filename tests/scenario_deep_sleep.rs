//! What if something for the monitor comes up while it sleeps without limit?
//!
//! Whoever takes a processor then does not wake it, for most are back at once; so each of these leaves something behind that only the monitor sees to. That it sleeps cannot be seen from outside: it is given
//! the time to fall asleep, and if it has not, the test passes as well.

#![cfg(feature = "time")]

#[path = "support/latch.rs"]
mod latch;
#[path = "support/long_calls.rs"]
mod long_calls;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use handover::runtime::{Builder, Runtime};
use handover::time::sleep;
use latch::Latch;
use long_calls::long_calls;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);
/// Three idle rounds of 10 ms, and as much again.
const FALLING_ASLEEP: Duration = Duration::from_millis(80);

fn start(builder: Builder) -> (Runtime, Watchdog) {
    let runtime = builder.build().unwrap();
    let watchdog = Watchdog::start(NEVER * 2, "a sleeping monitor", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// Given one processor, whose poller takes it for a long call; when a thread that is no worker arms a timer; then that fires.
#[test]
fn somebody_polls_while_the_poller_is_in_a_call() {
    let (runtime, _watchdog) = start(Builder::new().processors(1));
    let release = Latch::default();
    thread::sleep(FALLING_ASLEEP);
    let calls = long_calls(&runtime, 1, &release, NEVER);
    thread::sleep(FALLING_ASLEEP);
    let _entered = runtime.enter();
    let began = Instant::now();
    block_on(sleep(Duration::from_millis(5)));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    release.step();
    calls.into_iter().for_each(|call| block_on(call).unwrap());
}

/// Given threads that are out in calls; when they come back one by one, each for a moment; then those that nobody needs end.
#[test]
fn threads_that_come_back_one_by_one_end() {
    const CALLS: usize = 40;
    let (runtime, _watchdog) = start(Builder::new().processors(2).thread_keep_alive(Duration::from_millis(200)));
    let baseline = runtime.metrics().threads();
    let releases: Vec<_> = (0..CALLS).map(|_| Latch::default()).collect();
    let calls: Vec<_> = releases.iter().flat_map(|release| long_calls(&runtime, 1, release, NEVER)).collect();
    thread::sleep(FALLING_ASLEEP);
    for (release, call) in releases.iter().zip(calls) {
        release.step();
        block_on(call).unwrap();
        // Seldom enough that the monitor sleeps on.
        thread::sleep(Duration::from_millis(6));
    }
    let began = Instant::now();
    while runtime.metrics().threads() > baseline {
        assert!(began.elapsed() < NEVER, "more than {baseline} threads: {:?}", runtime.metrics());
        thread::yield_now();
    }
}
