//! How many wake-ups are in flight?
//!
//! A thread counts as a searcher from the moment it is woken until it has found a task or given up. A submit wakes another one only
//! while there are fewer searchers than idle processors with a CPU: one more could not run anything.
//!
//! **No task is left to a searcher that has stopped looking.** A submitter pushes, fences, reads the count, and relies on whom it finds
//! there. A searcher takes itself out, fences, looks at the queues. If the submitter's fence comes first, the searcher finds the task.
//! If the searcher's comes first, the submitter no longer counts on it. `tests/loom_park` holds the model and its canary.
//!
//! A searcher may leave without that look while another is counted ([`Searchers::end_beyond`]): the subtraction is one step, so of those that leave in this way one always stays, and it is counted by whoever
//! counted on any of them.

use crate::sync::{AtomicUsize, Ordering, fence};

/// The count of searching threads.
#[derive(Debug)]
pub struct Searchers {
    count: AtomicUsize,
}

/// What a searcher that has found a task does next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// It was the last one: if more tasks wait, it wakes the next thread.
    WasLast,
    /// Somebody else still searches.
    OthersSearch,
}

impl Default for Searchers {
    fn default() -> Self {
        Self::new()
    }
}

impl Searchers {
    /// Nobody searches.
    pub fn new() -> Self {
        Self { count: AtomicUsize::new(0) }
    }

    /// Counts one more, unless there are `limit` already.
    pub fn try_begin(&self, limit: usize) -> bool {
        // Ordering: the caller has fenced between its push and this; see idle_set.
        if self.count.load(Ordering::Relaxed) >= limit {
            return false;
        }
        self.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| (n < limit).then_some(n + 1)).is_ok()
    }

    /// Whether so many search that each of `processors` idle ones has somebody coming for it. A hint.
    pub fn are_enough_for(&self, processors: usize) -> bool {
        self.count.load(Ordering::Relaxed) >= processors
    }

    /// One less, if more than `enough` search, one of them at least besides the caller. It need not look at the queues afterwards: whoever counted on it is left with another, who will.
    #[must_use]
    pub fn end_beyond(&self, enough: usize) -> bool {
        let enough = enough.max(1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| (n > enough).then(|| n - 1)).is_ok()
    }

    /// One less. Afterwards the caller looks at the queues once more (the fence is done).
    pub fn end(&self) -> Found {
        // AcqRel: the last one comes after what the others did.
        let before = self.count.fetch_sub(1, Ordering::AcqRel);
        // One half of the Dekker pair in the module's text. A SeqCst subtraction alone does not keep the loads after it from being early.
        fence(Ordering::SeqCst);
        if before == 1 { Found::WasLast } else { Found::OthersSearch }
    }
}
