//! Does the monitor ever sleep through a kick, or through the first processor that is taken?
//!
//! Sleeping is not modelled; its outcome is. A monitor that went to sleep, and whom no kicker was told to wake, would sleep for ever.

#![cfg(loom)]

use handover_blocking::idle_set::IdleSet;
use handover_blocking::wakefulness::{Depth, Kick, Wakefulness};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};
use loom::thread;

/// The monitor's word, real or twin.
trait Word: Send + Sync + 'static {
    fn new() -> Self;
    fn settle_down(&self, depth: Depth);
    fn is_kicked(&self) -> bool;
    fn wake_up(&self) -> bool;
    fn is_dozing(&self) -> bool;
    fn is_deep_after_take(&self) -> bool;
    fn kick(&self) -> Kick;
}

impl Word for Wakefulness {
    fn new() -> Self {
        Wakefulness::new()
    }
    fn settle_down(&self, depth: Depth) {
        Wakefulness::settle_down(self, depth);
    }
    fn is_kicked(&self) -> bool {
        Wakefulness::is_kicked(self)
    }
    fn wake_up(&self) -> bool {
        Wakefulness::wake_up(self)
    }
    fn is_dozing(&self) -> bool {
        Wakefulness::is_dozing(self)
    }
    fn is_deep_after_take(&self) -> bool {
        Wakefulness::is_deep_after_take(self)
    }
    fn kick(&self) -> Kick {
        Wakefulness::kick(self)
    }
}

/// What may be wrong with a twin.
mod fault {
    pub(super) const NONE: u8 = 0;
    pub(super) const SETTLE_WITHOUT_FENCE: u8 = 1;
    pub(super) const TAKE_WITHOUT_FENCE: u8 = 2;
    /// `settle_down` writes over a kick.
    pub(super) const FORGETFUL: u8 = 3;
    /// `wake_up` does not see what the kicker did.
    pub(super) const WAKE_WITHOUT_ACQUIRE: u8 = 4;
}

const AWAKE: u8 = 0;
const NAPPING: u8 = 1;
const DEEP: u8 = 2;
const KICKED: u8 = 3;

struct Twin<const FAULT: u8>(AtomicU8);

impl<const FAULT: u8> Word for Twin<FAULT> {
    fn new() -> Self {
        Self(AtomicU8::new(AWAKE))
    }
    fn settle_down(&self, depth: Depth) {
        let state = if depth == Depth::Deep { DEEP } else { NAPPING };
        if FAULT == fault::FORGETFUL {
            self.0.store(state, Ordering::Release);
        } else {
            let _ = self.0.compare_exchange(AWAKE, state, Ordering::Release, Ordering::Relaxed);
        }
        if FAULT != fault::SETTLE_WITHOUT_FENCE {
            fence(Ordering::SeqCst);
        }
    }
    fn is_kicked(&self) -> bool {
        self.0.load(Ordering::Relaxed) == KICKED
    }
    fn wake_up(&self) -> bool {
        let order = if FAULT == fault::WAKE_WITHOUT_ACQUIRE { Ordering::Release } else { Ordering::AcqRel };
        self.0.swap(AWAKE, order) == KICKED
    }
    fn is_dozing(&self) -> bool {
        matches!(self.0.load(Ordering::Relaxed), NAPPING | DEEP)
    }
    fn is_deep_after_take(&self) -> bool {
        if FAULT != fault::TAKE_WITHOUT_FENCE {
            fence(Ordering::SeqCst);
        }
        self.0.load(Ordering::Relaxed) == DEEP
    }
    fn kick(&self) -> Kick {
        match self.0.swap(KICKED, Ordering::AcqRel) {
            NAPPING => Kick::Wake(Depth::Nap),
            DEEP => Kick::Wake(Depth::Deep),
            _ => Kick::Noted,
        }
    }
}

// ---- kick against settle_down --------------------------------------------------------------------------------------

/// Given a monitor that found nothing to do; when it settles down while another thread does something that it must not miss, and fences after it, or not; then it sees that, or is woken.
fn settle_down_against<W: Word>(depth: Depth, other_fences: bool, complaint: &'static str) {
    loom::model(move || {
        let shared = Arc::new((W::new(), AtomicBool::new(false)));
        let other = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let (word, done) = &*shared;
                done.store(true, Ordering::Relaxed);
                if other_fences {
                    fence(Ordering::SeqCst);
                }
                word.is_dozing() && matches!(word.kick(), Kick::Wake(_))
            }
        });
        let (word, done) = &*shared;
        word.settle_down(depth);
        let sleeps = !done.load(Ordering::Relaxed) && !word.is_kicked();
        let woken = other.join().expect("the other thread");
        assert!(!sleeps || woken, "the monitor sleeps {complaint}");
    });
}

/// When it naps while a task is submitted beside lent processors, or while a call is declared with tasks behind it. The submitter fences in `IdleSet::len_after_push`; the caller has its light fence, the monitor
/// its heavy one after `settle_down`.
fn nap_against_submit<W: Word>() {
    settle_down_against::<W>(Depth::Nap, true, "beside a task");
}

#[test]
fn submit_races_settle_down() {
    nap_against_submit::<Wakefulness>();
    nap_against_submit::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "sleeps beside a task")]
fn canary_settle_without_fence() {
    nap_against_submit::<Twin<{ fault::SETTLE_WITHOUT_FENCE }>>();
}

/// Given a monitor that wakes from a nap by itself; when a kick that asks nothing (a starved wake-up) comes at any time; then the
/// monitor learns of it, with what the kicker did before, and does not sleep deeply without that.
fn kick_against_two_rounds<W: Word>() {
    loom::model(|| {
        let shared = Arc::new((W::new(), AtomicBool::new(false)));
        let kicker = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let (word, starved) = &*shared;
                starved.store(true, Ordering::Relaxed);
                matches!(word.kick(), Kick::Wake(_))
            }
        });
        let (word, starved) = &*shared;
        word.settle_down(Depth::Nap);
        let mut served = false;
        if word.wake_up() {
            served = starved.load(Ordering::Relaxed);
            assert!(served, "the monitor was kicked and does not see why");
        }
        word.settle_down(Depth::Deep);
        let sleeps = !word.is_kicked();
        let woken = kicker.join().expect("the kicker");
        assert!(!sleeps || woken || served, "the monitor sleeps through a kick");
    });
}

#[test]
fn kick_races_settle_down() {
    kick_against_two_rounds::<Wakefulness>();
    kick_against_two_rounds::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "sleeps through a kick")]
fn canary_settle_down_over_a_kick() {
    kick_against_two_rounds::<Twin<{ fault::FORGETFUL }>>();
}

#[test]
#[should_panic(expected = "does not see why")]
fn canary_wake_up_without_acquire() {
    kick_against_two_rounds::<Twin<{ fault::WAKE_WITHOUT_ACQUIRE }>>();
}

/// Given a monitor that dozes; when two threads kick; then exactly one is told to wake it.
#[test]
fn kick_races_kick() {
    loom::model(|| {
        let word = Arc::new(Wakefulness::new());
        word.settle_down(Depth::Deep);
        let other = thread::spawn({
            let word = Arc::clone(&word);
            move || word.kick()
        });
        let kicks = [word.kick(), other.join().expect("the other kicker")];
        assert_eq!(kicks.iter().filter(|kick| **kick == Kick::Wake(Depth::Deep)).count(), 1, "{kicks:?}");
        assert!(word.wake_up());
    });
}

/// When it falls asleep without limit, with no thread to end, while one lines up without a processor: it must know when that one is to end. The thread fences in `Pool::look_before_rest`.
fn deep_doze_against_line_up<W: Word>(fences: bool) {
    settle_down_against::<W>(Depth::Deep, fences, "for ever beside a spare");
}

#[test]
fn line_up_races_settle_down() {
    deep_doze_against_line_up::<Wakefulness>(true);
    deep_doze_against_line_up::<Twin<{ fault::NONE }>>(true);
}

#[test]
#[should_panic(expected = "sleeps for ever beside a spare")]
fn canary_line_up_without_fence() {
    deep_doze_against_line_up::<Wakefulness>(false);
}

// ---- deep doze against the first taker -----------------------------------------------------------------------------

/// Whether a taker's word on a full set is asked for before the take.
#[derive(Clone, Copy, PartialEq)]
enum Ask {
    Never,
    BeforeTheTake,
}

/// Given two processors, one held; when its holder releases it and the monitor finds the set full, while another thread takes the other
/// one; then the monitor stays up or is woken: a held processor must be watched.
fn deep_doze_against_taker<W: Word>(ask: Ask) {
    loom::model(move || {
        let idle = IdleSet::new(2);
        idle.fill();
        let held = idle.take(1).expect("a full set");
        let shared = Arc::new((W::new(), idle));
        let taker = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let (word, idle) = &*shared;
                let asked = ask == Ask::Never || idle.is_full();
                let _held = idle.take(0).expect("nobody else takes it");
                asked && word.is_deep_after_take() && matches!(word.kick(), Kick::Wake(_))
            }
        });
        let (word, idle) = &*shared;
        idle.insert(held);
        word.settle_down(Depth::Deep);
        let sleeps = idle.is_full() && !word.is_kicked();
        let woken = taker.join().expect("the taker");
        assert!(!sleeps || woken, "the monitor sleeps without limit beside a held processor");
    });
}

#[test]
fn deep_doze_races_first_taker() {
    deep_doze_against_taker::<Wakefulness>(Ask::Never);
    deep_doze_against_taker::<Twin<{ fault::NONE }>>(Ask::Never);
}

#[test]
#[should_panic(expected = "sleeps without limit")]
fn canary_take_without_fence() {
    deep_doze_against_taker::<Twin<{ fault::TAKE_WITHOUT_FENCE }>>(Ask::Never);
}

/// Whether the set was full is no longer true when the take is done.
#[test]
#[should_panic(expected = "sleeps without limit")]
fn canary_taker_that_asks_before_it_takes() {
    deep_doze_against_taker::<Wakefulness>(Ask::BeforeTheTake);
}
