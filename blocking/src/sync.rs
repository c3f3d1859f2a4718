//! Which primitives is the protocol built on: the machine's, or loom's model of them?
//!
//! The only file of this crate that asks.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(loom)]
use loom::sync as primitives;
#[cfg(not(loom))]
use std::sync as primitives;

/// A mutex that does not pass a panic on: no user code runs under it, and every critical section leaves its data whole at each step.
#[derive(Debug)]
pub(crate) struct Mutex<T>(primitives::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(primitives::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> primitives::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Lets another thread run; a model's only way to wait.
#[cfg(not(loom))]
pub(crate) fn yield_thread() {
    std::thread::yield_now();
}

#[cfg(loom)]
pub(crate) fn yield_thread() {
    loom::thread::yield_now();
}

/// Lets another thread run, also one of a lower priority, to which sched_yield(2) would not give way.
#[cfg(not(loom))]
pub(crate) fn pause() {
    std::thread::sleep(std::time::Duration::from_micros(50));
}

#[cfg(loom)]
pub(crate) use yield_thread as pause;

/// Tells the processor that this is a spin loop.
#[cfg(not(loom))]
pub(crate) fn spin_hint() {
    std::hint::spin_loop();
}

#[cfg(loom)]
pub(crate) fn spin_hint() {
    loom::thread::yield_now();
}
