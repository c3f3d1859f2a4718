//! What does a program ask of the system itself: time, randomness, what it runs on?

use std::ffi::{c_int, c_uint};

use crate::syscalls;

syscalls! {
    pub(super) const CALLS;

    /// Fills `bytes` with random ones, and says how many: all, if they are 256 at most. `flags`: `GRND_NONBLOCK`, `GRND_RANDOM`.
    // It waits while the system has just booted, and takes its time for many.
    pub blocking(retry) fn getrandom(bytes: &mut [u8], flags: c_uint) -> usize = unsafe libc::SYS_getrandom;

    /// What a clock shows.
    ///
    /// `std::time::Instant` asks the most common ones without entering the kernel.
    pub nonblocking fn clock_gettime(clock: libc::clockid_t) -> libc::timespec as now = unsafe libc::SYS_clock_gettime(clock, now);

    /// Sleeps for a time, or (`TIMER_ABSTIME`) until a time of the clock. A signal ends it early, and `left` is what is left of a time.
    ///
    /// `handover::time::sleep` needs no thread for that.
    pub blocking(hand_on) fn clock_nanosleep(clock: libc::clockid_t, flags: c_int, time: &libc::timespec, left: Option<&mut libc::timespec>)
        = unsafe libc::SYS_clock_nanosleep;

    /// How long the system has been up, its load, its memory.
    pub nonblocking fn sysinfo() -> libc::sysinfo as info = unsafe libc::SYS_sysinfo(info);

    /// What the system is called, and the kernel's version.
    pub nonblocking fn uname() -> libc::utsname as names = unsafe libc::SYS_uname(names);
}
