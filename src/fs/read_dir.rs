//! What is in a directory?

use super::{attributes, path_error::named};
use crate::wiring::inline;
use futures_core::stream::{FusedStream, Stream};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::future::{Future, poll_fn};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Entries that one declared call reads. One that has to be handed off costs some microseconds, so they should be many. The walk of 1,000 files took 316 ns
/// for each with std and 5 % more in batches of 32; batches of 8 or 64 were not clearly better or worse.
const BATCH: usize = 32;

/// What an error says was tried.
pub(super) const ACTION: &str = "read directory";

/// Opens a directory and reads its first entries. See opendir(3), readdir(3).
///
/// The entries come in no particular order, without `.` and `..`. Whether one that is made or removed during the walk is seen is left open; all others are
/// seen once.
///
/// # Examples
///
/// ```
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut directory = handover::fs::read_dir("src").await?;
/// let mut names = Vec::new();
/// while let Some(entry) = directory.next_entry().await? {
///     names.push(entry.file_name());
/// }
/// assert!(names.iter().any(|name| name == "lib.rs"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of opendir(3), with the path in the message. An error that comes later is an item of the stream.
///
/// # Cancel safety
///
/// A dropped future has opened (and then closed) the directory, or has not begun.
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<ReadDir>> {
    crate::blocking(move || ReadDir::open(path.as_ref()))
}

/// The entries of a directory; see [`read_dir`].
///
/// It is a [`Stream`] of them, and has [`next_entry`](Self::next_entry) for those who want no trait. It reads 32 at a time, in one declared call, and keeps
/// what it has read.
pub struct ReadDir {
    /// The system's side; `None` from its end on. No declared call to close it: unlike a file's, a directory's close(2) has nothing to write back and
    /// nobody to wait for.
    system: Option<std::fs::ReadDir>,
    /// What was read and is still to be handed out. An error stands behind the entries that were read before it.
    batch: VecDeque<io::Result<DirEntry>>,
    path: PathBuf,
}

impl ReadDir {
    fn open(path: &Path) -> io::Result<Self> {
        let system = named(ACTION, path, std::fs::read_dir(path))?;
        let mut this = Self { system: Some(system), batch: VecDeque::with_capacity(BATCH), path: path.to_owned() };
        this.fill();
        Ok(this)
    }

    /// Reads the next batch.
    fn fill(&mut self) {
        let Some(system) = &mut self.system else { return };
        let path = &self.path;
        self.batch.extend(system.take(BATCH).map(|entry| named(ACTION, path, entry).map(|std| DirEntry { std })));
        if self.batch.len() < BATCH {
            // This was the end, or an error, with which std ends as well.
            self.system = None;
        }
    }

    /// The next entry, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Those of readdir(3), with the directory's path in the message, after all entries that were read before it; `None` follows.
    ///
    /// # Cancel safety
    ///
    /// An entry is taken only by the poll that returns it.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.batch.is_empty() && self.system.is_some() {
            ready!(inline(cx, || self.fill()));
        }
        Poll::Ready(self.batch.pop_front())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let known = self.batch.len();
        (known, self.system.is_none().then_some(known))
    }
}

impl FusedStream for ReadDir {
    fn is_terminated(&self) -> bool {
        self.batch.is_empty() && self.system.is_none()
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadDir").field(&self.path).finish()
    }
}

/// What a directory says of one of its entries.
///
/// It keeps the directory open, so that its metadata is found even if the directory is renamed meanwhile.
pub struct DirEntry {
    pub(super) std: std::fs::DirEntry,
}

impl DirEntry {
    /// The directory's path, as it was given to [`read_dir`], with the entry's name.
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// The name without the directory.
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// The number of the inode, without a system call. On a mount point it is that of the directory below the mount.
    pub fn ino(&self) -> u64 {
        self.std.ino()
    }

    /// Length, permissions, times; a symbolic link is not followed. See fstatat(2).
    ///
    /// # Errors
    ///
    /// Those of fstatat(2), with the path in the message: [`NotFound`](io::ErrorKind::NotFound) if the entry was removed meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Nothing changes.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        crate::blocking(|| self.std.metadata().or_else(|error| self.named(error)))
    }

    /// Is it a file, a directory, a symbolic link, ...? Most file systems have said it already, and this makes no system call then.
    ///
    /// # Errors
    ///
    /// On other file systems those of fstatat(2), with the path in the message.
    ///
    /// # Cancel safety
    ///
    /// Nothing changes.
    #[track_caller]
    pub fn file_type(&self) -> impl Future<Output = io::Result<FileType>> {
        crate::blocking(|| self.std.file_type().or_else(|error| self.named(error)))
    }

    /// `error` with the path, which is put together only now: the walk of a tree asks each entry.
    pub(super) fn named<T>(&self, error: io::Error) -> io::Result<T> {
        named(attributes::ACTION, &self.path(), Err(error))
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}
