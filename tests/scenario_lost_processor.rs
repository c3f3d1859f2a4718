//! What may a task do in the very poll in which its thread has lost the processor? Everything. Scenarios 10 to 12 of the list in README.md.

#[path = "support/exclusive.rs"]
mod exclusive;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::panic;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use exclusive::Exclusive;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, join, select};
use handover::runtime::{Builder, Runtime};
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);

fn runtime(processors: usize) -> Runtime {
    Builder::new().processors(processors).build().unwrap()
}

/// Tasks that keep every processor busy until they are stopped, so that whoever loses its processor finds none on the way back.
#[derive(Clone, Default)]
struct Hogs {
    over: Arc<AtomicBool>,
    turns: Arc<AtomicU64>,
}

impl Hogs {
    fn spawn(runtime: &Runtime) -> Self {
        let hogs = Self::default();
        for _ in 0..2 * runtime.metrics().num_workers() {
            let hogs = hogs.clone();
            drop(runtime.spawn(async move {
                while !hogs.over.load(Ordering::Relaxed) {
                    hogs.turns.fetch_add(1, Ordering::Relaxed);
                    handover::yield_now().await;
                }
            }));
        }
        hogs
    }

    fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Blocks the thread until a hog has had a turn: with one processor, that is the caller's, which it has thus lost.
    fn lose_to(&self) {
        let (turns, deadline) = (self.turns.load(Ordering::Relaxed), Instant::now() + NEVER);
        while self.turns.load(Ordering::Relaxed) == turns && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Runs `test` as a task beside hogs on one processor, and asserts that the processor was lost on the way.
fn beside_hogs<T: Send, F: Future<Output = T> + Send>(what: &str, test: impl FnOnce(Hogs) -> F) -> T {
    let runtime = runtime(1);
    let _watchdog = Watchdog::start(NEVER, what, Some(runtime.metrics()));
    let hogs = Hogs::spawn(&runtime);
    let result = runtime.block_on(Exclusive::new(test(hogs.clone())));
    hogs.stop();
    assert!(runtime.metrics().handoffs() > 0, "the call kept its processor: {:?}", runtime.metrics());
    result
}

#[test]
fn join_runs_each_call_once_and_keeps_both_results() {
    let runs = AtomicU64::new(0);
    let results = beside_hogs("join of calls", async |hogs| {
        let call = |result: u32| {
            let hogs = &hogs;
            handover::blocking(move || {
                hogs.lose_to();
                result
            })
        };
        let counted = async {
            runs.fetch_add(1, Ordering::Relaxed);
            call(3).await
        };
        join!(call(1), call(2), counted)
    });
    assert_eq!((results, runs.into_inner()), ((1, 2, 3), 1));
}

#[test]
fn select_never_drops_the_result_of_a_call_that_ran() {
    let (runs, results) = (AtomicU64::new(0), AtomicU64::new(0));
    beside_hogs("select over calls", async |hogs| {
        for round in 0..20 {
            let mut call = handover::blocking(|| {
                runs.fetch_add(1, Ordering::Relaxed);
                if round % 4 == 0 {
                    hogs.lose_to();
                }
            })
            .fuse();
            let mut ready = pin!(handover::yield_now().fuse());
            // Either branch may win; the call's closure has run exactly if its branch did.
            select! {
                () = call => { results.fetch_add(1, Ordering::Relaxed); }
                () = ready => {}
            }
        }
        // One that nothing competes with, for the case that all above lost.
        handover::blocking(|| hogs.lose_to()).await;
    });
    assert_eq!(runs.into_inner(), results.into_inner());
}

#[test]
fn futures_unordered_yields_every_call_once() {
    let mut results: Vec<u64> = beside_hogs("FuturesUnordered of calls", async |hogs| {
        let calls: FuturesUnordered<_> = (0..10_u64)
            .map(|n| {
                let hogs = &hogs;
                handover::blocking(move || {
                    hogs.lose_to();
                    n
                })
            })
            .collect();
        calls.collect().await
    });
    results.sort_unstable();
    assert_eq!(results, (0..10).collect::<Vec<_>>());
}

#[test]
fn the_poll_that_lost_its_processor_spawns_wakes_and_calls_again() {
    let answer = beside_hogs("runtime entries without a processor", async |hogs| {
        let (wake, woken) = futures::channel::oneshot::channel();
        let waiter = handover::spawn(woken);
        handover::yield_now().await;
        // Given a poll whose thread has lost its processor and found no other,
        handover::block_in_place(|| hogs.lose_to());
        // when it spawns, wakes, blocks again and waits for a nested task, without an await in between,
        let child = handover::spawn(async { 1 });
        wake.send(2).unwrap();
        let third = handover::block_in_place(|| {
            hogs.lose_to();
            3
        });
        let fourth = handover::block_on(async { 4 });
        let metrics = handover::runtime::Handle::current().metrics();
        assert!(metrics.num_alive_tasks() > 0);
        // then all of it has happened.
        (child.await.unwrap(), waiter.await.unwrap().unwrap(), third, fourth)
    });
    assert_eq!(answer, (1, 2, 3, 4));
}

/// As many tasks as processors meet: each waits, computing, for all others. With a processor missing they never do.
fn assert_processors(runtime: &Runtime, expected: u64) {
    let (arrived, missed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..expected)
        .map(|_| {
            let (arrived, missed) = (Arc::clone(&arrived), Arc::clone(&missed));
            runtime.spawn(async move {
                arrived.fetch_add(1, Ordering::SeqCst);
                let deadline = Instant::now() + NEVER / 2;
                while arrived.load(Ordering::SeqCst) < expected && !missed.load(Ordering::Relaxed) {
                    missed.fetch_or(Instant::now() > deadline, Ordering::Relaxed);
                    std::thread::yield_now();
                }
            })
        })
        .collect();
    for task in tasks {
        futures::executor::block_on(task).unwrap();
    }
    assert!(!missed.load(Ordering::Relaxed), "fewer than {expected} tasks ran at the same time");
}

#[test]
fn a_call_that_panics_with_its_processor_held_ends_its_task_only() {
    let runtime = runtime(2);
    let _watchdog = Watchdog::start(NEVER, "panicking calls", Some(runtime.metrics()));
    for _ in 0..20 {
        let task = runtime.spawn(async { handover::blocking(|| -> u32 { panic::panic_any("held") }).await });
        let error = futures::executor::block_on(task).unwrap_err();
        assert!(error.is_panic(), "{error}");
        let caught = runtime.block_on(async { panic::catch_unwind(|| handover::block_in_place(|| panic::panic_any(5_u8))) });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&5_u8));
    }
    assert_processors(&runtime, 2);
}

#[test]
fn a_call_that_panics_after_its_processor_was_taken_ends_its_task_only() {
    let runtime = runtime(2);
    let _watchdog = Watchdog::start(NEVER, "panicking calls without a processor", Some(runtime.metrics()));
    let hogs = Hogs::spawn(&runtime);
    let panicking = |after: Hogs| {
        runtime.spawn(async move {
            handover::blocking(move || {
                (0..4).for_each(|_| after.lose_to());
                panic::panic_any("taken")
            })
            .await
        })
    };
    // The first are taken by the monitor; by then the site is known to be long, and the later ones give their processor away first.
    let tasks: Vec<_> = (0..20).map(|_| panicking(hogs.clone())).collect();
    for task in tasks {
        assert!(futures::executor::block_on(task).unwrap_err().is_panic());
    }
    hogs.stop();
    assert!(runtime.metrics().handoffs() > 0);
    assert_processors(&runtime, 2);
}

#[test]
fn a_call_lets_others_go_first_at_most_once_even_under_a_foreign_executor() {
    let ran = AtomicU64::new(0);
    let call = || ran.fetch_add(1, Ordering::Relaxed);
    beside_hogs("a foreign executor without a processor", async |hogs| {
        handover::block_in_place(|| hogs.lose_to());
        // `futures::executor::block_on` polls at once when it is woken: a call that always stepped aside would spin for ever.
        futures::executor::block_on(async {
            handover::blocking(call).await;
            handover::blocking(call).await;
        });
    });
    assert_eq!(ran.into_inner(), 2);
}
