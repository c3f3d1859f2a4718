//! How does a proxy pass on what two sides say to each other?

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::copier::Copier;
use super::ends::{CopySink, CopySource};

/// Copies in both directions at once until both have ended; says how many bytes went from `a` to `b` and from `b` to `a`.
///
/// When one side has ended, the other one's writing side is closed, and the way back goes on. Between sockets, pipes and files the kernel moves the bytes, as in [`copy`](super::copy).
///
/// # Errors
///
/// The first error of either direction, at once: the other direction is given up.
///
/// # Cancel safety
///
/// A dropped copy may have read bytes that it has not written, and these are lost.
///
/// # Examples
///
/// ```no_run
/// use handover::net::{TcpListener, TcpStream};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// loop {
///     let (mut client, _) = listener.accept().await?;
///     handover::spawn(async move {
///         let mut server = TcpStream::connect("127.0.0.1:80").await?;
///         handover::io::copy_bidirectional(&mut client, &mut server).await
///     });
/// }
/// # }
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: CopySource + CopySink + Unpin + ?Sized,
    B: CopySource + CopySink + Unpin + ?Sized,
{
    let (mut there, mut back) = (OneWay::new(), OneWay::new());
    poll_fn(|cx| {
        let (there, back) = (there.poll(cx, a, b)?, back.poll(cx, b, a)?);
        match (there, back) {
            (Poll::Ready(there), Poll::Ready(back)) => Poll::Ready(Ok((there, back))),
            _ => Poll::Pending,
        }
    })
    .await
}

/// One direction.
struct OneWay {
    copier: Copier,
    progress: Progress,
}

enum Progress {
    Copying,
    Closing,
    Over,
}

impl OneWay {
    fn new() -> Self {
        Self { copier: Copier::new(), progress: Progress::Copying }
    }

    /// May be polled again after it is over.
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<u64>>
    where
        R: CopySource + Unpin + ?Sized,
        W: CopySink + Unpin + ?Sized,
    {
        loop {
            match self.progress {
                Progress::Copying => {
                    if ready!(self.copier.poll_step(cx, reader, writer))? == 0 {
                        self.progress = Progress::Closing;
                    }
                }
                Progress::Closing => {
                    ready!(Pin::new(&mut *writer).poll_close(cx))?;
                    self.progress = Progress::Over;
                }
                Progress::Over => return Poll::Ready(Ok(self.copier.moved())),
            }
        }
    }
}
