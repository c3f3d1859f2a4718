//! How does a descriptor of any kind read and write through the traits of `futures::io`?

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use handover_blocking::sys::descriptor::{self, Kind};
use handover_reactor::Direction;

use super::Fd;
use super::async_fd::uninterrupted;
use super::fd::Route;
use crate::by_reference::by_reference;
use crate::wiring;

impl<T: AsFd> AsyncRead for &Fd<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_vectored(cx, &mut [IoSliceMut::new(buffer)])
    }

    fn poll_read_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        let fd = self.as_fd();
        let Some(waiting) = self.route().waiting(Direction::Read) else {
            return wiring::inline(cx, || uninterrupted(|| descriptor::read(fd, buffers)));
        };
        ready!(wiring::poll_proceed(cx));
        waiting.source.poll_io(cx, Direction::Read, || waiting.way.read(fd, buffers))
    }
}

impl<T: AsFd> AsyncWrite for &Fd<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let fd = self.as_fd();
        let Some(waiting) = self.route().waiting(Direction::Write) else {
            return wiring::inline(cx, || uninterrupted(|| descriptor::write(fd, buffers)));
        };
        ready!(wiring::poll_proceed(cx));
        waiting.source.poll_io(cx, Direction::Write, || waiting.way.write(fd, buffers))
    }

    /// Ready at once: the kernel has every byte of a finished write.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the writing side of a socket. Anything else is closed when it is dropped.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.route() {
            Route::Waiting(waiting) if waiting.kind == Kind::Socket => descriptor::end_writing(self.as_fd()),
            _ => Ok(()),
        })
    }
}

by_reference!(Read, Write for Fd<T>, where [T: AsFd]);
