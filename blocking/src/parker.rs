//! How does one thread sleep until another wakes it?
//!
//! `std::thread::park` with a flag of our own: user code on the same thread may use the standard token too, which can then only
//! cause a spurious wake-up, never a lost one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Instant;

/// A one-token parker of one thread.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    token: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Parker {
    /// Names the thread that will park here. Called once, by that thread, before anybody can unpark it.
    pub(crate) fn adopt_current(&self) {
        self.thread.get_or_init(std::thread::current);
    }

    /// Sleeps until the token is there, and takes it.
    pub(crate) fn park(&self) {
        // Acquire: pairs with the Release in `unpark`; what the waker did is visible after it.
        while !self.token.swap(false, Ordering::Acquire) {
            std::thread::park();
        }
    }

    /// The same until `deadline` at the latest; false if it passed without a token.
    pub(crate) fn park_until(&self, deadline: Instant) -> bool {
        loop {
            if self.token.swap(false, Ordering::Acquire) {
                return true;
            }
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            std::thread::park_timeout(deadline - now);
        }
    }

    /// Leaves a token and wakes the thread.
    pub(crate) fn unpark(&self) {
        self.token.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}
