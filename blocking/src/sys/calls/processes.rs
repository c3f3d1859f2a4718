//! How does a program watch, signal and reap processes, and what does it say of itself?

use std::ffi::{CStr, c_int, c_uint};
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
    ///
    /// The answer is not `Send`: take out of it what is needed before the next `.await`.
    pub blocking(hand_on) fn waitid(id_type: libc::idtype_t, id: libc::id_t, options: c_int) -> libc::siginfo_t as info
        = unsafe libc::SYS_waitid(id_type, id, info, options, ptr::null_mut::<libc::rusage>());

    /// [`waitid`] for the child of `pidfd`.
    pub blocking(hand_on) fn waitid_pidfd(pidfd: BorrowedFd<'_>, options: c_int) -> libc::siginfo_t as info
        = unsafe libc::SYS_waitid(libc::P_PIDFD, pidfd, info, options, ptr::null_mut::<libc::rusage>()) see waitid(2);

    /// [`waitid_pidfd`] with `WNOHANG`: `si_pid()` of the answer is 0 if the child has not changed its state.
    pub nonblocking fn try_waitid_pidfd(pidfd: BorrowedFd<'_>, options: c_int) -> libc::siginfo_t as info
        = unsafe libc::SYS_waitid(libc::P_PIDFD, pidfd, info, options | libc::WNOHANG, ptr::null_mut::<libc::rusage>()) see waitid(2);

    /// A copy of a descriptor of another process, closed on exec. It takes the right to trace that process. `flags` must be 0.
    // It waits until that process is not within exec.
    pub blocking(retry) fn pidfd_getfd(pidfd: BorrowedFd<'_>, descriptor: c_int, flags: c_uint) -> OwnedFd = unsafe libc::SYS_pidfd_getfd;

    /// Sends a signal to a process, to a group (negative, 0: the caller's own), or to all that it may (-1); 0 only asks whether it is there.
    ///
    /// The number may be another process's by now. [`pidfd_send_signal`] never means another one.
    pub nonblocking fn kill(pid: libc::pid_t, signal: c_int) = unsafe libc::SYS_kill;

    /// Sends a signal to a thread of a process.
    pub nonblocking fn tgkill(pid: libc::pid_t, tid: libc::pid_t, signal: c_int) = unsafe libc::SYS_tgkill;

    /// The calling thread's number. A task may go on on another thread after each `.await`.
    pub nonblocking fn gettid() -> libc::pid_t = unsafe libc::SYS_gettid;

    /// Names the calling thread, with up to 15 bytes.
    pub nonblocking fn prctl_set_name(name: &CStr) = unsafe libc::SYS_prctl(libc::PR_SET_NAME, name) see prctl(2);

    /// The calling thread's name, with zeros behind it.
    pub nonblocking fn prctl_get_name() -> [u8; 16] as name = unsafe libc::SYS_prctl(libc::PR_GET_NAME, name) see prctl(2);

    /// The calling process gets this signal (0: none) when the *thread* that made it ends.
    pub nonblocking fn prctl_set_pdeathsig(signal: c_int) = unsafe libc::SYS_prctl(libc::PR_SET_PDEATHSIG, signal) see prctl(2);

    /// Which signal [`prctl_set_pdeathsig`] has set.
    pub nonblocking fn prctl_get_pdeathsig() -> c_int as signal = unsafe libc::SYS_prctl(libc::PR_GET_PDEATHSIG, signal) see prctl(2);

    /// Whether this process becomes the parent of its children's children when those end.
    pub nonblocking fn prctl_set_child_subreaper(adopts: bool)
        = unsafe libc::SYS_prctl(libc::PR_SET_CHILD_SUBREAPER, c_int::from(adopts)) see prctl(2);

    /// What [`prctl_set_child_subreaper`] has set: 1 or 0.
    pub nonblocking fn prctl_get_child_subreaper() -> c_int as adopts
        = unsafe libc::SYS_prctl(libc::PR_GET_CHILD_SUBREAPER, adopts) see prctl(2);
}
