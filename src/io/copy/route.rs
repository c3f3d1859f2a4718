//! Which call moves bytes from one descriptor to another, and what if the kernel refuses it?

use std::io;
use std::task::{Context, Poll, ready};

use handover_blocking::sys::descriptor;
use handover_reactor::{Direction, Ready};

use super::ends::{Endpoint, Nature};
use crate::io::async_fd::uninterrupted;
use crate::io::kernel;
use crate::io::waiting::ask;
use crate::source::Source;

/// How much one call may copy of a file: 4 ms or so out of memory, less than after which a call is handed off, so that a copy which is dropped or asked to yield stops soon.
const CHUNK: usize = 8 << 20;

/// splice(2) may say `EAGAIN` so often while both sides are ready, before it is given up.
const PATIENCE: usize = 3;

/// How the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// copy_file_range(2).
    Range,
    /// sendfile(2).
    Sendfile,
    /// splice(2), one side being a pipe.
    Splice,
    /// splice(2), into a pipe of ours and out of it.
    Through,
    /// Read and written.
    Plain,
}

impl Way {
    pub(super) fn of(ends: Option<(Endpoint<'_>, Endpoint<'_>)>) -> Self {
        let Some((from, to)) = ends else { return Self::Plain };
        match (from.nature, to.nature) {
            (Nature::Pipe(_), _) | (_, Nature::Pipe(_)) => Self::Splice,
            (Nature::Stored, Nature::Stored) => Self::Range,
            (Nature::Stored, Nature::Socket(_)) => Self::Sendfile,
            (Nature::Socket(_), _) => Self::Through,
        }
    }

    /// What to try after the kernel has refused this one.
    pub(super) fn next(self) -> Self {
        if self == Self::Range { Self::Sendfile } else { Self::Plain }
    }
}

/// Whether the kernel says "not this way" rather than what is wrong. If something is, the ordinary read or write says it again.
///
/// `EBADF` is copy_file_range(2)'s for a file that is appended to, `EXDEV` for two file systems, `EPERM` a sandbox's or an immutable file's, `ETXTBSY` a swap file's, `EOVERFLOW` that of lengths that some file
/// systems cannot name; the rest means that one of the files has no such operation.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EINVAL
                | libc::EXDEV
                | libc::ENOSYS
                | libc::EOPNOTSUPP
                | libc::EBADF
                | libc::EPERM
                | libc::ETXTBSY
                | libc::EOVERFLOW
                | libc::ESPIPE
        )
    )
}

/// From file to file.
pub(super) fn range(from: Endpoint<'_>, to: Endpoint<'_>) -> io::Result<usize> {
    uninterrupted(|| kernel::copy_file_range(from.fd, to.fd, CHUNK))
}

/// From a file to another one, or to a socket when it has room.
///
/// No more is asked for than the file has: to kernels before 6.5, a file that ends early is one of which more is to come, and they hold its last bytes back for 200 ms, to send them together with that. Whether it has more
/// by then is seen when it ends.
pub(super) fn poll_sendfile(cx: &mut Context<'_>, from: Endpoint<'_>, to: Endpoint<'_>) -> Poll<io::Result<usize>> {
    poll_when_ready(cx, to, Direction::Write, || {
        let remaining = usize::try_from(descriptor::remaining(from.fd)?).unwrap_or(CHUNK);
        if remaining == 0 { Ok(0) } else { kernel::sendfile(from.fd, to.fd, remaining.min(CHUNK)) }
    })
}

/// Makes `call` when `end` is ready in `direction`, which a file always is.
pub(super) fn poll_when_ready(
    cx: &mut Context<'_>,
    end: Endpoint<'_>,
    direction: Direction,
    mut call: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    match end.nature {
        Nature::Stored => Poll::Ready(uninterrupted(call)),
        Nature::Pipe(source) | Nature::Socket(source) => source.poll_io(cx, direction, &mut call),
    }
}

/// From or to a pipe. `EAGAIN` does not say whose it is, so both sides are asked, and only the one that is not ready is waited for; the argument is that of `waiting.rs`. If neither admits to it, splice(2) is given up
/// (`EINVAL`) rather than tried for ever.
pub(super) fn poll_splice(cx: &mut Context<'_>, from: Endpoint<'_>, to: Endpoint<'_>) -> Poll<io::Result<usize>> {
    for _ in 0..PATIENCE {
        // As long as a side is found not ready and becomes ready at once, this goes on: that is progress of somebody's.
        loop {
            let readable = Side { end: from, direction: Direction::Read };
            let writable = Side { end: to, direction: Direction::Write };
            let seen = (ready!(readable.poll_ready(cx))?, ready!(writable.poll_ready(cx))?);
            match uninterrupted(|| kernel::splice(from.fd, to.fd, CHUNK)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
            let (read_again, written_again) = (readable.clear_unless_ready(seen.0)?, writable.clear_unless_ready(seen.1)?);
            if read_again && written_again {
                break;
            }
        }
    }
    Poll::Ready(Err(io::Error::from_raw_os_error(libc::EINVAL)))
}

/// One end, in the direction in which it is used.
struct Side<'a> {
    end: Endpoint<'a>,
    direction: Direction,
}

impl<'a> Side<'a> {
    fn source(&self) -> Option<&'a Source> {
        match self.end.nature {
            Nature::Stored => None,
            Nature::Pipe(source) | Nature::Socket(source) => Some(source),
        }
    }

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.source().map_or(Poll::Ready(Ok(Ready::NOTHING)), |source| source.poll_ready(cx, self.direction))
    }

    /// Asks the kernel; whether it is ready.
    fn clear_unless_ready(&self, seen: Ready) -> io::Result<bool> {
        let Some(source) = self.source() else { return Ok(true) };
        match ask(self.end.fd, self.direction) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                source.clear(seen);
                Ok(false)
            }
            result => result.map(|()| true),
        }
    }
}
