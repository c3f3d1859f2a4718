//! Why can a descriptor not be waited for? An error that names it and says what to do instead.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::RawFd;

/// What the system said when a descriptor was registered.
#[derive(Debug)]
struct Refusal {
    fd: RawFd,
    source: io::Error,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fd, source } = self;
        match source.raw_os_error() {
            Some(libc::EPERM) => write!(
                f,
                "descriptor {fd} cannot be waited for, because it never makes anybody wait: it is a regular file, a directory or a device like /dev/null; use it through `io::Fd` or `fs::File`"
            ),
            Some(libc::EEXIST) => write!(
                f,
                "descriptor {fd} is registered with this runtime already: share the object that holds it, or register a duplicate (`try_clone`)"
            ),
            _ => write!(f, "cannot wait for descriptor {fd}: {source}"),
        }
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// `error`, met when `fd` was registered, naming it. The kind stays; the system's own error is the source.
pub(super) fn explained(fd: RawFd, source: io::Error) -> io::Error {
    // The reactor's own errors (it was shut down, it has no more room) say all there is to say.
    if source.raw_os_error().is_none() { source } else { io::Error::new(source.kind(), Refusal { fd, source }) }
}
