//! What can be done with a path?
//!
//! All of these may block: a path may lead through a network file system.

use std::ffi::{CStr, c_int, c_uint};
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::sys::Plain;
use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// Opens a path, within the limits of `how.resolve`: `RESOLVE_BENEATH` (never out of `directory`), `RESOLVE_NO_SYMLINKS`, ..
    ///
    /// [`open_how`] makes its last argument.
    // A FIFO is opened once somebody else opens its other end.
    pub blocking(hand_on) fn openat2(directory: BorrowedFd<'_>, path: &CStr, how: &libc::open_how) -> OwnedFd
        = unsafe libc::SYS_openat2(directory, path, how, size_of::<libc::open_how>());

    /// What `mask` asks for (`STATX_BASIC_STATS`, `STATX_BTIME`, ..) of a path, or of `directory` itself (`c""` with `AT_EMPTY_PATH`).
    pub blocking(retry) fn statx(directory: BorrowedFd<'_>, path: &CStr, flags: c_int, mask: c_uint) -> libc::statx as status
        = unsafe libc::SYS_statx(directory, path, flags, mask, status);

    /// The file system of a path: its kind, its size, what is free.
    pub blocking(retry) fn statfs(path: &CStr) -> libc::statfs as status = unsafe libc::SYS_statfs(path, status);

    /// Renames, without replacing (`RENAME_NOREPLACE`), swapping both (`RENAME_EXCHANGE`), or as rename(2) does (0).
    pub blocking(retry) fn renameat2(
        from_directory: BorrowedFd<'_>, from: &CStr, to_directory: BorrowedFd<'_>, to: &CStr, flags: c_uint
    ) = unsafe libc::SYS_renameat2;

    /// Makes a file of any kind: `mode` is `S_IFREG`, `S_IFIFO`, `S_IFSOCK`, `S_IFCHR` or `S_IFBLK`, with the permissions. `device` is for the last two, as `libc::makedev` makes it.
    pub blocking(retry) fn mknodat(directory: BorrowedFd<'_>, path: &CStr, mode: u32, device: u32) = unsafe libc::SYS_mknodat see mknod(2);

    /// Makes a FIFO.
    pub blocking(retry) fn mkfifoat(directory: BorrowedFd<'_>, path: &CStr, permissions: u32)
        = unsafe libc::SYS_mknodat(directory, path, libc::S_IFIFO | (permissions & 0o7777), 0) see mkfifo(3);

    /// Gives a file another name. With `AT_EMPTY_PATH` and `c""` it is `from_directory` itself, as one opened with `O_TMPFILE`, which has none yet.
    pub blocking(retry) fn linkat(
        from_directory: BorrowedFd<'_>, from: &CStr, to_directory: BorrowedFd<'_>, to: &CStr, flags: c_int
    ) = unsafe libc::SYS_linkat see link(2);

    /// Sets when a file was last read and written: both now, or each at a time, now (`UTIME_NOW`) or left alone (`UTIME_OMIT`). No path is `file_or_directory` itself.
    pub blocking(retry) fn utimensat(file_or_directory: BorrowedFd<'_>, path: Option<&CStr>, times: Option<&[libc::timespec; 2]>, flags: c_int)
        = unsafe libc::SYS_utimensat;

    /// May this process read, write or execute it (`R_OK`, `W_OK`, `X_OK`), is it there (`F_OK`)? `AT_EACCESS` asks for the effective user, `AT_SYMLINK_NOFOLLOW` for a link itself.
    pub blocking(retry) fn faccessat2(directory: BorrowedFd<'_>, path: &CStr, mode: c_int, flags: c_int) = unsafe libc::SYS_faccessat2 see access(2);

    /// A file's handle, by which [`open_by_handle_at`] finds it again even if it was renamed, and the number of its mount.
    pub blocking(retry) fn name_to_handle_at(
        directory: BorrowedFd<'_>, path: &CStr, handle: &mut FileHandle, mount_id: &mut u64, flags: c_int
    // Eight bytes for the number: it has as many with AT_HANDLE_MNT_ID_UNIQUE.
    ) = unsafe libc::SYS_name_to_handle_at see open_by_handle_at(2);

    /// Opens the file of a handle, on the file system that `mount` is on. It takes the capability `CAP_DAC_READ_SEARCH`.
    pub blocking(hand_on) fn open_by_handle_at(mount: BorrowedFd<'_>, handle: &FileHandle, flags: c_int) -> OwnedFd
        = unsafe libc::SYS_open_by_handle_at;
}

/// How [`openat2`] is to open: `flags` as of open(2), the permissions of a new file, and `RESOLVE_` limits.
pub fn open_how(flags: c_int, permissions: u32, resolve: u64) -> libc::open_how {
    let mut how = libc::open_how::zeroed();
    // Without the sign: bit 31 is no flag.
    how.flags = u64::from(flags as u32);
    how.mode = permissions.into();
    how.resolve = resolve;
    how
}

/// A file's handle; see [`name_to_handle_at`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct FileHandle {
    /// How many of `bytes` there may be, and then are. The kernel takes no more than 128.
    pub handle_bytes: c_uint,
    /// What only the file system knows.
    pub handle_type: c_int,
    /// What only the file system knows.
    pub bytes: [u8; 128],
}

impl FileHandle {
    /// One with room for any handle.
    pub fn new() -> Self {
        Self { handle_bytes: 128, handle_type: 0, bytes: [0; 128] }
    }
}

impl Default for FileHandle {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: integers in the kernel's layout (`struct file_handle`), with room for the most that it writes, MAX_HANDLE_SZ.
unsafe impl Plain for FileHandle {}
