//! How does a thread sleep until a time that others may move?
//!
//! timerfd_create(2): a descriptor that becomes readable at a time, which any thread may set; ppoll(2) waits for it.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

/// A timer of the kernel's that is off at first.
#[derive(Debug)]
pub(crate) struct TimerFd(OwnedFd);

impl TimerFd {
    /// # Errors
    /// Those of timerfd_create(2): no descriptors left, or a sandbox that forbids it.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Expires after `delay`, and stays so until it is set again; zero turns it off.
    pub(crate) fn set(&self, delay: Duration) {
        let value = libc::itimerspec { it_interval: timespec(Duration::ZERO), it_value: timespec(delay) };
        // SAFETY: `value` outlives the call, and the old value is not asked for.
        let refused = unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const value, ptr::null_mut()) };
        if refused != 0 {
            // Only EBADF is left. To unwind from here would lose a processor, and to go on the monitor.
            eprintln!("handover: timerfd_settime: {}; a descriptor that belongs to the runtime was closed", io::Error::last_os_error());
            std::process::abort();
        }
    }

    /// Sleeps until it has expired, or for `limit`. May return early.
    pub(crate) fn wait(&self, limit: Option<Duration>) {
        let limit = limit.map(timespec);
        let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
        let mut fd = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, which outlives the call as the limit does; no signal mask. A failure is an early return: EINTR, or ENOMEM.
        unsafe { libc::ppoll(&raw mut fd, 1, limit, ptr::null()) };
    }
}

fn timespec(duration: Duration) -> libc::timespec {
    let seconds = libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX);
    libc::timespec { tv_sec: seconds, tv_nsec: duration.subsec_nanos() as libc::c_long }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_wakes_when_it_is_due_and_not_once_it_is_off() {
        let timer = TimerFd::new().expect("a descriptor");
        let start = Instant::now();
        timer.set(5 * MS);
        timer.wait(None);
        assert!(start.elapsed() >= 5 * MS);
        timer.wait(None);
        timer.set(Duration::ZERO);
        let start = Instant::now();
        timer.wait(Some(10 * MS));
        assert!(start.elapsed() >= 10 * MS, "it was turned off");
    }
}
