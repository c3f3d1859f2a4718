//! How does what has a descriptor wait for it, and who is told of that?

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::Deref;
use std::os::fd::RawFd;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use handover_blocking::sys::descriptor;
use handover_reactor::{Direction, Interest, Reactor, Ready};

use crate::resource::{self, Resource};

/// The reactor's source; its waiting is told of if tasks are traced.
pub(crate) struct Source {
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
    #[cfg_attr(not(any(feature = "net", feature = "process")), expect(dead_code, reason = "what is made in an `async fn` is switched off"))]
    pub(crate) fn register(reactor: &Arc<Reactor>, fd: RawFd, interest: Interest, concrete_type: &str) -> io::Result<Self> {
        Self::register_at(reactor, fd, interest, concrete_type, None)
    }

    /// As [`register`](Self::register), for one of which it is known where it was made.
    ///
    /// # Errors
    /// Those of [`Reactor::register`].
    pub(crate) fn register_at(
        reactor: &Arc<Reactor>,
        fd: RawFd,
        interest: Interest,
        concrete_type: &str,
        at: Option<&Location<'_>>,
    ) -> io::Result<Self> {
        let source = reactor.register(fd, interest)?;
        let resource = if resource::are_traced() { Traced::show(fd, interest, concrete_type, at) } else { None };
        Ok(Self { source, resource })
    }

    fn traced<T>(&self, interest: Interest, op_name: &'static str, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        match &self.resource {
            None => poll(),
            Some(traced) => traced.resource.poll(traced.operation(interest), op_name, poll),
        }
    }

    /// As the reactor's.
    pub(crate) fn poll_io<R>(&self, cx: &mut Context<'_>, direction: Direction, f: impl FnMut() -> io::Result<R>) -> Poll<io::Result<R>> {
        self.traced(direction.interest(), "poll_io", || self.source.poll_io(cx, direction, f))
    }

    /// As the reactor's.
    #[cfg_attr(not(any(feature = "net", feature = "process")), expect(dead_code, reason = "streams are switched off"))]
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        asked: usize,
        f: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.traced(direction.interest(), "poll_transfer", || self.source.poll_transfer(cx, direction, asked, f))
    }

    /// As the reactor's.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<Ready>> {
        self.traced(direction.interest(), "poll_ready", || self.source.poll_ready(cx, direction))
    }

    /// As the reactor's, for one direction.
    pub(crate) async fn ready(&self, direction: Direction) -> io::Result<Ready> {
        self.ready_for(direction.interest()).await
    }

    /// As the reactor's `ready`.
    pub(crate) async fn ready_for(&self, interest: Interest) -> io::Result<Ready> {
        let mut ready = pin!(self.source.ready(interest));
        poll_fn(|cx| self.traced(interest, "poll_ready", || ready.as_mut().poll(cx))).await
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
    fn show(fd: RawFd, interest: Interest, concrete_type: &str, at: Option<&Location<'_>>) -> Option<Box<Self>> {
        let operations: &[&str] = match interest {
            Interest::READABLE => &["read"],
            Interest::WRITABLE => &["write"],
            _ => &["read", "write"],
        };
        let resource = Resource::show(concrete_type, &descriptor::word(fd), at, operations)?;
        resource.has_descriptor(fd.unsigned_abs().into());
        Some(Box::new(Self { resource, interest }))
    }

    /// Whoever waits for either direction is said to read.
    fn operation(&self, interest: Interest) -> usize {
        usize::from(self.interest == Interest::BOTH && interest == Interest::WRITABLE)
    }
}
