//! On which CPUs does a thread run, how much does it use, and how much may it use?

use std::ffi::{c_int, c_uint};

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// Keeps a thread (0: the calling one) on these CPUs.
    ///
    /// The calling thread is a worker's, and tasks change threads at every `.await`: pin threads that are your own.
    // A thread that runs elsewhere is waited for until it has moved.
    pub blocking(retry) fn sched_setaffinity(tid: libc::pid_t, cpus: &libc::cpu_set_t)
        = unsafe libc::SYS_sched_setaffinity(tid, size_of::<libc::cpu_set_t>(), cpus);

    /// On which CPUs a thread (0: the calling one) may run.
    pub nonblocking fn sched_getaffinity(tid: libc::pid_t) -> libc::cpu_set_t as cpus
        = unsafe libc::SYS_sched_getaffinity(tid, size_of::<libc::cpu_set_t>(), cpus) see sched_setaffinity(2);

    /// Lets other threads of this CPU go first. Other *tasks* go first at [`yield_now`](https://docs.rs/handover/latest/handover/fn.yield_now.html).
    // It waits for nobody: who has given way can run at any time.
    pub nonblocking fn sched_yield() = unsafe libc::SYS_sched_yield;

    /// Which CPU runs this, and its NUMA node. Both may be others by now.
    pub nonblocking fn getcpu() -> [c_uint; 2] as place = unsafe libc::SYS_getcpu(place.as_mut_ptr(), place.as_mut_ptr().wrapping_add(1));

    /// What a process (`RUSAGE_SELF`), its children that were waited for (`RUSAGE_CHILDREN`) or the calling thread (`RUSAGE_THREAD`) has used.
    pub nonblocking fn getrusage(who: c_int) -> libc::rusage as usage = unsafe libc::SYS_getrusage(who, usage);

    /// How much of a resource (`RLIMIT_NOFILE`, ..) this process may have.
    pub nonblocking fn getrlimit(resource: c_uint) -> libc::rlimit as limit
        = unsafe libc::SYS_prlimit64(0, resource, None::<&libc::rlimit>, limit);

    /// How much of a resource a process (0: this one) may have, and from now on. Gives what was before.
    pub nonblocking fn prlimit(pid: libc::pid_t, resource: c_uint, new: Option<&libc::rlimit>) -> libc::rlimit as old
        = unsafe libc::SYS_prlimit64(pid, resource, new, old) see getrlimit(2);
}
