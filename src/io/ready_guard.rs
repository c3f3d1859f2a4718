//! What was a descriptor seen to be, and does it still hold?

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use handover_reactor::Ready;

use super::AsyncFd;

/// The descriptor was not ready after all: the call said [`WouldBlock`](io::ErrorKind::WouldBlock), and that has been noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryIoError(());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call would block: the descriptor is not ready any more; wait for it again")
    }
}

impl std::error::Error for TryIoError {}

/// What an [`AsyncFd`] was seen to be. Dropping it clears nothing.
#[must_use = "readiness is to be used, or cleared after a call said `WouldBlock`"]
pub struct AsyncFdReadyGuard<'a, T: AsFd> {
    fd: &'a AsyncFd<T>,
    seen: Option<Ready>,
}

/// What an [`AsyncFd`] was seen to be, with exclusive use of it. Dropping it clears nothing.
#[must_use = "readiness is to be used, or cleared after a call said `WouldBlock`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsFd> {
    fd: &'a mut AsyncFd<T>,
    seen: Option<Ready>,
}

macro_rules! guard {
    ($name:ident, $($reference:tt)+) => {
        impl<'a, T: AsFd> $name<'a, T> {
            pub(super) fn new(fd: $($reference)+ AsyncFd<T>, seen: Ready) -> Self {
                Self { fd, seen: Some(seen) }
            }

            /// What was seen, of what was asked for; nothing once it is cleared.
            pub fn ready(&self) -> Ready {
                self.seen.unwrap_or(Ready::NOTHING)
            }

            /// A call that the caller has made said `WouldBlock`: what was seen does not hold any more. A change that was reported since stays.
            ///
            /// Only after a call said so: otherwise the next change may be long in coming.
            pub fn clear_ready(&mut self) {
                if let Some(seen) = self.seen.take() {
                    self.fd.source().clear(seen);
                }
            }

            /// Leaves the readiness as it is, as dropping the guard does.
            pub fn retain_ready(&mut self) {}

            /// The object that is waited for.
            pub fn get_inner(&self) -> &T {
                self.fd.get_ref()
            }
        }

        impl<T: AsFd + fmt::Debug> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("fd", &self.fd).field("seen", &self.ready()).finish()
            }
        }
    };
}

guard!(AsyncFdReadyGuard, &'a);
guard!(AsyncFdReadyMutGuard, &'a mut);

impl<'a, T: AsFd> AsyncFdReadyGuard<'a, T> {
    /// Makes the call `f`; if it says [`WouldBlock`](io::ErrorKind::WouldBlock), the readiness is cleared.
    ///
    /// # Errors
    ///
    /// [`TryIoError`] if `f` said `WouldBlock`: wait again. Any other result of `f` is the inner one.
    pub fn try_io<R>(&mut self, f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>) -> Result<io::Result<R>, TryIoError> {
        match f(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// What is waited for.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }
}

impl<T: AsFd> AsyncFdReadyMutGuard<'_, T> {
    /// Makes the call `f`; if it says [`WouldBlock`](io::ErrorKind::WouldBlock), the readiness is cleared.
    ///
    /// # Errors
    ///
    /// [`TryIoError`] if `f` said `WouldBlock`: wait again. Any other result of `f` is the inner one.
    pub fn try_io<R>(&mut self, f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>) -> Result<io::Result<R>, TryIoError> {
        match f(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// What is waited for.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.fd
    }

    /// What is waited for.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.fd
    }

    /// The object that is waited for.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.fd.get_mut()
    }
}
