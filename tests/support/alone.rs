//! How do tests that measure time keep out of each other's way? One at a time, within one binary.

use std::sync::{Mutex, MutexGuard, PoisonError};

static ALONE: Mutex<()> = Mutex::new(());

/// Holds the other tests of this binary back until the guard is dropped.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    // A test that failed has left nothing behind that the next one would see.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
