//! What if the system has no such calls? Each says `ENOSYS`, and what they would do is done by reading and writing.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

fn missing() -> io::Result<usize> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

pub(super) fn read_nowait(_: BorrowedFd<'_>, _: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    missing()
}

pub(super) fn write_nowait(_: BorrowedFd<'_>, _: &[IoSlice<'_>]) -> io::Result<usize> {
    missing()
}

pub(super) fn copy_file_range(_: BorrowedFd<'_>, _: BorrowedFd<'_>, _: usize) -> io::Result<usize> {
    missing()
}

pub(super) fn sendfile(_: BorrowedFd<'_>, _: BorrowedFd<'_>, _: usize) -> io::Result<usize> {
    missing()
}

pub(super) fn splice(_: BorrowedFd<'_>, _: BorrowedFd<'_>, _: usize) -> io::Result<usize> {
    missing()
}
