//! Which parked thread is woken next, and which has been of no use for so long that it may end?
//!
//! A stack: the thread that parked last is woken first (its stack is warm), so the bottom ages and can be trimmed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::threads::ThreadRecord;

#[derive(Debug)]
struct Spare {
    thread: Arc<ThreadRecord>,
    since: Instant,
}

/// The parked worker threads. The lock is held for a push or a pop only, never while user code runs.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    stack: Mutex<VecDeque<Spare>>,
    len: AtomicUsize,
}

impl Spares {
    fn with<R>(&self, act: impl FnOnce(&mut VecDeque<Spare>) -> R) -> R {
        let mut stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut stack);
        self.len.store(stack.len(), Ordering::Relaxed);
        result
    }

    pub(crate) fn push(&self, thread: Arc<ThreadRecord>) {
        let since = Instant::now();
        self.with(|stack| stack.push_back(Spare { thread, since }));
    }

    /// The most recently parked.
    pub(crate) fn pop(&self) -> Option<Arc<ThreadRecord>> {
        if self.len() == 0 {
            return None;
        }
        self.with(|stack| stack.pop_back()).map(|spare| spare.thread)
    }

    /// Takes `thread` out again; false if somebody popped it (and so left it a token).
    pub(crate) fn withdraw(&self, thread: &Arc<ThreadRecord>) -> bool {
        self.with(|stack| {
            let found = stack.iter().rposition(|spare| Arc::ptr_eq(&spare.thread, thread));
            found.map(|at| stack.remove(at)).is_some()
        })
    }

    /// The longest parked, if there are more than `keep` and it has been for `keep_alive`.
    pub(crate) fn pop_expired(&self, keep: usize, keep_alive: Duration) -> Option<Arc<ThreadRecord>> {
        if self.len() <= keep {
            return None;
        }
        self.with(|stack| match stack.front() {
            Some(oldest) if stack.len() > keep && oldest.since.elapsed() >= keep_alive => stack.pop_front(),
            _ => None,
        })
        .map(|spare| spare.thread)
    }

    /// When the next one expires.
    pub(crate) fn next_expiry(&self, keep: usize, keep_alive: Duration) -> Option<Instant> {
        if self.len() <= keep {
            return None;
        }
        self.with(|stack| (stack.len() > keep).then(|| stack.front().and_then(|oldest| oldest.since.checked_add(keep_alive)))).flatten()
    }

    /// How many are parked.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }
}
