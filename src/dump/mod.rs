//! What is every task doing right now, and what does it wait for?
//!
//! [`Handle::dump`](crate::runtime::Handle::dump) looks at the tasks, threads and queues of a runtime from outside. It needs no processor and no thread of the runtime, and takes its locks for some tens of microseconds at a time: it answers on any
//! thread, also when every processor is stuck.
//!
//! A dump costs a task nothing, before or after: what a task waits for is found with those who would wake it (sockets, timers, the tasks that it joins, the gate in front of blocking calls). So a task that waits for a channel or a lock is shown as waiting
//! to be woken, and so is one whose waker is wrapped, as `FuturesUnordered` does. How long something has lasted is known of calls and polls from when
//! the monitor saw them first, up to 10 ms after they began, and of waits from their start, by a coarse clock: what is said of one is never less than in truth, and 0.1 s more at most (or as much more as the machine is too busy, or a
//! subscriber too slow, to let the monitor run). For how long a task has been queued is not known.

mod collect;
#[cfg(feature = "signal")]
mod signal;
mod task;
mod text;
mod thread;

use std::time::Duration;

pub(crate) use collect::dump as collect;
#[cfg(feature = "signal")]
pub use signal::DumpOnSignal;
pub use task::{State, Task, Wait};
pub use thread::{Activity, Processor, Thread};

/// What a runtime looked like at one moment, or nearly: each part is read for itself while the rest goes on.
///
/// Its `Display` form is for people, and may change.
///
/// # Examples
/// ```
/// use handover::dump::{State, Wait};
/// use std::time::Duration;
///
/// let runtime = handover::runtime::Runtime::new()?;
/// let task = runtime.spawn(async { handover::time::sleep(Duration::from_secs(600)).await });
///
/// let waits = |wait: &Wait| matches!(wait, Wait::Timer(left) if *left > Duration::from_secs(590));
/// while !runtime.handle().dump().task(task.id()).is_some_and(|task| task.waits_for.iter().any(waits)) {
///     std::thread::yield_now();
/// }
/// println!("{}", runtime.handle().dump());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dump {
    /// Every task that is not over, oldest first: none is missing that was there all the while.
    pub tasks: Vec<Task>,
    /// The processors, by number.
    pub processors: Vec<Processor>,
    /// The worker threads.
    pub threads: Vec<Thread>,
    /// How many worker threads there may be: a runtime with fewer processors held than tasks wait for, and this many threads in user code, is wedged.
    pub max_threads: usize,
    /// Tasks from outside any processor that wait for one.
    pub injected: usize,
    /// Tasks that wait for one because their thread came back from a call without.
    pub returners: usize,
    /// Blocking calls that were handed off and have not returned.
    pub calls_out: usize,
    /// Calls that wait before they start, because `max_calls_out` are out.
    pub calls_waiting: usize,
    /// `max_blocking_threads`.
    pub max_calls_out: usize,
    /// After how long a poll or call is worth a hand-off: `handoff_after`.
    pub handoff_after: Duration,
    /// The runtime is shutting down, or has.
    pub is_closing: bool,
}

impl Dump {
    /// The task with this id, unless it is over.
    pub fn task(&self, id: crate::task::Id) -> Option<&Task> {
        self.tasks.binary_search_by_key(&id, |task| task.id).ok().map(|at| &self.tasks[at])
    }

    /// How many tasks wait for a processor.
    pub fn queued(&self) -> usize {
        self.injected + self.returners + self.processors.iter().map(|processor| processor.queued).sum::<usize>()
    }

    /// The threads that have been in the same poll or call for longer than `handoff_after`, longest first.
    pub fn held_up(&self) -> Vec<&Thread> {
        let mut threads: Vec<_> =
            self.threads.iter().filter(|thread| thread.elapsed.is_some_and(|time| time > self.handoff_after)).collect();
        threads.sort_by_key(|thread| std::cmp::Reverse(thread.elapsed));
        threads
    }

    /// Whether tasks wait and no thread is left to run them: every one that there may be is in the same poll or call for longer than `handoff_after`.
    pub fn is_wedged(&self) -> bool {
        self.queued() > 0 && self.held_up().len() >= self.max_threads
    }
}
