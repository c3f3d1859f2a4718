//! How are two pipes read to their ends when each may be full while the other is waited for? Both at once.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

/// The room for the first read; doubled when it is full. A pipe holds 64 KiB.
const FIRST_ROOM: usize = 4 << 10;

/// All that comes from both, each until its end.
pub(super) async fn read_both<A, B>(one: Option<A>, other: Option<B>) -> io::Result<(Vec<u8>, Vec<u8>)>
where
    A: AsyncRead + Unpin,
    B: AsyncRead + Unpin,
{
    let (mut one, mut other) = (Reading::new(one), Reading::new(other));
    poll_fn(|cx| {
        let (first, second) = (one.poll_end(cx)?, other.poll_end(cx)?);
        if first.is_ready() && second.is_ready() { Poll::Ready(Ok::<_, io::Error>(())) } else { Poll::Pending }
    })
    .await?;
    Ok((one.finish(), other.finish()))
}

struct Reading<P> {
    /// `None` from the end on.
    pipe: Option<P>,
    /// What was read, and behind it room.
    bytes: Vec<u8>,
    read: usize,
}

impl<P: AsyncRead + Unpin> Reading<P> {
    fn new(pipe: Option<P>) -> Self {
        Self { pipe, bytes: Vec::new(), read: 0 }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(pipe) = &mut self.pipe {
            if self.read == self.bytes.len() {
                self.bytes.resize((2 * self.read).max(FIRST_ROOM), 0);
            }
            match ready!(Pin::new(pipe).poll_read(cx, &mut self.bytes[self.read..]))? {
                0 => self.pipe = None,
                count => self.read += count,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.read);
        self.bytes
    }
}
