//! What can be done with an open file?

use super::path_error::named;
use crate::wiring::inline;
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use std::fmt;
use std::fs::Metadata;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An open file, closed on drop.
///
/// It reads, writes and seeks through the traits of `futures::io`; [`read_at`](Self::read_at) and
/// [`write_at`](Self::write_at) leave the position alone and so can be used from many tasks at once. Nothing is
/// buffered: many small reads are many system calls, and `futures::io::BufReader` is there for these.
///
/// Everything is one system call (or a short row of them) within one poll, and so cancel-safe. A call that a signal
/// interrupted is made again: `EINTR` is never seen.
///
/// # Examples
///
/// ```
/// use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
/// use handover::fs::File;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let path = std::env::temp_dir().join(format!("handover-doc-file-{}", std::process::id()));
/// let mut file = File::create(&path).await?;
/// file.write_all(b"an ordinary call").await?;
///
/// let mut file = File::open(&path).await?;
/// let mut word = [0; 8];
/// file.seek(SeekFrom::Start(3)).await?;
/// file.read_exact(&mut word).await?;
/// assert_eq!(&word, b"ordinary");
/// # std::fs::remove_file(path)
/// # }
/// ```
pub struct File {
    /// `None` only from `into_std` to the end of the drop.
    std: Option<std::fs::File>,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Those of open(2), with the path in the message.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has opened (and then closed) the file, or has not begun.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        crate::blocking(move || named("open", path.as_ref(), std::fs::File::open(path.as_ref())).map(Self::from))
    }

    /// Opens a file for writing; it is made if it is not there and emptied if it is.
    ///
    /// # Errors
    ///
    /// Those of open(2), with the path in the message.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has created the file or has not begun.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        crate::blocking(move || named("create", path.as_ref(), std::fs::File::create(path.as_ref())).map(Self::from))
    }

    /// Takes over a file that was opened otherwise, for example by [`std::fs::OpenOptions`].
    ///
    /// It should be a regular file or a device: on a pipe or a terminal each call is a blocking one.
    pub fn from_std(std: std::fs::File) -> Self {
        Self { std: Some(std) }
    }

    /// Gives up the file, still open.
    pub fn into_std(mut self) -> std::fs::File {
        self.std.take().expect("a `File` holds its file until it is dropped")
    }

    #[inline]
    fn std(&self) -> &std::fs::File {
        self.std.as_ref().expect("a `File` holds its file until it is dropped")
    }

    /// Reads at `offset` (bytes) into `buffer` and says how many bytes it read: 0 at the end of the file. See pread(2).
    ///
    /// The file's position stays.
    ///
    /// # Errors
    ///
    /// Those of pread(2).
    #[track_caller]
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> impl Future<Output = io::Result<usize>> {
        crate::blocking(move || uninterrupted(|| self.std().read_at(buffer, offset)))
    }

    /// Fills `buffer` from `offset` (bytes) on. See pread(2).
    ///
    /// # Errors
    ///
    /// Those of pread(2), and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the file ends before the buffer is full.
    #[track_caller]
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> impl Future<Output = io::Result<()>> {
        crate::blocking(move || self.std().read_exact_at(buffer, offset))
    }

    /// Writes bytes of `buffer` at `offset` (bytes) and says how many. See pwrite(2).
    ///
    /// The file's position stays.
    ///
    /// # Errors
    ///
    /// Those of pwrite(2).
    #[track_caller]
    pub fn write_at(&self, buffer: &[u8], offset: u64) -> impl Future<Output = io::Result<usize>> {
        crate::blocking(move || uninterrupted(|| self.std().write_at(buffer, offset)))
    }

    /// Writes all of `buffer` at `offset` (bytes). See pwrite(2).
    ///
    /// # Errors
    ///
    /// Those of pwrite(2), and [`WriteZero`](io::ErrorKind::WriteZero) if the system takes no more. A part of
    /// `buffer` may have been written then.
    #[track_caller]
    pub fn write_all_at(&self, buffer: &[u8], offset: u64) -> impl Future<Output = io::Result<()>> {
        crate::blocking(move || self.std().write_all_at(buffer, offset))
    }

    /// Length, permissions, times. See fstat(2).
    ///
    /// # Errors
    ///
    /// Those of fstat(2).
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        crate::blocking(|| self.std().metadata())
    }

    /// Waits until the content and the metadata are on the disk. See fsync(2).
    ///
    /// # Errors
    ///
    /// Those of fsync(2). After one, what was written since the last success may be lost, and a second try proves nothing.
    #[track_caller]
    pub fn sync_all(&self) -> impl Future<Output = io::Result<()>> {
        crate::blocking(|| self.std().sync_all())
    }

    /// Waits until the content, and of the metadata what is needed to read it, is on the disk. See fdatasync(2).
    ///
    /// # Errors
    ///
    /// Those of fdatasync(2), with the meaning they have in [`sync_all`](Self::sync_all).
    #[track_caller]
    pub fn sync_data(&self) -> impl Future<Output = io::Result<()>> {
        crate::blocking(|| self.std().sync_data())
    }

    /// Cuts the file or fills it up with zeros to `length` bytes. See ftruncate(2).
    ///
    /// # Errors
    ///
    /// Those of ftruncate(2).
    #[track_caller]
    pub fn set_len(&self, length: u64) -> impl Future<Output = io::Result<()>> {
        crate::blocking(move || self.std().set_len(length))
    }
}

impl Drop for File {
    /// Closes the file. The last close of a deleted file frees its blocks, and one on a network waits for its
    /// server, so it is a blocking call like any other.
    fn drop(&mut self) {
        if let Some(file) = self.std.take() {
            crate::block_in_place(|| drop(file));
        }
    }
}

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

impl AsyncRead for File {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buffer)
    }

    #[inline]
    fn poll_read_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read_vectored(cx, buffers)
    }
}

impl AsyncWrite for File {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buffer)
    }

    #[inline]
    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        Pin::new(&mut &*self).poll_seek(cx, to)
    }
}

impl From<std::fs::File> for File {
    fn from(std: std::fs::File) -> Self {
        Self::from_std(std)
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> Self {
        file.into_std().into()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std().as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.std().as_raw_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.std).finish()
    }
}

/// Makes the call again for as long as a signal interrupts it; see signal(7).
#[inline]
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
