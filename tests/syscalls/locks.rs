//! Locks and futexes.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use handover::syscall::{Errno, Plain, fcntl_ofd_getlk, fcntl_ofd_setlk, fcntl_ofd_setlkw, flock, futex_wait, futex_wake};

use crate::place::{assert_refused, file};
use crate::waiting::while_others_run;

covered! {
    flock: answers[shares_and_keeps_a_lock], refuses[does_not_wait_for_a_lock_if_told_so], waits[a_lock_of_another_waits];
    fcntl_ofd_setlk: answers[locks_parts_of_a_file], refuses[locks_no_part_that_another_holds];
    fcntl_ofd_setlkw: answers[takes_a_free_part], refuses[knows_no_such_kind_of_lock], waits[a_part_that_another_holds_waits];
    fcntl_ofd_getlk: answers[tells_of_the_lock_in_the_way], refuses[asks_with_no_process];
    futex_wait: answers[times_out], refuses[does_not_wait_for_another_value], waits[a_futex_waits];
    futex_wake: answers[wakes_nobody_where_nobody_waits];
}

/// The same file in another open file description.
fn again(file: &File) -> File {
    File::options().read(true).write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap()
}

fn part(kind: i32, start: i64, len: i64) -> libc::flock {
    let mut lock = libc::flock::zeroed();
    lock.l_type = kind as _;
    lock.l_whence = libc::SEEK_SET as _;
    (lock.l_start, lock.l_len) = (start, len);
    lock
}

fn shares_and_keeps_a_lock() {
    let first = file("flock", b"");
    let second = again(&first);
    flock(first.as_fd(), libc::LOCK_SH).unwrap();
    flock(second.as_fd(), libc::LOCK_SH | libc::LOCK_NB).unwrap();
    flock(first.as_fd(), libc::LOCK_UN).unwrap();
    flock(second.as_fd(), libc::LOCK_EX | libc::LOCK_NB).unwrap();
}

fn does_not_wait_for_a_lock_if_told_so() {
    let first = file("flock-nb", b"");
    let second = again(&first);
    flock(first.as_fd(), libc::LOCK_EX).unwrap();
    assert_refused(flock(second.as_fd(), libc::LOCK_SH | libc::LOCK_NB), Errno::EWOULDBLOCK);
    assert_refused(flock(second.as_fd(), 0), Errno::EINVAL);
}

fn a_lock_of_another_waits() {
    let first = file("flock-waits", b"");
    let second = again(&first);
    flock(first.as_fd(), libc::LOCK_EX).unwrap();
    while_others_run(move || flock(second.as_fd(), libc::LOCK_EX).unwrap(), move || flock(first.as_fd(), libc::LOCK_UN).unwrap());
}

fn locks_parts_of_a_file() {
    let first = file("ofd", b"");
    let second = again(&first);
    fcntl_ofd_setlk(first.as_fd(), &part(libc::F_WRLCK, 0, 10)).unwrap();
    fcntl_ofd_setlk(second.as_fd(), &part(libc::F_WRLCK, 10, 0)).unwrap();
    fcntl_ofd_setlk(first.as_fd(), &part(libc::F_UNLCK, 0, 10)).unwrap();
    fcntl_ofd_setlk(second.as_fd(), &part(libc::F_WRLCK, 0, 10)).unwrap();
}

fn locks_no_part_that_another_holds() {
    let first = file("ofd-held", b"");
    let second = again(&first);
    fcntl_ofd_setlk(first.as_fd(), &part(libc::F_RDLCK, 5, 1)).unwrap();
    assert_refused(fcntl_ofd_setlk(second.as_fd(), &part(libc::F_WRLCK, 0, 0)), Errno::EAGAIN);
}

fn takes_a_free_part() {
    let first = file("ofd-wait-free", b"");
    fcntl_ofd_setlkw(first.as_fd(), &part(libc::F_WRLCK, 0, 0)).unwrap();
    assert_refused(fcntl_ofd_setlk(again(&first).as_fd(), &part(libc::F_RDLCK, 7, 1)), Errno::EAGAIN);
}

fn knows_no_such_kind_of_lock() {
    assert_refused(fcntl_ofd_setlkw(file("ofd-wait-bad", b"").as_fd(), &part(99, 0, 0)), Errno::EINVAL);
}

fn a_part_that_another_holds_waits() {
    let first = file("ofd-waits", b"");
    let second = again(&first);
    fcntl_ofd_setlk(first.as_fd(), &part(libc::F_WRLCK, 0, 0)).unwrap();
    while_others_run(
        move || fcntl_ofd_setlkw(second.as_fd(), &part(libc::F_WRLCK, 3, 1)).unwrap(),
        move || fcntl_ofd_setlk(first.as_fd(), &part(libc::F_UNLCK, 0, 0)).unwrap(),
    );
}

fn tells_of_the_lock_in_the_way() {
    let first = file("ofd-get", b"");
    let second = again(&first);
    fcntl_ofd_setlk(first.as_fd(), &part(libc::F_WRLCK, 5, 2)).unwrap();
    let mut lock = part(libc::F_RDLCK, 0, 0);
    fcntl_ofd_getlk(second.as_fd(), &mut lock).unwrap();
    assert_eq!((i32::from(lock.l_type), lock.l_start, lock.l_len, lock.l_pid), (libc::F_WRLCK, 5, 2, -1));

    let mut lock = part(libc::F_RDLCK, 7, 0);
    fcntl_ofd_getlk(second.as_fd(), &mut lock).unwrap();
    assert_eq!(i32::from(lock.l_type), libc::F_UNLCK);
}

fn asks_with_no_process() {
    let mut lock = part(libc::F_RDLCK, 0, 0);
    lock.l_pid = 1;
    assert_refused(fcntl_ofd_getlk(file("ofd-get-pid", b"").as_fd(), &mut lock), Errno::EINVAL);
}

fn times_out() {
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    assert_refused(futex_wait(&AtomicU32::new(1), 1, Some(&timeout)), Errno::ETIMEDOUT);
}

fn does_not_wait_for_another_value() {
    assert_refused(futex_wait(&AtomicU32::new(1), 2, None), Errno::EAGAIN);
}

fn a_futex_waits() {
    let word = Arc::new(AtomicU32::new(0));
    let other = Arc::clone(&word);
    let wait = move || {
        while word.load(Ordering::Acquire) == 0 {
            match futex_wait(&word, 0, None) {
                Ok(()) => {}
                // The value had changed before the call.
                refused => assert_refused(refused, Errno::EAGAIN),
            }
        }
    };
    while_others_run(wait, move || {
        other.store(1, Ordering::Release);
        // Whoever is not yet within the call sees the value there.
        assert!(futex_wake(&other, 1).unwrap() <= 1);
    });
}

fn wakes_nobody_where_nobody_waits() {
    assert_eq!(futex_wake(&AtomicU32::new(0), 1).unwrap(), 0);
}
