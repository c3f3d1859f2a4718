//! Is a wrong prediction ever more than slow? Scenario 19 of the list in README.md.
//!
//! What the table learns by itself is tested beside it (`blocking/src/predictor.rs`); here calls of all kinds go through it, and every one must run once, in order, and with its result.

#[path = "support/watchdog.rs"]
mod watchdog;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use handover::Hint;
use handover::runtime::{Builder, Runtime};
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);
const SLOW: Duration = Duration::from_millis(2);

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(NEVER * 2, "calls that the predictor is wrong about", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// A call of one site, whoever makes it.
async fn shared_site(took: Duration, runs: &AtomicU64) -> Duration {
    handover::blocking(|| {
        runs.fetch_add(1, Ordering::Relaxed);
        if !took.is_zero() {
            thread::sleep(took);
        }
        took
    })
    .await
}

#[test]
fn a_site_that_alternates_runs_every_call_once() {
    let (runtime, _watchdog) = runtime(1);
    let runs = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let runs = Arc::clone(&runs);
            runtime.spawn(async move {
                for n in 0..50 {
                    let took = if n % 2 == 0 { SLOW } else { Duration::ZERO };
                    assert_eq!(shared_site(took, &runs).await, took);
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| block_on(task).unwrap());
    assert_eq!(runs.load(Ordering::Relaxed), 200);
    assert_eq!(runtime.metrics().calls_out(), 0);
}

/// Given one site that all tasks share, slow for some and quick for the others; then the quick ones go on while the slow ones are out, and nothing is lost.
#[test]
fn a_site_that_all_tasks_share_holds_up_nobody() {
    let (runtime, _watchdog) = runtime(2);
    let runs = Arc::new(AtomicU64::new(0));
    let spawn = |count: u64, took: Duration| {
        let runs = Arc::clone(&runs);
        runtime.spawn(async move {
            for _ in 0..count {
                assert_eq!(shared_site(took, &runs).await, took);
            }
        })
    };
    let slow: Vec<_> = (0..8).map(|_| spawn(20, SLOW)).collect();
    let quick: Vec<_> = (0..8).map(|_| spawn(5_000, Duration::ZERO)).collect();
    slow.into_iter().chain(quick).for_each(|task| block_on(task).unwrap());
    assert_eq!(runs.load(Ordering::Relaxed), 8 * 20 + 8 * 5_000);
    assert_eq!(runtime.metrics().calls_out(), 0);
}

#[test]
fn hints_override_what_was_learnt() {
    let (runtime, _watchdog) = runtime(1);
    let metrics = runtime.metrics();
    runtime.block_on(async {
        for hint in [Hint::Long, Hint::Short, Hint::Long, Hint::Short] {
            let before = metrics.handoffs();
            handover::blocking(|| ()).hint(hint).await;
            // A quick call is not retaken, so all that hands off here is the hint.
            assert_eq!(metrics.handoffs() - before, u64::from(hint == Hint::Long), "{hint:?}");
        }
    });
}
