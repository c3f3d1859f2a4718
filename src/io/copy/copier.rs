//! How far has a copy got, and what does it hold?

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use handover_reactor::Direction;

use super::conduit::Conduit;
use super::ends::{CopySink, CopySource, Endpoint};
use super::route::{self, Way};
use crate::wiring;

/// How much is read at a time where the kernel does not move the bytes: what a pipe or a fresh socket holds.
const BUFFER: usize = 64 << 10;

/// A copy that can be interrupted and goes on, step by step, with a count of what has arrived.
///
/// [`copy`](super::copy) is one, made and used up. This one outlives its futures: what was read and not yet written when one of them was dropped is written by the next. The same reader and writer are given each time.
///
/// # Examples
///
/// A copy with a progress bar:
///
/// ```
/// use handover::fs::File;
/// use handover::io::Copier;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut file = File::open("Cargo.toml").await?;
/// let length = file.metadata().await?.len();
/// let mut copied = Vec::new();
/// let mut copier = Copier::new();
/// while copier.step(&mut file, &mut copied).await? > 0 {
///     println!("{} of {length} bytes", copier.moved());
/// }
/// assert_eq!(copied.len() as u64, length);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Copier {
    way: Option<Way>,
    /// What was read and not written is `buffer[written..filled]`.
    buffer: Vec<u8>,
    written: usize,
    filled: usize,
    conduit: Option<Conduit>,
    moved: u64,
    /// The writer has bytes that it was not yet asked to flush.
    is_unflushed: bool,
}

impl Copier {
    /// Nothing is copied yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes the writer has taken. After an error, too.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// How many bytes were read and not yet written.
    pub fn held(&self) -> usize {
        self.filled - self.written + self.conduit.as_ref().map_or(0, Conduit::held)
    }

    /// Gives up the copy, and what was read and not yet written.
    ///
    /// # Errors
    ///
    /// Those of read(2) from a pipe, which has no reason to fail.
    pub fn into_held(mut self) -> io::Result<Vec<u8>> {
        self.buffer.truncate(self.filled);
        let mut held = self.buffer.split_off(self.written);
        if let Some(conduit) = &mut self.conduit {
            conduit.empty_into(&mut held)?;
        }
        Ok(held)
    }

    /// Copies all that `reader` has left to `writer`; says how many bytes [were moved](Self::moved) since the beginning. The writer is flushed, and stays open.
    ///
    /// # Errors
    ///
    /// Those of reading and of writing.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: the next call goes on where this one was dropped.
    pub async fn copy<R, W>(&mut self, reader: &mut R, writer: &mut W) -> io::Result<u64>
    where
        R: CopySource + Unpin + ?Sized,
        W: CopySink + Unpin + ?Sized,
    {
        while self.step(reader, writer).await? > 0 {}
        Ok(self.moved)
    }

    /// Copies some bytes, 8 MiB at most, and says how many the writer has taken: 0 when the reader has ended and the writer is flushed.
    ///
    /// # Errors
    ///
    /// Those of reading and of writing.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: the next call goes on where this one was dropped.
    pub async fn step<R, W>(&mut self, reader: &mut R, writer: &mut W) -> io::Result<usize>
    where
        R: CopySource + Unpin + ?Sized,
        W: CopySink + Unpin + ?Sized,
    {
        poll_fn(|cx| self.poll_step(cx, reader, writer)).await
    }

    /// [`step`](Self::step), for those who write futures by hand.
    ///
    /// # Errors
    ///
    /// Those of reading and of writing.
    pub fn poll_step<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<usize>>
    where
        R: CopySource + Unpin + ?Sized,
        W: CopySink + Unpin + ?Sized,
    {
        ready!(wiring::poll_proceed(cx));
        loop {
            if self.written < self.filled {
                return self.poll_write(cx, writer);
            }
            let ends = CopySource::endpoint(reader).zip(CopySink::endpoint(writer));
            let way = *self.way.get_or_insert_with(|| Way::of(ends));
            let Some((from, to)) = ends.filter(|_| way != Way::Plain) else {
                if ready!(self.poll_read(cx, reader, writer))? == 0 {
                    ready!(Pin::new(&mut *writer).poll_flush(cx))?;
                    return Poll::Ready(Ok(0));
                }
                continue;
            };
            match ready!(self.poll_by_kernel(cx, way, from, to)) {
                // The end, says this way; an ordinary read confirms it.
                Ok(0) => self.give_up(Way::Plain)?,
                Ok(count) => return Poll::Ready(Ok(self.arrived(count))),
                Err(error) if route::is_refusal(&error) => self.give_up(way)?,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// What one call of the kernel's has moved to the writer.
    fn poll_by_kernel(&mut self, cx: &mut Context<'_>, way: Way, from: Endpoint<'_>, to: Endpoint<'_>) -> Poll<io::Result<usize>> {
        match way {
            Way::Range => Poll::Ready(route::range(from, to)),
            Way::Sendfile => route::poll_sendfile(cx, from, to),
            Way::Splice => route::poll_splice(cx, from, to),
            Way::Through => self.poll_through(cx, from, to),
            Way::Plain => unreachable!("bytes that are read and written are not moved by the kernel"),
        }
    }

    fn poll_through(&mut self, cx: &mut Context<'_>, from: Endpoint<'_>, to: Endpoint<'_>) -> Poll<io::Result<usize>> {
        let conduit = match &mut self.conduit {
            Some(conduit) => conduit,
            None => match Conduit::new() {
                Ok(conduit) => self.conduit.insert(conduit),
                // No descriptors are left: a buffer does as well.
                Err(_) => return Poll::Ready(Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))),
            },
        };
        if conduit.held() == 0 && ready!(route::poll_when_ready(cx, from, Direction::Read, || conduit.fill(from.fd)))? == 0 {
            return Poll::Ready(Ok(0));
        }
        route::poll_when_ready(cx, to, Direction::Write, || conduit.pour(to.fd))
    }

    /// The kernel does not go this way, or no further. What it has taken from the reader by then is written.
    fn give_up(&mut self, way: Way) -> io::Result<()> {
        self.way = Some(way.next());
        if let Some(conduit) = &mut self.conduit {
            self.buffer.clear();
            conduit.empty_into(&mut self.buffer)?;
            (self.written, self.filled) = (0, self.buffer.len());
        }
        Ok(())
    }

    fn poll_write<W: CopySink + Unpin + ?Sized>(&mut self, cx: &mut Context<'_>, writer: &mut W) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(writer).poll_write(cx, &self.buffer[self.written..self.filled]))?;
        if count == 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, "the writer takes no more bytes, and does not say why")));
        }
        self.written += count;
        self.is_unflushed = true;
        Poll::Ready(Ok(self.arrived(count)))
    }

    /// Reads into the buffer. While nothing comes, the writer is made to pass on what it has: whoever reads at its end may be the one that the reader waits for.
    fn poll_read<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<usize>>
    where
        R: CopySource + Unpin + ?Sized,
        W: CopySink + Unpin + ?Sized,
    {
        if self.buffer.len() < BUFFER {
            self.buffer.resize(BUFFER, 0);
        }
        let read = Pin::new(reader).poll_read(cx, &mut self.buffer)?;
        if read.is_pending() && self.is_unflushed {
            self.is_unflushed = Pin::new(writer).poll_flush(cx)?.is_pending();
        }
        let count = ready!(read);
        (self.written, self.filled) = (0, count);
        Poll::Ready(Ok(count))
    }

    fn arrived(&mut self, count: usize) -> usize {
        self.moved += count as u64;
        count
    }
}
