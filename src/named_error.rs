//! What was it that failed? An I/O error that names it.

use std::error::Error;
use std::fmt;
use std::io;

#[derive(Debug)]
struct NamedError {
    tried: String,
    source: io::Error,
}

impl fmt::Display for NamedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tried, self.source)
    }
}

impl Error for NamedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// `result`, with its error saying what was `tried` ("cannot start `x`"). The kind stays; the system's own error is the source.
pub(crate) fn named<T>(result: io::Result<T>, tried: impl FnOnce() -> String) -> io::Result<T> {
    result.map_err(|source| io::Error::new(source.kind(), NamedError { tried: tried(), source }))
}
