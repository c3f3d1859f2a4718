//! How does a bare loop learn which sockets are ready?
//!
//! epoll(7) itself, level-triggered, with nothing in between: for the load generator and for the `epoll` floor.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// More than one turn brings for the workloads here.
const EVENTS_PER_TURN: usize = 1024;

/// An epoll instance, closed on drop.
pub(crate) struct Epoll(OwnedFd);

/// Room for the events of one turn.
pub(crate) struct Events(Vec<libc::epoll_event>);

impl Events {
    pub(crate) fn new() -> Self {
        Self(vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_PER_TURN])
    }
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Watches `source` for readability, as `key`. It stays watched until it is closed.
    pub(crate) fn add(&self, source: &impl AsFd, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: key };
        let source = source.as_fd().as_raw_fd();
        // SAFETY: both descriptors are open for the time of the call, and `event` outlives it.
        let result = unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, source, &raw mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits for at most `timeout`; the keys of the sources that are ready, none if the time was over.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Duration) -> io::Result<impl ExactSizeIterator<Item = u64>> {
        let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let room = i32::try_from(events.0.len()).unwrap_or(i32::MAX);
        let count = loop {
            // SAFETY: the kernel writes at most `room` events, which is the length of the buffer.
            let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.0.as_mut_ptr(), room, timeout) };
            if count >= 0 {
                break count.unsigned_abs() as usize;
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        };
        Ok(events.0[..count].iter().map(|event| event.u64))
    }
}
