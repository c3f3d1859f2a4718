//! Which primitives are the queues and the task state built on: the machine's, or loom's model of them?
//!
//! The only file of this crate that asks.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Lets another thread run, also one of a lower priority, to which sched_yield(2) would not give way.
#[cfg(not(loom))]
pub(crate) fn pause() {
    std::thread::sleep(std::time::Duration::from_micros(50));
}

#[cfg(loom)]
pub(crate) use loom::thread::yield_now as pause;
