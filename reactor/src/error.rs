//! Why can the reactor not serve a request?

use std::fmt;
use std::io;

/// What went wrong in this room, as opposed to in the kernel (whose errors are passed on as they are).
///
/// It travels inside an [`io::Error`] of kind [`Other`](io::ErrorKind::Other); `error.get_ref()` and a downcast find it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The runtime that the descriptor or timer belongs to has been shut down.
    ShutDown,
    /// There are more registrations than a token can number.
    TooManySources,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShutDown => "the runtime of this I/O object or timer was shut down: use it only while its Runtime lives",
            Self::TooManySources => "too many file descriptors are registered with one runtime: close some first",
        })
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::other(error)
    }
}
