//! Which settings does a runtime have?

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "signal")]
use handover_blocking::recorder::Recorder;
use handover_blocking::{Config, Stall, StallHook};
use handover_executor::Shared;
use handover_reactor::Reactor;

use crate::runtime::Runtime;
use crate::runtime::handle::Handle;
#[cfg(feature = "signal")]
use crate::signal::OnSignal;
use crate::trace::{self, AllTheTime};
use crate::wiring::Wiring;

/// Builds a [`Runtime`]. Every setting has a default; a value that makes no sense is an error of [`build`](Self::build) that names it.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// let runtime = handover::runtime::Builder::new()
///     .processors(2)
///     .handoff_after(Duration::from_millis(5))
///     .thread_name("web")
///     .build()?;
/// runtime.block_on(async { println!("on {} processors", 2) });
///
/// let error = handover::runtime::Builder::new().processors(0).build().unwrap_err();
/// assert!(error.to_string().starts_with("processors is 0"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    config: Config,
    flight_recorder: bool,
    trace_on_stall: Option<PathBuf>,
    #[cfg(feature = "signal")]
    trace_on_signal: Option<PathBuf>,
}

impl Builder {
    /// The defaults: as many processors as CPUs, hand-off after 10 ms, at most 512 blocking threads, 10 s keep-alive.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tasks may run at the same time. Default: the CPUs that this process may use. One is fine.
    pub fn processors(mut self, count: usize) -> Self {
        self.config.processors = count;
        self
    }

    /// How long a blocking call, or a poll that blocks without saying so, keeps its processor at most. Default: 10 ms. It loses it earlier if tasks wait.
    pub fn handoff_after(mut self, limit: Duration) -> Self {
        self.config.handoff_after = limit;
        self
    }

    /// How many blocking calls may be out at the same time, each on its thread. Default: 512. Only those count that were handed off: a call that returns within microseconds
    /// takes no place. Further ones wait before they start, in the order of arrival, holding no thread. If none returns for a second while others wait, one more is let in,
    /// for they may be waiting for each other.
    ///
    /// Where the process limits leave fewer threads (`RLIMIT_NPROC`, `pids.max` of a cgroup), that is the number; see getrlimit(2), cgroups(7).
    pub fn max_blocking_threads(mut self, count: usize) -> Self {
        self.config.max_blocking_threads = count;
        self
    }

    /// How long a thread that nobody needs stays. Default: 10 s.
    pub fn thread_keep_alive(mut self, limit: Duration) -> Self {
        self.config.thread_keep_alive = limit;
        self
    }

    /// What the worker threads are called. Default: `handover`. Linux shows the first 15 bytes.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.config.thread_name = name.into();
        self
    }

    /// The stack size of worker threads in bytes. Default: the standard library's, 2 MiB. At least 64 KiB.
    pub fn thread_stack_size(mut self, bytes: usize) -> Self {
        self.config.thread_stack_size = Some(bytes);
        self
    }

    /// Calls `hook` with a report of each task that blocks its thread for longer than `handoff_after` without declaring it: what the `warn!` says, as a value. At most once a minute
    /// for each spawn site, on a thread that does nothing else; reports wait while it is busy. A hook that panics is called again with the next one.
    ///
    /// # Examples
    /// ```
    /// let runtime = handover::runtime::Builder::new()
    ///     .on_stall(|stall| eprintln!("task {} (spawned at {}) blocks in {:?}", stall.task, stall.spawned_at, stall.wait_channel))
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_stall(mut self, hook: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.config.on_stall = Some(StallHook::new(hook));
        self
    }

    /// Whether tasks, handed-off calls, timers and sockets are told of as `tracing` spans and events, which tokio-console shows: docs/console.md. Default: no, and then it costs nothing.
    /// With it, and with a subscriber, it does: some 20 us for each task and 250 ns for each poll. Tasks that were spawned before there was a subscriber are not told of.
    ///
    /// # Examples
    /// ```
    /// let runtime = handover::runtime::Builder::new().trace_tasks(true).build()?;
    /// runtime.block_on(async {
    ///     let task = handover::task::Builder::new().name("answer").spawn(async { 42 })?;
    ///     assert_eq!(task.await.unwrap(), 42);
    ///     Ok::<(), std::io::Error>(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn trace_tasks(mut self, yes: bool) -> Self {
        self.config.trace_tasks = yes;
        self
    }

    /// Records all the time, so that [`Handle::last_events`] has what went before. Default: off. Each thread keeps its last 32,768 events: seconds of a server, a tenth of a second of a
    /// program that does nothing but spawn. [`trace`](crate::trace) says what that costs; [`Handle::record`] does not need it.
    ///
    /// # Examples
    /// ```
    /// let runtime = handover::runtime::Builder::new().flight_recorder(true).build()?;
    /// runtime.block_on(async {});
    /// let trace = runtime.handle().last_events()?;
    /// assert!(trace.events() > 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn flight_recorder(mut self, on: bool) -> Self {
        self.flight_recorder = on;
        self
    }

    /// Writes the last events of all threads into `directory` whenever a stall is reported (see [`on_stall`](Self::on_stall)), as `handover-<pid>-stall-<n>.pftrace`, with a `warn!` that says where. Switches the
    /// [`flight_recorder`](Self::flight_recorder) on.
    ///
    /// A file that cannot be written is reported by a `warn!`.
    pub fn trace_on_stall(mut self, directory: impl Into<PathBuf>) -> Self {
        self.trace_on_stall = Some(directory.into());
        self
    }

    /// Writes the last events of all threads into `directory` whenever the process gets SIGUSR2, as `handover-<pid>-signal-<n>.pftrace`, with a `warn!` that says where: `kill -USR2 <pid>`; see signal(7). It works
    /// while every thread of the runtime is stuck. Switches the [`flight_recorder`](Self::flight_recorder) on.
    ///
    /// Handlers that others have installed stay, and are called too.
    ///
    /// # Examples
    /// ```no_run
    /// let runtime = handover::runtime::Builder::new().trace_on_signal("/var/tmp").build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "signal")]
    pub fn trace_on_signal(mut self, directory: impl Into<PathBuf>) -> Self {
        self.trace_on_signal = Some(directory.into());
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    /// `InvalidInput` for a setting that makes no sense, with its name and value; otherwise what the system says when it refuses threads (EAGAIN) or
    /// descriptors (EMFILE). Nothing is left running then.
    pub fn build(&self) -> io::Result<Runtime> {
        self.config.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let reactor = Arc::new(Reactor::new(self.config.processors + 1)?);
        let wiring = Wiring::new(Arc::clone(&reactor));
        let mut config = self.config.clone();
        config.recorder = Arc::default();
        let recording = self.start_recording(&mut config)?;
        let shared = Shared::start(config, Box::new(wiring))?;
        Ok(Runtime { handle: Handle::new(shared, reactor), _recording: recording })
    }

    /// What records all the time, and what writes that down.
    fn start_recording(&self, config: &mut Config) -> io::Result<AllTheTime> {
        let recorder = &config.recorder;
        if let Some(directory) = &self.trace_on_stall {
            config.on_stall = Some(trace::traced(Arc::clone(recorder), directory.clone(), config.on_stall.take()));
        }
        #[cfg(feature = "signal")]
        let on_signal = self.watch_signal(recorder)?;
        #[cfg(feature = "signal")]
        let is_wanted = self.flight_recorder || self.trace_on_stall.is_some() || on_signal.is_some();
        #[cfg(not(feature = "signal"))]
        let is_wanted = self.flight_recorder || self.trace_on_stall.is_some();
        Ok(AllTheTime {
            #[cfg(feature = "signal")]
            _on_signal: on_signal,
            _on: is_wanted.then(|| recorder.switch_on()),
        })
    }

    #[cfg(feature = "signal")]
    fn watch_signal(&self, recorder: &Arc<Recorder>) -> io::Result<Option<OnSignal>> {
        let Some(directory) = self.trace_on_signal.clone() else { return Ok(None) };
        let recorder = Arc::clone(recorder);
        OnSignal::call(libc::SIGUSR2, "handover-trace", move || trace::dump(&recorder, &directory, "signal")).map(Some)
    }
}
