//! What can be asked of a descriptor, and changed about it?

use std::ffi::{c_int, c_uint};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// How a file was opened: `O_ACCMODE` and its status flags (`O_NONBLOCK`, `O_APPEND`, ..).
    pub nonblocking fn fcntl_getfl(file: BorrowedFd<'_>) -> c_int = unsafe libc::SYS_fcntl(file, libc::F_GETFL) see fcntl(2);

    /// Sets a file's status flags, for everybody who shares its file description: `O_APPEND`, `O_ASYNC`, `O_DIRECT`, `O_NOATIME`, `O_NONBLOCK`.
    pub nonblocking fn fcntl_setfl(file: BorrowedFd<'_>, flags: c_int) = unsafe libc::SYS_fcntl(file, libc::F_SETFL, flags) see fcntl(2);

    /// A descriptor's own flags: `FD_CLOEXEC` or 0.
    pub nonblocking fn fcntl_getfd(file: BorrowedFd<'_>) -> c_int = unsafe libc::SYS_fcntl(file, libc::F_GETFD) see fcntl(2);

    /// Sets a descriptor's own flags: `FD_CLOEXEC` closes it on exec, 0 lets a new program have it.
    pub nonblocking fn fcntl_setfd(file: BorrowedFd<'_>, flags: c_int) = unsafe libc::SYS_fcntl(file, libc::F_SETFD, flags) see fcntl(2);

    /// How many bytes a pipe holds.
    // A writer has the pipe's lock while it copies, from memory that may have to come from a disk first.
    pub blocking(retry) fn fcntl_getpipe_sz(pipe: BorrowedFd<'_>) -> usize = unsafe libc::SYS_fcntl(pipe, libc::F_GETPIPE_SZ) see fcntl(2);

    /// Makes a pipe hold `size` bytes or more, and says how many.
    // For the same lock.
    pub blocking(retry) fn fcntl_setpipe_sz(pipe: BorrowedFd<'_>, size: c_int) -> usize
        = unsafe libc::SYS_fcntl(pipe, libc::F_SETPIPE_SZ, size) see fcntl(2);

    /// A pipe: its reading and its writing end. `flags`: `O_CLOEXEC`, `O_NONBLOCK`, `O_DIRECT` (packets).
    pub nonblocking fn pipe2(flags: c_int) -> (OwnedFd, OwnedFd) as ends = unsafe libc::SYS_pipe2(ends, flags) see pipe(2);

    /// Makes `onto` another name of what `from` is, and closes what it was, both in one step. `flags`: `O_CLOEXEC`.
    // What is closed may have something to write to a server first.
    pub blocking(retry) fn dup3(from: BorrowedFd<'_>, onto: &mut OwnedFd, flags: c_int) = unsafe libc::SYS_dup3(from, onto.as_fd(), flags) see dup(2);

    /// Closes all descriptors from `first` to `last`. `flags`: `CLOSE_RANGE_CLOEXEC` only marks them to be closed on exec.
    ///
    /// # Safety
    /// Nobody else owns one of them, as the runtime does its own: they are the caller's, or are only marked.
    pub blocking(retry) unsafe fn close_range(first: c_uint, last: c_uint, flags: c_uint) = unsafe libc::SYS_close_range;
}
