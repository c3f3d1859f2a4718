//! What is said of a task that blocks its thread without declaring it?

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// A poll that has been blocked in the kernel for longer than `handoff_after`, outside any declared call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// The id of the task.
    pub task: u64,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// For how long it had been blocked when it was reported; it may go on.
    pub blocked_for: Duration,
    /// The thread that it blocks, as gettid(2) gives it.
    pub thread: i32,
    /// Where in the kernel the thread waits (`hrtimer_nanosleep`, `futex_wait_queue`, ...), if that is readable; see proc(5).
    pub wait_channel: Option<String>,
}

/// What is called with each report.
#[derive(Clone)]
pub struct StallHook(Arc<dyn Fn(&Stall) + Send + Sync>);

impl StallHook {
    /// Calls `hook` with each report.
    pub fn new(hook: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// Calls it.
    pub fn call(&self, stall: &Stall) {
        (self.0)(stall);
    }
}

impl fmt::Debug for StallHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StallHook")
    }
}
