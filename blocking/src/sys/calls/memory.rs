//! What can be asked of memory: files of it, locks, advice, writing it back?
//!
//! Whatever touches the address space may block: it waits for the lock that a page fault of another thread holds, and that may be waiting for a disk.

use std::ffi::{CStr, c_int, c_uint};
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// A file that lies in memory and has no path. `flags`: `MFD_CLOEXEC`, `MFD_ALLOW_SEALING`, ..
    pub nonblocking fn memfd_create(name: &CStr, flags: c_uint) -> OwnedFd = unsafe libc::SYS_memfd_create;

    /// Forbids for good what the seals say: `F_SEAL_SHRINK`, `F_SEAL_GROW`, `F_SEAL_WRITE`, `F_SEAL_SEAL`.
    // It waits for a write that is under way, and that for the page it copies from.
    pub blocking(retry) fn fcntl_add_seals(file: BorrowedFd<'_>, seals: c_int) = unsafe libc::SYS_fcntl(file, libc::F_ADD_SEALS, seals) see fcntl(2);

    /// Which seals a file of memory has.
    pub nonblocking fn fcntl_get_seals(file: BorrowedFd<'_>) -> c_int = unsafe libc::SYS_fcntl(file, libc::F_GET_SEALS) see fcntl(2);

    /// Brings memory in and keeps it there, page by page.
    pub blocking(retry) fn mlock(memory: &[u8]) = unsafe libc::SYS_mlock;

    /// Ends [`mlock`] for these pages, however often it was made.
    pub blocking(retry) fn munlock(memory: &[u8]) = unsafe libc::SYS_munlock see mlock(2);

    /// Writes a mapped file's changed pages to the disk (`MS_SYNC`). The memory begins with a page.
    pub blocking(retry) fn msync(memory: &[u8], flags: c_int) = unsafe libc::SYS_msync;

    /// Says how memory will be used. It begins with a page.
    ///
    /// # Safety
    /// The memory is the caller's, and what the advice does to it is, too: `MADV_DONTNEED` and others throw its contents away.
    pub blocking(retry) unsafe fn madvise(memory: *mut u8, len: usize, advice: c_int) = unsafe libc::SYS_madvise;

    /// A memory barrier on other threads, or (`MEMBARRIER_CMD_QUERY`) the bits of the commands that there are.
    // MEMBARRIER_CMD_GLOBAL waits for milliseconds, until all CPUs have switched once.
    pub blocking(retry) fn membarrier(command: c_int, flags: c_uint, cpu: c_int) -> c_int = unsafe libc::SYS_membarrier;
}
