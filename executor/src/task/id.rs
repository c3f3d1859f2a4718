//! Which task is this? A number that no other task of the process has.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies a task among all tasks of the process, past and present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

/// Numbers are drawn in blocks, so that spawning threads do not share a cache line: at 10^9 tasks a second 64 bits last for centuries.
const BLOCK: u64 = 1024;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

impl Id {
    #[inline]
    pub(crate) fn next() -> Self {
        let mut next = NEXT.get();
        if next.is_multiple_of(BLOCK) {
            next = NEXT_BLOCK.fetch_add(1, Ordering::Relaxed) * BLOCK;
        }
        NEXT.set(next + 1);
        Self(next)
    }

    /// The id with this number, as [`as_u64`](Self::as_u64) gave it.
    #[doc(hidden)]
    pub fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
