//! Is an output ever dropped twice or never, a join waker missed, or a task freed twice or too early?
//!
//! The model is a task as `task::cell` and `task::join` treat it, on the real state word. The canaries use the word wrongly, as those
//! must not.

#![cfg(loom)]

use std::sync::atomic::AtomicUsize as Ghost;

use handover_executor::task::state::{Cancel, LeaveJoin, Notify, Start, State, Suspend};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// How a canary uses the word.
#[derive(Clone, Copy, PartialEq)]
enum Misuse {
    Nothing,
    /// The finisher looks for a waker although JOIN_WAKER is unset.
    FinisherReadsUnofferedWaker,
    /// The JoinHandle writes a second waker without taking the first one back.
    HandleWritesOfferedWaker,
    /// A JoinHandle that goes drops the output, whether or not there is one.
    HandleAlwaysDropsOutput,
    /// A thread whose task was cancelled in its poll goes idle.
    RunnerForgetsCancel,
    /// Somebody looks at the join waker without asking for that.
    LookerDoesNotAsk,
}

/// A task as `task::cell` lays it out: the word says who may touch the other fields.
struct Task {
    misuse: Misuse,
    state: State,
    /// Whether the future is there.
    future: UnsafeCell<bool>,
    /// Whether it is ready at once, or never.
    ready: bool,
    output: UnsafeCell<Option<&'static str>>,
    join_waker: UnsafeCell<Option<usize>>,
    /// What every reference may read until it is given back.
    header: UnsafeCell<u32>,
    /// Wake-ups of each join waker.
    woken: [Ghost; 2],
    outputs_dropped: Ghost,
    frees: Ghost,
}

// SAFETY: the word says who may touch the cells; loom checks that.
unsafe impl Sync for Task {}
// SAFETY: as above.
unsafe impl Send for Task {}

impl Task {
    /// With three references: the queue's, the registry's and the JoinHandle's.
    fn new(ready: bool, misuse: Misuse) -> Arc<Self> {
        Arc::new(Self {
            misuse,
            state: State::new(),
            future: UnsafeCell::new(true),
            ready,
            output: UnsafeCell::new(None),
            join_waker: UnsafeCell::new(None),
            header: UnsafeCell::new(0),
            woken: [0, 0].map(Ghost::new),
            outputs_dropped: Ghost::new(0),
            frees: Ghost::new(0),
        })
    }

    // ---- what `task::cell` does -------------------------------------------------------------------------------------

    /// Polls or cancels a task that came out of a queue.
    fn run(&self) {
        let mut output = "ready";
        let mut done = self.ready;
        if self.state.start() == Start::Cancel {
            (output, done) = ("cancelled", true);
        }
        // SAFETY: `start` gave this thread the future; loom fails if another has it too.
        self.future.with_mut(|future| assert!(unsafe { *future }, "a poll after the end"));
        if !done {
            match self.state.suspend() {
                Suspend::Idle => return,
                Suspend::Free => return self.free(),
                Suspend::Reschedule => return self.run(),
                Suspend::Cancel if self.misuse == Misuse::RunnerForgetsCancel => return,
                Suspend::Cancel => output = "cancelled",
            }
        }
        // SAFETY: this thread still has RUNNING.
        self.future.with_mut(|future| unsafe { *future = false });
        // SAFETY: as above.
        self.output.with_mut(|slot| unsafe { *slot = Some(output) });
        self.finish();
    }

    /// Ends with the registry's reference, and the queue's.
    fn finish(&self) {
        let is_last = if self.state.load().has_join_interest() {
            self.conclude();
            self.read();
            self.state.release_both()
        } else {
            self.drop_output();
            self.read();
            self.state.finish_unseen()
        };
        if is_last {
            self.free();
        }
    }

    fn conclude(&self) {
        let before = self.state.finish();
        if !before.has_join_interest() {
            self.drop_output();
        } else if before.has_join_waker() || self.misuse == Misuse::FinisherReadsUnofferedWaker {
            // SAFETY: JOIN_WAKER was set when COMPLETE came: nobody writes it any more.
            if let Some(waker) = self.join_waker.with(|slot| unsafe { *slot }) {
                self.woken[waker].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn drop_output(&self) {
        // SAFETY: the word gave the output to the caller; loom fails if another has it too.
        if self.output.with_mut(|slot| unsafe { (*slot).take() }).is_some() {
            self.outputs_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What a reference is for.
    fn read(&self) {
        // SAFETY: the caller has a reference; loom fails if the free does not come after.
        assert_eq!(self.header.with(|header| unsafe { *header }), 0);
    }

    fn give_back(&self) {
        self.read();
        if self.state.release() {
            self.free();
        }
    }

    fn free(&self) {
        assert_eq!(self.frees.fetch_add(1, Ordering::Relaxed), 0, "a task is freed twice");
        // SAFETY: nobody else can reach the task; loom fails if somebody's use of it does not come before.
        self.future.with_mut(|future| unsafe { *future = false });
        // SAFETY: as above.
        self.header.with_mut(|header| unsafe { *header = 1 });
        // SAFETY: as above.
        self.join_waker.with_mut(|slot| unsafe { *slot = None });
        self.drop_output();
    }

    fn abort(&self) {
        if self.state.cancel() == Cancel::Submit {
            self.run();
        }
    }

    // ---- what `task::join` does -------------------------------------------------------------------------------------

    /// `JoinHandle::register`: false if the task is over.
    fn register(&self, waker: usize) -> bool {
        if self.misuse != Misuse::HandleWritesOfferedWaker && self.state.load().has_join_waker() && !self.state.withdraw_join_waker() {
            return false;
        }
        // SAFETY: JOIN_WAKER is unset, so the slot is the handle's; loom fails if the finisher reads it.
        self.join_waker.with_mut(|slot| unsafe { *slot = Some(waker) });
        self.state.offer_join_waker()
    }

    /// `JoinHandle::poll`.
    fn join(&self, waker: usize) -> Option<&'static str> {
        if !self.state.load().is_complete() && self.register(waker) {
            return None;
        }
        // SAFETY: COMPLETE was seen, and this is the JoinHandle; loom fails if the output was not stored before.
        let output = self.output.with_mut(|slot| unsafe { (*slot).take() });
        self.outputs_dropped.fetch_add(1, Ordering::Relaxed);
        Some(output.expect("a task that is over has an output"))
    }

    /// The JoinHandle is dropped.
    fn leave(&self) {
        match self.state.leave_join() {
            LeaveJoin::Left if self.misuse == Misuse::HandleAlwaysDropsOutput => return self.drop_output(),
            LeaveJoin::Left => return,
            LeaveJoin::DropOutput => self.drop_output(),
            LeaveJoin::DropWaker => {
                // SAFETY: JOIN_WAKER was unset in the same step, before COMPLETE: the slot is the handle's.
                self.join_waker.with_mut(|slot| unsafe { *slot = None });
            }
        }
        self.give_back();
    }

    // ---- what a dump does -------------------------------------------------------------------------------------------

    /// `Header::joiner`; the lock that keeps the task is a reference here.
    fn look(&self) -> Option<usize> {
        let may_look = match self.misuse {
            Misuse::LookerDoesNotAsk => self.state.load().has_join_waker(),
            _ => self.state.begin_look(),
        };
        if !may_look {
            return None;
        }
        // SAFETY: JOIN_WAKER and LOOKED_AT are set; loom fails if the handle writes it meanwhile.
        let waker = self.join_waker.with(|slot| unsafe { *slot });
        if self.misuse != Misuse::LookerDoesNotAsk {
            self.state.end_look();
        }
        Some(waker.expect("JOIN_WAKER says that there is one"))
    }

    fn woken(&self, waker: usize) -> usize {
        self.woken[waker].load(Ordering::Relaxed)
    }

    /// With all threads gone: the task is over, freed once, and its output was dropped (or taken) once.
    fn check(&self) {
        assert_eq!(self.outputs_dropped.load(Ordering::Relaxed), 1, "outputs dropped");
        assert_eq!(self.frees.load(Ordering::Relaxed), 1, "frees");
    }
}

/// Runs `task` on a thread of its own.
fn finisher(task: &Arc<Task>) -> thread::JoinHandle<()> {
    let task = Arc::clone(task);
    thread::spawn(move || task.run())
}

// ---- join against finish -------------------------------------------------------------------------------------------

/// Given a task that ends; when its JoinHandle is polled, once or with a second waker; then it is ready, or the last waker is woken and
/// it is ready then.
fn join_against_finish(misuse: Misuse, polls: usize) {
    loom::model(move || {
        let task = Task::new(true, misuse);
        let finisher = finisher(&task);
        let mut output = None;
        for waker in 0..polls {
            output = output.or_else(|| task.join(waker));
        }
        finisher.join().expect("the finisher");
        if output.is_none() {
            assert_eq!(task.woken(polls - 1), 1, "the last waker is not woken");
            output = task.join(0);
        }
        assert_eq!(output, Some("ready"));
        task.leave();
        task.check();
    });
}

#[test]
fn register_races_finish() {
    join_against_finish(Misuse::Nothing, 1);
}

#[test]
fn second_register_races_finish() {
    join_against_finish(Misuse::Nothing, 2);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_finisher_that_reads_an_unoffered_waker() {
    join_against_finish(Misuse::FinisherReadsUnofferedWaker, 1);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_handle_that_writes_an_offered_waker() {
    join_against_finish(Misuse::HandleWritesOfferedWaker, 2);
}

/// Given a task that ends; when its JoinHandle is dropped, with or without a waker registered; then the output is dropped once and the
/// task freed once.
fn detach_against_finish(misuse: Misuse, registered: bool) {
    loom::model(move || {
        let task = Task::new(true, misuse);
        let finisher = finisher(&task);
        if registered {
            let _ = task.join(0);
        }
        task.leave();
        finisher.join().expect("the finisher");
        task.check();
    });
}

#[test]
fn detach_races_finish() {
    detach_against_finish(Misuse::Nothing, false);
    detach_against_finish(Misuse::Nothing, true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_handle_that_always_drops_the_output() {
    detach_against_finish(Misuse::HandleAlwaysDropsOutput, false);
}

// ---- cancel against everything -------------------------------------------------------------------------------------

/// Given a scheduled task that is ready at once, or never; when it is aborted while it runs; then it ends once.
fn abort_against_run(misuse: Misuse, ready: bool) {
    loom::model(move || {
        let task = Task::new(ready, misuse);
        task.state.reference();
        let abort = thread::spawn({
            let task = Arc::clone(&task);
            move || {
                task.abort();
                task.give_back();
            }
        });
        task.run();
        abort.join().expect("the aborter");
        let output = task.join(0).expect("a cancelled task never ends");
        assert!(output == "cancelled" || ready);
        task.leave();
        task.check();
    });
}

#[test]
fn cancel_races_finish() {
    abort_against_run(Misuse::Nothing, true);
}

#[test]
fn cancel_races_suspend() {
    abort_against_run(Misuse::Nothing, false);
}

#[test]
#[should_panic(expected = "a cancelled task never ends")]
fn canary_runner_that_forgets_the_cancel() {
    abort_against_run(Misuse::RunnerForgetsCancel, false);
}

/// Given a task that waits for ever; when two handles abort it while it runs; then only one of the three ends it.
#[test]
fn cancel_races_cancel() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let task = Task::new(false, Misuse::Nothing);
        let aborters = [(), ()].map(|()| {
            task.state.reference();
            let task = Arc::clone(&task);
            thread::spawn(move || {
                task.abort();
                task.give_back();
            })
        });
        task.run();
        aborters.into_iter().for_each(|aborter| aborter.join().expect("an aborter"));
        assert_eq!(task.join(0), Some("cancelled"));
        task.leave();
        task.check();
    });
}

// ---- a look at the join waker --------------------------------------------------------------------------------------

/// Given a task that is waited for; when somebody looks at its join waker while the handle changes it and goes, and while the task ends or not; then a waker that is or was there is seen, or none, and all else is as without the look.
fn look_against_handle(misuse: Misuse, ends: bool) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let task = Task::new(true, misuse);
        assert_eq!(task.join(0), None, "nobody runs it yet");
        task.state.reference();
        let looker = thread::spawn({
            let task = Arc::clone(&task);
            move || {
                let seen = task.look();
                assert!(seen.is_none_or(|waker| waker < 2));
                task.give_back();
            }
        });
        let finisher = ends.then(|| finisher(&task));
        let output = task.join(1);
        task.leave();
        looker.join().expect("who looks");
        match finisher {
            Some(finisher) => finisher.join().expect("the finisher"),
            None => task.run(),
        }
        assert!(output.is_none() || ends);
        task.check();
    });
}

#[test]
fn look_races_second_register_and_leave() {
    look_against_handle(Misuse::Nothing, false);
}

#[test]
fn look_races_register_leave_and_finish() {
    look_against_handle(Misuse::Nothing, true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_looker_that_does_not_ask() {
    look_against_handle(Misuse::LookerDoesNotAsk, false);
}

// ---- references ----------------------------------------------------------------------------------------------------

/// Given a task that waits for ever and that nobody else knows; when a waker that is used up, another that is dropped, and the poll
/// give their references back; then the last one frees it.
#[test]
fn last_reference_frees_once() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let task = Task::new(false, Misuse::Nothing);
        // The references of the registry and of the JoinHandle become two wakers'.
        let wake = thread::spawn({
            let task = Arc::clone(&task);
            move || {
                task.read();
                match task.state.notify_and_release() {
                    Notify::Submit => task.run(),
                    Notify::Nothing => {}
                    Notify::Free => task.free(),
                }
            }
        });
        let drop = thread::spawn({
            let task = Arc::clone(&task);
            move || task.give_back()
        });
        task.run();
        wake.join().expect("the waker that wakes");
        drop.join().expect("the waker that is dropped");
        assert_eq!(task.frees.load(Ordering::Relaxed), 1, "frees");
    });
}

/// Counts references, really or in one respect without order.
trait References: Send + Sync + 'static {
    /// With two.
    fn two() -> Self;
    fn release(&self) -> bool;
}

impl References for State {
    fn two() -> Self {
        let state = State::new();
        assert!(!state.release());
        state
    }
    fn release(&self) -> bool {
        State::release(self)
    }
}

/// `LOOKS` if who has the last reference finds that out by a look.
struct Unordered<const LOOKS: bool>(AtomicUsize);

impl<const LOOKS: bool> References for Unordered<LOOKS> {
    fn two() -> Self {
        Self(AtomicUsize::new(2))
    }
    fn release(&self) -> bool {
        if LOOKS {
            self.0.load(Ordering::Relaxed) == 1 || self.0.fetch_sub(1, Ordering::AcqRel) == 1
        } else {
            self.0.fetch_sub(1, Ordering::Relaxed) == 1
        }
    }
}

/// Given two references; when both are used and given back; then the free comes after both uses.
fn free_after_use<R: References>() {
    struct Shared<R>(R, UnsafeCell<u32>);
    // SAFETY: read while referenced, written by the free; loom checks that.
    unsafe impl<R: Sync> Sync for Shared<R> {}
    // SAFETY: as above.
    unsafe impl<R: Send> Send for Shared<R> {}
    fn use_and_release<R: References>(shared: &Shared<R>) {
        // SAFETY: a reference is held.
        assert_eq!(shared.1.with(|data| unsafe { *data }), 0);
        if shared.0.release() {
            // SAFETY: it was the last one.
            shared.1.with_mut(|data| unsafe { *data = 1 });
        }
    }
    loom::model(|| {
        let shared = Arc::new(Shared(R::two(), UnsafeCell::new(0)));
        let other = thread::spawn({
            let shared = Arc::clone(&shared);
            move || use_and_release(&shared)
        });
        use_and_release(&shared);
        other.join().expect("the other holder");
    });
}

#[test]
fn free_comes_after_every_use() {
    free_after_use::<State>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_release_without_order() {
    free_after_use::<Unordered<false>>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_look_at_the_last_reference_without_order() {
    free_after_use::<Unordered<true>>();
}
