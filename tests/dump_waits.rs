//! For how long is a task said to wait?
//!
//! Its stamp comes from a clock that is the process's, and that no monitor brings forward while all of them sleep: so one test at a time.

#[path = "support/alone.rs"]
mod alone;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use alone::alone;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use handover::dump::{State, Task};
use handover::runtime::{Builder, Runtime};
use handover::task::JoinHandle;
use watchdog::Watchdog;

const LIMIT: Duration = Duration::from_secs(60);
/// A wait is shown at most so much longer than it is.
const MOST_EXCESS: Duration = Duration::from_millis(100);
/// Only a clock that stood still errs by as much.
const CLEAR_EXCESS: Duration = Duration::from_millis(400);
/// Long enough for all monitors to sleep, and to be seen if the clock has.
const PAUSE: Duration = Duration::from_millis(800);
/// The monitor stays up for a second after a call that did not say that it blocks.
const PAUSE_UNDECLARED: Duration = Duration::from_millis(1_800);

type Act = Box<dyn FnOnce() + Send>;

/// A task that does what it is told, says when it has, and waits for more.
struct Doer {
    runtime: Runtime,
    tell: UnboundedSender<Act>,
    done: mpsc::Receiver<Instant>,
    task: JoinHandle<()>,
    _watchdog: Watchdog,
}

impl Doer {
    fn start() -> Self {
        let runtime = Builder::new().processors(2).build().unwrap();
        let _watchdog = Watchdog::start(LIMIT, "how long tasks wait", Some(runtime.metrics()));
        let (tell, mut told) = unbounded::<Act>();
        let (send, done) = mpsc::channel();
        let task = runtime.spawn(async move {
            while let Some(act) = told.next().await {
                act();
                send.send(Instant::now()).unwrap();
            }
        });
        Self { runtime, tell, done, task, _watchdog }
    }

    /// As it is shown when it waits.
    fn waiting(&self) -> Task {
        loop {
            let dump = self.runtime.handle().dump();
            if let Some(task) = dump.task(self.task.id()).filter(|task| task.state == State::Waiting) {
                return task.clone();
            }
            thread::yield_now();
        }
    }

    /// By how much the wait that follows `act` is shown longer than it can be.
    fn excess_after(&self, act: impl FnOnce() + Send + 'static) -> Duration {
        self.tell.unbounded_send(Box::new(act)).unwrap();
        let began = self.done.recv().unwrap();
        self.waiting().elapsed.expect("it waits").saturating_sub(began.elapsed())
    }
}

#[test]
fn a_waiting_task_says_for_how_long() {
    let _alone = alone();
    let doer = Doer::start();
    doer.waiting();
    let (since, mut waited) = (Instant::now(), Duration::ZERO);
    // When it has been seen waiting for a while, then no less is shown.
    while waited < Duration::from_millis(300) {
        let at_least = since.elapsed();
        let seen = doer.waiting();
        waited = seen.elapsed.expect("it waits");
        assert!(waited >= at_least, "{waited:?} of {at_least:?}");
        assert!(seen.to_string().contains(": waiting to be woken, for "), "{seen}");
    }
    // When it has done something meanwhile, then it is shown from then on.
    let excesses = [(); 3].map(|()| doer.excess_after(|| ()));
    assert!(excesses.iter().all(|excess| *excess < waited) && excesses.iter().any(|excess| *excess <= MOST_EXCESS), "{excesses:?}");
}

/// Given a task that has waited; when `before` and, in its poll, `act` have taken their time; then its next wait is counted from its start.
fn waits_are_counted_from_their_start_after(before: impl Fn(), act: impl Fn() + Clone + Send + 'static) {
    let _alone = alone();
    let doer = Doer::start();
    let excesses = [(); 2].map(|()| {
        before();
        doer.excess_after(act.clone())
    });
    assert!(excesses.iter().all(|excess| *excess < CLEAR_EXCESS), "{excesses:?}");
    assert!(excesses.iter().any(|excess| *excess <= MOST_EXCESS), "{excesses:?}");
}

#[test]
fn a_wait_that_ends_a_deep_sleep_is_counted_from_its_start() {
    waits_are_counted_from_their_start_after(|| thread::sleep(PAUSE), || ());
}

#[test]
fn a_wait_after_a_call_in_which_all_slept_is_counted_from_its_start() {
    waits_are_counted_from_their_start_after(|| (), || handover::block_in_place(|| thread::sleep(PAUSE)));
}

#[test]
fn a_wait_after_an_undeclared_call_in_which_all_slept_is_counted_from_its_start() {
    waits_are_counted_from_their_start_after(|| (), || thread::sleep(PAUSE_UNDECLARED));
}
