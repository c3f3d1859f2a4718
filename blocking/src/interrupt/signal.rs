//! Which signal ends a system call, and how is it sent?
//!
//! The highest real-time signal that nobody uses when the first interruptible call begins. A runtime has no claim to a certain one: SIGURG is Go's, SIGUSR1 and SIGUSR2 are the user's. One that has no handler but is blocked may be somebody's who waits for it
//! (sigwaitinfo(2), signalfd(2)), and is taken only if there is no other.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, io, mem, ptr};

use crate::kernel::SignalMask;

/// A signal with a handler of ours, which does nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signal(libc::c_int);

/// A thread that signals can be sent to. Not kept beyond the call that it is in.
#[derive(Clone, Copy)]
pub(super) struct Target(libc::pthread_t);

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target")
    }
}

/// The calling thread lets the signal through until this is dropped.
#[derive(Debug)]
#[must_use = "the signal is blocked again when this is dropped"]
pub(super) struct Unblocked {
    signal: Signal,
    was_blocked: bool,
}

/// It need do nothing: that it was called is why the system call returns.
extern "C" fn on_interrupt(_signal: libc::c_int) {}

fn handler() -> libc::sighandler_t {
    on_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t
}

impl Target {
    /// The calling thread.
    pub(super) fn current() -> Self {
        // SAFETY: pthread_self takes nothing and cannot fail.
        Self(unsafe { libc::pthread_self() })
    }
}

impl Signal {
    /// The signal of this process; `None` if other handlers have all of them, which is said once.
    pub(super) fn get() -> Option<Self> {
        static CHOSEN: OnceLock<Option<Signal>> = OnceLock::new();
        static WARNED: AtomicBool = AtomicBool::new(false);
        let chosen = *CHOSEN.get_or_init(Self::choose);
        // Outside the initialisation: the subscriber may make such a call itself.
        if chosen.is_none() && !WARNED.swap(true, Ordering::Relaxed) {
            tracing::warn!("every real-time signal has a handler: no blocking call is interrupted when its task is aborted");
        }
        chosen
    }

    fn choose() -> Option<Self> {
        let blocked = SignalMask::current();
        let all = || (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev().map(Signal);
        all().filter(|signal| !blocked.holds(signal.0)).chain(all()).find(|signal| signal.take())
    }

    /// Installs the handler, if the signal has none.
    fn take(self) -> bool {
        if self.action() != libc::SIG_DFL {
            return false;
        }
        // SAFETY: sigaction is plain data; all-zero is an empty mask and no flags. Without SA_RESTART: that is the point. With SA_ONSTACK, as a handler must where threads have
        // small stacks of foreign making.
        let mut ours: libc::sigaction = unsafe { mem::zeroed() };
        ours.sa_sigaction = handler();
        ours.sa_flags = libc::SA_ONSTACK;
        // SAFETY: as above; sigaction overwrites it.
        let mut before: libc::sigaction = unsafe { mem::zeroed() };
        // SAFETY: both structures outlive the call, and the handler is async-signal-safe: it does nothing.
        if unsafe { libc::sigaction(self.0, &raw const ours, &raw mut before) } != 0 {
            return false;
        }
        if before.sa_sigaction == libc::SIG_DFL {
            return true;
        }
        // Somebody was quicker.
        // SAFETY: `before` is what the kernel wrote.
        unsafe { libc::sigaction(self.0, &raw const before, ptr::null_mut()) };
        false
    }

    /// What happens now when it comes.
    fn action(self) -> libc::sighandler_t {
        // SAFETY: as in `take`; a null new action only reads.
        unsafe {
            let mut now: libc::sigaction = mem::zeroed();
            libc::sigaction(self.0, ptr::null(), &raw mut now);
            now.sa_sigaction
        }
    }

    /// Sends it to `target`.
    ///
    /// # Errors
    /// When somebody else has taken the signal meanwhile (its default action would end the process), or its queue is full (EAGAIN).
    ///
    /// # Safety
    /// The thread has not ended.
    pub(super) unsafe fn send(self, target: Target) -> io::Result<()> {
        if self.action() != handler() {
            return Err(io::Error::other(format!("signal {} has another handler now", self.0)));
        }
        // SAFETY: the caller's promise.
        match unsafe { libc::pthread_kill(target.0, self.0) } {
            0 => Ok(()),
            refused => Err(io::Error::from_raw_os_error(refused)),
        }
    }

    /// Lets it through to the calling thread. Those that are pending are delivered before this returns, as before the return of any system call.
    pub(super) fn unblock(self) -> Unblocked {
        let before = SignalMask::change(libc::SIG_UNBLOCK, self.0);
        Unblocked { signal: self, was_blocked: before.holds(self.0) }
    }
}

impl Unblocked {
    /// Has what is pending delivered now, also if the call has blocked the signal and left it so.
    pub(super) fn deliver_pending(&self) {
        SignalMask::change(libc::SIG_UNBLOCK, self.signal.0);
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        if self.was_blocked {
            SignalMask::change(libc::SIG_BLOCK, self.signal.0);
        }
    }
}
