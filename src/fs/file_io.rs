//! How does a file read, write and seek through the traits of `futures::io`?

use super::File;
use crate::by_reference::by_reference;
use crate::wiring::inline;
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

// Inlined into the user's loop, for the reason that `blocking` is: every frame between it and the system call costs 10 ns.
impl AsyncRead for &File {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        inline(cx, || uninterrupted(|| self.std().read(buffer)))
    }

    #[inline]
    fn poll_read_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        inline(cx, || uninterrupted(|| self.std().read_vectored(buffers)))
    }
}

impl AsyncWrite for &File {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        inline(cx, || uninterrupted(|| self.std().write(buffer)))
    }

    #[inline]
    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        inline(cx, || uninterrupted(|| self.std().write_vectored(buffers)))
    }

    /// Ready at once: the kernel has every byte of a finished write.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ready at once; the file is closed when it is dropped.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for &File {
    /// A blocking call too: lseek(2) waits for a read or write of the same file description.
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        inline(cx, || self.std().seek(to))
    }
}

by_reference!(Read, Write, Seek for File);

/// Makes the call again for as long as a signal interrupts it; see signal(7).
#[inline]
pub(super) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
