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
    // Files ask nobody, but for those of FUSE, which answer for their server: whoever polls one had better call `ppoll` with no time to wait.
    pub nonblocking fn poll_now(files: &mut [libc::pollfd]) -> usize
        = unsafe libc::SYS_ppoll(files, &mut libc::timespec { tv_sec: 0, tv_nsec: 0 }, None::<&libc::sigset_t>, SIGNAL_SET_LEN) see poll(2);

    /// A list of watches of files and directories, which is read for what happens to them. `flags`: `IN_CLOEXEC`, `IN_NONBLOCK`.
    pub nonblocking fn inotify_init1(flags: c_int) -> OwnedFd = unsafe libc::SYS_inotify_init1 see inotify_init(2);

    /// Watches `path` for the events of `mask` (`IN_MODIFY`, ..), or changes its watch. Gives the watch's number.
    // It looks the path up.
    pub blocking(retry) fn inotify_add_watch(inotify: BorrowedFd<'_>, path: &CStr, mask: u32) -> c_int = unsafe libc::SYS_inotify_add_watch;

    /// Ends a watch.
    // It may be what kept a removed file on the disk.
    pub blocking(retry) fn inotify_rm_watch(inotify: BorrowedFd<'_>, watch: c_int) = unsafe libc::SYS_inotify_rm_watch;

    /// A counter that writes add to and reads take from. `flags`: `EFD_CLOEXEC`, `EFD_NONBLOCK`, `EFD_SEMAPHORE`.
    pub nonblocking fn eventfd(initial: c_uint, flags: c_int) -> OwnedFd = unsafe libc::SYS_eventfd2;

    /// A timer that a descriptor tells of. `clock`: `CLOCK_MONOTONIC`, `CLOCK_REALTIME`, `CLOCK_BOOTTIME`; `flags`: `TFD_CLOEXEC`, `TFD_NONBLOCK`.
    pub nonblocking fn timerfd_create(clock: libc::clockid_t, flags: c_int) -> OwnedFd = unsafe libc::SYS_timerfd_create;

    /// Sets a timer, from now or (`TFD_TIMER_ABSTIME`) on its clock; zero turns it off. Gives what it was set to.
    pub nonblocking fn timerfd_settime(timer: BorrowedFd<'_>, flags: c_int, new: &libc::itimerspec) -> libc::itimerspec as old
        = unsafe libc::SYS_timerfd_settime(timer, flags, new, old);

    /// How long until the timer, and how long it is set to from then on.
    pub nonblocking fn timerfd_gettime(timer: BorrowedFd<'_>) -> libc::itimerspec as left = unsafe libc::SYS_timerfd_gettime(timer, left);

    /// A descriptor that the signals of `mask` are read from, as `signalfd_siginfo`, while they are blocked. `flags`: `SFD_CLOEXEC`, `SFD_NONBLOCK`.
    ///
    /// A read gets the signals of the thread that makes it, besides those of the process.
    pub nonblocking fn signalfd(mask: &libc::sigset_t, flags: c_int) -> OwnedFd = unsafe libc::SYS_signalfd4(-1, mask, SIGNAL_SET_LEN, flags);

    /// Changes which signals are read from a [`signalfd`].
    pub nonblocking fn signalfd_set(signals: BorrowedFd<'_>, mask: &libc::sigset_t)
        = unsafe libc::SYS_signalfd4(signals, mask, SIGNAL_SET_LEN, 0) see signalfd(2);
}
