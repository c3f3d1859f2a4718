//! Who else may use a file meanwhile? Nobody who asks for a lock that conflicts.

use super::File;
use super::file_io::uninterrupted;
use handover_blocking::sys::calls::flock;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;

impl File {
    /// Waits for an exclusive lock of the file: no other open file of it, in this process or another, has a lock then. See flock(2).
    ///
    /// The lock is advisory: only those who ask for one are kept out. It belongs to the open file, so [`try_clone`](Self::try_clone)d ones share it, and it ends with [`unlock`](Self::unlock) or the last of
    /// them. Tasks that wait for each other's locks wait for ever, as threads would; while one waits, others go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use handover::fs::{File, TryLockError};
    ///
    /// # #[handover::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("handover-doc-lock-{}", std::process::id()));
    /// let (one, other) = (File::create(&path).await?, File::open(&path).await?);
    /// one.lock().await?;
    /// assert!(matches!(other.try_lock_shared().await, Err(TryLockError::WouldBlock)));
    /// one.unlock().await?;
    /// other.try_lock_shared().await?;
    /// # std::fs::remove_file(path)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of flock(2): the file system knows no locks, or has no memory for another one.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has got the lock or has not begun.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = io::Result<()>> {
        crate::blocking(|| self.flock(libc::LOCK_EX))
    }

    /// Waits for a shared lock of the file: others may have such a one, nobody has an exclusive one then. As [`lock`](Self::lock) otherwise.
    ///
    /// # Errors
    ///
    /// Those of flock(2).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has got the lock or has not begun.
    #[track_caller]
    pub fn lock_shared(&self) -> impl Future<Output = io::Result<()>> {
        crate::blocking(|| self.flock(libc::LOCK_SH))
    }

    /// Takes an exclusive lock if nobody has one; see [`lock`](Self::lock). It does not wait for others, though a network's file system may have to ask its server.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if somebody has a lock; those of flock(2).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has taken the lock or has not begun.
    #[track_caller]
    pub fn try_lock(&self) -> impl Future<Output = Result<(), TryLockError>> {
        crate::blocking(|| self.flock(libc::LOCK_EX | libc::LOCK_NB).map_err(TryLockError::of))
    }

    /// Takes a shared lock if nobody has an exclusive one; see [`lock_shared`](Self::lock_shared).
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if somebody has an exclusive lock; those of flock(2).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has taken the lock or has not begun.
    #[track_caller]
    pub fn try_lock_shared(&self) -> impl Future<Output = Result<(), TryLockError>> {
        crate::blocking(|| self.flock(libc::LOCK_SH | libc::LOCK_NB).map_err(TryLockError::of))
    }

    /// Gives the lock back. Without one it does nothing.
    ///
    /// # Errors
    ///
    /// Those of flock(2).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has given the lock back or has not begun.
    #[track_caller]
    pub fn unlock(&self) -> impl Future<Output = io::Result<()>> {
        crate::blocking(|| self.flock(libc::LOCK_UN))
    }

    fn flock(&self, operation: i32) -> io::Result<()> {
        uninterrupted(|| flock(self.as_fd(), operation))
    }
}

/// Why a lock was not taken at once. As `std::fs::TryLockError`, which is younger than what this crate needs of std.
#[derive(Debug)]
pub enum TryLockError {
    /// The system refused.
    Error(io::Error),
    /// Somebody else has a lock.
    WouldBlock,
}

impl TryLockError {
    fn of(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::WouldBlock { Self::WouldBlock } else { Self::Error(error) }
    }
}

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => write!(f, "the file cannot be locked: {error}"),
            Self::WouldBlock => f.write_str("the file cannot be locked at once: somebody else has a lock"),
        }
    }
}

impl Error for TryLockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Error(error) => Some(error),
            Self::WouldBlock => None,
        }
    }
}

impl From<TryLockError> for io::Error {
    fn from(error: TryLockError) -> Self {
        match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => Self::from(io::ErrorKind::WouldBlock),
        }
    }
}
