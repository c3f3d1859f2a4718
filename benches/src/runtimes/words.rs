//! What must every runtime offer?
//!
//! A file of its own, because the program that measures handover under tokio-console (`examples/console/cost`) needs no more than this.

use std::io;
use std::time::Duration;

/// Tasks, time and blocking calls.
pub(crate) trait Runtime: Send + Sync + 'static {
    /// Spawns tasks from a thread that is not the runtime's own.
    type Spawner: Clone + Send + 'static;

    /// Builds the runtime with `processors` worker threads and runs `root` as one of its tasks, on a worker.
    fn run<F>(processors: usize, root: F) -> io::Result<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static;

    /// Starts a task; the future returned gives its output. The task runs whether or not that future is polled.
    fn spawn<F>(task: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static;

    /// Starts a task whose output nobody wants.
    fn detach<F>(task: F)
    where
        F: Future<Output: Send + 'static> + Send + 'static;

    /// A way to spawn onto this runtime from elsewhere. Called within the runtime.
    fn spawner() -> Self::Spawner;

    /// Starts a task from outside the runtime; its output is dropped.
    fn detach_from<F>(spawner: &Self::Spawner, task: F)
    where
        F: Future<Output: Send + 'static> + Send + 'static;

    /// Lets other tasks run.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Completes after `time`.
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;

    /// Makes a blocking call and gives its result.
    fn blocking<T, C>(call: C) -> impl Future<Output = T> + Send
    where
        T: Send + 'static,
        C: FnOnce() -> T + Send + 'static;
}
