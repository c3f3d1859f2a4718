//! How does a task use a file? With the system call itself, made where the task stands.
//!
//! There is no pool behind these functions and no copy of the bytes: a read goes from the kernel into the caller's
//! buffer on the thread that polls. If it is slow, the scheduler carries on with another thread meanwhile. Two
//! things follow that are worth knowing:
//!
//! - Each operation runs within one poll. It has happened, all of it, or it has not begun: every function here is
//!   cancel-safe. A future that is dropped before its first poll did nothing.
//! - A [`File`] has no buffer of its own. When a write has ended, the kernel has the bytes; there is nothing to flush.
//!
//! A function that takes a path names it in its error, one that takes two names both:
//!
//! ```
//! # #[handover::main]
//! # async fn main() {
//! let error = handover::fs::read("no/such/file").await.unwrap_err();
//! assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
//! assert!(error.to_string().starts_with("cannot read `no/such/file`: "));
//!
//! let error = handover::fs::rename("no/such/file", "here").await.unwrap_err();
//! assert!(error.to_string().starts_with("cannot rename `no/such/file` to `here`: "));
//! # }
//! ```

mod attributes;
mod copy;
mod directory;
mod file;
mod file_io;
#[cfg(target_pointer_width = "64")]
mod lock;
mod names;
mod open_options;
mod path_error;
#[cfg(target_pointer_width = "64")]
mod positional;
mod read_dir;
mod walk;

pub use attributes::{metadata, set_permissions, symlink_metadata, try_exists};
pub use directory::{DirBuilder, create_dir, create_dir_all, remove_dir, remove_dir_all};
pub use file::File;
#[cfg(target_pointer_width = "64")]
pub use lock::TryLockError;
pub use names::{canonicalize, hard_link, read_link, remove_file, rename, symlink};
pub use open_options::OpenOptions;
pub use read_dir::{DirEntry, ReadDir, read_dir};
pub use std::fs::{FileTimes, FileType, Metadata, Permissions};
pub use walk::{Walk, walk};

use path_error::{named, named_both};
use std::future::Future;
use std::io;
use std::path::Path;

/// Reads a whole file.
///
/// # Examples
///
/// ```
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let manifest = handover::fs::read("Cargo.toml").await?;
/// assert!(!manifest.is_empty());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of [`std::fs::read`], with the path in the message and the error of the system as
/// [`source`](std::error::Error::source).
///
/// # Cancel safety
///
/// A dropped future has read all of the file or has not begun.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> {
    crate::blocking(move || named("read", path.as_ref(), std::fs::read(path.as_ref())))
}

/// Reads a whole file of UTF-8 text.
///
/// # Examples
///
/// ```
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let manifest = handover::fs::read_to_string("Cargo.toml").await?;
/// assert!(manifest.contains("[package]"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of [`std::fs::read_to_string`], with the path in the message: bytes that are not UTF-8 are an error of kind
/// [`InvalidData`](io::ErrorKind::InvalidData).
///
/// # Cancel safety
///
/// A dropped future has read all of the file or has not begun.
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> impl Future<Output = io::Result<String>> {
    crate::blocking(move || named("read", path.as_ref(), std::fs::read_to_string(path.as_ref())))
}

/// Writes `contents` as the whole of a file, which is made if it is not there and emptied if it is.
///
/// The bytes are with the kernel afterwards. To have them on the disk, use [`File::sync_data`].
///
/// # Examples
///
/// ```
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let path = std::env::temp_dir().join(format!("handover-doc-write-{}", std::process::id()));
/// handover::fs::write(&path, "ten bytes\n").await?;
/// assert_eq!(handover::fs::read(&path).await?.len(), 10);
/// # std::fs::remove_file(path)
/// # }
/// ```
///
/// # Errors
///
/// Those of [`std::fs::write`], with the path in the message. After an error the file may hold a part of `contents`.
///
/// # Cancel safety
///
/// A dropped future has written all of `contents` or has not begun.
#[track_caller]
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || named("write", path.as_ref(), std::fs::write(path.as_ref(), contents.as_ref())))
}

/// Copies the content and the permissions of the file `from` to `to`, which is made if it is not there and emptied if it is. Says how many bytes it copied.
///
/// The kernel moves the bytes where it can; see copy_file_range(2).
///
/// # Examples
///
/// ```
/// use handover::fs;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let copy = std::env::temp_dir().join(format!("handover-doc-copy-{}", std::process::id()));
/// let count = fs::copy("Cargo.toml", &copy).await?;
/// assert_eq!(count, fs::metadata("Cargo.toml").await?.len());
/// fs::remove_file(&copy).await
/// # }
/// ```
///
/// # Errors
///
/// Those of [`std::fs::copy`], with both paths in the message. After an error `to` may hold a part of `from`.
///
/// # Cancel safety
///
/// A dropped future has copied all of the file or has not begun.
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> impl Future<Output = io::Result<u64>> {
    crate::blocking(move || {
        let (from, to) = (from.as_ref(), to.as_ref());
        named_both("copy", from, "to", to, copy::copy_file(from, to))
    })
}
