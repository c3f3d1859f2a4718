//! How does the monitor sleep, and who wakes it?
//!
//! [`Wakefulness`] says whether a kick is wanted and argues why none is lost; this joins it to the thread that sleeps.

use std::time::Instant;

use crate::parker::Parker;
use crate::wakefulness::{Depth, Kick, Wakefulness};

/// The monitor's sleep.
#[derive(Debug, Default)]
pub(crate) struct Doze {
    state: Wakefulness,
    parker: Parker,
}

impl Doze {
    pub(crate) fn adopt_current(&self) {
        self.parker.adopt_current();
    }

    /// The monitor says how it is going to sleep; afterwards it looks once more at what it watches.
    pub(crate) fn settle_down(&self, depth: Depth) {
        self.state.settle_down(depth);
    }

    /// Sleeps until `deadline` (or for ever) or a kick.
    pub(crate) fn sleep(&self, deadline: Option<Instant>) {
        match deadline {
            _ if self.is_kicked() => {}
            Some(deadline) => {
                self.parker.park_until(deadline);
            }
            None => self.parker.park(),
        }
    }

    /// Whether somebody has kicked already.
    pub(crate) fn is_kicked(&self) -> bool {
        self.state.is_kicked()
    }

    /// Ends the doze; true if it was kicked.
    pub(crate) fn wake_up(&self) -> bool {
        self.state.wake_up()
    }

    /// Whether a kick would gain anything. A hint, unless the caller has fenced after what it changed.
    #[inline]
    pub(crate) fn is_dozing(&self) -> bool {
        self.state.is_dozing()
    }

    /// See [`Wakefulness::is_deep_after_take`].
    #[inline]
    pub(crate) fn is_deep_after_take(&self) -> bool {
        self.state.is_deep_after_take()
    }

    /// Wakes the monitor now; true if it slept and the caller must also interrupt a poll that it may be in.
    #[cold]
    pub(crate) fn kick(&self) -> bool {
        let slept = self.state.kick() == Kick::Wake;
        if slept {
            self.parker.unpark();
        }
        slept
    }
}
