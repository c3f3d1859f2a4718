//! When does a process end, and how is it reaped just once?
//!
//! By a pidfd if there is one: it becomes readable at the end, and a signal sent through it never reaches another process that was given the same number. Otherwise (Linux before 5.3, a sandbox, no descriptors left) by
//! SIGCHLD, after each of which waitpid(2) is asked.
//!
//! Only the standard library's `Child` reaps, and it keeps the status: once it has it, neither a wait nor a kill makes a system call again.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::ExitStatus;
use std::task::{Context, Poll, ready};

use handover_blocking::sys::calls;
use handover_reactor::{Direction, Interest};

use crate::runtime::Handle;
use crate::signal::SignalKind;
use crate::signal::unix::{self, Signal};
use crate::source::Source;
use crate::wiring;

/// A process that was started here and may not be reaped yet.
#[derive(Debug)]
pub(super) struct Running {
    /// Since somebody waits. Before the pidfd: it is deregistered before that is closed.
    watch: Option<Watch>,
    pidfd: Option<OwnedFd>,
    std: std::process::Child,
    /// The runtime in which it was started.
    handle: Handle,
    is_reaped: bool,
}

/// Who tells of the end.
#[derive(Debug)]
enum Watch {
    PidFd(Source),
    Children(Signal),
}

impl Running {
    pub(super) fn new(std: std::process::Child, handle: Handle) -> Self {
        // Before anybody can have reaped it, so it is this process and no other. Without it, SIGCHLD serves.
        let pidfd = libc::pid_t::try_from(std.id()).ok().and_then(|pid| calls::pidfd_open(pid, 0).ok());
        Self { watch: None, pidfd, std, handle, is_reaped: false }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// `None` once it is reaped: the number may be another's then.
    pub(super) fn id(&self) -> Option<u32> {
        (!self.is_reaped).then(|| self.std.id())
    }

    /// The process without its watch, to be asked now and then.
    pub(super) fn into_std(self) -> std::process::Child {
        self.std
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.std.try_wait()?;
        if status.is_some() {
            self.is_reaped = true;
            self.watch = None;
            self.pidfd = None;
        }
        Ok(status)
    }

    /// SIGKILL, if it is not reaped. One that has ended by itself does not mind.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        match &self.pidfd {
            Some(pidfd) => match calls::pidfd_send_signal(pidfd.as_fd(), libc::SIGKILL, 0) {
                // Reaped behind our back: by another's wait(2), or by the system where SIGCHLD is ignored.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
                // A sandbox may know the one call and not the other. The process is not reaped, so its number is its own.
                Err(_) => self.std.kill(),
                Ok(()) => Ok(()),
            },
            None => self.std.kill(),
        }
    }

    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        poll_fn(|cx| self.poll_wait(cx)).await
    }

    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        ready!(wiring::poll_proceed(cx));
        if self.watch.is_none() {
            // Most who wait late, after the output's end say, need no watch.
            if let Some(status) = self.try_wait()? {
                return Poll::Ready(Ok(status));
            }
            self.watch = Some(self.start_watch()?);
        }
        let status = ready!(self.poll_watch(cx))?;
        Poll::Ready(self.try_wait().map(|kept| kept.unwrap_or(status)))
    }

    fn start_watch(&self) -> io::Result<Watch> {
        let reactor = self.handle.reactor();
        let source = self.pidfd.as_ref().map(|pidfd| Source::register(reactor, pidfd.as_raw_fd(), Interest::READABLE, "Child"));
        match source {
            Some(Ok(source)) => Ok(Watch::PidFd(source)),
            // If the runtime was shut down, the listener says so.
            Some(Err(_)) | None => unix::listen(reactor, SignalKind::child(), None).map(Watch::Children),
        }
    }

    /// The status, when the watch has told of the end and it was reaped.
    fn poll_watch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let std = &mut self.std;
        match &mut self.watch {
            Some(Watch::PidFd(source)) => {
                source.poll_io(cx, Direction::Read, || std.try_wait()?.ok_or_else(|| io::ErrorKind::WouldBlock.into()))
            }
            Some(Watch::Children(children)) => loop {
                // After the listener was made, so that no end falls between.
                if let Some(status) = std.try_wait()? {
                    return Poll::Ready(Ok(status));
                }
                if ready!(children.poll_recv(cx)).is_none() {
                    return Poll::Ready(Err(handover_reactor::Error::ShutDown.into()));
                }
            },
            None => unreachable!("`poll_wait` has started the watch"),
        }
    }
}
