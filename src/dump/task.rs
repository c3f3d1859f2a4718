//! What is one task doing, and what does it wait for?

use std::os::fd::RawFd;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::task::Id;

/// One task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Task {
    /// Which one.
    pub id: Id,
    /// What it is called, if it was spawned with a name.
    pub name: Option<Arc<str>>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// What it does.
    pub state: State,
    /// For how long it has been in this poll or call, if that is known; or for how long it has waited, never less than in truth and at most 0.1 s more. A wait of more than 208 days counts from zero again.
    pub elapsed: Option<Duration>,
    /// How many polls of it have begun, up to 4 billion.
    pub polls: u32,
    /// Who would wake it, as far as the runtime knows. Empty: something else will, such as a channel or a lock.
    pub waits_for: Vec<Wait>,
    /// It was aborted: it is not polled again, but its future is not dropped yet.
    pub is_cancelled: bool,
}

/// So many things that one task waits for are named.
const MOST_WAITS: usize = 8;

impl Task {
    /// The words for what it waits for: the first eight, and how many others there are.
    pub(crate) fn named_waits(&self) -> impl Iterator<Item = String> {
        let others = self.waits_for.len().saturating_sub(MOST_WAITS);
        let rest = (others > 0).then(|| format!("{others} others"));
        self.waits_for.iter().take(MOST_WAITS).map(ToString::to_string).chain(rest)
    }
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is polled, outside any declared call.
    Running {
        /// On which thread; none if the thread was seen before or after.
        thread: Option<i32>,
    },
    /// It is in a declared blocking call.
    InCall {
        /// On which thread.
        thread: i32,
        /// Where the call stands. Of calls within each other, the outermost.
        at: &'static Location<'static>,
    },
    /// It could run, and waits for a processor.
    Queued,
    /// It waits to be woken.
    Waiting,
    /// It is over, and about to be forgotten.
    Over,
}

/// Who would wake a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// A descriptor, once it can be read.
    Readable(RawFd),
    /// A descriptor, once it can be written.
    Writable(RawFd),
    /// A descriptor, once it can be read or written.
    Ready(RawFd),
    /// A timer, in this time; zero if it is due.
    Timer(Duration),
    /// Another task, at its end: this one has its `JoinHandle`.
    Task(Id),
    /// The gate in front of blocking calls, behind so many others: `max_blocking_threads` are out.
    Admission(usize),
}
