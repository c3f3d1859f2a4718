//! How does a wait in epoll end at a point in time finer than its millisecond?
//!
//! Epoll's timeout counts milliseconds, and mio rounds it up. A timerfd is a descriptor that becomes readable at a time given in
//! nanoseconds; it is registered once, edge-triggered, and never read: setting it again takes its tick back and makes the next expiry a
//! new edge. See timerfd_create(2). The kernel gives it no timer slack.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Registry, Token};

use crate::clock::{Clock, Moment};

/// A timerfd on the monotonic clock.
#[derive(Debug)]
pub(crate) struct Alarm {
    fd: OwnedFd,
    /// The clock's start as the kernel counts it.
    start: Duration,
    /// What it is set to.
    set_to: Moment,
}

impl Alarm {
    /// A new one, off, whose expiry shows as an event of `token`.
    ///
    /// # Errors
    ///
    /// Those of timerfd_create(2) and epoll_ctl(2): no descriptors left, or a sandbox that forbids it.
    pub(crate) fn new(clock: &Clock, registry: &Registry, token: Token) -> io::Result<Self> {
        let fd = timerfd_create()?;
        registry.register(&mut SourceFd(&fd.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Self { fd, start: kernel_start(clock)?, set_to: Moment::NEVER })
    }

    /// Goes off at `moment`, or not at all. Costs a system call only if that changed.
    ///
    /// # Errors
    ///
    /// Those of timerfd_settime(2).
    pub(crate) fn set(&mut self, moment: Moment) -> io::Result<()> {
        if moment == self.set_to {
            return Ok(());
        }
        // Zero turns it off.
        let at = if moment.is_never() { Duration::ZERO } else { self.start + moment.since(Moment::START) };
        timerfd_settime(&self.fd, at)?;
        self.set_to = moment;
        Ok(())
    }
}

/// The start of `clock` on the kernel's monotonic clock.
///
/// Rust does not say how an `Instant` counts, so both clocks are read side by side. Being put off between the two readings would make
/// every alarm late by as much: the closest of a few pairs is taken.
fn kernel_start(clock: &Clock) -> io::Result<Duration> {
    const TRIES: usize = 8;
    let mut best = (Duration::MAX, Duration::ZERO);
    for _ in 0..TRIES {
        let before = Instant::now();
        let kernel = clock_monotonic()?;
        let apart = before.elapsed();
        if apart < best.0 {
            let since_start = clock.moment(before).since(Moment::START);
            best = (apart, kernel.saturating_sub(since_start));
        }
    }
    Ok(best.1)
}

#[allow(unsafe_code, reason = "system calls that neither std nor mio offers; nothing else in this crate makes any")]
fn timerfd_create() -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[allow(unsafe_code, reason = "see `timerfd_create`")]
fn timerfd_settime(fd: &OwnedFd, at: Duration) -> io::Result<()> {
    let once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let value = libc::itimerspec { it_interval: once, it_value: timespec(at) };
    // SAFETY: `value` is a whole itimerspec that outlives the call, and the old value is not asked for.
    let result = unsafe { libc::timerfd_settime(fd.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &value, ptr::null_mut()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[allow(unsafe_code, reason = "see `timerfd_create`")]
fn clock_monotonic() -> io::Result<Duration> {
    let mut now = timespec(Duration::ZERO);
    // SAFETY: `now` is a whole timespec for the kernel to write to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
}

/// At most 73 years and the machine's uptime: fits wherever the kernel counts in 64 bits.
fn timespec(duration: Duration) -> libc::timespec {
    libc::timespec { tv_sec: duration.as_secs() as libc::time_t, tv_nsec: duration.subsec_nanos() as libc::c_long }
}
