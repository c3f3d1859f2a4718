//! Is the monitor awake, dozing or kicked?
//!
//! ```text
//!            settle_down(nap)                 settle_down(deep)
//!   AWAKE ----------------------> NAPPING   AWAKE -----------> DEEP
//!     ^                              |                          |
//!     +------------- wake_up --------+------------- wake_up ----+     (the monitor itself)
//!   any --- kick ---> KICKED --- wake_up ---> AWAKE
//! ```
//!
//! `NAPPING` is a sleep of more than a millisecond, `DEEP` one without limit: both may be kicked. A shorter sleep counts as awake.
//!
//! **No kick is lost.** The monitor stores its state, fences, and looks once more at what it watches; a kicker changes that, fences and
//! loads the state. If the monitor's fence comes first, the kicker sees it doze and kicks. If the kicker's comes first, the monitor
//! sees the change and stays up. `tests/loom_doze.rs` holds the model and its canary.

use crate::sync::{AtomicU8, Ordering, fence};

const AWAKE: u8 = 0;
const NAPPING: u8 = 1;
const DEEP: u8 = 2;
const KICKED: u8 = 3;

/// How deeply the monitor is about to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Shorter than anybody would gain by a kick.
    Brief,
    /// Long enough to be kicked.
    Nap,
    /// Until it is kicked, or a processor is held for long (`bell`).
    Deep,
}

/// What a kick found.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kick {
    /// The monitor dozed, so deeply: the caller wakes its thread.
    Wake(Depth),
    /// It is up, or about to be woken by another, and will find the kick.
    Noted,
}

/// The state word of the monitor's sleep.
#[derive(Debug)]
pub struct Wakefulness(AtomicU8);

impl Default for Wakefulness {
    fn default() -> Self {
        Self::new()
    }
}

impl Wakefulness {
    /// A monitor that is awake.
    pub fn new() -> Self {
        Self(AtomicU8::new(AWAKE))
    }

    // ---- the monitor's side -----------------------------------------------------------------------------------------

    /// Says how the monitor is going to sleep; afterwards it looks once more at what it watches. A kick that is already there stays.
    pub fn settle_down(&self, depth: Depth) {
        let state = match depth {
            Depth::Brief => AWAKE,
            Depth::Nap => NAPPING,
            Depth::Deep => DEEP,
        };
        // Release: whoever kicks knows whether the monitor sleeps or polls. The failure is a kick, which `is_kicked` finds.
        let _ = self.0.compare_exchange(AWAKE, state, Ordering::Release, Ordering::Relaxed);
        // The monitor's half of the Dekker pair in the module's text.
        fence(Ordering::SeqCst);
    }

    /// Whether a kick came before the sleep. A kick after this answer finds the monitor dozing, and so wakes its thread.
    pub fn is_kicked(&self) -> bool {
        self.0.load(Ordering::Relaxed) == KICKED
    }

    /// Ends the doze; true if it was kicked.
    pub fn wake_up(&self) -> bool {
        // Acquire: the next round sees what the kicker did before its kick.
        self.0.swap(AWAKE, Ordering::AcqRel) == KICKED
    }

    // ---- the kicker's side ------------------------------------------------------------------------------------------

    /// Whether a kick would gain anything. A hint, unless the caller has fenced after what it changed.
    #[inline]
    pub fn is_dozing(&self) -> bool {
        matches!(self.0.load(Ordering::Relaxed), NAPPING | DEEP)
    }

    /// Whether the monitor sleeps without limit, for a caller that has just taken a processor out of the idle set: it must be watched
    /// again.
    #[inline]
    pub fn is_deep_after_take(&self) -> bool {
        // The taker's half of the Dekker pair in the module's text.
        fence(Ordering::SeqCst);
        self.is_deep()
    }

    /// Whether the monitor sleeps without limit. A hint.
    #[inline]
    pub fn is_deep(&self) -> bool {
        self.0.load(Ordering::Relaxed) == DEEP
    }

    /// Leaves a kick.
    pub fn kick(&self) -> Kick {
        // Release: pairs with the Acquire in `wake_up`. A swap, so that of several kickers one wakes the thread.
        match self.0.swap(KICKED, Ordering::AcqRel) {
            NAPPING => Kick::Wake(Depth::Nap),
            DEEP => Kick::Wake(Depth::Deep),
            _ => Kick::Noted,
        }
    }
}
