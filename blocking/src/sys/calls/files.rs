//! What can be done with an open file or directory, besides reading and writing it?

use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// Takes disk space for a part of a file (mode 0), or gives it back (`FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE`, ..).
    pub blocking(retry) fn fallocate(file: BorrowedFd<'_>, mode: c_int, offset: u64, len: u64) = unsafe libc::SYS_fallocate;

    /// Starts writing a part of a file to the disk, or waits for that. `len` 0 is up to the end.
    ///
    /// It writes neither the file's length nor what the disk keeps in its own memory: after a power cut, only what fdatasync(2) was asked for is there.
    pub blocking(retry) fn sync_file_range(file: BorrowedFd<'_>, offset: u64, len: u64, flags: u32) = unsafe libc::SYS_sync_file_range;

    /// Writes everything of the file system that `file` is on to the disk.
    pub blocking(retry) fn syncfs(file: BorrowedFd<'_>) = unsafe libc::SYS_syncfs;

    /// Says how a part of a file will be used (`POSIX_FADV_SEQUENTIAL`, `POSIX_FADV_DONTNEED`, ..). `len` 0 is up to the end.
    // Reading ahead waits for room in the disk's queue.
    pub blocking(retry) fn fadvise64(file: BorrowedFd<'_>, offset: u64, len: u64, advice: c_int) = unsafe libc::SYS_fadvise64 see posix_fadvise(2);

    /// Reads a part of a file into memory, for others to find it there.
    pub blocking(retry) fn readahead(file: BorrowedFd<'_>, offset: u64, len: usize) = unsafe libc::SYS_readahead;

    /// Reads entries of a directory, as `linux_dirent64`, and says how many bytes they take: 0 at the end.
    pub blocking(retry) fn getdents64(directory: BorrowedFd<'_>, entries: &mut [u8]) -> usize = unsafe libc::SYS_getdents64 see getdents(2);

    /// The file system that `file` is on: its kind, its size, what is free.
    // Asks the server where there is one.
    pub blocking(retry) fn fstatfs(file: BorrowedFd<'_>) -> libc::statfs as status = unsafe libc::SYS_fstatfs(file, status) see statfs(2);
}
