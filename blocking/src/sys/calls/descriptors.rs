//! What can be asked of a descriptor, and changed about it?

use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// How a file was opened: `O_ACCMODE` and its status flags (`O_NONBLOCK`, `O_APPEND`, ..).
    pub nonblocking fn fcntl_getfl(file: BorrowedFd<'_>) -> c_int = unsafe libc::SYS_fcntl(file, libc::F_GETFL) see fcntl(2);

    /// Sets a file's status flags, for everybody who shares its file description: `O_APPEND`, `O_ASYNC`, `O_DIRECT`, `O_NOATIME`, `O_NONBLOCK`.
    pub nonblocking fn fcntl_setfl(file: BorrowedFd<'_>, flags: c_int) = unsafe libc::SYS_fcntl(file, libc::F_SETFL, flags) see fcntl(2);
}
