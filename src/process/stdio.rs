//! How does a task talk to a child through its standard input, output and error?
//!
//! Pipes of our own making: our end is non-blocking and waits in the reactor. The child's end is another file description and blocks, as programs expect of it.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use handover_reactor::{Direction, Interest, Reactor};
use mio::unix::pipe::{Receiver, Sender};

use crate::source::Source;
use crate::wiring;

/// Our end of a pipe.
#[derive(Debug)]
struct Pipe<P> {
    /// Before the pipe: it is deregistered before that is closed.
    source: Source,
    end: P,
}

impl<P: AsRawFd> Pipe<P> {
    fn register(end: P, interest: Interest, reactor: &Arc<Reactor>, concrete_type: &str) -> io::Result<Self> {
        let source = Source::register(reactor, end.as_raw_fd(), interest, concrete_type)?;
        Ok(Self { source, end })
    }
}

impl Pipe<Receiver> {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        ready!(wiring::poll_proceed(cx));
        self.source.poll_transfer(cx, Direction::Read, buffer.len(), || (&self.end).read(buffer))
    }

    fn poll_read_vectored(&self, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        ready!(wiring::poll_proceed(cx));
        let asked = buffers.iter().map(|buffer| buffer.len()).sum();
        self.source.poll_transfer(cx, Direction::Read, asked, || (&self.end).read_vectored(buffers))
    }
}

impl Pipe<Sender> {
    fn poll_write(&self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        ready!(wiring::poll_proceed(cx));
        self.source.poll_transfer(cx, Direction::Write, buffer.len(), || (&self.end).write(buffer))
    }

    fn poll_write_vectored(&self, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(wiring::poll_proceed(cx));
        let asked = buffers.iter().map(|buffer| buffer.len()).sum();
        self.source.poll_transfer(cx, Direction::Write, asked, || (&self.end).write_vectored(buffers))
    }
}

/// The standard input of a child: what is written here is read there.
///
/// Closing it (`AsyncWriteExt::close`) or dropping it tells the child that no more will come.
///
/// # Cancel safety
///
/// A write happens wholly within one poll: a dropped one has moved no bytes.
#[derive(Debug)]
pub struct ChildStdin {
    /// `None` once it was closed.
    pipe: Option<Pipe<Sender>>,
}

impl ChildStdin {
    pub(super) fn register(pipe: OwnedFd, reactor: &Arc<Reactor>) -> io::Result<Self> {
        let end = Sender::from(std::process::ChildStdin::from(pipe));
        end.set_nonblocking(true)?;
        Ok(Self { pipe: Some(Pipe::register(end, Interest::WRITABLE, reactor, "ChildStdin")?) })
    }

    fn open(&self) -> io::Result<&Pipe<Sender>> {
        self.pipe.as_ref().ok_or_else(|| io::Error::new(io::ErrorKind::BrokenPipe, "the child's standard input was closed here"))
    }

    /// Takes over a pipe to a child that the standard library started, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Outside a runtime; those of epoll_ctl(2).
    pub fn from_std(pipe: std::process::ChildStdin) -> io::Result<Self> {
        Self::register(pipe.into(), &wiring::reactor()?)
    }

    /// Gives up the pipe, which blocks from now on.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if it was closed; those of fcntl(2).
    pub fn into_owned_fd(mut self) -> io::Result<OwnedFd> {
        self.open()?;
        let Pipe { source, end } = self.pipe.take().expect("it is open");
        drop(source);
        end.set_nonblocking(false)?;
        Ok(end.into())
    }
}

impl AsyncWrite for ChildStdin {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.open()?.poll_write(cx, buffer)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.open()?.poll_write_vectored(cx, buffers)
    }

    /// Nothing to do: what was written is with the kernel.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes the pipe.
    fn poll_close(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe = None;
        Poll::Ready(Ok(()))
    }
}

impl TryFrom<ChildStdin> for Stdio {
    type Error = io::Error;

    /// For another child, which writes to this one.
    fn try_from(pipe: ChildStdin) -> io::Result<Self> {
        pipe.into_owned_fd().map(Self::from)
    }
}

/// Makes the type of an output.
macro_rules! output {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// # Cancel safety
        ///
        /// A read happens wholly within one poll: a dropped one has taken no bytes.
        #[derive(Debug)]
        pub struct $name {
            pipe: Pipe<Receiver>,
        }

        impl $name {
            pub(super) fn register(pipe: OwnedFd, reactor: &Arc<Reactor>) -> io::Result<Self> {
                let end = Receiver::from(std::process::$name::from(pipe));
                end.set_nonblocking(true)?;
                Ok(Self { pipe: Pipe::register(end, Interest::READABLE, reactor, stringify!($name))? })
            }

            /// Takes over a pipe from a child that the standard library started, and makes it non-blocking.
            ///
            /// # Errors
            ///
            /// Outside a runtime; those of epoll_ctl(2).
            pub fn from_std(pipe: std::process::$name) -> io::Result<Self> {
                Self::register(pipe.into(), &wiring::reactor()?)
            }

            /// Gives up the pipe, which blocks from now on.
            ///
            /// # Errors
            ///
            /// Those of fcntl(2).
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                let Pipe { source, end } = self.pipe;
                drop(source);
                end.set_nonblocking(false)?;
                Ok(end.into())
            }
        }

        impl AsyncRead for $name {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                self.pipe.poll_read(cx, buffer)
            }

            fn poll_read_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
                self.pipe.poll_read_vectored(cx, buffers)
            }
        }

        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            /// For another child, which reads what this one writes.
            fn try_from(pipe: $name) -> io::Result<Self> {
                pipe.into_owned_fd().map(Self::from)
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.pipe.end.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.pipe.end.as_raw_fd()
            }
        }
    };
}

output!(
    /// The standard output of a child: what is written there is read here.
    ChildStdout
);
output!(
    /// The standard error of a child: what is written there is read here.
    ChildStderr
);
