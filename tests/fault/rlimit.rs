//! How does a process run out of address space, so that the system refuses it threads? setrlimit(2); root is not exempt from this limit, as it is from
//! RLIMIT_NPROC.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Gives the process that `command` starts at most `bytes` of address space.
pub(crate) fn limit_address_space(command: &mut Command, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    let set = move || {
        // SAFETY: `limit` is a whole rlimit that outlives the call.
        if unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: between fork and exec the closure makes one system call and touches nothing else.
    unsafe { command.pre_exec(set) };
}
