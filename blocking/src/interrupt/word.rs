//! Is an interruptible call still out, and was a signal sent into it?
//!
//! ```text
//!          begin_sending             sent
//!   OUT ------------------> SENDING -------> STRUCK
//!    |                         ^               | |
//!    |                         +---------------+ |
//!    | end: Clean              begin_sending     | end: Struck
//!    +------------------------> OVER <-----------+
//! ```
//!
//! `OUT` and `STRUCK` are left by the call's own thread or by the monitor, `SENDING` by the monitor alone, `OVER` by nobody.
//!
//! **No signal outlives its call.** The monitor sends only between `begin_sending` and `sent`, and `end` waits for `sent`. So either `begin_sending` finds `OVER`, and nothing is sent; or the signal is
//! pending before `end` returns `Struck`, and the thread has it delivered before it does anything else. For the same reason the thread is alive when it is sent to.
//! `tests/loom_interrupt.rs` holds the model and its canaries.

use crate::sync::{AtomicU8, Ordering, spin_hint, yield_thread};

const OUT: u8 = 0;
const SENDING: u8 = 1;
const STRUCK: u8 = 2;
const OVER: u8 = 3;

/// Spins before a call that ends gives its CPU to the monitor that is about to send to it.
const SPINS_FOR_SENDER: u32 = 64;

/// The state word of one interruptible call.
#[derive(Debug)]
pub struct Interruption(AtomicU8);

/// How a call has ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// No signal was sent.
    Clean,
    /// Signals were sent, and may be pending: the thread has them delivered now.
    Struck,
}

impl Default for Interruption {
    fn default() -> Self {
        Self::new()
    }
}

impl Interruption {
    /// A call that begins.
    pub fn new() -> Self {
        Self(AtomicU8::new(OUT))
    }

    /// Whether the call is out. A hint.
    pub fn is_out(&self) -> bool {
        self.0.load(Ordering::Relaxed) != OVER
    }

    /// The monitor wants to send; false if the call is over. There is one monitor, so nobody else is sending.
    #[must_use]
    pub fn begin_sending(&self) -> bool {
        // Relaxed: who the thread is came with the call, through a lock. Only `end` may come in between.
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| (state != OVER).then_some(SENDING)).is_ok()
    }

    /// The signal is on its way.
    pub fn sent(&self) {
        // Release: the signal is pending for whoever finds STRUCK; pairs with the Acquire in `end`.
        self.0.store(STRUCK, Ordering::Release);
    }

    /// The call is over: no signal is sent into it after this.
    pub fn end(&self) -> End {
        let mut spins = 0;
        loop {
            let state = self.0.load(Ordering::Relaxed);
            if state == SENDING {
                spins += 1;
                if spins < SPINS_FOR_SENDER {
                    spin_hint()
                } else {
                    yield_thread()
                }
                continue;
            }
            // Acquire: see `sent`.
            if self.0.compare_exchange(state, OVER, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return if state == STRUCK { End::Struck } else { End::Clean };
            }
        }
    }
}
