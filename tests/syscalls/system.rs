//! The system itself.

use std::ffi::CStr;
use std::time::Instant;

use handover::syscall::{Errno, clock_gettime, clock_nanosleep, getrandom, page_size, sysinfo, uname};

use crate::place::assert_refused;
use crate::waiting::while_others_run;

covered! {
    getrandom: answers[fills_memory_with_random_bytes], refuses[gives_no_random_bytes_with_unknown_flags];
    clock_gettime: answers[knows_the_time], refuses[knows_no_such_clock];
    clock_nanosleep: answers[sleeps_until_a_time], refuses[sleeps_for_no_bad_time], waits[a_sleep_waits];
    sysinfo: answers[knows_the_memory];
    uname: answers[knows_its_name];
}

#[test]
fn a_page_has_the_size_that_the_kernel_gave_at_the_start() {
    // SAFETY: it looks at what the process was given.
    let given = unsafe { libc::getauxval(libc::AT_PAGESZ) };
    assert_eq!([page_size(); 2], [given as usize; 2]);
}

fn fills_memory_with_random_bytes() {
    let mut bytes = [0; 64];
    assert_eq!(getrandom(&mut bytes, 0).unwrap(), 64);
    let mut others = [0; 64];
    assert_eq!(getrandom(&mut others[..32], libc::GRND_NONBLOCK).unwrap(), 32);
    assert_ne!(bytes[..32], others[..32]);
    assert_eq!(others[32..], [0; 32]);
}

fn gives_no_random_bytes_with_unknown_flags() {
    assert_refused(getrandom(&mut [0; 4], 1 << 20), Errno::EINVAL);
}

fn knows_the_time() {
    let [before, after] = [(), ()].map(|()| clock_gettime(libc::CLOCK_MONOTONIC).unwrap());
    assert!((after.tv_sec, after.tv_nsec) >= (before.tv_sec, before.tv_nsec) && before.tv_sec + before.tv_nsec > 0);
}

fn knows_no_such_clock() {
    assert_refused(clock_gettime(99), Errno::EINVAL);
}

fn sleeps_until_a_time() {
    let mut time = clock_gettime(libc::CLOCK_MONOTONIC).unwrap();
    time.tv_sec += (time.tv_nsec + 2_000_000) / 1_000_000_000;
    time.tv_nsec = (time.tv_nsec + 2_000_000) % 1_000_000_000;
    clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &time, None).unwrap();
    let now = clock_gettime(libc::CLOCK_MONOTONIC).unwrap();
    assert!((now.tv_sec, now.tv_nsec) >= (time.tv_sec, time.tv_nsec));
}

fn sleeps_for_no_bad_time() {
    assert_refused(clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &libc::timespec { tv_sec: -1, tv_nsec: 0 }, None), Errno::EINVAL);
}

/// Nobody can end it: but others run before it is over.
fn a_sleep_waits() {
    let sleep = || {
        let time = libc::timespec { tv_sec: 0, tv_nsec: 300_000_000 };
        clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &time, None).unwrap();
        Instant::now()
    };
    let (ran, when) = std::sync::mpsc::channel();
    let woke = while_others_run(sleep, move || ran.send(Instant::now()).unwrap());
    assert!(when.recv().unwrap() < woke);
}

fn knows_the_memory() {
    let info = sysinfo().unwrap();
    assert!(info.totalram >= info.freeram && info.uptime > 0 && info.mem_unit > 0, "{info:?}");
}

fn knows_its_name() {
    // SAFETY: the kernel ends it with a zero.
    assert_eq!(unsafe { CStr::from_ptr(uname().unwrap().sysname.as_ptr()) }, c"Linux");
}
