//! What has tokio-console been told of an operation's polls?
//!
//! An event for each poll would say nothing new, and cost the console everything else: the layer of console-subscriber takes about 127 events from its queue each time it publishes, once a second by default, and new
//! tasks wait in the same queue. So a task's first poll of an operation is told, and the first that was ready. How many polls there were, and how long each took, the spans say.
//!
//! ```text
//!            task a, pending               task a, ready                 task a
//!   nobody ------------------> a, pending ---------------> a, ready ---------------> (nothing)
//!              another task, from any of these: told, and b stands in a's place
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

/// The task that was told of last; bit 0: it was ready.
#[derive(Debug)]
pub(super) struct Told(AtomicU64);

const READY: u64 = 1;
const NOBODY: u64 = u64::MAX;

impl Told {
    pub(super) fn nothing() -> Self {
        Self(AtomicU64::new(NOBODY))
    }

    /// Notes a poll by the task of this number; whether it is to be told.
    #[must_use]
    pub(super) fn is_news(&self, task: u64, is_ready: bool) -> bool {
        let (task, ready) = (task << 1, u64::from(is_ready));
        // Relaxed: it orders nothing. If two tasks poll at the same time, one may be told once more or once less.
        let told = self.0.load(Ordering::Relaxed);
        if told & !READY == task && told & READY >= ready {
            return false;
        }
        self.0.store(task | ready, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_poll_of_a_task_and_its_first_that_is_ready_are_news() {
        let told = Told::nothing();
        let news = [(7, false), (7, false), (7, true), (7, false), (7, true), (8, true), (8, false), (7, false), (0, false)];
        assert_eq!(news.map(|(task, is_ready)| told.is_news(task, is_ready)), [true, false, true, false, false, true, false, true, true]);
    }
}
