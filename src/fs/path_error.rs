//! Which path was it? An I/O error that says so.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What was tried with a path, and what the system said.
#[derive(Debug)]
struct PathError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} `{}`: {}", self.action, self.path.display(), self.source)
    }
}

impl Error for PathError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// `result`, with its error naming `path`. The kind stays; the system's own error is the source.
pub(super) fn named<T>(action: &'static str, path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|source| {
        let path = path.to_owned();
        io::Error::new(source.kind(), PathError { action, path, source })
    })
}
