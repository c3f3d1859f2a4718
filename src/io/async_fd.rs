//! How does a task wait for a descriptor that somebody else's type owns?

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::task::{Context, Poll, ready};

use handover_reactor::{Direction, Interest};

use super::ready_guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard};
use super::refusal::explained;
use crate::source::Source;
use crate::wiring;

/// Waits until a descriptor is ready, for types that do their own I/O: a device, an inotify, a library's connection.
///
/// It means what tokio's type of this name means. It does the waiting and nothing else: it does not read or write, and touches no flags. The descriptor should be non-blocking (`O_NONBLOCK`): the readiness that was
/// seen may be gone by the time of the call, and then only `EAGAIN` tells. For descriptors that may be of any kind, or belong to other processes as well, there is [`Fd`](super::Fd).
///
/// # Readiness stays until it is cleared
///
/// The kernel reports *changes*. What was reported stays noted until a call says `EAGAIN`, which [`try_io`](AsyncFdReadyGuard::try_io) of the guard and [`async_io`](Self::async_io) take notice of. Whoever makes the
/// call by other means says so with [`clear_ready`](AsyncFdReadyGuard::clear_ready), and only after `EAGAIN`: otherwise the next change may be long in coming.
///
/// # One registration for each descriptor
///
/// A descriptor can be registered once with a runtime; a second time is an error. A duplicate (`try_clone`) has a registration of its own, and so has the same one with another runtime: each hears of every change. The
/// object belongs to the runtime in which it was made, and may be used from any other; to move it over, take it out with [`into_inner`](Self::into_inner) and make a new one there.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// use handover::io::AsyncFd;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let (ours, mut theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let ours = AsyncFd::new(ours)?;
///
/// let reader = handover::spawn(async move {
///     let mut bytes = [0; 16];
///     loop {
///         let mut guard = ours.readable().await?;
///         match guard.try_io(|ours| ours.get_ref().read(&mut bytes)) {
///             Ok(result) => return result,
///             // It was not ready after all.
///             Err(_would_block) => continue,
///         }
///     }
/// });
/// theirs.write_all(b"ready")?;
/// assert_eq!(reader.await.unwrap()?, 5);
/// # Ok(())
/// # }
/// ```
pub struct AsyncFd<T: AsFd> {
    /// Before the inner: it is deregistered before that is closed.
    source: Source,
    inner: T,
}

impl<T: AsFd> AsyncFd<T> {
    /// Registers the descriptor of `inner` with the current runtime, for reading and writing.
    ///
    /// # Errors
    ///
    /// Outside a runtime. If the descriptor cannot be waited for (`EPERM`, for example a regular file), is registered already (`EEXIST`, of kind [`AlreadyExists`](io::ErrorKind::AlreadyExists)), or for the other reasons
    /// of epoll_ctl(2); the message names the descriptor. `inner` is dropped then.
    #[track_caller]
    pub fn new(inner: T) -> io::Result<Self> {
        Self::with_interest(inner, Interest::BOTH)
    }

    /// Registers the descriptor of `inner` with the current runtime, for what `interest` says. The other side is never reported ready.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<Self> {
        let fd = inner.as_fd().as_raw_fd();
        let source = Source::register_at(&wiring::reactor()?, fd, interest, "AsyncFd", Some(Location::caller()))
            .map_err(|error| explained(fd, error))?;
        Ok(Self { source, inner })
    }

    /// The object itself.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The object itself. Its descriptor must stay the same: what is put in its place is not waited for.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Gives up the object, which is not waited for any more.
    pub fn into_inner(self) -> T {
        let Self { source, inner } = self;
        drop(source);
        inner
    }

    /// Waits until one side of `interest` is ready. Any number of tasks may wait at once.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: readiness stays until it is cleared.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        poll_fn(wiring::poll_proceed).await;
        Ok(AsyncFdReadyGuard::new(self, self.source.ready_for(interest).await?))
    }

    /// [`ready`](Self::ready), for I/O that needs the object exclusively.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn ready_mut(&mut self, interest: Interest) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        poll_fn(wiring::poll_proceed).await;
        let seen = self.source.ready_for(interest).await?;
        Ok(AsyncFdReadyMutGuard::new(self, seen))
    }

    /// Waits until a read is worth trying: there is data, the end of it, or an error.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// [`readable`](Self::readable), for I/O that needs the object exclusively.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits until a write is worth trying: there is room, or an error.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// [`writable`](Self::writable), for I/O that needs the object exclusively.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// [`readable`](Self::readable), for those who write futures by hand. One task waits: the last to call this.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    pub fn poll_read_ready<'a>(&'a self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let seen = ready!(self.poll_ready(cx, Direction::Read))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, seen)))
    }

    /// [`readable_mut`](Self::readable_mut), for those who write futures by hand. One task waits: the last to call this.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    pub fn poll_read_ready_mut<'a>(&'a mut self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let seen = ready!(self.poll_ready(cx, Direction::Read))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, seen)))
    }

    /// [`writable`](Self::writable), for those who write futures by hand. One task waits: the last to call this.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    pub fn poll_write_ready<'a>(&'a self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let seen = ready!(self.poll_ready(cx, Direction::Write))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, seen)))
    }

    /// [`writable_mut`](Self::writable_mut), for those who write futures by hand. One task waits: the last to call this.
    ///
    /// # Errors
    ///
    /// The runtime was shut down.
    pub fn poll_write_ready_mut<'a>(&'a mut self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let seen = ready!(self.poll_ready(cx, Direction::Write))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, seen)))
    }

    /// Makes the call `f` once `interest` is ready; waits if it says `WouldBlock`, calls again if a signal interrupted it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use std::os::unix::net::UnixStream;
    /// # use handover::io::{AsyncFd, Interest};
    /// # #[handover::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let (ours, mut theirs) = UnixStream::pair()?;
    /// # ours.set_nonblocking(true)?;
    /// # theirs.write_all(b"ready")?;
    /// let ours = AsyncFd::new(ours)?;
    /// let mut bytes = [0; 16];
    /// let read = ours.async_io(Interest::READABLE, |mut ours| ours.read(&mut bytes)).await?;
    /// assert_eq!(read, 5);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The runtime was shut down, or what `f` says.
    ///
    /// # Cancel safety
    ///
    /// The future is ready in the very poll in which `f` did something.
    pub async fn async_io<R>(&self, interest: Interest, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        loop {
            let mut guard = self.ready(interest).await?;
            if let Ok(result) = guard.try_io(|this| uninterrupted(|| f(&this.inner))) {
                return result;
            }
        }
    }

    /// [`async_io`](Self::async_io), for I/O that needs the object exclusively.
    ///
    /// # Errors
    ///
    /// The runtime was shut down, or what `f` says.
    ///
    /// # Cancel safety
    ///
    /// The future is ready in the very poll in which `f` did something.
    pub async fn async_io_mut<R>(&mut self, interest: Interest, mut f: impl FnMut(&mut T) -> io::Result<R>) -> io::Result<R> {
        loop {
            let mut guard = self.ready_mut(interest).await?;
            if let Ok(result) = guard.try_io(|this| uninterrupted(|| f(&mut this.inner))) {
                return result;
            }
        }
    }

    /// Makes the call `f` if `interest` was seen ready; if it says `WouldBlock`, that is noted.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it was not seen ready, and then `f` is not called; the runtime was shut down; or what `f` says.
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        let Poll::Ready(seen) = self.source.look(interest) else { return Err(io::ErrorKind::WouldBlock.into()) };
        AsyncFdReadyGuard::new(self, seen?).try_io(|this| f(&this.inner)).unwrap_or_else(|_| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// [`try_io`](Self::try_io), for I/O that needs the object exclusively.
    ///
    /// # Errors
    ///
    /// As [`try_io`](Self::try_io).
    pub fn try_io_mut<R>(&mut self, interest: Interest, f: impl FnOnce(&mut T) -> io::Result<R>) -> io::Result<R> {
        let Poll::Ready(seen) = self.source.look(interest) else { return Err(io::ErrorKind::WouldBlock.into()) };
        AsyncFdReadyMutGuard::new(self, seen?).try_io(|this| f(&mut this.inner)).unwrap_or_else(|_| Err(io::ErrorKind::WouldBlock.into()))
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<handover_reactor::Ready>> {
        ready!(wiring::poll_proceed(cx));
        self.source.poll_ready(cx, direction)
    }
}

/// Makes the call again for as long as a signal interrupts it; see signal(7).
pub(super) fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", &self.inner).finish_non_exhaustive()
    }
}
