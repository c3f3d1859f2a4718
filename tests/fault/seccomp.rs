//! How is one system call refused, as an old kernel or a sandbox refuses it?

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes `call` fail with `errno` in the process that `command` starts, through seccomp(2). If the filter itself is refused, starting the command fails.
pub(crate) fn refuse(command: &mut Command, call: libc::c_long, errno: i32) {
    let number = u32::try_from(call).expect("system calls have small numbers");
    let action = libc::SECCOMP_RET_ERRNO | u32::try_from(errno).expect("error numbers are positive");
    // SAFETY: between fork and exec the closure makes two system calls and touches nothing else.
    unsafe { command.pre_exec(move || install(number, action)) };
}

/// "If the number (the first word of `seccomp_data`) is `number`, then `action`, else allow."
fn install(number: u32, action: u32) -> io::Result<()> {
    let step = |code: u32, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let mut filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, number),
        step(libc::BPF_RET | libc::BPF_K, 0, action),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: this prctl takes integers; without new privileges a filter may be installed by anyone.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    // SAFETY: `program` and the filter that it points to outlive the call, which copies them.
    check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
