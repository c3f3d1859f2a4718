//! Is a task ever stranded beside an idle processor, or a processor taken twice?
//!
//! Each model runs on the real set and on twins, which are one bit without the one thing that the model is about.

#![cfg(loom)]

use handover_blocking::idle_set::IdleSet;
use handover_blocking::lease::Lease;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering, fence};
use loom::thread;

/// A set of one processor, real or twin. It starts empty: the caller of `new` holds the processor.
trait Set: Send + Sync + Sized + 'static {
    type Lease: Send + 'static;
    fn new() -> (Self, Self::Lease);
    fn insert(&self, lease: Self::Lease);
    fn take(&self) -> Option<Self::Lease>;
    fn take_any(&self) -> Option<Self::Lease> {
        self.take()
    }
    fn len_after_push(&self) -> usize;
}

impl Set for IdleSet {
    type Lease = Lease;
    fn new() -> (Self, Lease) {
        let set = IdleSet::new(1);
        set.fill();
        let lease = set.take(0).expect("a full set");
        (set, lease)
    }
    fn insert(&self, lease: Lease) {
        IdleSet::insert(self, lease);
    }
    fn take(&self) -> Option<Lease> {
        IdleSet::take(self, 0)
    }
    fn take_any(&self) -> Option<Lease> {
        IdleSet::take_any(self)
    }
    fn len_after_push(&self) -> usize {
        IdleSet::len_after_push(self)
    }
}

/// What may be wrong with a twin.
mod fault {
    pub(super) const NONE: u8 = 0;
    pub(super) const INSERT_WITHOUT_FENCE: u8 = 1;
    pub(super) const PUSH_WITHOUT_FENCE: u8 = 2;
    pub(super) const TAKE_IN_TWO_STEPS: u8 = 3;
    pub(super) const TAKE_WITHOUT_ACQUIRE: u8 = 4;
}

struct Twin<const FAULT: u8>(AtomicUsize);

impl<const FAULT: u8> Set for Twin<FAULT> {
    type Lease = ();
    fn new() -> (Self, ()) {
        (Self(AtomicUsize::new(0)), ())
    }
    fn insert(&self, (): ()) {
        self.0.fetch_or(1, Ordering::Release);
        if FAULT != fault::INSERT_WITHOUT_FENCE {
            fence(Ordering::SeqCst);
        }
    }
    fn take(&self) -> Option<()> {
        let before = match FAULT {
            fault::TAKE_IN_TWO_STEPS => {
                let before = self.0.load(Ordering::Acquire);
                if before == 1 {
                    self.0.store(0, Ordering::Release);
                }
                before
            }
            fault::TAKE_WITHOUT_ACQUIRE => self.0.fetch_and(0, Ordering::Relaxed),
            _ => self.0.fetch_and(0, Ordering::Acquire),
        };
        (before == 1).then_some(())
    }
    fn len_after_push(&self) -> usize {
        if FAULT != fault::PUSH_WITHOUT_FENCE {
            fence(Ordering::SeqCst);
        }
        self.0.load(Ordering::Relaxed)
    }
}

// ---- release against submit ----------------------------------------------------------------------------------------

/// Given the last held processor; when its holder releases it while a task is submitted; then one of the two sees the other.
fn release_against_submit<S: Set>() {
    loom::model(|| {
        let (set, lease) = S::new();
        let shared = Arc::new((set, AtomicUsize::new(0)));
        let submitter = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let (set, queue) = &*shared;
                queue.store(1, Ordering::Relaxed);
                set.len_after_push() > 0
            }
        });
        let (set, queue) = &*shared;
        set.insert(lease);
        let task_seen = queue.load(Ordering::Relaxed) == 1;
        let processor_seen = submitter.join().expect("the submitter");
        assert!(task_seen || processor_seen, "a task is stranded beside an idle processor");
    });
}

#[test]
fn release_races_submit() {
    release_against_submit::<IdleSet>();
    release_against_submit::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "a task is stranded")]
fn canary_insert_without_fence() {
    release_against_submit::<Twin<{ fault::INSERT_WITHOUT_FENCE }>>();
}

#[test]
#[should_panic(expected = "a task is stranded")]
fn canary_push_without_fence() {
    release_against_submit::<Twin<{ fault::PUSH_WITHOUT_FENCE }>>();
}

// ---- the holder's own next slot ------------------------------------------------------------------------------------

/// What travels with the processor: its next slot, which only the holder touches, and its ring, here a count.
struct Processor<S> {
    set: S,
    next: UnsafeCell<bool>,
    ring: AtomicUsize,
}

// SAFETY: `next` is touched by the holder of the processor only; loom checks that.
unsafe impl<S: Sync> Sync for Processor<S> {}
// SAFETY: as above.
unsafe impl<S: Send> Send for Processor<S> {}

impl<S: Set> Processor<S> {
    /// Moves the task in the next slot into the ring, as `Scheduler::before_release` does.
    fn flush(&self) {
        // SAFETY: the caller is the holder; loom fails if another one is too.
        if self.next.with_mut(|next| unsafe { std::mem::take(&mut *next) }) {
            self.ring.fetch_add(1, Ordering::Release);
        }
    }

    fn put_next(&self) {
        // SAFETY: as in `flush`.
        self.next.with_mut(|next| unsafe { *next = true });
    }
}

/// Given a holder with a task in its next slot; when it flushes that and releases, while another thread takes the processor and uses
/// the slot; then the slot is never touched by both, and no task is lost.
fn flush_against_take<S: Set>(flush_first: bool) {
    loom::model(move || {
        let (set, lease) = S::new();
        let processor = Arc::new(Processor { set, next: UnsafeCell::new(true), ring: AtomicUsize::new(0) });
        let taker = thread::spawn({
            let processor = Arc::clone(&processor);
            move || {
                let lease = processor.set.take()?;
                processor.put_next();
                processor.flush();
                Some(lease)
            }
        });
        if flush_first {
            processor.flush();
            processor.set.insert(lease);
        } else {
            processor.set.insert(lease);
            processor.flush();
        }
        assert!(processor.ring.load(Ordering::Relaxed) >= 1, "the releaser does not see its own task");
        let taken = taker.join().expect("the taker").is_some();
        assert_eq!(processor.ring.load(Ordering::Acquire), 1 + usize::from(taken), "a task is lost");
    });
}

#[test]
fn next_slot_is_flushed_before_the_release() {
    flush_against_take::<IdleSet>(true);
    flush_against_take::<Twin<{ fault::NONE }>>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_flush_after_the_release() {
    flush_against_take::<IdleSet>(false);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_take_without_acquire() {
    flush_against_take::<Twin<{ fault::TAKE_WITHOUT_ACQUIRE }>>(true);
}

// ---- take against take ---------------------------------------------------------------------------------------------

/// Given a processor that is released; when two threads want it; then at most one gets it, and if none does it is idle.
fn take_against_take<S: Set>() {
    loom::model(|| {
        let (set, lease) = S::new();
        let set = Arc::new(set);
        let takers = [S::take, S::take_any].map(|take| {
            let set = Arc::clone(&set);
            thread::spawn(move || take(&set).is_some())
        });
        set.insert(lease);
        let winners = takers.into_iter().map(|taker| taker.join().expect("a taker")).filter(|won| *won).count();
        let left = usize::from(set.take().is_some());
        assert_eq!(winners + left, 1, "{winners} holders, and {left} left");
    });
}

#[test]
fn take_races_take() {
    take_against_take::<IdleSet>();
    take_against_take::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "2 holders")]
fn canary_take_in_two_steps() {
    take_against_take::<Twin<{ fault::TAKE_IN_TWO_STEPS }>>();
}

/// Given a processor of each of two words; when both are released while a thread asks for any; then it gets one of them once.
#[test]
fn take_any_races_inserts_across_words() {
    loom::model(|| {
        let set = Arc::new(IdleSet::new(65));
        set.fill();
        let held: Vec<_> = (0..65).map(|processor| set.take(processor).expect("a full set")).collect();
        let mut held = held.into_iter();
        let (first, last) = (held.next().expect("processor 0"), held.next_back().expect("processor 64"));
        let taker = thread::spawn({
            let set = Arc::clone(&set);
            move || set.take_any().map(|lease| lease.processor())
        });
        set.insert(last);
        set.insert(first);
        let taken = taker.join().expect("the taker");
        assert!(taken.is_none_or(|processor| processor == 0 || processor == 64));
        assert_eq!(set.len(), 2 - usize::from(taken.is_some()));
    });
}

// ---- leave against leave -------------------------------------------------------------------------------------------

/// Two held processors in words of their own, and what a thread asks that leaves epoll to others.
trait TwoWords: Send + Sync + Sized + 'static {
    type Lease: Send + 'static;
    fn new() -> (Self, [Self::Lease; 2]);
    fn insert(&self, lease: Self::Lease);
    fn is_full(&self) -> bool;
}

impl TwoWords for IdleSet {
    type Lease = Lease;
    fn new() -> (Self, [Lease; 2]) {
        let set = IdleSet::new(65);
        set.fill();
        let held = [0, 64].map(|processor| set.take(processor).expect("a full set"));
        (set, held)
    }
    fn insert(&self, lease: Lease) {
        IdleSet::insert(self, lease);
    }
    fn is_full(&self) -> bool {
        IdleSet::is_full(self)
    }
}

struct Unfenced([AtomicUsize; 2]);

impl TwoWords for Unfenced {
    type Lease = usize;
    fn new() -> (Self, [usize; 2]) {
        (Self([AtomicUsize::new(0), AtomicUsize::new(0)]), [0, 1])
    }
    fn insert(&self, processor: usize) {
        self.0[processor].store(1, Ordering::Release);
    }
    fn is_full(&self) -> bool {
        self.0.iter().all(|word| word.load(Ordering::Relaxed) == 1)
    }
}

/// Given the last two holders, which find nothing; when both release to leave epoll to the other; then one of them sees that nobody is left, and stays.
fn leave_against_leave<S: TwoWords>() {
    loom::model(|| {
        let (set, [mine, other]) = S::new();
        let set = Arc::new(set);
        let leaver = thread::spawn({
            let set = Arc::clone(&set);
            move || {
                set.insert(other);
                set.is_full()
            }
        });
        set.insert(mine);
        let stays = set.is_full();
        let other_stays = leaver.join().expect("the other one");
        assert!(stays || other_stays, "nobody waits in epoll");
    });
}

#[test]
fn of_holders_that_leave_at_once_one_stays() {
    leave_against_leave::<IdleSet>();
}

#[test]
#[should_panic(expected = "nobody waits in epoll")]
fn canary_leave_without_fence() {
    leave_against_leave::<Unfenced>();
}
