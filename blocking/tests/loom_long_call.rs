//! Does a call that gives its processor away before it starts strand a task, or leave a processor with two holders, or with none?
//!
//! The models drive `Worker::call_long`, the return from it, and the monitor's look, on the real record, idle set and searchers. The processor guards a cell that only its
//! holder may touch: loom fails if two threads do without one coming after the other. Who wakes a thread and has nothing else to do goes on as that thread.

#![cfg(loom)]

use std::panic::Location;

use handover_blocking::idle_set::IdleSet;
use handover_blocking::lease::Lease;
use handover_blocking::record::{Declared, Reclaim, Record, Retake};
use handover_blocking::searchers::Searchers;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::thread;

/// What may be wrong in a canary.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Nothing,
    /// None either, but on the twin of the idle set.
    NothingButATwin,
    /// The processor goes into the idle set, and the queues are looked at, without a fence between.
    ReleasesWithoutFence,
    /// The next slot is left to the next holder.
    KeepsNextSlot,
    /// The record says that the thread has the processor still.
    StaysBound,
    /// The monitor is content with the processor that the record says just now, even none.
    BelievesTheRecord,
    /// A thread that returns takes a processor while its record says that user code runs.
    TakesWhileLent,
}

/// The set of one processor, or its twin.
enum Idle {
    Real(IdleSet),
    Twin { fenced: bool, bit: AtomicBool, place: UnsafeCell<Option<Lease>> },
}

impl Idle {
    fn twin(fenced: bool) -> Self {
        Self::Twin { fenced, bit: AtomicBool::new(false), place: UnsafeCell::new(None) }
    }

    fn insert(&self, lease: Lease) {
        match self {
            Self::Real(set) => set.insert(lease),
            Self::Twin { fenced, bit, place } => {
                // SAFETY: until the bit is set, the place is the holder's; loom checks that.
                place.with_mut(|place| unsafe { *place = Some(lease) });
                bit.swap(true, Ordering::Release);
                if *fenced {
                    fence(Ordering::SeqCst);
                }
            }
        }
    }

    fn take(&self) -> Option<Lease> {
        match self {
            Self::Real(set) => set.take_any(),
            // SAFETY: who clears the bit is the holder, and the place its own.
            Self::Twin { bit, place, .. } if bit.swap(false, Ordering::Acquire) => place.with_mut(|place| unsafe { (*place).take() }),
            Self::Twin { .. } => None,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Real(set) => set.len(),
            Self::Twin { bit, .. } => usize::from(bit.load(Ordering::Relaxed)),
        }
    }

    fn len_after_push(&self) -> usize {
        match self {
            Self::Real(set) => set.len_after_push(),
            Self::Twin { .. } => {
                fence(Ordering::SeqCst);
                self.len()
            }
        }
    }
}

/// What the holder of the processor alone touches.
struct Guarded {
    /// The next slot.
    next: bool,
    /// The lease, while it is lent: it belongs to him whom the protocol makes the holder.
    lent: Option<Lease>,
}

/// One processor, its tasks, and the thread that makes the call.
struct House {
    fault: Fault,
    caller: Record,
    idle: Idle,
    searchers: Searchers,
    guarded: UnsafeCell<Guarded>,
    /// Tasks that any thread with a processor may take.
    queue: AtomicUsize,
    ran: AtomicUsize,
}

// SAFETY: `guarded` is touched by the holder of the processor only; loom checks that.
unsafe impl Sync for House {}
// SAFETY: as above.
unsafe impl Send for House {}

impl House {
    /// The caller has the processor and runs user code, with or without a task in the next slot.
    fn lent(next: bool, fault: Fault) -> Arc<Self> {
        let set = IdleSet::new(1);
        set.fill();
        let lease = set.take_any().expect("a full set");
        let caller = Record::new();
        caller.bind(lease.index());
        caller.lend();
        let idle = match fault {
            Fault::NothingButATwin => Idle::twin(true),
            Fault::ReleasesWithoutFence => Idle::twin(false),
            _ => Idle::Real(set),
        };
        let guarded = UnsafeCell::new(Guarded { next, lent: Some(lease) });
        let [queue, ran] = [0; 2].map(AtomicUsize::new);
        Arc::new(Self { fault, caller, idle, searchers: Searchers::new(), guarded, queue, ran })
    }

    /// The caller is out in its call, and the processor is idle.
    fn out(fault: Fault) -> (Arc<Self>, Declared) {
        let house = Self::lent(false, fault);
        let (call, woken) = house.give_away();
        assert!(!woken, "a thread was woken for nothing");
        (house, call)
    }

    /// Acts as the holder.
    fn hold<R>(&self, act: impl FnOnce(&mut Guarded) -> R) -> R {
        // SAFETY: the caller is the holder; loom fails if another one is too.
        self.guarded.with_mut(|guarded| act(unsafe { &mut *guarded }))
    }

    /// The lease of a processor that was lent and kept, or lent and taken.
    fn take_lent(&self) -> Lease {
        self.hold(|guarded| guarded.lent.take()).expect("a processor with two holders")
    }

    // ---- what Pool does, each with whether it wakes a thread ------------------------------------------------------------

    /// `Pool::notify`, after a push.
    fn submit(&self) -> bool {
        self.queue.fetch_add(1, Ordering::Relaxed);
        let idle = self.idle.len_after_push();
        idle != 0 && self.searchers.try_begin(idle)
    }

    /// `Pool::release`.
    fn release(&self, lease: Lease) -> bool {
        if self.fault != Fault::KeepsNextSlot {
            self.flush();
        }
        self.idle.insert(lease);
        self.work_waits() && self.searchers.try_begin(self.idle.len() + 1)
    }

    /// `Pool::look_before_rest`.
    fn look_before_rest(&self) -> bool {
        fence(Ordering::SeqCst);
        self.work_waits() && self.idle.len() != 0 && self.searchers.try_begin(self.idle.len() + 1)
    }

    fn flush(&self) {
        if self.hold(|guarded| std::mem::take(&mut guarded.next)) {
            self.queue.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn work_waits(&self) -> bool {
        self.queue.load(Ordering::Relaxed) > 0
    }

    // ---- what the caller does -------------------------------------------------------------------------------------------

    /// `Worker::call_long` until the closure begins, and whether a thread was woken.
    fn give_away(&self) -> (Declared, bool) {
        let mode = self.caller.mode();
        let woken = self.take_back(true).is_some_and(|lease| {
            if self.fault != Fault::StaysBound {
                self.caller.unbind();
            }
            self.release(lease)
        });
        self.caller.lend_again(mode);
        (self.caller.declare(Location::caller()), woken)
    }

    /// From the end of the closure to the end of the poll; the processor, if the thread got it and kept it. `held`: a nested entry has got it within the call.
    fn come_back(&self, call: Declared, held: bool, leaves_it: bool) -> Option<Lease> {
        self.caller.settle(call);
        let holds = self.regain(held, leaves_it);
        self.take_back(holds)
    }

    /// `Worker::regain`: finds out whether it holds the processor still, and takes it if it is idle.
    fn regain(&self, holds: bool, leaves_it: bool) -> bool {
        let mode = self.caller.mode();
        let lease = self.take_back(holds).or_else(|| self.reacquire(leaves_it));
        let holds = lease.is_some();
        if holds {
            self.hold(|guarded| guarded.lent = lease);
        }
        self.caller.lend_again(mode);
        holds
    }

    /// Into the runtime, with the processor if it has it still.
    fn take_back(&self, holds: bool) -> Option<Lease> {
        if holds {
            return (self.caller.reclaim() == Reclaim::Kept).then(|| self.take_lent());
        }
        if self.fault != Fault::TakesWhileLent {
            self.caller.enter_without();
        }
        None
    }

    /// `Worker::reacquire`. `leaves_it`: every CPU has a holder, so a processor is left to whom it is meant for.
    fn reacquire(&self, leaves_it: bool) -> Option<Lease> {
        if leaves_it && self.searchers.are_enough_for(self.idle.len()) {
            return None;
        }
        let lease = self.idle.take()?;
        self.caller.bind(lease.index());
        Some(lease)
    }

    /// After the poll, until there is nothing to do: with the processor, or without; whether a thread was woken.
    fn go_on(&self, lease: Option<Lease>, leaves_it: bool) -> bool {
        let Some(lease) = lease.or_else(|| self.reacquire(leaves_it)) else { return self.look_before_rest() };
        self.work(&mut false);
        self.caller.unbind();
        self.release(lease)
    }

    // ---- what the others do ---------------------------------------------------------------------------------------------

    /// The monitor looks at the caller's record once, and relies on the retake alone to find out whether that has the processor. Whether it got it, and whether it woke a thread.
    fn watch(&self) -> (bool, bool) {
        let seq = self.caller.observe();
        let processor = if self.fault == Fault::BelievesTheRecord { self.caller.processor() } else { 0 };
        if !seq.is_lent() || self.caller.retake(seq, processor, || ()) == Retake::Moved {
            return (false, false);
        }
        let lease = self.take_lent();
        (true, self.release(lease))
    }

    /// A woken thread, and those that it wakes.
    fn serve(&self, mut woken: bool) {
        while std::mem::take(&mut woken) {
            let mut searching = true;
            woken = match self.idle.take() {
                Some(lease) => {
                    self.work(&mut searching);
                    self.release(lease)
                }
                None => {
                    let _ = self.searchers.end();
                    self.look_before_rest()
                }
            };
        }
    }

    /// Runs tasks while there are any.
    fn work(&self, searching: &mut bool) {
        self.flush();
        while self.queue.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
            self.ran.fetch_add(1, Ordering::Relaxed);
            if std::mem::take(searching) {
                // `Pool::search_succeeded`. A thread for the rest would need an idle processor; this one is held.
                let _ = self.searchers.end();
            }
        }
        if std::mem::take(searching) {
            let _ = self.searchers.end();
        }
    }

    /// With all woken threads back at rest.
    fn check(&self, tasks: usize) {
        let ran = self.ran.load(Ordering::Relaxed);
        assert_eq!(ran, tasks, "{} tasks are stranded", tasks.abs_diff(ran));
        assert!(self.idle.take().is_some(), "a processor was lost");
        assert!(self.searchers.try_begin(1), "a searcher is counted that does not search");
    }
}

/// Runs `body` on a thread of the model.
fn beside<T: 'static>(house: &Arc<House>, body: impl FnOnce(&House) -> T + Send + 'static) -> thread::JoinHandle<T> {
    let house = Arc::clone(house);
    thread::spawn(move || body(&house))
}

/// Checks a model that says whether the monitor got the processor: both must happen. Three preemptions pass too, in minutes.
fn check(model: impl Fn() -> bool + Send + Sync + 'static) {
    let outcomes = std::sync::Arc::new(std::sync::Mutex::new([0, 0]));
    let counted = std::sync::Arc::clone(&outcomes);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(move || {
        let taken = model();
        counted.lock().expect("the counts")[usize::from(taken)] += 1;
    });
    let [kept, taken] = *outcomes.lock().expect("the counts");
    assert!(kept > 0 && taken > 0, "the race is not in the model: kept {kept}, taken {taken}");
}

// ---- the call begins -----------------------------------------------------------------------------------------------

/// Given a thread that is about to make a long call, with or without a task in its next slot; when it gives its processor away while the monitor wants it, and tasks are pushed;
/// then one of the two gives it away, and every task runs though the call never returns.
fn give_away(next: bool, pushed: usize, fault: Fault) {
    check(move || {
        let house = House::lent(next, fault);
        let monitor = beside(&house, |house| {
            let (taken, woken) = house.watch();
            house.serve(woken);
            taken
        });
        let submitter = beside(&house, move |house| (0..pushed).for_each(|_| house.serve(house.submit())));
        let (_call, woken) = house.give_away();
        house.serve(woken);
        let taken = monitor.join().expect("the monitor");
        submitter.join().expect("the submitter");
        house.check(pushed + usize::from(next));
        taken
    });
}

#[test]
fn giving_away_races_retake_and_submit() {
    give_away(false, 1, Fault::Nothing);
    give_away(true, 0, Fault::Nothing);
    give_away(true, 1, Fault::Nothing);
    give_away(false, 2, Fault::Nothing);
    give_away(false, 1, Fault::NothingButATwin);
}

#[test]
#[should_panic(expected = "1 tasks are stranded")]
fn canary_release_without_fence() {
    give_away(false, 1, Fault::ReleasesWithoutFence);
}

#[test]
#[should_panic(expected = "1 tasks are stranded")]
fn canary_next_slot_that_is_kept() {
    give_away(true, 0, Fault::KeepsNextSlot);
}

#[test]
#[should_panic(expected = "two holders")]
fn canary_caller_that_stays_bound() {
    give_away(false, 1, Fault::StaysBound);
}

#[test]
#[should_panic(expected = "two holders")]
fn canary_monitor_that_believes_the_record() {
    give_away(false, 1, Fault::BelievesTheRecord);
}

// ---- the call returns ----------------------------------------------------------------------------------------------

/// Given a call that is out, and its processor idle; when it returns while the monitor looks at its thread and a task is pushed; then the processor has one holder at a time,
/// who may be the thread, and the task runs.
fn come_back(nested: bool, leaves_it: bool, fault: Fault) {
    check(move || {
        let (house, call) = House::out(fault);
        let monitor = beside(&house, |house| {
            let (taken, woken) = house.watch();
            house.serve(woken);
            taken
        });
        let submitter = beside(&house, |house| house.serve(house.submit()));
        let held = nested && house.regain(false, leaves_it);
        let lease = house.come_back(call, held, leaves_it);
        let woken = house.go_on(lease, leaves_it);
        house.serve(woken);
        let taken = monitor.join().expect("the monitor");
        submitter.join().expect("the submitter");
        house.check(1);
        taken
    });
}

#[test]
fn return_races_retake_and_submit() {
    come_back(false, false, Fault::Nothing);
    come_back(false, true, Fault::Nothing);
    come_back(true, false, Fault::Nothing);
    come_back(true, true, Fault::Nothing);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_monitor_that_believes_the_record_of_one_who_returns() {
    come_back(false, false, Fault::BelievesTheRecord);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_processor_taken_while_lent() {
    come_back(false, false, Fault::TakesWhileLent);
}
