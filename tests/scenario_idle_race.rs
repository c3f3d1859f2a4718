//! Is a task ever stranded when a processor goes idle just as the task is submitted? Scenarios 2a and 16 of the list in README.md.
//!
//! 10^6 rounds over all tests here. In each the runtime has nothing to do, goes idle, and is given a task from outside at a moment that varies; the next round
//! begins when that task has run. A lost wake-up shows as a hang, which the watchdog reports.

#[path = "support/alone.rs"]
mod alone;
#[path = "support/random.rs"]
mod random;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use alone::alone;
use futures::task::AtomicWaker;
use handover::Hint;
use handover::runtime::{Builder, Handle, Runtime};
use random::Random;
use watchdog::Watchdog;

const LIMIT: Duration = Duration::from_secs(120);
/// Threads outside the runtime that submit: one more than the CPUs of the smallest machine, so that some are put off in mid-submit.
const SUBMITTERS: u64 = 3;
const SPAWNS: u64 = 70_000;
const WAKES: u64 = 76_000;
const RELEASES: u64 = 8_000;

fn runtime(processors: usize, what: &str) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(LIMIT, format!("{what}, P = {processors}"), Some(runtime.metrics()));
    (runtime, watchdog)
}

/// Up to a few microseconds: about as long as a worker takes from its last task to its sleep.
fn linger(random: &mut Random) {
    let magnitude = random.below(12);
    for _ in 0..random.below(1 << magnitude) {
        std::hint::spin_loop();
    }
}

fn wait_until(reached: impl Fn() -> bool) {
    let mut tries = 0_u32;
    while !reached() {
        tries += 1;
        if tries.is_multiple_of(64) {
            thread::yield_now();
        }
    }
}

/// Runs `submit` on every submitter's thread.
fn on_submitters(submit: impl Fn(u64, Random) + Send + Sync) {
    thread::scope(|scope| {
        for submitter in 0..SUBMITTERS {
            let submit = &submit;
            scope.spawn(move || submit(submitter, Random::new(submitter + 1)));
        }
    });
}

/// Nothing is left in a queue.
fn assert_ended(runtime: Runtime) {
    let metrics = runtime.metrics();
    drop(runtime);
    assert_eq!(metrics.num_alive_tasks(), 0);
}

fn spawn_rounds(handle: &Handle, rounds: u64, mut random: Random) {
    let done = Arc::new(AtomicU64::new(0));
    for round in 1..=rounds {
        let ran = Arc::clone(&done);
        drop(handle.spawn(async move { ran.store(round, Ordering::Release) }));
        wait_until(|| done.load(Ordering::Acquire) == round);
        linger(&mut random);
    }
}

#[test]
fn no_spawn_is_lost_while_the_runtime_goes_idle() {
    let _alone = alone();
    for processors in [1, 2] {
        let (runtime, _watchdog) = runtime(processors, "remote spawns");
        on_submitters(|_, random| spawn_rounds(runtime.handle(), SPAWNS, random));
        assert_ended(runtime);
    }
}

/// A task that counts how often it found the bell rung.
#[derive(Default)]
struct Bell {
    rung: AtomicU64,
    heard: AtomicU64,
    waker: AtomicWaker,
}

impl Bell {
    async fn listen(&self, rounds: u64) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            self.heard.store(self.rung.load(Ordering::SeqCst), Ordering::SeqCst);
            if self.heard.load(Ordering::Relaxed) == rounds { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn ring(&self, rounds: u64, mut random: Random) {
        for round in 1..=rounds {
            self.rung.store(round, Ordering::SeqCst);
            self.waker.wake();
            wait_until(|| self.heard.load(Ordering::SeqCst) == round);
            linger(&mut random);
        }
    }
}

#[test]
fn no_wake_up_is_lost_while_the_runtime_goes_idle() {
    let _alone = alone();
    for processors in [1, 2] {
        let (runtime, _watchdog) = runtime(processors, "remote wake-ups");
        on_submitters(|_, random| {
            let bell = Arc::new(Bell::default());
            let listens = Arc::clone(&bell);
            let task = runtime.spawn(async move { listens.listen(WAKES).await });
            bell.ring(WAKES, random);
            futures::executor::block_on(task).unwrap();
        });
    }
}

/// A task fills its next slot, and gives its processor away for a call that ends only when that task has run.
async fn release_with_a_full_next_slot(rounds: u64, mut random: Random) {
    let done = Arc::new(AtomicU64::new(0));
    for round in 1..=rounds {
        let ran = Arc::clone(&done);
        drop(handover::spawn(async move { ran.store(round, Ordering::Release) }));
        handover::blocking(|| wait_until(|| done.load(Ordering::Acquire) == round)).hint(Hint::Long).await;
        linger(&mut random);
    }
}

#[test]
fn a_processor_that_goes_idle_with_a_full_next_slot_strands_nothing() {
    let _alone = alone();
    for processors in [1, 2] {
        let (runtime, _watchdog) = runtime(processors, "releases with a full next slot");
        race_releases_with_submits(runtime);
    }
}

#[test]
fn the_last_free_thread_is_summoned_from_the_poll() {
    let _alone = alone();
    for processors in [1, 2] {
        // P + 2 threads: while both releasing tasks are out in calls there may be no spare, and the poller must come.
        let runtime = Builder::new().processors(processors).max_blocking_threads(2).build().unwrap();
        let _watchdog = Watchdog::start(LIMIT, format!("releases without spares, P = {processors}"), Some(runtime.metrics()));
        race_releases_with_submits(runtime);
    }
}

/// Two tasks that release, and beside them submits from outside that race them.
fn race_releases_with_submits(runtime: Runtime) {
    let releasing = runtime.spawn(release_with_a_full_next_slot(RELEASES, Random::new(7)));
    on_submitters(|submitter, random| match submitter {
        0 => runtime.block_on(release_with_a_full_next_slot(RELEASES, random)),
        _ => spawn_rounds(runtime.handle(), RELEASES, random),
    });
    futures::executor::block_on(releasing).unwrap();
    assert_ended(runtime);
}
