//! How does a process get a disk that is soon full?

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::ptr;

/// Covers `directory` with a file system of 256 KiB for the process that `command` starts, in a mount namespace of its own. Only root may do that: for
/// others, starting the command fails.
pub(crate) fn mount(command: &mut Command, directory: &Path) {
    let directory = CString::new(directory.as_os_str().as_bytes()).expect("a path has no zero byte");
    let cover = move || {
        // SAFETY: unshare takes flags only; the forked process has one thread.
        check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
        // SAFETY: the paths are NUL-terminated; null stands for what is not asked for, as mount(2) allows.
        check(unsafe { libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), libc::MS_REC | libc::MS_PRIVATE, ptr::null()) })?;
        // SAFETY: as above; the options are a NUL-terminated text.
        check(unsafe { libc::mount(c"none".as_ptr(), directory.as_ptr(), c"tmpfs".as_ptr(), 0, c"size=256k".as_ptr().cast()) })
    };
    // SAFETY: between fork and exec the closure makes three system calls, with arguments that were made before, and touches nothing else.
    unsafe { command.pre_exec(cover) };
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
