//! What must not leak from a worker thread into the child that it starts?
//!
//! - **A handler that runs in the child.** Between fork(2) and execve(2) the child has the parent's handlers, which would write to the parent's descriptors, or take locks that nobody will give back. So all
//!   signals are blocked around fork, and the child sets every handler to the default before it lets any through. (A C library's posix_spawn(3) does the same by itself.)
//! - **The mask of that moment.** The child gets the mask that the thread had before.
//! - **Precise sleep.** Worker threads have a timer slack of 1 ns, and children inherit it for good, prctl(2): a program that sleeps a lot would wake up more often than it should.

use std::sync::{Mutex, PoisonError, TryLockError};
use std::{io, mem, ptr};

use crate::kernel::{self, SignalMask};

/// Runs `start`, which starts a child process on this thread, with the timer slack that the program had before there was a runtime.
pub fn with_ordinary_sleep<T>(start: impl FnOnce() -> T) -> T {
    let _restored_at_the_end = kernel::ordinary_sleep();
    start()
}

/// Runs `exec`, which replaces the process or fails, and puts back what SIGPIPE does if it fails. The standard library has set it to the default by then, and a program that goes on with that is ended by the next broken pipe.
pub fn keeping_sigpipe<T>(exec: impl FnOnce() -> T) -> T {
    let before = action(libc::SIGPIPE);
    let failed = exec();
    if let Some(before) = before {
        // SAFETY: `before` is what the kernel wrote, and outlives the call. It was in force a moment ago, so it is not refused.
        unsafe { libc::sigaction(libc::SIGPIPE, &raw const before, ptr::null_mut()) };
    }
    failed
}

/// What happens when `signal` comes; `None` for those that the C library keeps for itself.
fn action(signal: libc::c_int) -> Option<libc::sigaction> {
    // SAFETY: sigaction is plain data, which the kernel overwrites.
    let mut now: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: `now` outlives the call; a null new action only reads.
    let refused = unsafe { libc::sigaction(signal, ptr::null(), &raw mut now) } != 0;
    (!refused).then_some(now)
}

/// The signals of a thread that forks: blocked in the parent, put right in the child.
#[derive(Debug, Default)]
pub struct ForkSignals {
    /// The mask of the forking thread; `None` while nobody forks.
    before: Mutex<Option<SignalMask>>,
}

/// Ends what [`ForkSignals::blocked`] began, after a panic too.
struct Restored<'a>(&'a ForkSignals);

impl ForkSignals {
    /// Runs `fork` with all signals blocked. Whoever owns `self` lets one thread do so at a time.
    pub fn blocked<T>(&self, fork: impl FnOnce() -> T) -> T {
        let before = SignalMask::current();
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        let _restored = Restored(self);
        SignalMask::block_all();
        fork()
    }

    /// In the child: every handler becomes the default action, then the mask is that of the parent's thread again. Nothing at all outside [`blocked`](Self::blocked), so that a program which
    /// replaces *itself* keeps its handlers if that fails.
    ///
    /// Allocates nothing and waits for nothing, as it must between fork and exec.
    ///
    /// # Errors
    /// Those of sigaction(2).
    pub fn put_right_in_child(&self) -> io::Result<()> {
        let before = match self.before.try_lock() {
            Ok(mut before) => before.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            // Nobody holds it at the time of the fork: the forking thread has let go of it, and it is the only one.
            Err(TryLockError::WouldBlock) => None,
        };
        let Some(before) = before else { return Ok(()) };
        for signal in 1..=libc::SIGRTMAX() {
            drop_handler(signal)?;
        }
        before.apply();
        Ok(())
    }
}

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.0.before.lock().unwrap_or_else(PoisonError::into_inner).take() {
            before.apply();
        }
    }
}

/// The default action for `signal` if it has a handler; one that is ignored stays so, as execve(2) has it.
fn drop_handler(signal: libc::c_int) -> io::Result<()> {
    let has_handler = action(signal).is_some_and(|now| now.sa_sigaction != libc::SIG_DFL && now.sa_sigaction != libc::SIG_IGN);
    if !has_handler {
        return Ok(());
    }
    // SAFETY: sigaction is plain data; all-zero stands for the default action with an empty mask.
    let default: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: `default` outlives the call, and the old action is not asked for.
    let refused = unsafe { libc::sigaction(signal, &raw const default, ptr::null_mut()) } != 0;
    if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_blocked_inside_and_as_before_outside() {
        let signals = ForkSignals::default();
        let blocked = |signal| SignalMask::current().holds(signal);
        assert!(!blocked(libc::SIGUSR1));
        assert!(signals.blocked(|| blocked(libc::SIGUSR1) && blocked(libc::SIGTERM)));
        assert!(!blocked(libc::SIGUSR1));
        let panicked = std::panic::catch_unwind(|| signals.blocked(|| panic!("a builder's closure")));
        assert!(panicked.is_err() && !blocked(libc::SIGUSR1));
    }

    #[test]
    fn without_a_fork_nothing_is_put_right() {
        extern "C" fn on_signal(_signal: libc::c_int) {}
        // SAFETY: sigaction is plain data; the handler does nothing.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: `action` outlives the calls; a null new action only reads.
        unsafe {
            assert_eq!(libc::sigaction(libc::SIGUSR2, &raw const action, ptr::null_mut()), 0);
            ForkSignals::default().put_right_in_child().expect("there is nothing to do");
            let mut now: libc::sigaction = mem::zeroed();
            assert_eq!(libc::sigaction(libc::SIGUSR2, ptr::null(), &raw mut now), 0);
            assert_eq!(now.sa_sigaction, action.sa_sigaction);
        }
    }
}
