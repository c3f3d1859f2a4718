//! Which primitives do the words stand on: the machine's, or loom's model of them?
//!
//! The only file of this crate that asks.

#[cfg(loom)]
use loom::sync as primitives;
#[cfg(not(loom))]
use std::sync as primitives;

pub(crate) use primitives::MutexGuard;
pub(crate) use primitives::atomic::{AtomicU64, Ordering, fence};

use std::sync::PoisonError;

/// A mutex that does not pass a panic on.
///
/// No user code runs under the locks of this crate, so a poisoned one means a bug of ours that has been reported where it
/// happened. Every critical section leaves its data whole at each step, and refusing all later I/O would help nobody.
#[derive(Debug)]
pub(crate) struct Mutex<T>(primitives::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(primitives::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
