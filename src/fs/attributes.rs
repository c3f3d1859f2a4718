//! What does the system know of what is at a path?

use super::path_error::named;
use std::fs::{Metadata, Permissions};
use std::future::Future;
use std::io;
use std::path::Path;

/// What [`DirEntry::metadata`](super::DirEntry::metadata) and the functions below say they tried.
pub(super) const ACTION: &str = "read metadata of";

/// Type, length, permissions and times of a file; symbolic links are followed. See stat(2).
///
/// # Examples
///
/// ```
/// use handover::fs;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let path = std::env::temp_dir().join(format!("handover-doc-attributes-{}", std::process::id()));
/// fs::write(&path, "ten bytes\n").await?;
/// let metadata = fs::metadata(&path).await?;
/// assert_eq!(metadata.len(), 10);
///
/// let mut permissions = metadata.permissions();
/// permissions.set_readonly(true);
/// fs::set_permissions(&path, permissions).await?;
/// assert!(fs::symlink_metadata(&path).await?.permissions().readonly());
/// # std::fs::remove_file(path)
/// # }
/// ```
///
/// # Errors
///
/// Those of stat(2), with the path in the message.
///
/// # Cancel safety
///
/// Nothing changes.
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    crate::blocking(move || named(ACTION, path.as_ref(), std::fs::metadata(path.as_ref())))
}

/// [`metadata`] of a symbolic link itself, if `path` is one. See lstat(2).
///
/// # Errors
///
/// Those of lstat(2), with the path in the message.
///
/// # Cancel safety
///
/// Nothing changes.
#[track_caller]
pub fn symlink_metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    crate::blocking(move || named(ACTION, path.as_ref(), std::fs::symlink_metadata(path.as_ref())))
}

/// Sets who may read, write and execute; symbolic links are followed. See chmod(2).
///
/// # Errors
///
/// Those of chmod(2), with the path in the message.
///
/// # Cancel safety
///
/// A dropped future has set them or has not begun.
#[track_caller]
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || named("set permissions of", path.as_ref(), std::fs::set_permissions(path.as_ref(), permissions)))
}

/// Is anything at `path`? Symbolic links are followed: one that leads nowhere is `false`.
///
/// The answer may be out of date when it arrives. Who wants to make a file that must not be there yet uses
/// [`File::create_new`](super::File::create_new).
///
/// # Errors
///
/// Those of stat(2), with the path in the message, where they leave it open; [`NotFound`](io::ErrorKind::NotFound) is an answer.
///
/// # Cancel safety
///
/// Nothing changes.
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> impl Future<Output = io::Result<bool>> {
    crate::blocking(move || named("look for", path.as_ref(), std::fs::exists(path.as_ref())))
}
