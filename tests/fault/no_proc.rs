//! How does a process run without /proc?

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

/// Covers /proc with an empty directory for the process that `command` starts, in a mount namespace of its own. Where namespaces are not to be had,
/// starting the command fails.
pub(crate) fn hide(command: &mut Command) {
    // SAFETY: between fork and exec the closure makes three system calls with constant arguments and touches nothing else.
    unsafe { command.pre_exec(cover) };
}

fn cover() -> io::Result<()> {
    // SAFETY: unshare takes flags only; the forked process has one thread.
    check(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) })?;
    // SAFETY: the paths are NUL-terminated constants; null stands for what is not asked for, as mount(2) allows.
    check(unsafe { libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), libc::MS_REC | libc::MS_PRIVATE, ptr::null()) })?;
    // SAFETY: as above.
    check(unsafe { libc::mount(c"none".as_ptr(), c"/proc".as_ptr(), c"tmpfs".as_ptr(), 0, ptr::null()) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
