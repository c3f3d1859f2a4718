//! How does a program watch, signal and reap processes, and what does it say of itself?

use std::ffi::{c_int, c_uint};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr;

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// A descriptor of the process `pid`, which becomes readable when that ends, and never means another process. Closed on exec. `flags`: `PIDFD_NONBLOCK`.
    pub nonblocking fn pidfd_open(pid: libc::pid_t, flags: c_uint) -> OwnedFd = unsafe libc::SYS_pidfd_open;

    /// Sends a signal to the process of `pidfd`; 0 only asks whether it is there. `flags` must be 0.
    pub nonblocking fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: c_int, flags: c_uint)
        = unsafe libc::SYS_pidfd_send_signal(pidfd, signal, ptr::null::<libc::siginfo_t>(), flags);

    /// Waits for a child to change its state (`WEXITED`, `WSTOPPED`, `WCONTINUED`), and reaps it unless `WNOWAIT` is among the options.
    ///
    /// `id_type` is `P_PID`, `P_PGID`, `P_PIDFD` (then `id` is the descriptor's number) or `P_ALL`.
    pub blocking(hand_on) fn waitid(id_type: libc::idtype_t, id: libc::id_t, options: c_int) -> libc::siginfo_t as info
        = unsafe libc::SYS_waitid(id_type, id, info, options, ptr::null_mut::<libc::rusage>());

    /// [`waitid`] for the child of `pidfd`.
    pub blocking(hand_on) fn waitid_pidfd(pidfd: BorrowedFd<'_>, options: c_int) -> libc::siginfo_t as info
        = unsafe libc::SYS_waitid(libc::P_PIDFD, pidfd, info, options, ptr::null_mut::<libc::rusage>()) see waitid(2);

    /// [`waitid_pidfd`] with `WNOHANG`: `si_pid()` of the answer is 0 if the child has not changed its state.
    pub nonblocking fn try_waitid_pidfd(pidfd: BorrowedFd<'_>, options: c_int) -> libc::siginfo_t as info
        = unsafe libc::SYS_waitid(libc::P_PIDFD, pidfd, info, options | libc::WNOHANG, ptr::null_mut::<libc::rusage>()) see waitid(2);
}
