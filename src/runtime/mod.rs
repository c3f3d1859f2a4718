//! How does a program start a runtime, hold it and end it?

mod builder;
pub(crate) mod handle;

use std::future::Future;
use std::panic::Location;
use std::time::Duration;
use std::{fmt, io};

pub use builder::Builder;
pub use handle::{EnterGuard, Handle, TryCurrentError};
pub use handover_blocking::Stall;

use crate::metrics::RuntimeMetrics;
use crate::task::JoinHandle;
use crate::trace::{AllTheTime, Trace};

/// How long a dropped runtime waits for calls that are out.
const DROP_WAITS: Duration = Duration::from_secs(5);

/// A runtime: processors, the threads that carry them, a reactor.
///
/// Dropping it cancels its tasks and waits up to 5 s for blocking calls that are out; those that last longer are reported and left behind. Dropped on one of its own
/// threads (in a task, in a call) it does not wait at all. [`shutdown_timeout`](Self::shutdown_timeout) sets another limit.
///
/// # Examples
/// ```
/// let runtime = handover::runtime::Runtime::new()?;
/// let length = runtime.block_on(async {
///     let text = "a file".to_owned();
///     handover::blocking(|| text.len()).await
/// });
/// assert_eq!(length, 6);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime {
    handle: Handle,
    /// The flight recorder is on as long as the runtime is.
    _recording: AllTheTime,
}

impl Runtime {
    /// A runtime with the default settings: [`Builder::new`].
    ///
    /// # Errors
    /// When the system refuses threads or descriptors.
    pub fn new() -> io::Result<Self> {
        Builder::new().build()
    }

    /// Runs a future as a task and waits for it; see [`Handle::block_on`].
    #[track_caller]
    pub fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        self.handle.block_on(future)
    }

    /// Starts a task; see [`spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Starts a task that makes one blocking call; see [`spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_blocking(f)
    }

    /// A handle that can be cloned and sent.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Makes this the current runtime of the calling thread, as long as the guard lives.
    pub fn enter(&self) -> EnterGuard {
        self.handle.enter()
    }

    /// Records what the runtime does for `duration`; see [`Handle::record`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn record(&self, duration: Duration) -> io::Result<Trace> {
        self.handle.record(duration)
    }

    /// Numbers of now.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Cancels all tasks and waits up to `limit` for those that run. What is still out then is reported by a `warn!` each, with its task and spawn site, and left
    /// behind.
    pub fn shutdown_timeout(self, limit: Duration) {
        self.shut_down(limit);
    }

    /// Cancels all tasks and does not wait.
    pub fn shutdown_background(self) {
        self.shut_down(Duration::ZERO);
    }

    fn shut_down(&self, limit: Duration) {
        let shared = self.handle.shared();
        if shared.pool().is_closing() {
            return;
        }
        shared.close();
        let pool = shared.pool();
        // A thread of the runtime cannot wait for its own end.
        if limit.is_zero() || handover_blocking::current::is_worker_of(pool) {
            return;
        }
        if !crate::block_in_place(|| pool.await_closed(limit)) {
            for stuck in pool.stuck() {
                tracing::warn!(
                    task = stuck.task, spawned_at = %stuck.spawned_at, thread = stuck.tid, waited = ?limit,
                    "the runtime was shut down while this task was in a call that did not return; it is left behind"
                );
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shut_down(DROP_WAITS);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runtime").field(&self.handle).finish()
    }
}

/// Runs a future as a task and waits for it: on the current runtime if there is one, else on a new one with the default settings that ends with the call.
///
/// # Panics
/// With the future's own panic; when a new runtime cannot be built; when the runtime shuts down first.
///
/// # Examples
/// ```
/// let sum = handover::block_on(async { 1 + 2 });
/// assert_eq!(sum, 3);
/// ```
#[track_caller]
pub fn block_on<F>(future: F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    match Handle::try_current() {
        Ok(handle) => handle.block_on(future),
        Err(_) => Runtime::new().unwrap_or_else(|error| cannot_build(&error, Location::caller())).block_on(future),
    }
}

fn cannot_build(error: &io::Error, caller: &Location<'_>) -> ! {
    panic!("no runtime can be built for `block_on` at {caller}: {error}")
}
