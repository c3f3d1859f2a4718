//! How does hyper 1 run on this runtime?
//!
//! [`Io`] gives hyper our I/O, [`Executor`] our tasks, [`Timer`] our time.
//!
//! # Examples
//!
//! ```
//! use std::convert::Infallible;
//!
//! use futures::io::{AsyncReadExt, AsyncWriteExt};
//! use handover::integrations::hyper::{Io, Timer};
//! use handover::net::{TcpListener, TcpStream};
//! use hyper::server::conn::http1;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response, body::Incoming};
//!
//! async fn hello(_request: Request<Incoming>) -> Result<Response<String>, Infallible> {
//!     Ok(Response::new("hello".to_owned()))
//! }
//!
//! # #[handover::main]
//! # async fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let server = handover::spawn(async move {
//!     let (stream, _) = listener.accept().await.expect("a connection");
//!     http1::Builder::new().timer(Timer::new()).serve_connection(Io::new(stream), service_fn(hello)).await
//! });
//!
//! let mut client = TcpStream::connect(address).await?;
//! client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer).await?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"));
//! server.await.unwrap().unwrap();
//! # Ok(())
//! # }
//! ```

use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{self, ReadBufCursor};

use crate::time::{Sleep, sleep, sleep_until};

/// An `AsyncRead` and `AsyncWrite` of `futures::io` as hyper's `Read` and `Write`.
///
/// Bytes are read straight into hyper's buffer and written straight from it, several pieces in one call where the inner type can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Io<T>(T);

impl<T> Io<T> {
    /// Wraps it.
    pub fn new(inner: T) -> Self {
        Self(inner)
    }

    /// What is inside.
    pub fn get_ref(&self) -> &T {
        &self.0
    }

    /// What is inside, to change.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Unwraps it.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsyncRead + Unpin> rt::Read for Io<T> {
    #[allow(unsafe_code, reason = "hyper hands out memory that may hold nothing yet")]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        // SAFETY: only initialised bytes are written into it, here and by the reader below.
        let unfilled = unsafe { cursor.as_mut() };
        let read = ready!(Pin::new(&mut self.0).poll_read(cx, zeroed(unfilled)))?;
        assert!(read <= cursor.remaining(), "a reader said that it read {read} bytes into {}", cursor.remaining());
        // SAFETY: all bytes of the unfilled part are initialised, and `read` is not more than these.
        unsafe { cursor.advance(read) };
        Poll::Ready(Ok(()))
    }
}

/// `AsyncRead` may look at the buffer it is given, so that must hold something. Costs some 0.1 us for the 8 KiB that hyper starts with.
#[allow(unsafe_code, reason = "the standard library's name for this is newer than the oldest compiler that we support")]
fn zeroed(buffer: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    buffer.fill(MaybeUninit::new(0));
    // SAFETY: every byte was just written, and `MaybeUninit<u8>` has the layout of `u8`.
    unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [u8]) }
}

impl<T: AsyncWrite + Unpin> rt::Write for Io<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }

    /// Always: a type that cannot do it writes the first piece, and hyper comes back with the others.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, buffers)
    }
}

/// Runs hyper's background futures as tasks of the current runtime; HTTP/2 needs it.
///
/// # Panics
///
/// When it is used outside a runtime, as [`spawn`](crate::spawn) does.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Executor;

impl Executor {
    /// The executor.
    pub fn new() -> Self {
        Self
    }
}

impl<F> rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(crate::spawn(future));
    }
}

/// Hyper's limits (time for the request head, keep-alive) by our timers.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Timer;

impl Timer {
    /// The timer.
    pub fn new() -> Self {
        Self
    }
}

impl rt::Sleep for Sleep {}

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(sleep_until(deadline))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(ours) => ours.reset(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}
