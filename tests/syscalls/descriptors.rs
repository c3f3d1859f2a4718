//! Descriptors.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use handover::syscall::{
    Errno, close_range, dup3, fcntl_getfd, fcntl_getfl, fcntl_getpipe_sz, fcntl_setfd, fcntl_setfl, fcntl_setpipe_sz, page_size, pipe2,
};

use crate::place::{assert_refused, file};

covered! {
    fcntl_getfl: answers[knows_how_a_file_was_opened], refuses[knows_nothing_of_no_descriptor];
    fcntl_setfl: answers[makes_a_pipe_nonblocking], refuses[makes_no_place_nonblocking];
    fcntl_getfd: answers[knows_what_is_closed_on_exec], refuses[knows_no_flags_of_no_descriptor];
    fcntl_setfd: answers[lets_a_new_program_have_it], refuses[sets_no_flags_of_no_descriptor];
    fcntl_getpipe_sz: answers[knows_how_much_a_pipe_holds], refuses[knows_no_size_of_a_file];
    fcntl_setpipe_sz: answers[makes_a_pipe_hold_more], refuses[makes_no_pipe_hold_less_than_nothing];
    pipe2: answers[makes_both_ends_of_a_pipe], refuses[makes_no_pipe_with_unknown_flags];
    dup3: answers[makes_one_descriptor_another], refuses[makes_no_descriptor_itself];
    close_range: answers[marks_a_range_of_descriptors], refuses[marks_no_range_backwards];
}

/// What is no descriptor: more than the kernel ever gives.
fn nothing() -> BorrowedFd<'static> {
    // SAFETY: there is no such descriptor that somebody could own.
    unsafe { BorrowedFd::borrow_raw(i32::MAX) }
}

fn knows_how_a_file_was_opened() {
    let file = file("getfl", b"");
    assert_eq!(fcntl_getfl(file.as_fd()).unwrap() & libc::O_ACCMODE, libc::O_RDWR);
    assert_eq!(fcntl_getfl(File::open("Cargo.toml").unwrap().as_fd()).unwrap() & libc::O_ACCMODE, libc::O_RDONLY);
}

fn knows_nothing_of_no_descriptor() {
    assert_refused(fcntl_getfl(nothing()), Errno::EBADF);
}

fn makes_a_pipe_nonblocking() {
    let (mut reader, _writer) = io::pipe().unwrap();
    fcntl_setfl(reader.as_fd(), libc::O_NONBLOCK).unwrap();
    assert_eq!(fcntl_getfl(reader.as_fd()).unwrap() & libc::O_NONBLOCK, libc::O_NONBLOCK);
    assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

fn makes_no_place_nonblocking() {
    assert_refused(fcntl_setfl(nothing(), libc::O_NONBLOCK), Errno::EBADF);
}

fn knows_what_is_closed_on_exec() {
    assert_eq!(fcntl_getfd(file("getfd", b"").as_fd()).unwrap(), libc::FD_CLOEXEC);
}

fn knows_no_flags_of_no_descriptor() {
    assert_refused(fcntl_getfd(nothing()), Errno::EBADF);
}

fn lets_a_new_program_have_it() {
    let file = file("setfd", b"");
    fcntl_setfd(file.as_fd(), 0).unwrap();
    assert_eq!(fcntl_getfd(file.as_fd()).unwrap(), 0);
}

fn sets_no_flags_of_no_descriptor() {
    assert_refused(fcntl_setfd(nothing(), 0), Errno::EBADF);
}

fn knows_how_much_a_pipe_holds() {
    let (reader, writer) = io::pipe().unwrap();
    let size = fcntl_getpipe_sz(reader.as_fd()).unwrap();
    assert!(size >= page_size() && size == fcntl_getpipe_sz(writer.as_fd()).unwrap());
}

fn knows_no_size_of_a_file() {
    assert_refused(fcntl_getpipe_sz(file("getpipe", b"").as_fd()), Errno::EBADF);
}

fn makes_a_pipe_hold_more() {
    let (reader, mut writer) = io::pipe().unwrap();
    let size = fcntl_setpipe_sz(reader.as_fd(), 200_000).unwrap();
    assert!(size >= 200_000 && size == fcntl_getpipe_sz(writer.as_fd()).unwrap());
    writer.write_all(&vec![1; size]).unwrap();
}

fn makes_no_pipe_hold_less_than_nothing() {
    let (reader, _writer) = io::pipe().unwrap();
    assert_refused(fcntl_setpipe_sz(reader.as_fd(), -1), Errno::EINVAL);
}

fn makes_both_ends_of_a_pipe() {
    let (reader, writer) = pipe2(libc::O_CLOEXEC | libc::O_DIRECT).unwrap();
    let (mut reader, mut writer) = (File::from(reader), File::from(writer));
    writer.write_all(b"one").unwrap();
    writer.write_all(b"two").unwrap();
    // Packets: a read never gets two.
    let mut bytes = [0; 16];
    assert_eq!((reader.read(&mut bytes).unwrap(), &bytes[..3]), (3, &b"one"[..]));
    assert_eq!(fcntl_getfd(reader.as_fd()).unwrap(), libc::FD_CLOEXEC);
    drop(writer);
    assert_eq!((reader.read(&mut bytes).unwrap(), reader.read(&mut bytes).unwrap()), (3, 0));
}

fn makes_no_pipe_with_unknown_flags() {
    assert_refused(pipe2(1 << 25), Errno::EINVAL);
}

fn makes_one_descriptor_another() {
    let (mut reader, writer) = io::pipe().unwrap();
    let mut other: OwnedFd = file("dup3", b"").into();
    let number = other.as_raw_fd();
    dup3(writer.as_fd(), &mut other, libc::O_CLOEXEC).unwrap();
    drop(writer);
    assert_eq!(other.as_raw_fd(), number);
    File::from(other).write_all(b"seven").unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "seven");
}

fn makes_no_descriptor_itself() {
    let mut file: OwnedFd = file("dup3-itself", b"").into();
    // SAFETY: it is only looked at while `file` is there.
    let itself = unsafe { BorrowedFd::borrow_raw(file.as_raw_fd()) };
    assert_refused(dup3(itself, &mut file, 0), Errno::EINVAL);
}

fn marks_a_range_of_descriptors() {
    let file = file("close_range", b"");
    fcntl_setfd(file.as_fd(), 0).unwrap();
    let number = file.as_raw_fd() as u32;
    // SAFETY: it is only marked.
    unsafe { close_range(number, number, libc::CLOSE_RANGE_CLOEXEC) }.unwrap();
    assert_eq!(fcntl_getfd(file.as_fd()).unwrap(), libc::FD_CLOEXEC);

    let number = OwnedFd::from(file.try_clone().unwrap());
    let number = std::os::fd::IntoRawFd::into_raw_fd(number) as u32;
    // SAFETY: it has just been made, and nobody owns it any more.
    unsafe { close_range(number, number, 0) }.unwrap();
}

fn marks_no_range_backwards() {
    // SAFETY: it holds nothing.
    assert_refused(unsafe { close_range(2, 1, 0) }, Errno::EINVAL);
}
