//! What can the body of an answer be? Bytes in memory, or a part of a file that is read as it is sent.

use futures::io::AsyncRead;
use handover::fs::File;
use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub(crate) type Answer = Response<Content>;

/// Read from a file at once, in bytes: large enough that the reads do not show, small enough for many clients.
const CHUNK: usize = 64 * 1024;

/// The body of an answer.
pub(crate) enum Content {
    Bytes(Bytes),
    File {
        /// Stands where the part begins.
        file: File,
        /// Bytes still to be sent.
        left: u64,
    },
}

impl<T: Into<Bytes>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::File { left: 0, .. } => Poll::Ready(None),
            Self::File { file, left } => {
                let chunk = ready!(poll_chunk(file, *left, cx))?;
                *left -= chunk.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { left, .. } => *left,
        })
    }
}

/// The next bytes of `file`, at most `left` of them. The read is made right here, in the poll.
fn poll_chunk(file: &mut File, left: u64, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
    let mut chunk = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
    let count = ready!(Pin::new(file).poll_read(cx, &mut chunk))?;
    if count == 0 {
        // The length is announced already, so all that can be done is to break off.
        return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file was cut while it was sent")));
    }
    chunk.truncate(count);
    Poll::Ready(Ok(chunk.into()))
}
