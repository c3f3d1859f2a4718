//! Which name leads to which file?

use super::path_error::{named, named_both};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};

/// Gives a file or a directory another name; whatever had that name before is replaced in the same instant. See rename(2).
///
/// Both names must be on one file system. To have the change on the disk, use [`File::sync_all`](super::File::sync_all) on the directory.
///
/// # Examples
///
/// The whole of a file is replaced, and nobody ever sees a half of it:
///
/// ```
/// use handover::fs;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let path = std::env::temp_dir().join(format!("handover-doc-rename-{}", std::process::id()));
/// let draft = path.with_extension("draft");
/// fs::write(&draft, "all of it").await?;
/// fs::rename(&draft, &path).await?;
/// assert_eq!(fs::read_to_string(&path).await?, "all of it");
/// fs::remove_file(&path).await
/// # }
/// ```
///
/// # Errors
///
/// Those of rename(2), with both paths in the message: [`CrossesDevices`](io::ErrorKind::CrossesDevices) if they are on two file systems.
///
/// # Cancel safety
///
/// A dropped future has renamed it or has not begun.
#[track_caller]
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || {
        let (from, to) = (from.as_ref(), to.as_ref());
        named_both("rename", from, "to", to, std::fs::rename(from, to))
    })
}

/// Removes a name of a file. The file goes with its last name, as soon as nobody has it open. See unlink(2).
///
/// # Errors
///
/// Those of unlink(2), with the path in the message: [`IsADirectory`](io::ErrorKind::IsADirectory) for a directory.
///
/// # Cancel safety
///
/// A dropped future has removed the name or has not begun.
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || named("remove", path.as_ref(), std::fs::remove_file(path.as_ref())))
}

/// Gives the file `original` one more name, `link`, on the same file system. A symbolic link is not followed. See linkat(2).
///
/// # Errors
///
/// Those of linkat(2), with both paths in the message: [`AlreadyExists`](io::ErrorKind::AlreadyExists) if anything has the name `link`.
///
/// # Cancel safety
///
/// A dropped future has made the link or has not begun.
#[track_caller]
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || {
        let (original, link) = (original.as_ref(), link.as_ref());
        named_both("hard-link", original, "as", link, std::fs::hard_link(original, link))
    })
}

/// Makes `link`, which holds the path `original`. Whether anything is there does not matter; a relative path starts from the link. See symlink(2).
///
/// # Examples
///
/// ```
/// use handover::fs;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let link = std::env::temp_dir().join(format!("handover-doc-symlink-{}", std::process::id()));
/// fs::symlink("somewhere", &link).await?;
/// assert_eq!(fs::read_link(&link).await?.to_str(), Some("somewhere"));
/// fs::remove_file(&link).await
/// # }
/// ```
///
/// # Errors
///
/// Those of symlink(2), with both paths in the message: [`AlreadyExists`](io::ErrorKind::AlreadyExists) if anything has the name `link`.
///
/// # Cancel safety
///
/// A dropped future has made the link or has not begun.
#[track_caller]
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || {
        let (original, link) = (original.as_ref(), link.as_ref());
        named_both("symlink", original, "as", link, std::os::unix::fs::symlink(original, link))
    })
}

/// The path that a symbolic link holds. See readlink(2).
///
/// # Errors
///
/// Those of readlink(2), with the path in the message: [`InvalidInput`](io::ErrorKind::InvalidInput) if it is no symbolic link.
///
/// # Cancel safety
///
/// Nothing changes.
#[track_caller]
pub fn read_link(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    crate::blocking(move || named("read link", path.as_ref(), std::fs::read_link(path.as_ref())))
}

/// The absolute path without `.`, `..` and symbolic links. See realpath(3).
///
/// # Errors
///
/// Those of realpath(3), with the path in the message: [`NotFound`](io::ErrorKind::NotFound) if nothing is there.
///
/// # Cancel safety
///
/// Nothing changes.
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    crate::blocking(move || named("resolve", path.as_ref(), std::fs::canonicalize(path.as_ref())))
}
