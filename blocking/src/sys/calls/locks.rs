//! How do processes wait for each other? Locks on files, and futexes.

use std::ffi::c_int;
use std::os::fd::BorrowedFd;
use std::ptr;
use std::sync::atomic::AtomicU32;

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// Locks a whole file (`LOCK_SH`, `LOCK_EX`) or unlocks it (`LOCK_UN`). With `LOCK_NB` it fails with `EWOULDBLOCK` instead of waiting for another holder.
    // With LOCK_NB, too, it may block: a network file system asks its server.
    pub blocking(hand_on) fn flock(file: BorrowedFd<'_>, operation: c_int) = unsafe libc::SYS_flock;

    /// Locks (`F_RDLCK`, `F_WRLCK`) or unlocks (`F_UNLCK`) a part of a file for its open file description. `EAGAIN` if another one's lock is in the way.
    ///
    /// `l_pid` must be 0.
    // Asks a server, too.
    pub blocking(retry) fn fcntl_ofd_setlk(file: BorrowedFd<'_>, lock: &libc::flock) = unsafe libc::SYS_fcntl(file, libc::F_OFD_SETLK, lock) see fcntl(2);

    /// [`fcntl_ofd_setlk`], waiting until no other lock is in the way.
    pub blocking(hand_on) fn fcntl_ofd_setlkw(file: BorrowedFd<'_>, lock: &libc::flock)
        = unsafe libc::SYS_fcntl(file, libc::F_OFD_SETLKW, lock) see fcntl(2);

    /// Which lock would be in the way of `lock`? It is written over it; `l_type` is `F_UNLCK` if none is.
    pub blocking(retry) fn fcntl_ofd_getlk(file: BorrowedFd<'_>, lock: &mut libc::flock)
        = unsafe libc::SYS_fcntl(file, libc::F_OFD_GETLK, lock) see fcntl(2);

    /// Waits for a [`futex_wake`] of `word`, for up to `timeout`, unless it holds another value than `expected` (`EAGAIN`). Also between processes that share the memory.
    ///
    /// It may wake up for no reason.
    pub blocking(hand_on) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<&libc::timespec>)
        = unsafe libc::SYS_futex(word, libc::FUTEX_WAIT, expected, timeout) see futex(2);

    /// Wakes up to `count` of those who wait for `word`, and says how many.
    pub nonblocking fn futex_wake(word: &AtomicU32, count: c_int) -> usize
        = unsafe libc::SYS_futex(word, libc::FUTEX_WAKE, count, ptr::null::<libc::timespec>()) see futex(2);
}
