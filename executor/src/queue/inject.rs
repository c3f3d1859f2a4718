//! Where do tasks wait that come from outside any processor?
//!
//! Two lanes under one lock, each a list through the task headers: *returners*, whose thread came back from a call without a processor, and all others.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use handover_blocking::histogram::{Histogram, Reading};

use crate::task::cell::Header;
use crate::task::reference::Runnable;

/// Which lane a task waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Its thread lost the processor while it ran: it has had a wait already.
    Returners,
    /// Spawned or woken from outside, or overflowed.
    Ordinary,
}

/// The wait of so many tasks is timed: one. The clock costs as much as a push.
const TIMED_EVERY: u64 = 61;

#[derive(Default)]
struct List {
    first: Option<NonNull<Header>>,
    last: Option<NonNull<Header>>,
    len: usize,
    /// How many were ever pushed.
    pushed: u64,
    /// The task whose wait is timed: how many were pushed before it, and when it came.
    timed: Option<(u64, Instant)>,
    /// Since when the timed one had waited that has just been taken, until that is taken note of.
    taken: Option<Instant>,
}

// SAFETY: the pointers are to task headers, which may be used from any thread; `queue_next` belongs to the queue that the task is in.
unsafe impl Send for List {}

impl List {
    fn push(&mut self, task: Runnable) {
        let task = task.into_raw();
        // SAFETY: the task is in this queue alone, which so owns `queue_next`; the lock is held.
        unsafe { *task.as_ref().queue_next.get() = None };
        match self.last.replace(task) {
            // SAFETY: as above, for the task that was last.
            Some(last) => unsafe { *last.as_ref().queue_next.get() = Some(task) },
            None => self.first = Some(task),
        }
        self.len += 1;
        self.pushed += 1;
    }

    /// [`push`](Self::push) of a task that has just been woken.
    fn push_woken(&mut self, task: Runnable) {
        if self.timed.is_none() && self.pushed.is_multiple_of(TIMED_EVERY) {
            self.timed = Some((self.pushed, Instant::now()));
        }
        self.push(task);
    }

    /// [`pop`](Self::pop) of a task that goes on waiting elsewhere: since when it has, if that is timed.
    fn pop_to_wait(&mut self) -> Option<(Runnable, Option<Instant>)> {
        let task = self.pop()?;
        Some((task, self.taken.take()))
    }

    fn pop(&mut self) -> Option<Runnable> {
        let first = self.first?;
        // SAFETY: as in `push`.
        self.first = unsafe { (*first.as_ref().queue_next.get()).take() };
        if self.first.is_none() {
            self.last = None;
        }
        if let Some((before, since)) = self.timed
            && self.pushed - self.len as u64 == before
        {
            self.timed = None;
            self.taken = Some(since);
        }
        self.len -= 1;
        // SAFETY: `push` made it from a Runnable.
        Some(unsafe { Runnable::from_raw(first) })
    }
}

#[derive(Default)]
struct Lanes {
    returners: List,
    ordinary: List,
}

/// The queue that all processors share.
#[derive(Default)]
pub(crate) struct Inject {
    lanes: Mutex<Lanes>,
    returners: AtomicUsize,
    ordinary: AtomicUsize,
    /// How long the tasks waited whose wait was timed, and that a thread took out to run.
    waits: Histogram,
}

impl Inject {
    fn with<R>(&self, act: impl FnOnce(&mut Lanes) -> R) -> R {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut lanes);
        // Relaxed: hints; whoever relies on them has fenced after the push (see `Pool::notify`).
        self.returners.store(lanes.returners.len, Ordering::Relaxed);
        self.ordinary.store(lanes.ordinary.len, Ordering::Relaxed);
        if let Some(since) = lanes.ordinary.taken.take() {
            self.waits.record(since.elapsed());
        }
        result
    }

    pub(crate) fn push(&self, task: Runnable, lane: Lane) {
        self.with(|lanes| match lane {
            Lane::Returners => lanes.returners.push(task),
            Lane::Ordinary => lanes.ordinary.push_woken(task),
        });
    }

    pub(crate) fn push_all(&self, tasks: impl Iterator<Item = Runnable>) {
        self.with(|lanes| tasks.for_each(|task| lanes.ordinary.push(task)));
    }

    /// The next of either lane, returners first.
    pub(crate) fn pop(&self) -> Option<Runnable> {
        if self.is_empty() {
            return None;
        }
        self.with(|lanes| lanes.returners.pop().or_else(|| lanes.ordinary.pop()))
    }

    /// The next returner.
    pub(crate) fn pop_returner(&self) -> Option<Runnable> {
        if self.returners.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.with(|lanes| lanes.returners.pop())
    }

    /// The next that is no returner.
    pub(crate) fn pop_ordinary(&self) -> Option<Runnable> {
        if self.ordinary.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.with(|lanes| lanes.ordinary.pop())
    }

    /// One task to run now, returners first, and up to `more` ordinary ones for the caller's ring, with the time since when one has waited if that is timed.
    pub(crate) fn pop_many(&self, more: usize, mut take: impl FnMut(Runnable, Option<Instant>)) -> Option<Runnable> {
        if self.is_empty() {
            return None;
        }
        self.with(|lanes| {
            let first = lanes.returners.pop().or_else(|| lanes.ordinary.pop())?;
            for _ in 0..more {
                match lanes.ordinary.pop_to_wait() {
                    Some((task, since)) => take(task, since),
                    None => break,
                }
            }
            Some(first)
        })
    }

    /// How many wait in each lane: returners, and all others.
    pub(crate) fn lens(&self) -> (usize, usize) {
        (self.returners.load(Ordering::Relaxed), self.ordinary.load(Ordering::Relaxed))
    }

    /// How long the tasks waited whose wait was timed, and that a thread took out to run.
    pub(crate) fn waits(&self) -> Reading {
        self.waits.read()
    }

    pub(crate) fn len(&self) -> usize {
        let (returners, ordinary) = self.lens();
        returners + ordinary
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
