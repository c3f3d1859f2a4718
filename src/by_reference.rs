//! How does a value do what a reference to it does already?
//!
//! A stream that several tasks may use at once has its I/O traits on `&Stream`. People write `stream.read(..)` on the stream itself; what that does stands here once.

/// Implements I/O traits of `futures` for a type by those of `&Type`: `by_reference!(Read, Write, Seek for Fd<T>, where [T: AsFd])`.
macro_rules! by_reference {
    ($($way:ident),+ for $stream:ty) => {
        $($crate::by_reference::by_reference!(@ $way [] $stream);)+
    };
    ($($way:ident),+ for $stream:ty, where $generics:tt) => {
        $($crate::by_reference::by_reference!(@ $way $generics $stream);)+
    };
    (@ Read [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> futures_io::AsyncRead for $stream {
            #[inline]
            fn poll_read(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>, buffer: &mut [u8]) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut &*self).poll_read(cx, buffer)
            }

            #[inline]
            fn poll_read_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut &*self).poll_read_vectored(cx, buffers)
            }
        }
    };
    (@ Write [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> futures_io::AsyncWrite for $stream {
            #[inline]
            fn poll_write(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>, buffer: &[u8]) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut &*self).poll_write(cx, buffer)
            }

            #[inline]
            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buffers: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut &*self).poll_write_vectored(cx, buffers)
            }

            fn poll_flush(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut &*self).poll_flush(cx)
            }

            fn poll_close(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut &*self).poll_close(cx)
            }
        }
    };
    (@ Seek [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> futures_io::AsyncSeek for $stream {
            fn poll_seek(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>, to: std::io::SeekFrom) -> std::task::Poll<std::io::Result<u64>> {
                std::pin::Pin::new(&mut &*self).poll_seek(cx, to)
            }
        }
    };
}

pub(crate) use by_reference;
