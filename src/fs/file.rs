//! What can be done with an open file?

use super::OpenOptions;
use super::file_io::uninterrupted;
use super::path_error::named;
use std::fmt;
use std::fs::{FileTimes, Metadata, Permissions};
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// An open file, closed on drop.
///
/// It reads, writes and seeks through the traits of `futures::io`; [`read_at`](Self::read_at) and
/// [`write_at`](Self::write_at) leave the position alone and so can be used from many tasks at once. Nothing is
/// buffered: many small reads are many system calls, and `futures::io::BufReader` is there for these.
///
/// A call that a signal interrupted is made again: `EINTR` is never seen.
///
/// # Cancel safety
///
/// Each method is a system call, or a short row of them, within one poll: a dropped future has made all of it or has not begun. What `futures::io`
/// builds of several calls, as `write_all`, may have made some of them.
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

    /// Makes a file that is not there yet, for reading and writing.
    ///
    /// # Errors
    ///
    /// Those of open(2), with the path in the message: [`AlreadyExists`](io::ErrorKind::AlreadyExists) if anything has the name, even a
    /// symbolic link to nothing.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has created the file or has not begun.
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        crate::blocking(move || named("create", path.as_ref(), std::fs::File::create_new(path.as_ref())).map(Self::from))
    }

    /// [`OpenOptions::new`], for all other ways of opening a file.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file that was opened otherwise, for example by a library.
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
    pub(super) fn std(&self) -> &std::fs::File {
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

    /// Sets who may read, write and execute. Who has the file open keeps what he has. See fchmod(2).
    ///
    /// # Errors
    ///
    /// Those of fchmod(2).
    #[track_caller]
    pub fn set_permissions(&self, permissions: Permissions) -> impl Future<Output = io::Result<()>> {
        crate::blocking(move || self.std().set_permissions(permissions))
    }

    /// Sets when it was last read and written. See futimens(3).
    ///
    /// # Errors
    ///
    /// Those of futimens(3).
    #[track_caller]
    pub fn set_times(&self, times: FileTimes) -> impl Future<Output = io::Result<()>> {
        crate::blocking(move || self.std().set_times(times))
    }

    /// A second descriptor of the same open file: both share one position. See `F_DUPFD_CLOEXEC` in fcntl(2).
    ///
    /// Tasks that want to read one file, each at a place of its own, share it in an `Arc` and use [`read_at`](Self::read_at).
    ///
    /// # Errors
    ///
    /// Those of fcntl(2): too many files are open.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has made (and then closed) the descriptor, or has not begun.
    #[track_caller]
    pub fn try_clone(&self) -> impl Future<Output = io::Result<Self>> {
        crate::blocking(|| self.std().try_clone().map(Self::from))
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

impl From<std::fs::File> for File {
    fn from(std: std::fs::File) -> Self {
        Self::from_std(std)
    }
}

impl From<File> for std::fs::File {
    fn from(file: File) -> Self {
        file.into_std()
    }
}

impl From<OwnedFd> for File {
    fn from(descriptor: OwnedFd) -> Self {
        Self::from_std(descriptor.into())
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> Self {
        file.into_std().into()
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        self.into_std().into_raw_fd()
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
