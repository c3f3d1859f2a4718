//! Processes.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use handover::syscall::{
    Errno, gettid, kill, pidfd_getfd, pidfd_open, pidfd_send_signal, prctl_get_child_subreaper, prctl_get_name, prctl_get_pdeathsig,
    prctl_set_child_subreaper, prctl_set_name, prctl_set_pdeathsig, tgkill, try_waitid_pidfd, waitid, waitid_pidfd,
};

use crate::place::{assert_refused, file};
use crate::waiting::while_others_run;

covered! {
    pidfd_open: answers[opens_a_child], refuses[opens_nobody];
    pidfd_send_signal: answers[ends_a_child_by_its_descriptor], refuses[signals_nobody_who_has_been_reaped];
    pidfd_getfd: answers[copies_a_descriptor_of_a_child], refuses[copies_no_descriptor_that_a_child_has_not];
    waitid: answers[reaps_a_child_by_its_number], refuses[waits_for_nobody_elses_child], waits[a_child_that_runs_waits];
    waitid_pidfd: answers[reaps_a_child_by_its_descriptor], refuses[reaps_no_child_twice], waits[a_child_of_a_descriptor_waits];
    try_waitid_pidfd: answers[sees_that_a_child_runs_and_that_it_is_over], refuses[looks_at_no_child_twice];
    kill: answers[ends_a_child_by_its_number], refuses[knows_no_such_signal];
    tgkill: answers[asks_for_a_thread], refuses[signals_no_thread_that_there_is_not];
    gettid: answers[knows_the_thread];
    prctl_set_name: answers[names_a_thread];
    prctl_get_name: answers[names_a_thread];
    prctl_set_pdeathsig: answers[asks_for_a_signal], refuses[asks_for_no_signal_that_there_is_not];
    prctl_get_pdeathsig: answers[asks_for_a_signal];
    prctl_set_child_subreaper: answers[adopts];
    prctl_get_child_subreaper: answers[adopts];
}

/// A child that ends with 7 once its input is closed.
fn child() -> (Child, OwnedFd) {
    let child = Command::new("sh").args(["-c", "read line; exit 7"]).stdin(Stdio::piped()).spawn().unwrap();
    let pidfd = pidfd_open(child.id() as i32, 0).unwrap();
    (child, pidfd)
}

/// How a child ended: why, and with which status or by which signal.
fn end(info: libc::siginfo_t) -> (i32, i32) {
    // SAFETY: waitid(2) fills it in so.
    (info.si_code, unsafe { info.si_status() })
}

fn opens_a_child() {
    let (mut child, pidfd) = child();
    pidfd_send_signal(pidfd.as_fd(), 0, 0).unwrap();
    assert_eq!(handover::syscall::fcntl_getfd(pidfd.as_fd()).unwrap(), libc::FD_CLOEXEC);
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

fn opens_nobody() {
    assert_refused(pidfd_open(i32::MAX, 0), Errno::ESRCH);
    assert_refused(pidfd_open(-1, 0), Errno::EINVAL);
}

fn ends_a_child_by_its_descriptor() {
    let (_child, pidfd) = child();
    pidfd_send_signal(pidfd.as_fd(), libc::SIGTERM, 0).unwrap();
    assert_eq!(end(waitid_pidfd(pidfd.as_fd(), libc::WEXITED).unwrap()), (libc::CLD_KILLED, libc::SIGTERM));
}

fn signals_nobody_who_has_been_reaped() {
    let (mut child, pidfd) = child();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_refused(pidfd_send_signal(pidfd.as_fd(), libc::SIGTERM, 0), Errno::ESRCH);
}

fn copies_a_descriptor_of_a_child() {
    let given = file("pidfd_getfd", b"seven");
    let mut command = Command::new("sh");
    command.args(["-c", "echo; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(given);
    let mut child = command.spawn().unwrap();
    let pidfd = pidfd_open(child.id() as i32, 0).unwrap();
    // It runs, with its own descriptors.
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    match pidfd_getfd(pidfd.as_fd(), 2, 0) {
        Ok(copy) => assert_eq!(io::read_to_string(File::from(copy)).unwrap(), "seven"),
        // Where a security module lets nobody trace, not even a child.
        refused => {
            assert_refused(refused, Errno::EPERM);
            crate::place::skipped("a child may not be traced here");
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn copies_no_descriptor_that_a_child_has_not() {
    let itself = pidfd_open(std::process::id() as i32, 0).unwrap();
    assert_refused(pidfd_getfd(itself.as_fd(), i32::MAX, 0), Errno::EBADF);
    assert_refused(pidfd_getfd(itself.as_fd(), 0, 1), Errno::EINVAL);
}

fn reaps_a_child_by_its_number() {
    let (mut child, _pidfd) = child();
    drop(child.stdin.take());
    let info = waitid(libc::P_PID, child.id(), libc::WEXITED).unwrap();
    assert_eq!(end(info), (libc::CLD_EXITED, 7));
    assert_refused(waitid(libc::P_PID, child.id(), libc::WEXITED), Errno::ECHILD);
}

fn waits_for_nobody_elses_child() {
    assert_refused(waitid(libc::P_PID, std::process::id(), libc::WEXITED), Errno::ECHILD);
    assert_refused(waitid(libc::P_PID, std::process::id(), 0), Errno::EINVAL);
}

fn a_child_that_runs_waits() {
    let (mut child, _pidfd) = child();
    let (number, input) = (child.id(), child.stdin.take());
    let wait = move || end(waitid(libc::P_PID, number, libc::WEXITED).unwrap());
    assert_eq!(while_others_run(wait, move || drop(input)), (libc::CLD_EXITED, 7));
}

fn reaps_a_child_by_its_descriptor() {
    let (mut child, pidfd) = child();
    drop(child.stdin.take());
    let seen = waitid_pidfd(pidfd.as_fd(), libc::WEXITED | libc::WNOWAIT).unwrap();
    let reaped = waitid_pidfd(pidfd.as_fd(), libc::WEXITED).unwrap();
    assert_eq!([end(seen), end(reaped)], [(libc::CLD_EXITED, 7); 2]);
    // SAFETY: waitid(2) fills it in so.
    assert_eq!(unsafe { reaped.si_pid() }, child.id() as i32);
}

fn reaps_no_child_twice() {
    let (mut child, pidfd) = child();
    drop(child.stdin.take());
    waitid_pidfd(pidfd.as_fd(), libc::WEXITED).unwrap();
    assert_refused(waitid_pidfd(pidfd.as_fd(), libc::WEXITED), Errno::ECHILD);
}

fn a_child_of_a_descriptor_waits() {
    let (mut child, pidfd) = child();
    let input = child.stdin.take();
    let wait = move || end(waitid_pidfd(pidfd.as_fd(), libc::WEXITED).unwrap());
    assert_eq!(while_others_run(wait, move || drop(input)), (libc::CLD_EXITED, 7));
}

fn sees_that_a_child_runs_and_that_it_is_over() {
    let (mut child, pidfd) = child();
    // SAFETY: waitid(2) fills it in so.
    let pid = |info: libc::siginfo_t| unsafe { info.si_pid() };
    assert_eq!(pid(try_waitid_pidfd(pidfd.as_fd(), libc::WEXITED).unwrap()), 0);
    drop(child.stdin.take());
    waitid_pidfd(pidfd.as_fd(), libc::WEXITED | libc::WNOWAIT).unwrap();
    assert_eq!(pid(try_waitid_pidfd(pidfd.as_fd(), libc::WEXITED).unwrap()), child.id() as i32);
}

fn looks_at_no_child_twice() {
    let (mut child, pidfd) = child();
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_refused(try_waitid_pidfd(pidfd.as_fd(), libc::WEXITED), Errno::ECHILD);
}

fn ends_a_child_by_its_number() {
    let (child, pidfd) = child();
    kill(child.id() as i32, libc::SIGKILL).unwrap();
    assert_eq!(end(waitid_pidfd(pidfd.as_fd(), libc::WEXITED).unwrap()), (libc::CLD_KILLED, libc::SIGKILL));
}

fn knows_no_such_signal() {
    assert_refused(kill(std::process::id() as i32, 99), Errno::EINVAL);
    assert_refused(kill(i32::MAX, 0), Errno::ESRCH);
}

fn asks_for_a_thread() {
    tgkill(std::process::id() as i32, gettid().unwrap(), 0).unwrap();
}

fn signals_no_thread_that_there_is_not() {
    assert_refused(tgkill(std::process::id() as i32, i32::MAX, 0), Errno::ESRCH);
}

fn knows_the_thread() {
    let [here, there] = [gettid().unwrap(), std::thread::spawn(|| gettid().unwrap()).join().unwrap()];
    assert_ne!(here, there);
    assert!(std::path::Path::new(&format!("/proc/self/task/{here}")).exists());
}

fn names_a_thread() {
    prctl_set_name(&CString::new("a name that is cut off").unwrap()).unwrap();
    assert_eq!(&prctl_get_name().unwrap(), b"a name that is \0");
}

/// A test's thread is its own.
fn asks_for_a_signal() {
    prctl_set_pdeathsig(libc::SIGUSR1).unwrap();
    assert_eq!(prctl_get_pdeathsig().unwrap(), libc::SIGUSR1);
    prctl_set_pdeathsig(0).unwrap();
    assert_eq!(prctl_get_pdeathsig().unwrap(), 0);
}

fn asks_for_no_signal_that_there_is_not() {
    assert_refused(prctl_set_pdeathsig(99), Errno::EINVAL);
}

/// A property of the process: nobody else's test here sets it.
fn adopts() {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ALONE.lock().unwrap();
    for adopts in [true, false] {
        prctl_set_child_subreaper(adopts).unwrap();
        assert_eq!(prctl_get_child_subreaper().unwrap(), i32::from(adopts));
    }
}
