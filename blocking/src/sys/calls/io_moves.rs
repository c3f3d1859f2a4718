//! How do bytes get from one descriptor to another, or to and from many buffers?

use std::ffi::{c_int, c_uint};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// Reads into several buffers from `offset` on, with `RWF_` flags; `u64::MAX` is the file's own position. Says how many bytes that were.
    ///
    /// With `RWF_NOWAIT` it reads what is in memory and does not wait for a disk, but may still wait for a lock of the file's.
    pub blocking(hand_on) fn preadv2(file: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>], offset: u64, flags: c_int) -> usize
        // The offset's upper half, of which 64-bit kernels make no use.
        = unsafe libc::SYS_preadv2(file, buffers, offset, 0, flags);

    /// Writes several buffers from `offset` on, with `RWF_` flags (`RWF_DSYNC`, `RWF_APPEND`, ..); `u64::MAX` is the file's own position. Says how many bytes that were.
    pub blocking(hand_on) fn pwritev2(file: BorrowedFd<'_>, buffers: &[IoSlice<'_>], offset: u64, flags: c_int) -> usize
        = unsafe libc::SYS_pwritev2(file, buffers, offset, 0, flags);

    /// Copies up to `len` bytes from file to file within the kernel, or shares the blocks. Says how many: 0 at the end of `from`.
    ///
    /// An offset that is given is used and moved on instead of the file's own position. `flags` must be 0.
    pub blocking(retry) fn copy_file_range(
        from: BorrowedFd<'_>, from_offset: Option<&mut u64>, to: BorrowedFd<'_>, to_offset: Option<&mut u64>, len: usize, flags: c_uint
    ) -> usize = unsafe libc::SYS_copy_file_range;

    /// Copies up to `len` bytes of the file `from` to a socket, a pipe or a file. Says how many: 0 at the end of `from`.
    ///
    /// An offset that is given is used and moved on instead of the file's own position.
    pub blocking(hand_on) fn sendfile(to: BorrowedFd<'_>, from: BorrowedFd<'_>, offset: Option<&mut u64>, len: usize) -> usize
        = unsafe libc::SYS_sendfile;

    /// Moves up to `len` bytes between a pipe and anything else, without copying them. Says how many: 0 at the end of `from`.
    ///
    /// An offset is for what is no pipe. `SPLICE_F_NONBLOCK` keeps it from waiting for the pipe, not for the other side.
    pub blocking(hand_on) fn splice(
        from: BorrowedFd<'_>, from_offset: Option<&mut u64>, to: BorrowedFd<'_>, to_offset: Option<&mut u64>, len: usize, flags: c_uint
    ) -> usize = unsafe libc::SYS_splice;

    /// Doubles up to `len` bytes of a pipe into another, without taking them from the first. Says how many.
    pub blocking(hand_on) fn tee(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize, flags: c_uint) -> usize = unsafe libc::SYS_tee;

    /// Puts the memory of `buffers` into a pipe, without copying it. Says how many bytes that were.
    ///
    /// # Safety
    /// - `pipe` is a pipe's writing end. Of the reading end the call would read, into memory that is only lent to be read.
    /// - Whoever reads the pipe sees what is in the memory by then: it may be written again, or given back, only if nobody minds.
    pub blocking(hand_on) unsafe fn vmsplice(pipe: BorrowedFd<'_>, buffers: &[IoSlice<'_>], flags: c_uint) -> usize
        = unsafe libc::SYS_vmsplice;
}
