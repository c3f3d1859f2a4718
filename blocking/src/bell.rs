//! How is a monitor that sleeps without limit woken in a while, unless everything is idle again by then?
//!
//! A processor that leaves the idle set must be watched, but most are back within microseconds. To wake the monitor each time costs a program that does a little now and then as many switches again as
//! its work. So who takes a processor sets a bell that rings in a while, and who gives the last one back turns it off: a system call each, and the monitor sleeps on.
//!
//! **A held processor is watched.** Turning off races setting: the release of one processor, with the set full, against the take of another. So who turns the bell off looks again. The bell's
//! operations have an order (it is the kernel's object). If the turning off comes first, the bell stays set. If the setting does, the take before it is seen by the look, and the bell is set again.
//!
//! Only the first taker sets it: a second one would put off the watch of the first. Whether another processor is held is looked at after the take and a fence; a release that this look does not see yet sees
//! the take, and leaves the bell on.
//!
//! **A kick is not lost.** Both of the above race a kick, which stores its mark and then rings at once. If the ring comes last, the monitor wakes. If it comes first, the mark is seen by who changed the bell
//! after it, and rings in the kicker's place. `tests/loom_bell.rs` holds the model and its canaries.

use crate::wakefulness::Wakefulness;

/// What the monitor sleeps on. Its operations are seen by all threads in one order.
pub trait Ringer {
    /// Rings in a while, unless something else is said before.
    fn set(&self);
    /// Does not ring.
    fn turn_off(&self);
    /// Rings at once.
    fn ring(&self);
}

/// The first processor has left the idle set, and the monitor sleeps without limit.
pub fn appoint(bell: &impl Ringer, word: &Wakefulness) {
    bell.set();
    if word.is_kicked() {
        bell.ring();
    }
}

/// Every processor was idle and nothing left to do when the caller looked, and the monitor sleeps without limit.
pub fn call_off(bell: &impl Ringer, word: &Wakefulness, is_nothing_to_do: impl Fn() -> bool) {
    bell.turn_off();
    if word.is_kicked() {
        bell.ring();
    } else if !is_nothing_to_do() {
        appoint(bell, word);
    }
}
