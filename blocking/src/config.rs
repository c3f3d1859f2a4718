//! Which numbers may be set, and which values make no sense?

use std::sync::Arc;
use std::time::Duration;

use crate::kernel::SignalMask;
use crate::recorder::Recorder;
use crate::stall::StallHook;

/// More processors than this are a mistake in the caller's arithmetic, not a machine.
pub const MAX_PROCESSORS: usize = 4096;

/// Settings of the threads of one runtime.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many processors there are. Default: the CPUs that this process may use.
    pub processors: usize,
    /// How long a call or a blocked poll may keep its processor at most. Default: 10 ms.
    pub handoff_after: Duration,
    /// How many threads may be out in handed-off calls. Default: 512.
    pub max_blocking_threads: usize,
    /// How long a spare thread lives without use. Default: 10 s.
    pub thread_keep_alive: Duration,
    /// What worker threads are called.
    pub thread_name: String,
    /// Stack size of worker threads in bytes; `None` is the standard library's choice.
    pub thread_stack_size: Option<usize>,
    /// What is called with each report of a task that blocks without saying so, on a thread of its own.
    pub on_stall: Option<StallHook>,
    /// Whether tasks and handed-off calls are told of as spans. Default: no.
    pub trace_tasks: bool,
    /// Where the runtime's events are recorded. Each runtime has its own.
    pub recorder: Arc<Recorder>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            handoff_after: Duration::from_millis(10),
            max_blocking_threads: 512,
            thread_keep_alive: Duration::from_secs(10),
            thread_name: "handover".to_owned(),
            thread_stack_size: None,
            on_stall: None,
            trace_tasks: false,
            recorder: Arc::default(),
        }
    }
}

/// A setting that no runtime can be built with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// `processors` is outside 1..=[`MAX_PROCESSORS`].
    Processors(usize),
    /// `handoff_after` is zero.
    HandoffAfter,
    /// `max_blocking_threads` is zero.
    MaxBlockingThreads,
    /// `thread_stack_size` is below what a thread needs, or so large that no address space holds it.
    ThreadStackSize(usize),
    /// `processors` stacks of `thread_stack_size` are more than a process can address.
    Stacks {
        /// `processors`.
        processors: usize,
        /// `thread_stack_size`.
        bytes: usize,
    },
    /// `thread_name` holds a NUL byte.
    ThreadName(String),
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Processors(n) => write!(f, "processors is {n}; expected 1 to {MAX_PROCESSORS}"),
            Self::HandoffAfter => write!(f, "handoff_after is zero; expected a duration above it (the default is 10 ms)"),
            Self::MaxBlockingThreads => write!(f, "max_blocking_threads is 0; expected at least 1 (the default is 512)"),
            Self::ThreadStackSize(n) => {
                write!(f, "thread_stack_size is {n} bytes; expected {MIN_STACK_SIZE} to {MAX_STACK_SIZE}")
            }
            Self::Stacks { processors, bytes } => {
                write!(
                    f,
                    "processors is {processors} and thread_stack_size {bytes} bytes; expected at most {ADDRESS_SPACE} bytes of stacks together"
                )
            }
            Self::ThreadName(name) => write!(f, "thread_name is {name:?}; expected a name without NUL bytes"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// A task that panics has its backtrace printed on this stack: with 24 KiB that overflows, which ends the process. `PTHREAD_STACK_MIN` is 16 KiB.
const MIN_STACK_SIZE: u64 = 64 * 1024;
/// The largest stack that 512 threads of a 47-bit address space can have.
const MAX_STACK_SIZE: u64 = 64 << 30;
/// What a process can address on x86-64.
const ADDRESS_SPACE: u64 = 1 << 47;

impl Config {
    /// Names the first value that makes no sense.
    pub fn check(&self) -> Result<(), ConfigError> {
        match self.thread_stack_size {
            _ if self.processors == 0 || self.processors > MAX_PROCESSORS => Err(ConfigError::Processors(self.processors)),
            _ if self.handoff_after.is_zero() => Err(ConfigError::HandoffAfter),
            _ if self.max_blocking_threads == 0 => Err(ConfigError::MaxBlockingThreads),
            _ if self.thread_name.contains('\0') => Err(ConfigError::ThreadName(self.thread_name.clone())),
            Some(size) if !(MIN_STACK_SIZE..=MAX_STACK_SIZE).contains(&(size as u64)) => Err(ConfigError::ThreadStackSize(size)),
            Some(bytes) if (self.processors as u64).saturating_mul(bytes as u64) > ADDRESS_SPACE => {
                Err(ConfigError::Stacks { processors: self.processors, bytes })
            }
            _ => Ok(()),
        }
    }

    /// Spares that are kept ready ahead of need: making a thread is half of the latency of a cold hand-off. Tried on 2 CPUs: 4.
    pub(crate) fn reserve(&self) -> usize {
        (2 * self.processors).clamp(2, 8).min(self.max_blocking_threads)
    }

    /// Lowers `max_blocking_threads` to what the system allows, so that calls wait in order instead of for threads that are refused. At least one call can be out.
    pub(crate) fn respect(&mut self, threads_left: Option<usize>) {
        let others = self.processors + self.reserve() + 1;
        let allowed = threads_left.map_or(usize::MAX, |left| left.saturating_sub(others).max(1));
        if allowed < self.max_blocking_threads {
            tracing::info!(asked = self.max_blocking_threads, allowed, "max_blocking_threads is lowered to what the process limits leave");
            self.max_blocking_threads = allowed;
        }
    }

    /// Spares that do not end after the keep-alive: with the poller, which is none, as many threads as the runtime began with.
    pub(crate) fn keep(&self) -> usize {
        self.processors + self.reserve() - 1
    }
}

/// What the builder's thread had that worker threads shall have too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heritage {
    pub(crate) mask: SignalMask,
}

impl Heritage {
    pub(crate) fn of_current_thread() -> Self {
        Self { mask: SignalMask::current() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_limits_are_respected() {
        let lowered = |left| {
            let mut config = Config { processors: 2, ..Config::default() };
            config.respect(left);
            config.max_blocking_threads
        };
        assert_eq!(lowered(None), 512);
        assert_eq!(lowered(Some(10_000)), 512);
        // Two processors, four spares, the monitor.
        assert_eq!(lowered(Some(107)), 100);
        assert_eq!(lowered(Some(3)), 1);
    }

    #[test]
    fn a_bad_value_is_named() {
        let text = |config: Config| config.check().unwrap_err().to_string();
        assert!(text(Config { processors: 0, ..Config::default() }).starts_with("processors is 0;"));
        assert!(text(Config { processors: 5000, ..Config::default() }).contains("5000"));
        assert!(text(Config { handoff_after: Duration::ZERO, ..Config::default() }).starts_with("handoff_after"));
        assert!(text(Config { max_blocking_threads: 0, ..Config::default() }).starts_with("max_blocking_threads"));
        assert!(text(Config { thread_stack_size: Some(1), ..Config::default() }).contains("1 bytes"));
        assert!(text(Config { thread_name: "a\0b".into(), ..Config::default() }).contains("a\\0b"));
        assert_eq!(Config::default().check(), Ok(()));
    }
}
