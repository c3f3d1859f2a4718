//! Which parked thread is woken next, and which has been of no use for so long that it may end?
//!
//! A stack: the thread that parked last is woken first (its stack is warm), so the bottom ages and can be trimmed. Who wakes a thread in its own place
//! prefers one that parked on this CPU: the kernel wakes a thread where it slept, and does not move it for a while, be the waker's CPU idle.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::kernel;
use crate::threads::ThreadRecord;

/// So far from the top of the stack a thread that parked on this CPU is looked for.
const REACH: usize = 16;

#[derive(Debug)]
struct Spare {
    thread: Arc<ThreadRecord>,
    since: Instant,
    /// Where it parked.
    cpu: u32,
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
        let spare = Spare { thread, since: Instant::now(), cpu: kernel::current_cpu() };
        self.with(|stack| stack.push_back(spare));
    }

    /// The most recently parked.
    pub(crate) fn pop(&self) -> Option<Arc<ThreadRecord>> {
        if self.len() == 0 {
            return None;
        }
        self.with(|stack| stack.pop_back()).map(|spare| spare.thread)
    }

    /// The most recently parked on this CPU, which the caller is about to leave; else the most recently parked.
    pub(crate) fn pop_here(&self) -> Option<Arc<ThreadRecord>> {
        if self.len() == 0 {
            return None;
        }
        let here = kernel::current_cpu();
        self.with(|stack| {
            let depth = stack.iter().rev().take(REACH).position(|spare| spare.cpu == here).unwrap_or(0);
            stack.remove(stack.len().checked_sub(depth + 1)?)
        })
        .map(|spare| spare.thread)
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

    /// The slots in the roster of all that are parked.
    pub(crate) fn slots(&self) -> HashSet<u32> {
        self.with(|stack| stack.iter().map(|spare| spare.thread.slot).collect())
    }

    /// How many are parked.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }
}
