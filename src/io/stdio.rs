//! How does a task use the process's standard input, output and error?

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::{Fd, Interest};
use crate::by_reference::by_reference;

/// The standard input of the process.
///
/// It is read unbuffered: `futures::io::BufReader` has lines. What another handle, or [`std::io::stdin`], has read ahead into a buffer of its own is not seen here.
///
/// A terminal or a pipe is waited for in the reactor, so a task that waits for a line holds no thread; a file is read inline. The flags of the descriptor stay as they are, since they are the shell's as well; see [`Fd`].
///
/// Each handle duplicates the descriptor when it is first used, so there may be many of them, and what is not used costs nothing. It then belongs to the runtime that it was used in.
///
/// # Cancel safety
///
/// A dropped read has taken nothing.
///
/// # Examples
///
/// ```
/// use futures::io::{AsyncBufReadExt, BufReader};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut line = String::new();
/// BufReader::new(handover::io::stdin()).read_line(&mut line).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn stdin() -> Stdin {
    Stdin(Stream::new(std::io::stdin(), Interest::READABLE, "Stdin"))
}

/// The standard output of the process.
///
/// It is not buffered: what a finished write has written is with the kernel, so nothing is lost when the process ends, and a small write is a system call. `futures::io::BufWriter` and `LineWriter` gather. What
/// `println!` holds back of an unfinished line comes after it, unless it is flushed before.
///
/// Flags stay as they are, and handles are as those of [`stdin`].
///
/// # Cancel safety
///
/// A dropped write has written nothing.
///
/// # Examples
///
/// ```
/// use futures::io::AsyncWriteExt;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// handover::io::stdout().write_all(b"there it is\n").await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn stdout() -> Stdout {
    Stdout(Stream::new(std::io::stdout(), Interest::WRITABLE, "Stdout"))
}

/// The standard error of the process. It is as [`stdout`].
///
/// # Examples
///
/// ```
/// use futures::io::AsyncWriteExt;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// handover::io::stderr().write_all(b"nothing went wrong\n").await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn stderr() -> Stderr {
    Stderr(Stream::new(std::io::stderr(), Interest::WRITABLE, "Stderr"))
}

/// A handle of the standard input; see [`stdin`].
pub struct Stdin(Stream<std::io::Stdin>);

/// A handle of the standard output; see [`stdout`].
pub struct Stdout(Stream<std::io::Stdout>);

/// A handle of the standard error; see [`stderr`].
pub struct Stderr(Stream<std::io::Stderr>);

/// One of the three, duplicated and registered when it is first used. Std's object is here for its descriptor; its lock and its buffer are not used.
struct Stream<S> {
    std: S,
    interest: Interest,
    /// As what it is shown.
    concrete_type: &'static str,
    made_at: &'static Location<'static>,
    fd: OnceLock<Fd>,
}

impl<S: AsFd> Stream<S> {
    #[track_caller]
    fn new(std: S, interest: Interest, concrete_type: &'static str) -> Self {
        Self { std, interest, concrete_type, made_at: Location::caller(), fd: OnceLock::new() }
    }

    fn fd(&self) -> io::Result<&Fd> {
        if let Some(fd) = self.fd.get() {
            return Ok(fd);
        }
        let duplicate = self.std.as_fd().try_clone_to_owned()?;
        let fd = Fd::of_type(duplicate, self.interest, self.concrete_type, Some(self.made_at))?;
        // If another task has come first, this one is closed again.
        Ok(self.fd.get_or_init(|| fd))
    }
}

impl AsyncRead for &Stdin {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.fd()?).poll_read(cx, buffer)
    }

    fn poll_read_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.fd()?).poll_read_vectored(cx, buffers)
    }
}

by_reference!(Read for Stdin);

macro_rules! descriptor {
    ($($stream:ident)*) => {
        $(
            impl $stream {
                pub(super) fn fd(&self) -> io::Result<&Fd> {
                    self.0.fd()
                }
            }

            impl AsFd for $stream {
                fn as_fd(&self) -> BorrowedFd<'_> {
                    self.0.std.as_fd()
                }
            }

            impl AsRawFd for $stream {
                fn as_raw_fd(&self) -> RawFd {
                    self.as_fd().as_raw_fd()
                }
            }

            impl fmt::Debug for $stream {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_struct(stringify!($stream)).finish_non_exhaustive()
                }
            }
        )*
    };
}

descriptor!(Stdin Stdout Stderr);

macro_rules! output {
    ($($stream:ident)*) => {
        $(
            impl AsyncWrite for &$stream {
                fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                    Pin::new(&mut self.0.fd()?).poll_write(cx, buffer)
                }

                fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                    Pin::new(&mut self.0.fd()?).poll_write_vectored(cx, buffers)
                }

                /// Ready at once: the kernel has every byte of a finished write.
                fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(()))
                }

                /// Ready at once: the stream is the process's, and stays open.
                fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(()))
                }
            }

            by_reference!(Write for $stream);
        )*
    };
}

output!(Stdout Stderr);
