//! Polls, watches, counters, timers and signals as descriptors.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use handover::syscall::{
    Errno, Plain, eventfd, inotify_add_watch, inotify_init1, inotify_rm_watch, poll_now, ppoll, signalfd, signalfd_set, splice, tgkill,
    timerfd_create, timerfd_gettime, timerfd_settime,
};

use crate::place::{assert_refused, c, file};
use crate::scratch::scratch;
use crate::waiting::while_others_run;

covered! {
    ppoll: answers[polls_what_is_ready, says_how_much_of_the_timeout_is_left], refuses[polls_for_no_negative_time], waits[a_poll_waits];
    poll_now: answers[polls_without_waiting], refuses[polls_no_more_than_there_may_be];
    inotify_init1: answers[makes_an_empty_list_of_watches], refuses[makes_no_list_with_unknown_flags];
    inotify_add_watch: answers[watches_a_file, an_event_of_a_watch_can_be_waited_for], refuses[watches_nothing_that_is_not_there];
    inotify_rm_watch: answers[ends_a_watch], refuses[ends_no_watch_twice];
    eventfd: answers[counts_what_is_written], refuses[makes_no_counter_with_unknown_flags];
    timerfd_create: answers[makes_a_timer_that_is_off], refuses[makes_no_timer_of_an_unknown_clock];
    timerfd_settime: answers[sets_a_timer_and_gives_what_it_was_set_to], refuses[sets_no_timer_to_a_bad_time];
    timerfd_gettime: answers[says_how_long_until_the_timer], refuses[asks_no_timer_of_a_file];
    signalfd: answers[reads_a_signal], refuses[reads_no_signals_with_unknown_flags];
    signalfd_set: answers[reads_another_signal], refuses[reads_no_signals_of_a_file];
}

fn poll(fd: impl AsFd, events: i16) -> libc::pollfd {
    libc::pollfd { fd: fd.as_fd().as_raw_fd(), events, revents: 0 }
}

fn milliseconds(milliseconds: i64) -> libc::timespec {
    libc::timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 }
}

fn polls_what_is_ready() {
    let (reader, writer) = io::pipe().unwrap();
    let mut files = [poll(&reader, libc::POLLIN), poll(&writer, libc::POLLOUT)];
    assert_eq!(ppoll(&mut files, None, None).unwrap(), 1);
    assert_eq!(files.map(|file| file.revents), [0, libc::POLLOUT]);
}

fn says_how_much_of_the_timeout_is_left() {
    let (reader, mut writer) = io::pipe().unwrap();
    let mut timeout = milliseconds(2);
    assert_eq!(ppoll(&mut [poll(&reader, libc::POLLIN)], Some(&mut timeout), None).unwrap(), 0);
    assert_eq!((timeout.tv_sec, timeout.tv_nsec), (0, 0));

    writer.write_all(b"1").unwrap();
    let mut timeout = libc::timespec { tv_sec: 1_000, tv_nsec: 0 };
    assert_eq!(ppoll(&mut [poll(&reader, libc::POLLIN)], Some(&mut timeout), None).unwrap(), 1);
    assert!((900..=1_000).contains(&timeout.tv_sec), "{timeout:?}");
}

fn polls_for_no_negative_time() {
    assert_refused(ppoll(&mut [], Some(&mut milliseconds(-1)), None), Errno::EINVAL);
}

fn a_poll_waits() {
    let (reader, mut writer) = io::pipe().unwrap();
    let poll = move || ppoll(&mut [poll(&reader, libc::POLLIN)], None, None).unwrap();
    assert_eq!(while_others_run(poll, move || writer.write_all(b"1").unwrap()), 1);
}

fn polls_without_waiting() {
    let (reader, mut writer) = io::pipe().unwrap();
    let mut files = [poll(&reader, libc::POLLIN)];
    assert_eq!(poll_now(&mut files).unwrap(), 0);
    writer.write_all(b"1").unwrap();
    assert_eq!((poll_now(&mut files).unwrap(), files[0].revents), (1, libc::POLLIN));
}

fn polls_no_more_than_there_may_be() {
    let limit = handover::syscall::getrlimit(libc::RLIMIT_NOFILE as _).unwrap().rlim_cur as usize;
    let ignored = libc::pollfd { fd: -1, events: 0, revents: 0 };
    if limit > 10_000_000 {
        crate::place::skipped("a process may have more descriptors than a test can poll");
        return;
    }
    assert_refused(poll_now(&mut vec![ignored; limit + 1]), Errno::EINVAL);
}

fn makes_an_empty_list_of_watches() {
    let mut watches = File::from(inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK).unwrap());
    assert_eq!(watches.read(&mut [0; 64]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

fn makes_no_list_with_unknown_flags() {
    assert_refused(inotify_init1(1), Errno::EINVAL);
}

/// A list that watches a file for being written, the file, and the number of the watch.
fn watched(name: &str) -> (OwnedFd, File, i32) {
    let path = scratch(&format!("syscalls-{name}")).join("file");
    let file = File::create(&path).unwrap();
    let watches = inotify_init1(libc::IN_CLOEXEC).unwrap();
    let watch = inotify_add_watch(watches.as_fd(), &c(&path), libc::IN_MODIFY).unwrap();
    (watches, file, watch)
}

/// The first event: the number of its watch and what it is.
fn event(bytes: &[u8]) -> (i32, u32) {
    let word = |at: usize| bytes[at..at + 4].try_into().unwrap();
    (i32::from_ne_bytes(word(0)), u32::from_ne_bytes(word(4)))
}

fn watches_a_file() {
    let (watches, mut file, watch) = watched("inotify");
    file.write_all(b"one").unwrap();
    let mut bytes = [0; 256];
    assert!(File::from(watches).read(&mut bytes).unwrap() >= 16);
    assert_eq!(event(&bytes), (watch, libc::IN_MODIFY));
}

fn watches_nothing_that_is_not_there() {
    let watches = inotify_init1(libc::IN_CLOEXEC).unwrap();
    assert_refused(inotify_add_watch(watches.as_fd(), c"there is no such file", libc::IN_MODIFY), Errno::ENOENT);
    assert_refused(inotify_add_watch(watches.as_fd(), c"Cargo.toml", 0), Errno::EINVAL);
}

/// Its events cannot be spliced: they are read, by a call that is declared by itself.
fn an_event_of_a_watch_can_be_waited_for() {
    let (watches, mut file, watch) = watched("inotify-waits");
    let (_reader, to) = io::pipe().unwrap();
    assert_refused(splice(watches.as_fd(), None, to.as_fd(), None, 64, 0), Errno::EINVAL);
    let read = move || {
        let mut bytes = [0; 256];
        handover::block_in_place(|| File::from(watches).read(&mut bytes)).unwrap();
        event(&bytes)
    };
    assert_eq!(while_others_run(read, move || file.write_all(b"one").unwrap()), (watch, libc::IN_MODIFY));
}

fn ends_a_watch() {
    let (watches, mut file, watch) = watched("inotify-end");
    inotify_rm_watch(watches.as_fd(), watch).unwrap();
    file.write_all(b"one").unwrap();
    let mut bytes = [0; 256];
    assert_eq!(File::from(watches).read(&mut bytes).unwrap(), 16, "one event, that the watch is over");
    assert_eq!(event(&bytes), (watch, libc::IN_IGNORED));
}

fn ends_no_watch_twice() {
    let (watches, _file, watch) = watched("inotify-end-twice");
    inotify_rm_watch(watches.as_fd(), watch).unwrap();
    assert_refused(inotify_rm_watch(watches.as_fd(), watch), Errno::EINVAL);
}

fn counts_what_is_written() {
    let mut counter = File::from(eventfd(3, libc::EFD_CLOEXEC).unwrap());
    counter.write_all(&4u64.to_ne_bytes()).unwrap();
    let mut bytes = [0; 8];
    counter.read_exact(&mut bytes).unwrap();
    assert_eq!(u64::from_ne_bytes(bytes), 7);
}

fn makes_no_counter_with_unknown_flags() {
    assert_refused(eventfd(0, 1 << 20), Errno::EINVAL);
}

fn timer() -> OwnedFd {
    timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC).unwrap()
}

fn setting(first: libc::timespec, then: libc::timespec) -> libc::itimerspec {
    libc::itimerspec { it_value: first, it_interval: then }
}

fn makes_a_timer_that_is_off() {
    assert_eq!(timerfd_gettime(timer().as_fd()).unwrap().it_value.tv_nsec, 0);
}

fn makes_no_timer_of_an_unknown_clock() {
    assert_refused(timerfd_create(99, 0), Errno::EINVAL);
}

fn sets_a_timer_and_gives_what_it_was_set_to() {
    let timer = timer();
    let hour = libc::timespec { tv_sec: 3600, tv_nsec: 0 };
    timerfd_settime(timer.as_fd(), 0, &setting(hour, hour)).unwrap();
    let old = timerfd_settime(timer.as_fd(), 0, &setting(milliseconds(1), milliseconds(0))).unwrap();
    assert!((3500..=3600).contains(&old.it_value.tv_sec) && old.it_interval.tv_sec == 3600);

    let mut times = [0; 8];
    File::from(timer).read_exact(&mut times).unwrap();
    assert_eq!(u64::from_ne_bytes(times), 1);
}

fn sets_no_timer_to_a_bad_time() {
    let bad = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000_000 };
    assert_refused(timerfd_settime(timer().as_fd(), 0, &setting(bad, milliseconds(0))), Errno::EINVAL);
}

fn says_how_long_until_the_timer() {
    let timer = timer();
    timerfd_settime(timer.as_fd(), 0, &setting(libc::timespec { tv_sec: 3600, tv_nsec: 0 }, milliseconds(7))).unwrap();
    let left = timerfd_gettime(timer.as_fd()).unwrap();
    assert!((3500..3600).contains(&left.it_value.tv_sec));
    assert_eq!(left.it_interval.tv_nsec, 7_000_000);
}

fn asks_no_timer_of_a_file() {
    assert_refused(timerfd_gettime(file("timerfd", b"").as_fd()), Errno::EINVAL);
}

/// The set of one signal.
fn only(signal: i32) -> libc::sigset_t {
    let mut set = libc::sigset_t::zeroed();
    // SAFETY: the set is ours.
    assert_eq!(unsafe { libc::sigaddset(&mut set, signal) }, 0);
    set
}

/// Blocks a signal for the calling thread, a test's own, and sends it one.
fn pend(signal: i32) {
    // SAFETY: both sets are no one else's, and null is allowed.
    assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &only(signal), std::ptr::null_mut()) }, 0);
    tgkill(std::process::id() as i32, handover::syscall::gettid().unwrap(), signal).unwrap();
}

fn read_signal(signals: BorrowedFd<'_>) -> u32 {
    let mut info = [0; size_of::<libc::signalfd_siginfo>()];
    File::from(signals.try_clone_to_owned().unwrap()).read_exact(&mut info).unwrap();
    u32::from_ne_bytes(info[..4].try_into().unwrap())
}

fn reads_a_signal() {
    let signals = signalfd(&only(libc::SIGUSR1), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK).unwrap();
    pend(libc::SIGUSR1);
    assert_eq!(read_signal(signals.as_fd()), libc::SIGUSR1 as u32);
}

fn reads_no_signals_with_unknown_flags() {
    assert_refused(signalfd(&only(libc::SIGUSR1), 1 << 20), Errno::EINVAL);
}

fn reads_another_signal() {
    let signals = signalfd(&only(libc::SIGUSR1), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK).unwrap();
    signalfd_set(signals.as_fd(), &only(libc::SIGUSR2)).unwrap();
    pend(libc::SIGUSR2);
    assert_eq!(read_signal(signals.as_fd()), libc::SIGUSR2 as u32);
}

fn reads_no_signals_of_a_file() {
    let path = scratch("syscalls-signalfd").join("file");
    fs::write(&path, "").unwrap();
    assert_refused(signalfd_set(File::open(path).unwrap().as_fd(), &only(libc::SIGUSR1)), Errno::EINVAL);
}
