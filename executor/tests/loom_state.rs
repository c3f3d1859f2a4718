//! Is a wake-up ever lost, a future polled by two threads at once, or a wait shown with the stamp of another?
//!
//! Each model runs on the real state word and on twins, which are the three bits that polls and wakers use and the stamp, with one fault.

#![cfg(loom)]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use handover_blocking::coarse::{self, Keeper};
use handover_executor::task::state::{Notify, Start, State, Suspend};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

/// The part of the word that polls and wakers use, real or twin. A new one is SCHEDULED.
trait Word: Send + Sync + 'static {
    fn new() -> Self;
    fn start(&self) -> Start;
    fn suspend(&self) -> Suspend;
    fn finish(&self);
    fn notify(&self) -> Notify;
    /// By a waker that is used up.
    fn notify_and_release(&self) -> Notify {
        self.notify()
    }
    fn is_complete(&self) -> bool;
    /// What somebody sees who looks from outside.
    fn look(&self) -> Seen;
}

#[derive(Debug, PartialEq)]
enum Seen {
    /// With its stamp.
    Waiting(u32),
    Else,
}

/// The coarse clock, no part of the models, stands still: every stamp is this. That of a task which has never waited is zero.
fn stamp() -> u32 {
    static KEEPER: LazyLock<Keeper> = LazyLock::new(|| {
        let keeper = Keeper::new(Instant::now());
        keeper.advance(Instant::now() + Duration::from_secs(1));
        keeper
    });
    let _kept = &*KEEPER;
    coarse::kept().expect("somebody keeps it").number()
}

impl Word for State {
    fn new() -> Self {
        State::new()
    }
    fn start(&self) -> Start {
        State::start(self)
    }
    fn suspend(&self) -> Suspend {
        State::suspend(self)
    }
    fn finish(&self) {
        let _ = State::finish(self);
    }
    fn notify(&self) -> Notify {
        State::notify(self)
    }
    fn notify_and_release(&self) -> Notify {
        self.reference();
        State::notify_and_release(self)
    }
    fn is_complete(&self) -> bool {
        self.load().is_complete()
    }
    fn look(&self) -> Seen {
        let seen = self.load();
        let waits = !seen.is_running() && !seen.is_complete() && !seen.is_scheduled();
        if waits { Seen::Waiting(seen.since().number()) } else { Seen::Else }
    }
}

/// What may be wrong with a twin.
mod fault {
    pub(super) const NONE: u8 = 0;
    /// `notify` does not write if the task is scheduled already.
    pub(super) const READ_ONLY_NOTIFY: u8 = 1;
    /// `suspend` goes idle although it was woken.
    pub(super) const DEAF_SUSPEND: u8 = 2;
    /// `start` does not see what wakers wrote.
    pub(super) const START_WITHOUT_ACQUIRE: u8 = 3;
    /// `suspend` does not publish what the poll wrote.
    pub(super) const SUSPEND_WITHOUT_RELEASE: u8 = 4;
    /// `suspend` stamps in a step of its own, when the task waits already.
    pub(super) const STAMP_AFTERWARDS: u8 = 5;
    /// The same by a load and a store.
    pub(super) const STAMP_STORED: u8 = 6;
}

const SCHEDULED: usize = 1;
const RUNNING: usize = 2;
const COMPLETE: usize = 4;
const SINCE: usize = 8;
const FLAGS: usize = SINCE - 1;

fn stamped(word: usize) -> usize {
    word & FLAGS | SINCE * stamp() as usize
}

struct Twin<const FAULT: u8>(AtomicUsize);

impl<const FAULT: u8> Twin<FAULT> {
    fn order(fault: u8, broken: Ordering) -> Ordering {
        if FAULT == fault { broken } else { Ordering::AcqRel }
    }

    fn update(&self, order: Ordering, next: impl Fn(usize) -> usize) -> usize {
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            match self.0.compare_exchange_weak(before, next(before), order, Ordering::Relaxed) {
                Ok(_) => return before,
                Err(now) => before = now,
            }
        }
    }
}

impl<const FAULT: u8> Word for Twin<FAULT> {
    fn new() -> Self {
        Self(AtomicUsize::new(SCHEDULED))
    }
    fn start(&self) -> Start {
        self.0.fetch_xor(SCHEDULED | RUNNING, Self::order(fault::START_WITHOUT_ACQUIRE, Ordering::Release));
        Start::Poll
    }
    fn suspend(&self) -> Suspend {
        let order = Self::order(fault::SUSPEND_WITHOUT_RELEASE, Ordering::Acquire);
        let before = match FAULT {
            fault::DEAF_SUSPEND => self.0.swap(stamped(0), order),
            fault::STAMP_AFTERWARDS | fault::STAMP_STORED => self.0.fetch_and(!RUNNING, order),
            _ => self.update(order, |word| stamped(word & !RUNNING)),
        };
        match FAULT {
            fault::STAMP_AFTERWARDS => drop(self.update(Ordering::AcqRel, stamped)),
            fault::STAMP_STORED => self.0.store(stamped(self.0.load(Ordering::Acquire)), Ordering::Release),
            _ => {}
        }
        if FAULT != fault::DEAF_SUSPEND && before & SCHEDULED != 0 { Suspend::Reschedule } else { Suspend::Idle }
    }
    fn finish(&self) {
        self.0.fetch_xor(RUNNING | COMPLETE, Ordering::AcqRel);
    }
    fn notify(&self) -> Notify {
        if FAULT == fault::READ_ONLY_NOTIFY && self.0.load(Ordering::Acquire) & SCHEDULED != 0 {
            return Notify::Nothing;
        }
        let before = self.0.fetch_or(SCHEDULED, Ordering::AcqRel);
        if before & (SCHEDULED | RUNNING | COMPLETE) == 0 { Notify::Submit } else { Notify::Nothing }
    }
    fn is_complete(&self) -> bool {
        self.0.load(Ordering::Acquire) & COMPLETE != 0
    }
    fn look(&self) -> Seen {
        let word = self.0.load(Ordering::Acquire);
        if word & FLAGS == 0 { Seen::Waiting((word / SINCE) as u32) } else { Seen::Else }
    }
}

/// A task whose future waits for two flags. The flags order nothing by themselves: that is the word's work.
struct Waiting<W> {
    word: W,
    future: UnsafeCell<u32>,
    flags: [AtomicBool; 2],
}

// SAFETY: the future is touched by the thread that has RUNNING only; loom checks that.
unsafe impl<W: Sync> Sync for Waiting<W> {}
// SAFETY: as above.
unsafe impl<W: Send> Send for Waiting<W> {}

impl<W: Word> Waiting<W> {
    /// A task that is scheduled, and waits for as many flags as there will be wakers.
    fn new(wakers: usize) -> Arc<Self> {
        let flags = [0, 1].map(|flag| AtomicBool::new(flag >= wakers));
        Arc::new(Self { word: W::new(), future: UnsafeCell::new(0), flags })
    }

    fn poll(&self) -> bool {
        // SAFETY: the caller has RUNNING; loom fails if another thread has it too.
        self.future.with_mut(|polls| unsafe { *polls += 1 });
        self.flags.iter().all(|flag| flag.load(Ordering::Relaxed))
    }

    /// What a worker does with a task out of a queue, and again if it was woken meanwhile.
    fn run(&self) {
        loop {
            assert_eq!(self.word.start(), Start::Poll);
            if self.poll() {
                return self.word.finish();
            }
            match self.word.suspend() {
                Suspend::Reschedule => {}
                Suspend::Idle => return,
                other => panic!("{other:?} of a task that nobody cancelled"),
            }
        }
    }

    /// The first waker stays, the second is used up.
    fn wake(&self, flag: usize) {
        self.flags[flag].store(true, Ordering::Relaxed);
        let notify = if flag == 0 { self.word.notify() } else { self.word.notify_and_release() };
        if notify == Notify::Submit {
            self.run();
        }
    }
}

/// Given a scheduled task; when it is run while wakers set its flags and wake it; then it is over in the end, and was polled by one
/// thread at a time.
fn wake_against_poll<W: Word>(wakers: usize) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let task = Waiting::<W>::new(wakers);
        let threads: Vec<_> = (0..wakers)
            .map(|flag| {
                let task = Arc::clone(&task);
                thread::spawn(move || task.wake(flag))
            })
            .collect();
        task.run();
        threads.into_iter().for_each(|waker| waker.join().expect("a waker"));
        assert!(task.word.is_complete(), "a wake-up was lost");
    });
}

/// The wake-up comes before the start, during the poll, or after the suspend.
#[test]
fn wake_races_suspend() {
    wake_against_poll::<State>(1);
}

#[test]
fn two_wakers_race() {
    wake_against_poll::<State>(2);
}

#[test]
fn a_twin_without_a_fault_passes() {
    wake_against_poll::<Twin<{ fault::NONE }>>(2);
}

/// The flag of a waker that found the task scheduled is not seen by the poll that comes.
#[test]
#[should_panic(expected = "a wake-up was lost")]
fn canary_notify_that_does_not_write() {
    wake_against_poll::<Twin<{ fault::READ_ONLY_NOTIFY }>>(1);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn canary_suspend_that_ignores_scheduled() {
    wake_against_poll::<Twin<{ fault::DEAF_SUSPEND }>>(1);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn canary_start_without_acquire() {
    wake_against_poll::<Twin<{ fault::START_WITHOUT_ACQUIRE }>>(1);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_suspend_without_release() {
    wake_against_poll::<Twin<{ fault::SUSPEND_WITHOUT_RELEASE }>>(1);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn canary_stamp_that_is_loaded_and_stored() {
    wake_against_poll::<Twin<{ fault::STAMP_STORED }>>(1);
}

// ---- since when --------------------------------------------------------------------------------------------------------

/// Given a task that has never waited; when somebody looks at it while it is polled and woken; then it is shown as waiting only with the stamp of that wait.
fn look_against_poll_and_wake<W: Word>() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let task = Waiting::<W>::new(1);
        let waker = thread::spawn({
            let task = Arc::clone(&task);
            move || task.wake(0)
        });
        let looker = thread::spawn({
            let task = Arc::clone(&task);
            move || task.word.look()
        });
        task.run();
        waker.join().expect("the waker");
        let seen = looker.join().expect("who looks");
        assert!([Seen::Waiting(stamp()), Seen::Else].contains(&seen), "a wait with the stamp of another");
    });
}

#[test]
fn looking_races_poll_and_wake() {
    look_against_poll_and_wake::<State>();
    look_against_poll_and_wake::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "a wait with the stamp of another")]
fn canary_stamp_in_a_step_of_its_own() {
    look_against_poll_and_wake::<Twin<{ fault::STAMP_AFTERWARDS }>>();
}

/// Given a task that begins to wait; when its references are counted meanwhile; then none is lost, and neither runs into the other.
#[test]
fn stamps_and_references_do_not_touch_each_other() {
    loom::model(|| {
        let (state, stamp) = (Arc::new(State::new()), stamp());
        let counts = thread::spawn({
            let state = Arc::clone(&state);
            move || {
                state.reference();
                assert!(!state.release());
                state.reference();
            }
        });
        assert_eq!(state.start(), Start::Poll);
        assert_eq!(state.suspend(), Suspend::Idle);
        counts.join().expect("who counts");
        let seen = state.load();
        assert_eq!((seen.since().number(), seen.references()), (stamp, 3));
    });
}
