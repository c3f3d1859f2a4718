//! How is a monitor that sleeps without limit woken in a while, unless everything is idle again by then?
//!
//! A processor that leaves the idle set must be watched, but most are back within microseconds. To wake the monitor each time costs a program that does a little now and then as many switches again as
//! its work. So who takes a processor sets a bell that rings in a while, and who gives the last one back turns it off: a system call each, and the monitor sleeps on.
//!
//! **A held processor is watched.** Turning off races setting: the release of one processor, with the set full, against the take of another. So who turns the bell off looks again. The bell's
//! operations have an order (it is the kernel's object). If the turning off comes first, the bell stays set. If the setting does, the take before it is seen by the look, and the bell is set again.
//!
//! Only the first taker sets it: a second one would put off the watch of the first. Who is first says a flag, [`Appointed`], and not a look at the set: of two that take at once each would see the other's
//! processor out and leave the bell to it (a first version did, and a test hung once in some hundred runs). Taking the flag down races a take: who turns the bell off takes the flag down, fences and looks at the set; a
//! taker fences after its take and looks at the flag. If the taker's fence comes first, the look sees the processor out, and the bell is set again. If the other does, the taker finds the flag down and sets the bell.
//!
//! **A kick is not lost.** Both of the above race a kick, which stores its mark and then rings at once. If the ring comes last, the monitor wakes. If it comes first, the mark is seen by who changed the bell
//! after it, and rings in the kicker's place. `tests/loom_bell.rs` holds the model and its canaries.

use crate::sync::{AtomicBool, Ordering, fence};
use crate::wakefulness::Wakefulness;

/// Whether somebody has set the bell, and nobody turned it off since.
#[derive(Debug)]
pub struct Appointed(AtomicBool);

impl Default for Appointed {
    fn default() -> Self {
        Self::new()
    }
}

impl Appointed {
    /// Nobody has.
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// The monitor is about to sleep without limit: to be called before its state says so.
    pub fn forget(&self) {
        // Relaxed: `Wakefulness::settle_down` releases it, and whoever has read an older state holds a processor, which the monitor's last look sees.
        self.0.store(false, Ordering::Relaxed);
    }

    /// True for the first that asks since the bell was turned off: it sets the bell. The caller has taken a processor and fenced.
    #[must_use]
    pub fn claim(&self) -> bool {
        // Relaxed: the fences of the module's text order it against the set.
        !self.0.swap(true, Ordering::Relaxed)
    }
}

/// What the monitor sleeps on. Its operations are seen by all threads in one order.
pub trait Ringer {
    /// Rings in a while, unless something else is said before.
    fn set(&self);
    /// Does not ring.
    fn turn_off(&self);
    /// Rings at once.
    fn ring(&self);
}

/// The caller has [claimed](Appointed::claim) it, and the monitor sleeps without limit.
pub fn appoint(bell: &impl Ringer, word: &Wakefulness) {
    bell.set();
    if word.is_kicked() {
        bell.ring();
    }
}

/// Every processor was idle and nothing left to do when the caller looked, and the monitor sleeps without limit.
pub fn call_off(bell: &impl Ringer, appointed: &Appointed, word: &Wakefulness, is_nothing_to_do: impl Fn() -> bool) {
    bell.turn_off();
    appointed.0.store(false, Ordering::Relaxed);
    // Half of the Dekker pair in the module's text.
    fence(Ordering::SeqCst);
    if word.is_kicked() {
        bell.ring();
    } else if !is_nothing_to_do() {
        // Whoever else claims it meanwhile sets it as well: later by a moment.
        appointed.0.store(true, Ordering::Relaxed);
        appoint(bell, word);
    }
}
