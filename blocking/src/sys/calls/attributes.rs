//! What can be written about a file beside its contents? Extended attributes, see xattr(7).
//!
//! All of these may block, those of descriptors too: attributes lie on the disk, or with a server.

use std::ffi::{CStr, c_int};
use std::os::fd::BorrowedFd;

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// Reads an attribute, and says how long it is; into an empty `value`, only that.
    pub blocking(retry) fn getxattr(path: &CStr, name: &CStr, value: &mut [u8]) -> usize = unsafe libc::SYS_getxattr;

    /// Reads an attribute of an open file, and says how long it is; into an empty `value`, only that.
    pub blocking(retry) fn fgetxattr(file: BorrowedFd<'_>, name: &CStr, value: &mut [u8]) -> usize = unsafe libc::SYS_fgetxattr see getxattr(2);

    /// Sets an attribute. `flags`: `XATTR_CREATE`, `XATTR_REPLACE`.
    pub blocking(retry) fn setxattr(path: &CStr, name: &CStr, value: &[u8], flags: c_int) = unsafe libc::SYS_setxattr;

    /// Sets an attribute of an open file. `flags`: `XATTR_CREATE`, `XATTR_REPLACE`.
    pub blocking(retry) fn fsetxattr(file: BorrowedFd<'_>, name: &CStr, value: &[u8], flags: c_int) = unsafe libc::SYS_fsetxattr see setxattr(2);

    /// Lists the names of the attributes, each with a zero behind it, and says how many bytes that are; into an empty `names`, only that.
    pub blocking(retry) fn listxattr(path: &CStr, names: &mut [u8]) -> usize = unsafe libc::SYS_listxattr;

    /// Lists the names of an open file's attributes, each with a zero behind it, and says how many bytes that are; into an empty `names`, only that.
    pub blocking(retry) fn flistxattr(file: BorrowedFd<'_>, names: &mut [u8]) -> usize = unsafe libc::SYS_flistxattr see listxattr(2);

    /// Removes an attribute.
    pub blocking(retry) fn removexattr(path: &CStr, name: &CStr) = unsafe libc::SYS_removexattr;

    /// Removes an attribute of an open file.
    pub blocking(retry) fn fremovexattr(file: BorrowedFd<'_>, name: &CStr) = unsafe libc::SYS_fremovexattr see removexattr(2);
}
