//! Which readers and writers does the kernel know, and as what?
//!
//! A trait that each type implements, because nothing else is both safe and right. Stable Rust cannot ask a generic `R` whether it is a `File`: `Any` needs `'static`, which a borrowed reader is not, and comparing types
//! without lifetimes is unsafe. A question that travels through `poll_read` would be answered by the file at the bottom of a `Take` or a decoder, which passes reads on, and the copy would go around it. So a type
//! says it of itself, and one that changes, counts or limits the bytes says nothing.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use handover_blocking::sys::descriptor::Kind;
use handover_reactor::Direction;

use crate::io::fd::Route;
use crate::io::{Fd, Stderr, Stdin, Stdout};
use crate::source::Source;

/// A reader that [`copy`](super::copy) takes.
///
/// A type of your own needs an empty `impl`. One that hands the bytes of another one on unchanged may hand on its [`endpoint`](Self::endpoint) as well; one that changes, counts, limits or buffers them must not.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use handover::io::CopySource;
///
/// struct Zeros(usize);
///
/// impl futures::io::AsyncRead for Zeros {
///     fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
///         let count = buffer.len().min(self.0);
///         self.0 -= count;
///         buffer[..count].fill(0);
///         Poll::Ready(Ok(count))
///     }
/// }
///
/// impl CopySource for Zeros {}
///
/// # #[handover::main]
/// # async fn main() -> io::Result<()> {
/// let mut copied = Vec::new();
/// assert_eq!(handover::io::copy(&mut Zeros(100), &mut copied).await?, 100);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether the kernel can read it",
    note = "for a reader of another crate's use `handover::io::Plain(reader)`, or `futures::io::copy`; for one of your own write `impl CopySource for .. {{}}`"
)]
pub trait CopySource: AsyncRead {
    /// The descriptor that the kernel can read instead. None unless said otherwise.
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        None
    }
}

/// A writer that [`copy`](super::copy) takes. What is said of [`CopySource`] holds here, too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether the kernel can write it",
    note = "for a writer of another crate's use `handover::io::Plain(writer)`, or `futures::io::copy`; for one of your own write `impl CopySink for .. {{}}`"
)]
pub trait CopySink: AsyncWrite {
    /// The descriptor that the kernel can write instead. None unless said otherwise.
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        None
    }
}

/// A descriptor that the kernel can read or write on behalf of the type that has given it.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    pub(super) fd: BorrowedFd<'a>,
    pub(super) nature: Nature<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Nature<'a> {
    /// A file, or whatever else is used by calls that wait.
    Stored,
    /// A pipe. Calls on it are told not to wait, whatever its flags.
    Pipe(&'a Source),
    /// A stream socket that is non-blocking.
    #[cfg_attr(not(feature = "net"), expect(dead_code, reason = "sockets are switched off"))]
    Socket(&'a Source),
}

impl<'a> Endpoint<'a> {
    #[cfg(feature = "fs")]
    fn stored(fd: BorrowedFd<'a>) -> Self {
        Self { fd, nature: Nature::Stored }
    }

    #[cfg(feature = "net")]
    fn socket(fd: BorrowedFd<'a>, source: &'a Source) -> Self {
        Self { fd, nature: Nature::Socket(source) }
    }

    /// Sockets of unknown type are not for the kernel: if they carry messages, splice(2) would join them. Nor are terminals and devices that make one wait: splice(2) has no flag that keeps it from waiting for them.
    /// Nor is the wrong end of a pipe, which would be waited for without end: the ordinary call says `EBADF`.
    fn of<T: AsFd>(fd: &'a Fd<T>, direction: Direction) -> Option<Self> {
        let nature = match fd.route() {
            Route::Inline => Nature::Stored,
            route => Nature::Pipe(&route.waiting(direction).filter(|waiting| waiting.kind == Kind::Pipe)?.source),
        };
        Some(Self { fd: fd.as_fd(), nature })
    }
}

/// Any reader or writer, of which [`copy`](super::copy) knows nothing: it is read and written.
///
/// # Examples
///
/// ```
/// use futures::io::AsyncReadExt;
/// use handover::fs::File;
/// use handover::io::{Plain, copy};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// // The first ten bytes; a file by itself would be copied whole.
/// let mut start = Plain(File::open("Cargo.toml").await?.take(10));
/// let mut bytes = Vec::new();
/// assert_eq!(copy(&mut start, &mut bytes).await?, 10);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain<T>(pub T);

impl<T: AsyncRead + Unpin> AsyncRead for Plain<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }

    fn poll_read_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read_vectored(cx, buffers)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Plain<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl<T: AsyncRead + Unpin> CopySource for Plain<T> {}
impl<T: AsyncWrite + Unpin> CopySink for Plain<T> {}

/// Both ends of a type, and of references to it, which read and write as well.
macro_rules! ends {
    ($([$($generic:tt)*] $type:ty: $this:ident, $direction:ident => $endpoint:expr;)*) => {
        $(
            impl<$($generic)*> CopySource for $type {
                fn endpoint(&self) -> Option<Endpoint<'_>> {
                    let ($this, $direction) = (self, Direction::Read);
                    $endpoint
                }
            }

            impl<$($generic)*> CopySink for $type {
                fn endpoint(&self) -> Option<Endpoint<'_>> {
                    let ($this, $direction) = (self, Direction::Write);
                    $endpoint
                }
            }

            impl<$($generic)*> CopySource for &$type {
                fn endpoint(&self) -> Option<Endpoint<'_>> {
                    CopySource::endpoint(*self)
                }
            }

            impl<$($generic)*> CopySink for &$type {
                fn endpoint(&self) -> Option<Endpoint<'_>> {
                    CopySink::endpoint(*self)
                }
            }
        )*
    };
}

ends! {
    [T: AsFd] Fd<T>: fd, direction => Endpoint::of(fd, direction);
}

#[cfg(feature = "fs")]
ends! {
    [] crate::fs::File: file, _direction => Some(Endpoint::stored(file.as_fd()));
}

#[cfg(feature = "net")]
ends! {
    [] crate::net::TcpStream: stream, _direction => Some(Endpoint::socket(stream.as_fd(), stream.source()));
}

// A stream that cannot be opened says why when it is read or written.
impl CopySource for Stdin {
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        self.fd().ok().and_then(|fd| Endpoint::of(fd, Direction::Read))
    }
}

impl CopySink for Stdout {
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        self.fd().ok().and_then(|fd| Endpoint::of(fd, Direction::Write))
    }
}

impl CopySink for Stderr {
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        self.fd().ok().and_then(|fd| Endpoint::of(fd, Direction::Write))
    }
}

impl<T: CopySource + Unpin + ?Sized> CopySource for &mut T {
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        (**self).endpoint()
    }
}

impl<T: CopySink + Unpin + ?Sized> CopySink for &mut T {
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        (**self).endpoint()
    }
}

impl<T: CopySource + Unpin + ?Sized> CopySource for Box<T> {
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        (**self).endpoint()
    }
}

impl<T: CopySink + Unpin + ?Sized> CopySink for Box<T> {
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        (**self).endpoint()
    }
}

impl CopySource for &[u8] {}
impl CopySink for Vec<u8> {}
