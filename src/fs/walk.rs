//! What is in a directory, and in all directories below it?

use super::path_error::named;
use super::read_dir::{ACTION, DirEntry};
use crate::wiring::inline;
use futures_core::stream::{FusedStream, Stream};
use std::fmt;
use std::fs::Metadata;
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Directories that one declared call opens in search of an entry.
const DIRECTORIES: usize = 32;

/// Walks the tree below a directory, depth first.
///
/// A directory comes before what is in it. The entries of one directory come together, in no particular order; then follows all that is below one of its directories, all that is
/// below the next one, and so on. So one directory is open at a time, however deep the tree is. The directory at `path` itself is no entry.
///
/// Nothing happens before the first entry is asked for.
///
/// # Examples
///
/// ```
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut tree = handover::fs::walk("src").max_depth(3);
/// let mut sources = 0;
/// while let Some(entry) = tree.next_entry().await? {
///     sources += usize::from(entry.path().extension().is_some_and(|extension| extension == "rs"));
/// }
/// assert!(sources > 10);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// An error is an item of the stream and names the path; the walk goes on beside it. So a directory that cannot be read, or was removed meanwhile, costs what is in it. If it is the one at `path`,
/// the error is the only item.
pub fn walk(path: impl Into<PathBuf>) -> Walk {
    let root = path.into();
    let to_do = vec![Directory { path: root.clone(), depth: 1, above: None }];
    Walk { root, max_depth: usize::MAX, follow_links: false, open: None, to_do, kept: None }
}

/// The entries below a directory; see [`walk`].
///
/// It is a [`Stream`] of them, and has [`next_entry`](Self::next_entry) for those who want no trait. Each entry is a declared
/// call, which costs three nanoseconds; the system reads some hundreds at a time.
#[must_use = "a walk reads nothing until its entries are asked for"]
pub struct Walk {
    root: PathBuf,
    max_depth: usize,
    follow_links: bool,
    /// The directory that is being read, with the system's side.
    open: Option<(Directory, std::fs::ReadDir)>,
    /// Those that were seen and are still to be read. The last is the next: what is below a directory comes before its neighbours.
    to_do: Vec<Directory>,
    /// That it cannot be told whether the last entry is a directory. It comes behind the entry.
    kept: Option<io::Error>,
}

/// A directory of the tree.
struct Directory {
    path: PathBuf,
    /// How far below the root its entries are: 1 for the root's own.
    depth: usize,
    /// The directories that it is in, up to the root. Known only if links are followed.
    above: Option<Arc<Place>>,
}

/// Which directory is it, whatever its path? And where was it found?
struct Place {
    device: u64,
    inode: u64,
    above: Option<Arc<Place>>,
}

impl Walk {
    /// Goes no deeper than so many levels: with 1 it reads the directory itself, and with 0 nothing. There is no limit unless told.
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.max_depth = levels;
        self
    }

    /// Whether it goes into directories to which there are only symbolic links. It does not unless told.
    ///
    /// The entry stays that of the link. A link to a directory in which it lies itself is an error, `ELOOP`: following it would never end. What several links lead to is walked several
    /// times.
    pub fn follow_links(mut self, on: bool) -> Self {
        self.follow_links = on;
        self
    }

    /// The next entry, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Those of opendir(3), readdir(3) and, where links are followed, stat(2), with the path in the message. The next call goes on behind it.
    ///
    /// # Cancel safety
    ///
    /// An entry is taken only by the poll that returns it.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }

    /// Whether all was read.
    fn is_over(&self) -> bool {
        self.open.is_none() && self.to_do.is_empty()
    }

    /// The next item, or `None` if there is none yet: then the walk is over, or so many directories without entries were opened that it is time to look around.
    #[inline]
    fn advance(&mut self) -> Option<io::Result<DirEntry>> {
        for _ in 0..DIRECTORIES {
            if let Some(item) = self.read() {
                return Some(item);
            }
            if let Err(error) = self.open_next() {
                return Some(Err(error));
            }
            if self.is_over() {
                return None;
            }
        }
        None
    }

    /// Reads an entry of the open directory, and closes it at its end.
    #[inline]
    fn read(&mut self) -> Option<io::Result<DirEntry>> {
        let (directory, system) = self.open.as_mut()?;
        let Some(entry) = system.next() else {
            self.open = None;
            return None;
        };
        let entry = match named(ACTION, &directory.path, entry) {
            Ok(std) => DirEntry { std },
            error => return Some(error.map(|std| DirEntry { std })),
        };
        // Directories at the limit are not even remembered.
        if directory.depth < self.max_depth {
            match is_directory(&entry, self.follow_links) {
                Ok(true) => self.to_do.push(directory.entered_by(&entry)),
                Ok(false) => {}
                Err(error) => self.kept = Some(error),
            }
        }
        Some(Ok(entry))
    }

    fn open_next(&mut self) -> io::Result<()> {
        let Some(mut directory) = self.to_do.pop() else { return Ok(()) };
        // The root, if nothing is wished.
        if directory.depth > self.max_depth {
            return Ok(());
        }
        let system = self.open(&mut directory);
        let system = named(ACTION, &directory.path, system)?;
        self.open = Some((directory, system));
        Ok(())
    }

    fn open(&self, directory: &mut Directory) -> io::Result<std::fs::ReadDir> {
        if self.follow_links {
            directory.above = Some(Arc::new(Place::enter(&std::fs::metadata(&directory.path)?, directory.above.take())?));
        }
        std::fs::read_dir(&directory.path)
    }
}

/// Whether the walk goes into it.
fn is_directory(entry: &DirEntry, follow_links: bool) -> io::Result<bool> {
    let kind = entry.std.file_type().or_else(|error| entry.named(error))?;
    if !(follow_links && kind.is_symlink()) {
        return Ok(kind.is_dir());
    }
    match std::fs::metadata(entry.path()) {
        Ok(target) => Ok(target.is_dir()),
        // It leads nowhere, or in a circle of links: no directory.
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ELOOP) => Ok(false),
        Err(error) => entry.named(error),
    }
}

impl Directory {
    /// The directory that `entry` of this one is.
    fn entered_by(&self, entry: &DirEntry) -> Self {
        Self { path: entry.path(), depth: self.depth + 1, above: self.above.clone() }
    }
}

impl Place {
    /// # Errors
    /// `ELOOP` if it is one of those `above`.
    fn enter(directory: &Metadata, above: Option<Arc<Self>>) -> io::Result<Self> {
        let (device, inode) = (directory.dev(), directory.ino());
        let mut ancestor = above.as_deref();
        while let Some(place) = ancestor {
            if (place.device, place.inode) == (device, inode) {
                return Err(io::Error::from_raw_os_error(libc::ELOOP));
            }
            ancestor = place.above.as_deref();
        }
        Ok(Self { device, inode, above })
    }
}

impl Stream for Walk {
    type Item = io::Result<DirEntry>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(error) = self.kept.take() {
            return Poll::Ready(Some(Err(error)));
        }
        while !self.is_over() {
            if let Some(item) = ready!(inline(cx, || self.advance())) {
                return Poll::Ready(Some(item));
            }
        }
        Poll::Ready(None)
    }
}

impl FusedStream for Walk {
    fn is_terminated(&self) -> bool {
        self.kept.is_none() && self.is_over()
    }
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { root, max_depth, follow_links, .. } = self;
        f.debug_struct("Walk").field("root", root).field("max_depth", max_depth).field("follow_links", follow_links).finish_non_exhaustive()
    }
}
