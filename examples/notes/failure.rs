//! Why could the service not start? One line that says what and which.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A reason not to start.
#[derive(Debug)]
pub(crate) enum Failure {
    Runtime(io::Error),
    Signals(io::Error),
    Database(PathBuf, rusqlite::Error),
    Directory(PathBuf, io::Error),
    Listen(String, io::Error),
    Dashboard(String, io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(error) => write!(f, "cannot build the runtime: {error}"),
            Self::Signals(error) => write!(f, "cannot wait for Ctrl-C: {error}"),
            Self::Database(path, error) => write!(f, "cannot open the database '{}': {error}", path.display()),
            Self::Directory(path, error) => write!(f, "cannot serve the directory '{}': {error}", path.display()),
            Self::Dashboard(addr, error) => write!(f, "cannot serve the dashboard on '{addr}': {error}"),
            Self::Listen(addr, error) => write!(f, "cannot listen on '{addr}': {error}"),
        }
    }
}
