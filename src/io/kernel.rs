//! Which system calls of Linux make I/O faster, or safer, than POSIX's do?
//!
//! Where they are not to be had, `kernel_without.rs` stands in: its functions say `ENOSYS`, as an old kernel would, and everything is done by reading and writing.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

use handover_blocking::sys::calls;

/// The file's own position, in preadv2(2) and pwritev2(2).
const OWN_POSITION: u64 = u64::MAX;

/// Reads without blocking, whatever the file's flags say.
pub(super) fn read_nowait(fd: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    calls::preadv2(fd, buffers, OWN_POSITION, libc::RWF_NOWAIT)
}

/// Writes without blocking, whatever the file's flags say.
pub(super) fn write_nowait(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    calls::pwritev2(fd, buffers, OWN_POSITION, libc::RWF_NOWAIT)
}

/// From file to file, from and to their own positions.
pub(super) fn copy_file_range(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    calls::copy_file_range(from, None, to, None, len, 0)
}

/// From a file to anything.
pub(super) fn sendfile(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    calls::sendfile(to, from, None, len)
}

/// From or to a pipe, which is not waited for.
pub(super) fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    calls::splice(from, None, to, None, len, libc::SPLICE_F_NONBLOCK | libc::SPLICE_F_MOVE)
}
