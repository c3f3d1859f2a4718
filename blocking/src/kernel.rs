//! What does the kernel say of a thread: computing, blocked, or waiting for a CPU?
//!
//! The thread's CPU clock (`clock_gettime(2)` on the clock of `pthread_getcpuclockid(3)`) tells whether it ran at all; the state letter of
//! `/proc/self/task/TID/stat` (`proc(5)`) tells a sleeper from one that waits for a CPU. Without /proc a thread that did not run counts as blocked.

use std::sync::{Once, OnceLock};
use std::time::Duration;

use crate::verdict::Kernel;

static PROC_PROBE: Once = Once::new();

/// Says so, once per process, if there is no /proc.
pub(crate) fn probe_proc() {
    PROC_PROBE.call_once(|| {
        if let Err(error) = std::fs::metadata("/proc/self/task") {
            tracing::info!(%error, "/proc is not to be had; a thread that waits for a CPU is taken for a blocked one");
        }
    });
}

/// A thread as the kernel knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KernelThread {
    tid: libc::pid_t,
    clock: libc::clockid_t,
}

impl KernelThread {
    /// The calling thread.
    pub(crate) fn current() -> Self {
        // SAFETY: gettid takes nothing and cannot fail.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) } as libc::pid_t;
        let mut clock = libc::CLOCK_THREAD_CPUTIME_ID;
        // SAFETY: `clock` outlives the call, and pthread_self is a live thread.
        let refused = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
        debug_assert_eq!(refused, 0, "pthread_getcpuclockid refused the calling thread");
        Self { tid, clock }
    }

    /// How much CPU time it has used; `None` once it has ended.
    pub(crate) fn cpu_time(self) -> Option<Duration> {
        clock(self.clock)
    }

    /// What it did since it had used `before` of CPU time.
    pub(crate) fn since(self, before: Duration) -> Kernel {
        match self.cpu_time() {
            Some(now) if now != before => Kernel::Computing,
            _ if self.state() == Some(b'R') => Kernel::Starved,
            _ => Kernel::Blocked,
        }
    }

    /// The state letter; `None` without /proc.
    fn state(self) -> Option<u8> {
        state_of(self.tid)
    }

    /// Where in the kernel it waits, if that is readable: `futex_wait_queue`, `hrtimer_nanosleep`, ...
    pub(crate) fn wait_channel(self) -> Option<String> {
        wait_channel_of(self.tid)
    }

    /// The thread id, as `gettid(2)` gives it.
    pub(crate) fn tid(self) -> i32 {
        self.tid
    }
}

/// The state letter of a thread of this process; `None` without /proc.
pub(crate) fn state_of(tid: libc::pid_t) -> Option<u8> {
    let stat = std::fs::read(format!("/proc/self/task/{tid}/stat")).ok()?;
    // The name in parentheses may hold anything, a parenthesis too: the letter follows the last one.
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(end + 2).copied()
}

/// Where in the kernel a thread of this process waits, if that is readable.
pub(crate) fn wait_channel_of(tid: libc::pid_t) -> Option<String> {
    let channel = std::fs::read_to_string(format!("/proc/self/task/{tid}/wchan")).ok()?;
    (!channel.is_empty() && channel != "0").then_some(channel)
}

/// The CPU that the calling thread runs on, or ran on a moment ago (`sched_getcpu(3)`, no system call). Where it cannot be had, all threads seem to share one, which costs
/// placement and nothing else.
pub(crate) fn current_cpu() -> u32 {
    // SAFETY: sched_getcpu takes nothing.
    let cpu = unsafe { libc::sched_getcpu() };
    u32::try_from(cpu).unwrap_or(0)
}

/// The CPU time of the process (`clock_gettime(2)`).
pub(crate) fn process_cpu_time() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID).unwrap_or(Duration::ZERO)
}

/// `None` if there is no such clock.
fn clock(id: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call; a clock that does not exist makes it fail with EINVAL.
    let refused = unsafe { libc::clock_gettime(id, &raw mut time) };
    (refused == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// How often the calling thread was preempted, or gave way (`getrusage(2)`).
pub(crate) fn preemptions() -> u64 {
    // SAFETY: rusage is plain data; all-zero is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` outlives the call, which cannot fail for the calling thread.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    u64::try_from(usage.ru_nivcsw).unwrap_or(0)
}

/// A worker thread's timer slack, in nanoseconds.
const PRECISE: libc::c_ulong = 1;
/// What a thread of the program had before the first runtime; threads and children inherit it from their maker.
static ORDINARY_SLACK: OnceLock<libc::c_ulong> = OnceLock::new();

/// Makes sleeps of the calling thread precise (`PR_SET_TIMERSLACK(2const)`: 1 ns instead of 50 us).
pub(crate) fn set_precise_sleep() {
    if let Some(slack) = timer_slack() {
        // The first to come here is the first runtime's monitor, which has its maker's.
        ORDINARY_SLACK.get_or_init(|| slack);
    }
    if let Err(error) = set_timer_slack(PRECISE) {
        tracing::debug!(%error, "the timer slack stays as it is");
    }
}

/// Takes precise sleep from the calling thread, if it has it, until the value is dropped.
pub(crate) fn ordinary_sleep() -> OrdinarySleep {
    let ordinary = ORDINARY_SLACK.get().copied().filter(|_| timer_slack() == Some(PRECISE));
    OrdinarySleep { changed: ordinary.is_some_and(|slack| set_timer_slack(slack).is_ok()) }
}

/// See [`ordinary_sleep`].
#[must_use = "sleep is precise again when this is dropped"]
pub(crate) struct OrdinarySleep {
    changed: bool,
}

impl Drop for OrdinarySleep {
    fn drop(&mut self) {
        if self.changed {
            set_precise_sleep();
        }
    }
}

/// `None` where the kernel does not tell.
fn timer_slack() -> Option<libc::c_ulong> {
    // SAFETY: this prctl takes no argument and answers with the value.
    let slack = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK, 0, 0, 0, 0) };
    libc::c_ulong::try_from(slack).ok()
}

fn set_timer_slack(nanoseconds: libc::c_ulong) -> std::io::Result<()> {
    // SAFETY: this prctl takes one integer and touches no memory of ours.
    let refused = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0) };
    if refused == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The calling thread's signal mask.
#[derive(Clone, Copy)]
pub(crate) struct SignalMask(libc::sigset_t);

impl std::fmt::Debug for SignalMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignalMask")
    }
}

impl SignalMask {
    /// Reads it.
    pub(crate) fn current() -> Self {
        // SAFETY: sigset_t is plain data; all-zero is a valid value which pthread_sigmask overwrites.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` outlives the call; a null new mask only reads.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &raw mut set) };
        Self(set)
    }

    /// Blocks or lets through one signal for the calling thread (`SIG_BLOCK`, `SIG_UNBLOCK`); what was before.
    pub(crate) fn change(how: libc::c_int, signal: libc::c_int) -> Self {
        // SAFETY: as in `current`; the pointers are to locals, and `how` and the signal are valid, so nothing can fail.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, signal);
            libc::pthread_sigmask(how, &raw const set, &raw mut before);
            Self(before)
        }
    }

    /// Whether it blocks `signal`.
    pub(crate) fn holds(&self, signal: libc::c_int) -> bool {
        // SAFETY: `self.0` is a mask that pthread_sigmask wrote.
        unsafe { libc::sigismember(&raw const self.0, signal) == 1 }
    }

    /// Makes it the calling thread's.
    pub(crate) fn apply(&self) {
        // SAFETY: `self.0` is a mask that pthread_sigmask wrote.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }

    /// Blocks every signal for the calling thread: the monitor runs nobody's handlers.
    pub(crate) fn block_all() {
        // SAFETY: as in `current`; sigfillset and pthread_sigmask get valid pointers.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut set);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        }
    }
}
