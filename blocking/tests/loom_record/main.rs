//! Does a lent processor ever have two holders, or none?
//!
//! An owner lends and reclaims while the monitor watches its record. Each processor guards a cell that only its holder may write: loom
//! fails if two threads write it without one coming after the other. Every model runs on the real record and on a twin (`words.rs`); a
//! twin with one fault must fail.

#![cfg(loom)]

mod words;

use handover_blocking::record::{NO_PROCESSOR, Reclaim, Record, Retake};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use words::{Twin, Words, fault};

/// What a processor guards, and whether nobody holds it.
struct Processor {
    free: AtomicBool,
    data: UnsafeCell<u32>,
}

/// The processors of a model.
struct House([Processor; 2]);

// SAFETY: `data` is written by the holder of the processor only; loom checks that.
unsafe impl Sync for House {}
// SAFETY: as above.
unsafe impl Send for House {}

impl House {
    /// Processor 0 is held by whoever starts, processor 1 by nobody.
    fn new() -> Arc<Self> {
        Arc::new(Self([false, true].map(|free| Processor { free: AtomicBool::new(free), data: UnsafeCell::new(0) })))
    }

    fn take(&self, processor: u32) -> bool {
        self.0[processor as usize].free.compare_exchange(true, false, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn put(&self, processor: u32) {
        self.0[processor as usize].free.store(true, Ordering::Release);
    }

    /// What a holder does.
    fn work_on(&self, processor: u32) {
        // SAFETY: the caller is the holder; loom fails if another one is too.
        self.0[processor as usize].data.with_mut(|data| unsafe { *data += 1 });
    }
}

/// The monitor looks at one record once; the processor that it got.
fn watch<W: Words>(words: &W, house: &House) -> Option<u32> {
    let seq = words.observe();
    let processor = words.processor();
    if !W::is_lent(seq) || processor == NO_PROCESSOR || words.retake(seq, processor) == Retake::Moved {
        return None;
    }
    house.work_on(processor);
    Some(processor)
}

/// The monitor wants `processor`, and relies on the retake alone to find out whether the record holds it.
fn demand<W: Words>(words: &W, house: &House, processor: u32) -> Option<u32> {
    let seq = words.observe();
    if !W::is_lent(seq) || words.retake(seq, processor) == Retake::Moved {
        return None;
    }
    house.work_on(processor);
    Some(processor)
}

/// A poll on `processor`, by its holder. The processor if it was lost.
fn poll<W: Words>(words: &W, house: &House, processor: u32) -> Option<u32> {
    house.work_on(processor);
    words.lend();
    match words.reclaim() {
        Reclaim::Kept => {
            house.work_on(processor);
            None
        }
        Reclaim::Lost => Some(processor),
    }
}

fn against_the_monitor<W: Words>(own: fn(&W, &House) -> Option<u32>) {
    against(own, watch);
}

/// Runs an owner beside the monitor and compares what one took with what the other lost.
fn against<W: Words>(own: fn(&W, &House) -> Option<u32>, monitor: fn(&W, &House) -> Option<u32>) {
    let outcomes = std::sync::Arc::new(std::sync::Mutex::new([0, 0]));
    let counted = std::sync::Arc::clone(&outcomes);
    loom::model(move || {
        let (words, house) = (Arc::new(W::new()), House::new());
        let other = thread::spawn({
            let (words, house) = (Arc::clone(&words), Arc::clone(&house));
            move || monitor(&words, &house)
        });
        let lost = own(&words, &house);
        let taken = other.join().expect("the monitor");
        assert_eq!(lost, taken, "a processor with two holders, or with none");
        counted.lock().expect("the counts")[usize::from(taken.is_some())] += 1;
    });
    let [kept, taken] = *outcomes.lock().expect("the counts");
    assert!(kept > 0 && taken > 0, "the race is not in the model: kept {kept}, taken {taken}");
}

// ---- reclaim against retake ----------------------------------------------------------------------------------------

/// Given a thread that holds processor 0; when it polls and the monitor looks; then one of them has the processor afterwards, with its
/// data.
fn one_poll<W: Words>(words: &W, house: &House) -> Option<u32> {
    words.bind(0);
    poll(words, house, 0)
}

#[test]
fn reclaim_races_retake() {
    against_the_monitor::<Record>(one_poll);
}

/// So that what fails in a canary is its fault, not the twin.
#[test]
fn a_twin_without_a_fault_passes() {
    against_the_monitor::<Twin<{ fault::NONE }>>(one_poll);
    against_the_monitor::<Twin<{ fault::NONE }>>(a_poll_on_each);
    against_the_monitor::<Twin<{ fault::NONE }>>(a_poll_without_then_one_with);
    late_settle::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_without_the_fence() {
    against_the_monitor::<Twin<{ fault::NO_FENCE }>>(one_poll);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_lend_without_release() {
    against_the_monitor::<Twin<{ fault::RELAXED_LEND }>>(one_poll);
}

/// That it fails shows that the model goes through a reclaim that finds the verdict pending.
#[test]
#[should_panic(expected = "Causality violation")]
fn canary_that_does_not_await_the_verdict() {
    against_the_monitor::<Twin<{ fault::IMPATIENT }>>(one_poll);
}

// ---- a record that moves -------------------------------------------------------------------------------------------

/// Given a thread that holds processor 0; when it polls, goes over to processor 1 and polls again while the monitor looks; then the
/// monitor gets what the thread loses, never the one that it has left.
fn a_poll_on_each<W: Words>(words: &W, house: &House) -> Option<u32> {
    words.bind(0);
    let lost = poll(words, house, 0);
    if lost.is_some() {
        return lost;
    }
    words.unbind();
    house.put(0);
    assert!(house.take(1));
    words.bind(1);
    poll(words, house, 1)
}

#[test]
fn moved_to_another_processor() {
    against_the_monitor::<Record>(a_poll_on_each);
    against::<Record>(a_poll_on_each, |words, house| demand(words, house, 1));
}

#[test]
#[should_panic(expected = "two holders")]
fn canary_that_compares_only_the_mode() {
    against_the_monitor::<Twin<{ fault::MODE_ONLY }>>(a_poll_on_each);
}

/// Given a thread that runs user code without a processor; when it comes in, which takes no fence, and gets processor 1; then the
/// monitor cannot take that at the `seq` of the poll before.
fn a_poll_without_then_one_with<W: Words>(words: &W, house: &House) -> Option<u32> {
    words.lend();
    words.enter_without();
    assert!(house.take(1));
    words.bind(1);
    poll(words, house, 1)
}

#[test]
fn bound_after_a_poll_without_processor() {
    against_the_monitor::<Record>(a_poll_without_then_one_with);
    against::<Record>(a_poll_without_then_one_with, |words, house| demand(words, house, 1));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_bind_without_release() {
    against_the_monitor::<Twin<{ fault::RELAXED_BIND }>>(a_poll_without_then_one_with);
}

/// Given a thread that has lost processor 0; when it finds out, takes processor 1 and polls; then the mark of the first retake does not
/// hide or forge a second one.
#[test]
fn lost_and_bound_again() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (words, house) = (Arc::new(Record::new()), House::new());
        let monitor = thread::spawn({
            let (words, house) = (Arc::clone(&words), Arc::clone(&house));
            move || [watch(&*words, &house), watch(&*words, &house)]
        });
        let mut lost = one_poll(&*words, &house).into_iter().collect::<Vec<_>>();
        if !lost.is_empty() {
            assert!(house.take(1));
            words.bind(1);
            lost.extend(poll(&*words, &house, 1));
        }
        let taken: Vec<_> = monitor.join().expect("the monitor").into_iter().flatten().collect();
        assert_eq!(lost, taken, "a processor with two holders, or with none");
    });
}

// ---- late stores of a thread that has lost its processor -----------------------------------------------------------

/// Given thread A in a declared call on processor 0; when the monitor retakes it and thread B gets it, while A settles; then A's late
/// stores touch nothing of B's.
fn late_settle<W: Words>() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let house = House::new();
        let a = Arc::new(W::new());
        let b = Arc::new(W::beside(&a));
        a.bind(0);
        house.work_on(0);
        a.lend();
        let late = thread::spawn({
            let (a, house) = (Arc::clone(&a), Arc::clone(&house));
            move || {
                a.call();
                let kept = a.reclaim() == Reclaim::Kept;
                if kept {
                    house.work_on(0);
                }
                kept
            }
        });
        let next = thread::spawn({
            let (b, house) = (Arc::clone(&b), Arc::clone(&house));
            move || {
                house.take(0) && {
                    b.bind(0);
                    poll(&*b, &house, 0).is_none()
                }
            }
        });
        let mut held = false;
        if watch(&*a, &house).is_some() {
            house.put(0);
            held = watch(&*b, &house).is_some();
        }
        let holders = [late.join().expect("A"), next.join().expect("B"), held];
        let holders = holders.into_iter().filter(|holds| *holds).count();
        assert!(holders + usize::from(house.take(0)) == 1, "{holders} threads hold the processor");
    });
}

#[test]
fn late_settle_does_not_touch_the_next_holder() {
    late_settle::<Record>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_with_the_state_on_the_processor() {
    late_settle::<Twin<{ fault::STATE_ON_PROCESSOR }>>();
}
