//! What is one thread doing, and who holds which processor?

use std::panic::Location;
use std::time::Duration;

use crate::task::Id;

/// One worker thread.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Thread {
    /// Its id, as gettid(2) gives it; 0 if it has not begun.
    pub tid: i32,
    /// What it does.
    pub activity: Activity,
    /// The processor that it holds.
    pub processor: Option<usize>,
    /// The task that it runs.
    pub task: Option<Id>,
    /// Where that task was spawned.
    pub spawned_at: Option<&'static Location<'static>>,
    /// Where the declared call stands that it is in.
    pub call: Option<&'static Location<'static>>,
    /// For how long it has been in this call, or else in this poll; none if it began after the monitor last looked.
    pub elapsed: Option<Duration>,
    /// In user code: the letter of its state (`R` running or about to, `S` and `D` blocked), see proc(5).
    pub kernel_state: Option<char>,
    /// In user code: where in the kernel it waits (`hrtimer_nanosleep`, `futex_wait_queue`, ...), if that is readable.
    pub wait_channel: Option<String>,
    /// Polls that it has begun.
    pub polls: u64,
}

/// What a worker thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// It was made, and has not begun.
    Starting,
    /// It is parked until it is needed.
    Spare,
    /// It waits for timers and sockets, for all others.
    Polling,
    /// It looks for a task, or is between two.
    Scheduling,
    /// It runs a task.
    Running,
    /// It runs a task that is in a declared blocking call.
    InCall,
}

/// One processor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Processor {
    /// Which thread holds it. None if it is idle, or about to change hands.
    pub thread: Option<i32>,
    /// Nobody holds it.
    pub is_idle: bool,
    /// Tasks that wait in its own queue.
    pub queued: usize,
}
