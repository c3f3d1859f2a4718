//! How does a socket wait for its peer, and who is told of it?

use std::io;
use std::ops::Deref;
use std::os::fd::RawFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, future};

use handover_reactor::{Direction, Interest, Reactor, Ready};

use crate::resource::{self, Resource};

/// The reactor's source; its waiting is told of if tasks are traced.
pub(super) struct Source {
    source: handover_reactor::Source,
    resource: Option<Box<Traced>>,
}

struct Traced {
    resource: Resource,
    interest: Interest,
}

impl Source {
    /// Registers the descriptor of a `concrete_type`, which waits for `interest`.
    ///
    /// # Errors
    /// Those of [`Reactor::register`].
    pub(super) fn register(reactor: &Arc<Reactor>, fd: RawFd, interest: Interest, concrete_type: &str) -> io::Result<Self> {
        let source = reactor.register(fd, interest)?;
        let resource = if resource::are_traced() { Traced::show(fd, interest, concrete_type) } else { None };
        Ok(Self { source, resource })
    }

    fn traced<T>(&self, direction: Direction, op_name: &'static str, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        match &self.resource {
            None => poll(),
            Some(traced) => traced.resource.poll(traced.operation(direction), op_name, poll),
        }
    }

    /// As the reactor's.
    pub(super) fn poll_io<R>(&self, cx: &mut Context<'_>, direction: Direction, f: impl FnMut() -> io::Result<R>) -> Poll<io::Result<R>> {
        self.traced(direction, "poll_io", || self.source.poll_io(cx, direction, f))
    }

    /// As the reactor's.
    pub(super) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        asked: usize,
        f: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.traced(direction, "poll_transfer", || self.source.poll_transfer(cx, direction, asked, f))
    }

    /// As the reactor's, for one direction.
    pub(super) async fn ready(&self, direction: Direction) -> io::Result<Ready> {
        let mut ready = pin!(self.source.ready(direction.interest()));
        future::poll_fn(|cx| self.traced(direction, "poll_ready", || ready.as_mut().poll(cx))).await
    }
}

/// What does not wait.
impl Deref for Source {
    type Target = handover_reactor::Source;

    fn deref(&self) -> &Self::Target {
        &self.source
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Traced {
    fn show(fd: RawFd, interest: Interest, concrete_type: &str) -> Option<Box<Self>> {
        let operations: &[&str] = if interest == Interest::READABLE { &["read"] } else { &["read", "write"] };
        let resource = Resource::show(concrete_type, "socket", None, operations)?;
        resource.has_descriptor(fd.unsigned_abs().into());
        Some(Box::new(Self { resource, interest }))
    }

    fn operation(&self, direction: Direction) -> usize {
        match direction {
            Direction::Write if self.interest == Interest::BOTH => 1,
            _ => 0,
        }
    }
}
