//! How are directories made and removed?

use super::path_error::named;
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Makes a directory. Its parent must be there. See mkdir(2).
///
/// # Errors
///
/// Those of mkdir(2), with the path in the message: [`AlreadyExists`](io::ErrorKind::AlreadyExists) if anything has the name.
///
/// # Cancel safety
///
/// A dropped future has made the directory or has not begun.
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || named("create directory", path.as_ref(), std::fs::create_dir(path.as_ref())))
}

/// Makes a directory and those above it that are missing. One that is there is no error, nor are several tasks that do this at once.
///
/// # Examples
///
/// ```
/// use handover::fs;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let root = std::env::temp_dir().join(format!("handover-doc-directory-{}", std::process::id()));
/// fs::create_dir_all(root.join("one/two")).await?;
/// fs::remove_dir(root.join("one/two")).await?;
/// fs::remove_dir_all(&root).await?;
/// assert!(!fs::try_exists(&root).await?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of mkdir(2), with the whole path in the message. Directories that were made before it stay.
///
/// # Cancel safety
///
/// A dropped future has made all of them or has not begun.
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || named("create directory", path.as_ref(), std::fs::create_dir_all(path.as_ref())))
}

/// Removes an empty directory. See rmdir(2).
///
/// # Errors
///
/// Those of rmdir(2), with the path in the message: [`DirectoryNotEmpty`](io::ErrorKind::DirectoryNotEmpty),
/// [`NotADirectory`](io::ErrorKind::NotADirectory).
///
/// # Cancel safety
///
/// A dropped future has removed the directory or has not begun.
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || named("remove directory", path.as_ref(), std::fs::remove_dir(path.as_ref())))
}

/// Removes a directory with all that is in it. Symbolic links are removed, not followed.
///
/// # Errors
///
/// Those of [`std::fs::remove_dir_all`], with the path that was given in the message. A part of the tree may be gone then.
///
/// # Cancel safety
///
/// A dropped future has removed the whole tree or has not begun.
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    crate::blocking(move || named("remove directory", path.as_ref(), std::fs::remove_dir_all(path.as_ref())))
}

/// How a directory is made: what [`std::fs::DirBuilder`] offers, and the mode of unix.
///
/// # Examples
///
/// ```
/// use handover::fs::{self, DirBuilder};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let path = std::env::temp_dir().join(format!("handover-doc-builder-{}", std::process::id()));
/// DirBuilder::new().recursive(true).mode(0o700).create(path.join("secrets")).await?;
/// assert!(fs::metadata(path.join("secrets")).await?.is_dir());
/// # std::fs::remove_dir_all(path)
/// # }
/// ```
#[derive(Debug)]
pub struct DirBuilder {
    std: std::fs::DirBuilder,
}

impl DirBuilder {
    /// Makes directories as [`create_dir`] does, until told otherwise.
    #[expect(clippy::new_without_default, reason = "as std's, which has none either")]
    pub fn new() -> Self {
        std::fs::DirBuilder::new().into()
    }

    /// Whether missing parents are made too, as by [`create_dir_all`], with the same mode.
    pub fn recursive(&mut self, on: bool) -> &mut Self {
        self.std.recursive(on);
        self
    }

    /// The permissions of what is made, from which the process's umask(2) takes some. 0o777 unless told.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.std.mode(mode);
        self
    }

    /// Makes a directory in this way.
    ///
    /// # Errors
    ///
    /// Those of [`create_dir`], or with [`recursive`](Self::recursive) those of [`create_dir_all`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future has made all of it or has not begun.
    #[track_caller]
    pub fn create<P: AsRef<Path>>(&self, path: P) -> impl Future<Output = io::Result<()>> + use<'_, P> {
        crate::blocking(move || named("create directory", path.as_ref(), self.std.create(path.as_ref())))
    }
}

impl From<std::fs::DirBuilder> for DirBuilder {
    fn from(std: std::fs::DirBuilder) -> Self {
        Self { std }
    }
}
