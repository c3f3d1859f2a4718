//! What does somebody see who looks at the threads from outside?
//!
//! A reading, not a lock: each thread goes on meanwhile, so two of them may be seen at different moments, but what is said of one thread belongs together.

use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::kernel;
use crate::pool::Pool;
use crate::threads::{StuckThread, ThreadRecord};

/// What a worker thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It was made, and has not begun.
    Starting,
    /// It is parked until it is needed.
    Spare,
    /// It runs code of the runtime, or waits in epoll as the poller.
    Inside,
    /// It runs a task, outside any declared call.
    Running,
    /// It is in a declared call.
    InCall,
}

/// One worker thread at one moment.
#[derive(Clone, Debug)]
pub struct ThreadView {
    /// The thread's id, as `gettid(2)` gives it; 0 if it has not begun.
    pub tid: i32,
    /// What it does.
    pub activity: Activity,
    /// The processor that it holds.
    pub processor: Option<usize>,
    /// The task that it runs.
    pub running: Option<StuckThread>,
    /// Where the declared call stands that it is in.
    pub call: Option<&'static Location<'static>>,
    /// For how long it has been in that call, or else in this poll; none if that began after the monitor last looked.
    pub elapsed: Option<Duration>,
    /// Polls that it has begun.
    pub polls: u64,
}

/// So often a thread is read again that moved on during the reading; a thread that moves that fast is not stuck, and any moment will do.
const ATTEMPTS: u32 = 4;

impl ThreadView {
    fn of(thread: &ThreadRecord, is_spare: bool, now: Instant) -> Self {
        let mut view = Self::read(thread, is_spare, now);
        for _ in 1..ATTEMPTS {
            if view.1 {
                break;
            }
            view = Self::read(thread, is_spare, now);
        }
        view.0
    }

    /// A reading, and whether the thread stayed where it was meanwhile.
    fn read(thread: &ThreadRecord, is_spare: bool, now: Instant) -> (Self, bool) {
        let (seq, polls) = (thread.words.observe(), thread.polls.get());
        let activity = match (thread.tid(), is_spare) {
            (0, _) => Activity::Starting,
            _ if seq.is_declared() => Activity::InCall,
            _ if seq.is_lent() => Activity::Running,
            (_, true) => Activity::Spare,
            (_, false) => Activity::Inside,
        };
        let view = Self {
            tid: thread.tid(),
            activity,
            processor: thread.words.held_processor(),
            running: thread.running().filter(|_| seq.is_lent()),
            call: thread.words.site().filter(|_| seq.is_declared()),
            elapsed: seq.is_lent().then(|| thread.since.elapsed(seq, polls, now)).flatten(),
            polls,
        };
        let unmoved = thread.words.observe() == seq && thread.polls.get() == polls;
        (view, unmoved)
    }
}

impl Pool {
    /// All worker threads that are alive.
    pub fn view_threads(&self) -> Vec<ThreadView> {
        let threads = self.roster.records();
        let spares = self.spares.slots();
        let now = Instant::now();
        threads.iter().map(|thread: &Arc<ThreadRecord>| ThreadView::of(thread, spares.contains(&thread.slot), now)).collect()
    }

    /// Whether nobody holds `processor`.
    pub fn is_idle(&self, processor: usize) -> bool {
        self.idle.contains(processor)
    }

    /// How many worker threads there may be now.
    pub fn max_threads(&self) -> usize {
        self.thread_limit()
    }
}

/// What the kernel says of a thread of this process, as far as proc(5) is readable: the letter of its state, and where it waits.
pub fn in_kernel(tid: i32) -> (Option<char>, Option<String>) {
    (kernel::state_of(tid).map(char::from), kernel::wait_channel_of(tid))
}
