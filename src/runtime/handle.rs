//! Which runtime does the caller run on?

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use handover_executor::Shared;
use handover_reactor::Reactor;

use crate::dump::{self, Dump};
use crate::metrics::RuntimeMetrics;
use crate::task::JoinHandle;
use crate::trace::{self, Trace};

thread_local! {
    static CURRENT: RefCell<Option<Handle>> = const { RefCell::new(None) };
}

/// A reference to a runtime. It can be cloned and sent; it does not keep the runtime from shutting down.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    reactor: Arc<Reactor>,
}

/// There is no runtime where one was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TryCurrentError(());

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "there is no handover runtime here: call this within `#[handover::main]`, `block_on` or a task, or after `Handle::enter`",
        )
    }
}

impl std::error::Error for TryCurrentError {}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>, reactor: Arc<Reactor>) -> Self {
        Self { shared, reactor }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }

    /// `act` with the current runtime, without touching its reference count.
    ///
    /// # Errors
    /// Outside a runtime, and while the thread's locals are destroyed.
    pub(crate) fn with_current<R>(act: impl FnOnce(&Handle) -> R) -> Result<R, TryCurrentError> {
        CURRENT.try_with(|current| current.borrow().as_ref().map(act)).ok().flatten().ok_or(TryCurrentError(()))
    }

    /// `act` with the current runtime's shared part and `value`.
    ///
    /// # Errors
    /// Outside a runtime; `value` is dropped then.
    pub(crate) fn with_shared<V, R>(value: V, act: impl FnOnce(&Shared, V) -> R) -> Result<R, TryCurrentError> {
        Self::with_current(|handle| act(&handle.shared, value))
    }

    /// The runtime that the caller runs on or has entered.
    ///
    /// # Panics
    /// Outside a runtime.
    #[track_caller]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The runtime that the caller runs on or has entered.
    ///
    /// # Errors
    /// Outside a runtime.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        Self::with_current(Self::clone)
    }

    /// Makes this the current runtime of the calling thread, as long as the guard lives. Guards nest and are dropped in reverse order.
    pub fn enter(&self) -> EnterGuard {
        let before = CURRENT.with(|current| current.replace(Some(self.clone())));
        EnterGuard { before, not_send: PhantomData }
    }

    /// Starts a task; see [`spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.spawn(future, Location::caller())
    }

    /// Starts a task that makes one blocking call; see [`spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared.spawn(handover_blocking::blocking(f), Location::caller())
    }

    /// Runs a future as a task on a processor, like any other, and waits for it. It may borrow from the caller, but must be `Send`, for it runs on a worker thread.
    ///
    /// Within a task this is a blocking call: the thread's processor goes to others meanwhile.
    ///
    /// # Panics
    /// With the future's own panic; and when the runtime shuts down before it is ready.
    #[track_caller]
    pub fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        handover_executor::block_on(&self.shared, future, Location::caller())
    }

    /// What every task and every thread is doing now, and what it waits for. It needs no processor: it answers from any thread, also when all of the runtime's are stuck. With a million tasks it takes
    /// some hundred milliseconds, during which they go on.
    ///
    /// # Examples
    /// ```
    /// use handover::dump::State;
    ///
    /// let runtime = handover::runtime::Runtime::new()?;
    /// let dump = runtime.block_on(async { handover::runtime::Handle::current().dump() });
    /// assert!(matches!(dump.tasks[0].state, State::Running { .. }));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn dump(&self) -> Dump {
        dump::collect(&self.shared, &self.reactor)
    }

    /// Writes a [dump](Self::dump) to stderr whenever the process gets `signal` (its number, such as `libc::SIGUSR1`), until what this returns is dropped. A thread of its own does that, so it works when all of
    /// the runtime's are stuck. Signals that come during a dump make for one more.
    ///
    /// # Errors
    /// `InvalidInput` for a signal that does not exist or cannot be handled; what the system says when it refuses a thread or descriptors.
    ///
    /// # Examples
    /// ```
    /// let runtime = handover::runtime::Runtime::new()?;
    /// // kill -USR1 <pid>
    /// let _dumps = runtime.handle().dump_on_signal(libc::SIGUSR1)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "signal")]
    pub fn dump_on_signal(&self, signal: i32) -> std::io::Result<dump::DumpOnSignal> {
        dump::DumpOnSignal::start(self, signal)
    }

    /// Records what the runtime's threads do for `duration`: polls, calls, hand-offs, wake-ups, to the nanosecond. See [`trace`](crate::trace).
    ///
    /// Blocks the calling thread meanwhile. In a task, call it within [`blocking`](crate::blocking), or await [`spawn_blocking`](Self::spawn_blocking)`(move || handle.record(..))`. Several recordings may
    /// be made at once. It ends early when the runtime does, and after 8 million events.
    ///
    /// # Errors
    /// `InvalidInput` for a duration of zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// # handover::block_on(async {
    /// let handle = handover::runtime::Handle::current();
    /// let trace = handover::spawn_blocking(move || handle.record(Duration::from_millis(10))).await??;
    /// assert!(trace.duration() >= Duration::from_millis(10));
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn record(&self, duration: Duration) -> io::Result<Trace> {
        trace::record(self.shared.pool(), duration, Location::caller())
    }

    /// The last events of each thread, as the [flight recorder](crate::runtime::Builder::flight_recorder) has them: what went before, once something has happened. Returns at once.
    ///
    /// # Errors
    /// `NotFound` if nothing is recorded now.
    pub fn last_events(&self) -> io::Result<Trace> {
        trace::last(self.shared.pool().recorder())
    }

    /// Numbers of now.
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(Arc::clone(&self.shared))
    }
}

// A panic of user code ends its task and leaves nothing of the runtime half done.
impl std::panic::UnwindSafe for Handle {}
impl std::panic::RefUnwindSafe for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("processors", &self.shared.pool().processors()).finish_non_exhaustive()
    }
}

/// Ends what [`Handle::enter`] began when it is dropped.
#[must_use = "the runtime is entered only as long as the guard lives"]
pub struct EnterGuard {
    before: Option<Handle>,
    /// The guard belongs to the thread that entered.
    not_send: PhantomData<*const ()>,
}

impl fmt::Debug for EnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnterGuard")
    }
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        let before = self.before.take();
        // On a thread whose locals are destroyed already there is nothing to restore.
        let left = CURRENT.try_with(|current| current.replace(before));
        drop(left);
    }
}
