//! Which interruptible call is a task in?
//!
//! One desk for the process, because whoever aborts a task has a hold on the task alone, not on its runtime, which may be gone by then.
//!
//! **No abort is missed.** The call's thread enters the call and then asks whether its task is cancelled; whoever aborts marks the task cancelled and then asks the desk. The desk's lock orders the two: if
//! the entry comes first, the aborter finds it; if the question does, what came before it, the mark, is seen by the thread that enters after it.

use std::collections::BTreeMap;

use crate::sync::Mutex;

/// The calls that are out, by their tasks' ids.
#[derive(Debug)]
pub struct Desk<C>(Mutex<BTreeMap<u64, C>>);

impl<C: Clone> Desk<C> {
    /// No call is out.
    pub fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// `task` goes into `call`; false if it is in one already, of which this one is a part.
    #[must_use]
    pub fn enter(&self, task: u64, call: C) -> bool {
        let mut calls = self.0.lock();
        if calls.contains_key(&task) {
            return false;
        }
        calls.insert(task, call);
        true
    }

    /// Its call is over. What was noted comes back, to be dropped outside the lock.
    pub fn leave(&self, task: u64) -> Option<C> {
        self.0.lock().remove(&task)
    }

    /// The call that it is in.
    pub fn find(&self, task: u64) -> Option<C> {
        self.0.lock().get(&task).cloned()
    }
}

impl<C: Clone> Default for Desk<C> {
    fn default() -> Self {
        Self::new()
    }
}
