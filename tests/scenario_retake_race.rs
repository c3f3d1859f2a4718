//! Has a processor ever two holders, when the monitor takes it in the moment in which its thread returns? Scenarios 1 and 2 of the list in README.md, on real threads
//! (the proof is the loom model in blocking/tests/loom_record).
//!
//! Calls last about as long as the monitor's second look takes, so that the retake and the return meet. That nobody holds twice is asserted by the runtime
//! itself, on every reclaim, in debug builds (`Worker::reclaim`, `IdleSet::insert`); a lost processor would show as a hang.

#[path = "support/child.rs"]
mod child;
#[path = "support/random.rs"]
mod random;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use handover::Hint;
use handover::runtime::{Builder, Runtime};
use random::Random;
use watchdog::Watchdog;

const CALLS: u64 = 8_000;
const CALLERS: u64 = 2;

fn spin_for(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Calls of up to 80 us; within every other one the runtime is entered, which lends again at another `seq`.
async fn call_and_return(seed: u64) {
    let mut random = Random::new(seed);
    for round in 0..CALLS {
        let time = Duration::from_nanos(random.below(80_000));
        handover::blocking(|| {
            spin_for(time / 2);
            if round % 2 == 0 {
                drop(handover::spawn(async {}));
            }
            spin_for(time / 2);
        })
        .hint(Hint::Short)
        .await;
    }
}

/// Keeps tasks waiting, so that the monitor has a reason to retake.
fn wait_in_queues(runtime: &Runtime, over: &Arc<AtomicBool>) {
    for _ in 0..4 {
        let over = Arc::clone(over);
        drop(runtime.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                handover::yield_now().await;
            }
        }));
    }
}

#[test]
fn retakes_race_returns() {
    for processors in [1, 2] {
        let runtime = Builder::new().processors(processors).build().unwrap();
        let _watchdog = Watchdog::start(Duration::from_secs(60), format!("retakes, P = {processors}"), Some(runtime.metrics()));
        let over = Arc::new(AtomicBool::new(false));
        wait_in_queues(&runtime, &over);
        let callers: Vec<_> = (0..CALLERS).map(|seed| runtime.spawn(call_and_return(seed))).collect();
        for caller in callers {
            block_on(caller).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        let metrics = runtime.metrics();
        println!("P = {processors}: {} of {} calls lost their processor", metrics.retakes(), CALLS * CALLERS);
        assert!(metrics.retakes() > 10, "too few for a race: {metrics:?}");
    }
}

#[test]
fn retakes_race_returns_without_membarrier() {
    let output = child::command("retakes_race_returns").env("HANDOVER_NO_MEMBARRIER", "1").output().unwrap();
    child::assert_passed(&output);
}
