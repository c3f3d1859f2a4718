//! What does somebody see who looks at the tasks from outside?
//!
//! A reading, not a lock: tasks go on meanwhile. Who waits for what is known to those that hold the wakers; [`task_of`] tells whose a waker is.

use std::panic::Location;
use std::task::Waker;

use handover_blocking::coarse::Tick;

use crate::scheduler::Shared;
use crate::task::Id;
use crate::task::reference;
use crate::task::registry::Seen;
use crate::task::state::Snapshot;
use crate::task::traced_waker;

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits to be woken.
    Waiting,
    /// It is in a queue.
    Queued,
    /// A thread polls it, or drops its future.
    Running,
    /// It is over, and about to leave the registry.
    Over,
}

/// One task at one moment.
#[derive(Clone, Copy, Debug)]
pub struct TaskView {
    /// Which one.
    pub id: Id,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// What it does.
    pub stage: Stage,
    /// Since when it waits, if it does.
    pub since: Tick,
    /// How many polls of it have begun; no more are counted than fit.
    pub polls: u32,
    /// The task that waits for it, with its JoinHandle, if that is known.
    pub joiner: Option<Id>,
    /// It was aborted, and will not be polled again.
    pub is_cancelled: bool,
}

/// How many tasks wait where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueViews {
    /// In the inject queue: tasks whose thread came back from a call without a processor.
    pub returners: usize,
    /// In the inject queue: all others.
    pub injected: usize,
    /// With each processor: in its ring and its next slot.
    pub own: Vec<usize>,
}

impl Stage {
    fn of(state: Snapshot) -> Self {
        match state {
            state if state.is_complete() => Self::Over,
            state if state.is_running() => Self::Running,
            state if state.is_scheduled() => Self::Queued,
            _ => Self::Waiting,
        }
    }
}

impl Shared {
    /// All tasks that are not over, in no order. Spawns wait for a thousand of them to be looked at, at most.
    pub fn view_tasks(&self) -> Vec<TaskView> {
        let mut tasks = Vec::with_capacity(self.registry().len());
        self.registry().look_at_all(&mut |Seen { id, spawned_at, state, joiner, polls }| {
            let (stage, since, is_cancelled) = (Stage::of(state), state.since(), state.is_cancelled());
            tasks.push(TaskView { id, spawned_at, stage, since, polls, joiner, is_cancelled });
        });
        tasks
    }

    /// How many tasks wait where.
    pub fn view_queues(&self) -> QueueViews {
        let (returners, injected) = self.inject.lens();
        let own = (0..self.processors.count()).map(|p| self.processors.ring_len(p) + usize::from(self.processors.has_next(p))).collect();
        QueueViews { returners, injected, own }
    }
}

/// Which task `waker` wakes; none if it is not a task's own. Calls nothing of the user's, so it may be asked under a lock.
pub fn task_of(waker: &Waker) -> Option<Id> {
    reference::task_of(traced_waker::own_waker(waker).unwrap_or(waker))
}
