//! How does a task wait for one descriptor, and use it when it is ready?

use std::fmt;
use std::future;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use mio::Token;

use crate::cell::Cell;
use crate::interest::{Direction, Interest};
use crate::reactor::Reactor;
use crate::readiness::Ready;

/// A registered file descriptor.
///
/// It does not own the descriptor. Whoever does drops the `Source` first: a descriptor that is closed while registered is never ready again, unless a duplicate keeps the file open. Others
/// that are given its number are not touched.
pub struct Source {
    reactor: Arc<Reactor>,
    cell: Arc<Cell>,
    token: Token,
    fd: RawFd,
}

impl Source {
    pub(crate) fn new(reactor: Arc<Reactor>, cell: Arc<Cell>, token: Token, fd: RawFd) -> Self {
        Self { reactor, cell, token, fd }
    }

    /// The reactor that it is registered with.
    pub fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }

    /// Lets the first call be made before the poller has reported anything, which spares a newly accepted connection a round through
    /// it. If the guess is wrong, the call says `EAGAIN` and the task waits then. Not for a connection that is being made: it would
    /// look made.
    pub fn assume_ready(&self, interest: Interest) {
        self.cell.assume(interest);
    }

    /// Ready when a call in `direction` is worth making. One task waits per direction: the last to call this.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`](crate::Error::ShutDown), after [`Reactor::close`].
    pub fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<Ready>> {
        self.cell.poll_ready(cx, direction).map_err(io::Error::from)
    }

    /// Waits until one side of `interest` is ready. Any number of futures may wait at once.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`](crate::Error::ShutDown), after [`Reactor::close`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: the readiness stays until a call says `EAGAIN`.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        let mut listed = Listed { cell: &self.cell, place: None };
        let found = future::poll_fn(|cx| listed.cell.poll_listed(cx, &mut listed.place, interest)).await;
        Ok(found?)
    }

    /// What is known about `interest` now, without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`](crate::Error::ShutDown), after [`Reactor::close`].
    pub fn look(&self, interest: Interest) -> Poll<io::Result<Ready>> {
        self.cell.look(interest).map_err(io::Error::from)
    }

    /// A call said `EAGAIN`: what was `seen` no longer holds, unless it was reported anew in between.
    pub fn clear(&self, seen: Ready) {
        self.cell.exhaust(seen);
    }

    /// Makes the call `f` if `direction` was seen ready, again if a signal interrupted it.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it is not ready, [`Error::ShutDown`](crate::Error::ShutDown), or what `f` says.
    pub fn try_io<R>(&self, direction: Direction, mut f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let Poll::Ready(seen) = self.cell.look(direction.interest()) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        self.attempt(seen?, &mut f)
    }

    /// Makes the call `f` once `direction` is ready; waits if it says `WouldBlock`, calls again if it says `Interrupted`.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`](crate::Error::ShutDown), or what `f` says.
    pub fn poll_io<R>(&self, cx: &mut Context<'_>, direction: Direction, mut f: impl FnMut() -> io::Result<R>) -> Poll<io::Result<R>> {
        loop {
            let seen = ready!(self.poll_ready(cx, direction))?;
            match self.attempt(seen, &mut f) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// The same for a call that moves up to `asked` bytes over a *stream*: a smaller count counts as `EAGAIN` for the next call.
    ///
    /// # Errors
    ///
    /// As [`poll_io`](Self::poll_io).
    pub fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        asked: usize,
        mut f: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let seen = ready!(self.poll_ready(cx, direction))?;
            match self.attempt(seen, &mut f) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(moved) => {
                    self.moved(seen, moved, asked);
                    return Poll::Ready(Ok(moved));
                }
                error => return Poll::Ready(error),
            }
        }
    }

    /// As [`try_io`](Self::try_io), for a call that moves up to `asked` bytes over a stream.
    ///
    /// # Errors
    ///
    /// As [`try_io`](Self::try_io).
    pub fn try_transfer(&self, direction: Direction, asked: usize, mut f: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        let Poll::Ready(seen) = self.cell.look(direction.interest()) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let seen = seen?;
        let moved = self.attempt(seen, &mut f)?;
        self.moved(seen, moved, asked);
        Ok(moved)
    }

    /// One call, over again while signals interrupt it; `EAGAIN` clears what was seen.
    fn attempt<R>(&self, seen: Ready, f: &mut impl FnMut() -> io::Result<R>) -> io::Result<R> {
        loop {
            match f() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.cell.exhaust(seen);
                    return Err(error);
                }
                result => return result,
            }
        }
    }

    /// Zero is the end of a stream (or an empty request) and tells nothing about the next call.
    fn moved(&self, seen: Ready, moved: usize, asked: usize) {
        if 0 < moved && moved < asked {
            self.cell.drain(seen);
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.reactor.deregister(self.token, self.fd);
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("fd", &self.fd).finish_non_exhaustive()
    }
}

/// A readiness future's place in the list; given back when the future is dropped.
struct Listed<'a> {
    cell: &'a Cell,
    place: Option<usize>,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.cell.leave(&mut self.place);
    }
}
