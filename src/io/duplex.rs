//! How do two tasks talk as over a socket, without one?

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::{CopySink, CopySource};
use crate::wiring;

/// A pair of streams in memory: what is written to one is read from the other. Each direction holds up to `max_buf_size` bytes; who writes more waits.
///
/// For tests of code that reads and writes any stream, and between tasks of one process, of any runtime or none.
///
/// # Panics
///
/// If `max_buf_size` is 0: nothing could ever be written.
///
/// # Examples
///
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let (mut client, mut server) = handover::io::duplex(64);
/// client.write_all(b"ping").await?;
/// let mut bytes = [0; 4];
/// server.read_exact(&mut bytes).await?;
/// assert_eq!(&bytes, b"ping");
/// # Ok(())
/// # }
/// ```
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    assert!(max_buf_size > 0, "`max_buf_size` is 0: a stream that holds no byte could never be written; give it at least 1");
    let (there, back) = (Lane::new(max_buf_size), Lane::new(max_buf_size));
    let one = DuplexStream { reads: Arc::clone(&back), writes: Arc::clone(&there) };
    (one, DuplexStream { reads: there, writes: back })
}

/// One end of a [`duplex`] pair.
///
/// When it is closed or dropped, the other end reads what is still there and then the end; writing to an end that was dropped is a [`BrokenPipe`](io::ErrorKind::BrokenPipe) error.
///
/// # Cancel safety
///
/// A dropped read or write has moved no bytes.
pub struct DuplexStream {
    reads: Arc<Lane>,
    writes: Arc<Lane>,
}

/// One direction.
struct Lane {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Nothing more will be written.
    is_ended: bool,
    /// Nobody will read any more.
    is_deserted: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Lane {
    fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, state: Mutex::default() })
    }

    /// No user code runs under the lock, so nothing can be half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_read(&self, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        // Cloned before the lock is taken, and dropped after it is given back: both are the user's code. So is waking.
        let mut waker = Some(cx.waker().clone());
        let mut state = self.lock();
        let mut count = 0;
        for buffer in buffers.iter_mut() {
            count += state.bytes.read(buffer)?;
        }
        let is_empty_request = buffers.iter().all(|buffer| buffer.is_empty());
        if count == 0 && !state.is_ended && !is_empty_request {
            mem::swap(&mut state.reader, &mut waker);
            drop(state);
            return Poll::Pending;
        }
        let writer = if count > 0 { state.writer.take() } else { None };
        drop(state);
        wake(writer);
        Poll::Ready(Ok(count))
    }

    fn poll_write(&self, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut waker = Some(cx.waker().clone());
        let mut state = self.lock();
        if state.is_deserted || state.is_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut room = self.capacity - state.bytes.len();
        let mut count = 0;
        for buffer in buffers {
            let part = &buffer[..room.min(buffer.len())];
            state.bytes.extend(part);
            (room, count) = (room - part.len(), count + part.len());
        }
        if count == 0 && buffers.iter().any(|buffer| !buffer.is_empty()) {
            mem::swap(&mut state.writer, &mut waker);
            drop(state);
            return Poll::Pending;
        }
        let reader = if count > 0 { state.reader.take() } else { None };
        drop(state);
        wake(reader);
        Poll::Ready(Ok(count))
    }

    /// The writer has written all.
    fn end(&self) {
        let mut state = self.lock();
        state.is_ended = true;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// The reader has gone.
    fn desert(&self) {
        let mut state = self.lock();
        state.is_deserted = true;
        let bytes = mem::take(&mut state.bytes);
        let writer = state.writer.take();
        drop(state);
        drop(bytes);
        wake(writer);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_vectored(cx, &mut [IoSliceMut::new(buffer)])
    }

    fn poll_read_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        ready!(wiring::poll_proceed(cx));
        self.reads.poll_read(cx, buffers)
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(wiring::poll_proceed(cx));
        self.writes.poll_write(cx, buffers)
    }

    /// Ready at once: the other end can read it.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the writing side; reading goes on.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.end();
        Poll::Ready(Ok(()))
    }
}

impl CopySource for DuplexStream {}
impl CopySink for DuplexStream {}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        self.writes.end();
        self.reads.desert();
    }
}

impl fmt::Debug for DuplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexStream").field("max_buf_size", &self.writes.capacity).finish_non_exhaustive()
    }
}
