//! How does a task use a file? With the system call itself, made where the task stands.
//!
//! There is no pool behind these functions and no copy of the bytes: a read goes from the kernel into the caller's
//! buffer on the thread that polls. If it is slow, the scheduler carries on with another thread meanwhile. Two
//! things follow that are worth knowing:
//!
//! - Each operation runs within one poll. It has happened, all of it, or it has not begun: every function here is
//!   cancel-safe.
//! - A [`File`] has no buffer of its own. When a write has ended, the kernel has the bytes; there is nothing to flush.
//!
//! A function that takes a path names it in its error:
//!
//! ```
//! # #[handover::main]
//! # async fn main() {
//! let error = handover::fs::read("no/such/file").await.unwrap_err();
//! assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
//! assert!(error.to_string().starts_with("cannot read `no/such/file`: "));
//! # }
//! ```

mod file;
mod path_error;

pub use file::File;

use path_error::named;
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
