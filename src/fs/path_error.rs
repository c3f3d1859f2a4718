//! Which path was it? An I/O error that says so.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What was tried with a path, or with two, and what the system said.
#[derive(Debug)]
struct PathError {
    action: &'static str,
    path: PathBuf,
    /// How the second path stands to the first ("to"), and that path.
    second: Option<(&'static str, PathBuf)>,
    source: io::Error,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} `{}`", self.action, self.path.display())?;
        if let Some((relation, path)) = &self.second {
            write!(f, " {relation} `{}`", path.display())?;
        }
        write!(f, ": {}", self.source)
    }
}

impl Error for PathError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl From<PathError> for io::Error {
    /// The kind stays; the system's own error is the source.
    fn from(error: PathError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

/// `result`, with its error naming `path`.
pub(super) fn named<T>(action: &'static str, path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|source| PathError { action, path: path.to_owned(), second: None, source }.into())
}

/// `result`, with its error naming both paths: "cannot rename `one` to `other`".
pub(super) fn named_both<T>(
    action: &'static str,
    path: &Path,
    relation: &'static str,
    second: &Path,
    result: io::Result<T>,
) -> io::Result<T> {
    result.map_err(|source| {
        let second = Some((relation, second.to_owned()));
        PathError { action, path: path.to_owned(), second, source }.into()
    })
}
