//! What tells a program that something has happened: polls, watches of files, counters, timers, signals as descriptors?

use std::ffi::{CStr, c_int, c_uint};
use std::os::fd::{BorrowedFd, OwnedFd};

use super::SIGNAL_SET_LEN;
use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// Waits until one of `files` is ready, for up to `timeout`, with the signals of `mask` blocked meanwhile. Says how many are: 0 if time is up.
    ///
    /// `None` waits for ever. A timeout that is given holds what is left of it afterwards, unlike that of the C library's function.
    pub blocking(hand_on) fn ppoll(files: &mut [libc::pollfd], timeout: Option<&mut libc::timespec>, mask: Option<&libc::sigset_t>) -> usize
        = unsafe libc::SYS_ppoll(files, timeout, mask, SIGNAL_SET_LEN);

    /// Which of `files` are ready now? Says how many.
    pub nonblocking fn poll_now(files: &mut [libc::pollfd]) -> usize
        = unsafe libc::SYS_ppoll(files, &mut libc::timespec { tv_sec: 0, tv_nsec: 0 }, None::<&libc::sigset_t>, SIGNAL_SET_LEN) see poll(2);

    /// A list of watches of files and directories, which is read for what happens to them. `flags`: `IN_CLOEXEC`, `IN_NONBLOCK`.
    pub nonblocking fn inotify_init1(flags: c_int) -> OwnedFd = unsafe libc::SYS_inotify_init1 see inotify_init(2);

    /// Watches `path` for the events of `mask` (`IN_MODIFY`, ..), or changes its watch. Gives the watch's number.
    // It looks the path up.
    pub blocking(retry) fn inotify_add_watch(inotify: BorrowedFd<'_>, path: &CStr, mask: u32) -> c_int = unsafe libc::SYS_inotify_add_watch;

    /// Ends a watch.
    pub nonblocking fn inotify_rm_watch(inotify: BorrowedFd<'_>, watch: c_int) = unsafe libc::SYS_inotify_rm_watch;

    /// A counter that writes add to and reads take from. `flags`: `EFD_CLOEXEC`, `EFD_NONBLOCK`, `EFD_SEMAPHORE`.
    pub nonblocking fn eventfd(initial: c_uint, flags: c_int) -> OwnedFd = unsafe libc::SYS_eventfd2;
}
