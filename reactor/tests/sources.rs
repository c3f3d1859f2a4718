//! Descriptors of every kind, ready and not, through the real kernel.

#![cfg(not(loom))]

mod support;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use handover_reactor::{Direction, Error, Interest, Reactor, Source};
use support::{Task, look, poll, reactor, turn, turn_until};

fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    ours.set_nonblocking(true).expect("non-blocking");
    (ours, theirs)
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let theirs = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (ours, _) = listener.accept().expect("its other end");
    ours.set_nonblocking(true).expect("non-blocking");
    (ours, theirs)
}

fn register(reactor: &Arc<Reactor>, fd: &impl AsRawFd) -> Source {
    reactor.register(fd.as_raw_fd(), Interest::BOTH).expect("a registration")
}

/// A read of up to `buffer.len()` bytes, as a stream type would do it.
fn poll_read(source: &Source, mut stream: impl Read, buffer: &mut [u8], waker: &Waker) -> Poll<io::Result<usize>> {
    let mut cx = Context::from_waker(waker);
    source.poll_transfer(&mut cx, Direction::Read, buffer.len(), || stream.read(buffer))
}

fn is_shut_down(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref()) == Some(&Error::ShutDown)
}

#[test]
fn a_reader_is_woken_by_data_and_not_before() {
    let (reactor, (ours, mut theirs)) = (reactor(), pair());
    let source = register(&reactor, &ours);
    let (task, waker) = Task::new();
    let mut buffer = [0; 8];
    assert!(poll_read(&source, &ours, &mut buffer, &waker).is_pending());
    look(&reactor);
    assert_eq!(task.wakes(), 0, "it is writable, but not readable");

    theirs.write_all(b"abc").expect("a write");
    assert_eq!(turn(&reactor), 1);
    assert_eq!(task.wakes(), 1);
    assert!(matches!(poll_read(&source, &ours, &mut buffer, &waker), Poll::Ready(Ok(3))));
    assert!(poll_read(&source, &ours, &mut buffer, &waker).is_pending());
}

#[test]
fn both_directions_wait_on_their_own() {
    let (reactor, (mut ours, mut theirs)) = (reactor(), pair());
    let source = register(&reactor, &ours);
    look(&reactor);
    let chunk = [7; 65536];
    let full = loop {
        match source.try_io(Direction::Write, || ours.write(&chunk)) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let ((reader, read_waker), (writer, write_waker)) = (Task::new(), Task::new());
    assert!(source.poll_ready(&mut Context::from_waker(&read_waker), Direction::Read).is_pending());
    assert!(source.poll_ready(&mut Context::from_waker(&write_waker), Direction::Write).is_pending());

    theirs.write_all(b"x").expect("a write");
    turn(&reactor);
    assert_eq!((reader.wakes(), writer.wakes()), (1, 0));

    let mut sink = vec![0; 1 << 20];
    theirs.set_nonblocking(true).expect("non-blocking");
    while theirs.read(&mut sink).is_ok() {}
    turn(&reactor);
    assert_eq!(writer.wakes(), 1);
}

#[test]
fn the_end_of_a_stream_follows_a_short_read_without_another_edge() {
    let (reactor, (ours, mut theirs)) = (reactor(), tcp_pair());
    let source = register(&reactor, &ours);
    theirs.write_all(b"bye").expect("a write");
    drop(theirs);
    let waker = Waker::noop();
    let mut buffer = [0; 8];
    let read = turn_until(&reactor, || poll_read(&source, &ours, &mut buffer, waker)).expect("a read");
    assert_eq!(read, 3);
    let end = turn_until(&reactor, || poll_read(&source, &ours, &mut buffer, waker)).expect("a read");
    assert_eq!(end, 0);
}

#[test]
fn data_behind_an_urgent_mark_is_not_forgotten() {
    let (reactor, (ours, mut theirs)) = (reactor(), tcp_pair());
    let source = register(&reactor, &ours);
    theirs.write_all(b"abc").expect("a write");
    send_urgent(theirs.as_raw_fd());
    theirs.write_all(b"def").expect("a write");
    let mut buffer = [0; 64];
    let mut all = Vec::new();
    while all.len() < 6 {
        let read = turn_until(&reactor, || poll_read(&source, &ours, &mut buffer, Waker::noop())).expect("a read");
        all.extend_from_slice(&buffer[..read]);
    }
    assert_eq!(all, b"abcdef");
}

fn send_urgent(fd: RawFd) {
    // SAFETY: one byte is read from a buffer of one byte.
    let sent = unsafe { libc::send(fd, b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
    assert_eq!(sent, 1);
}

#[test]
fn a_fifo_whose_writer_left_waits_for_the_next_one() {
    let directory = std::env::temp_dir().join(format!("handover-fifo-{}", std::process::id()));
    let path = std::ffi::CString::new(directory.to_str().expect("a plain path")).expect("no zero byte");
    // SAFETY: `path` is a C string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0, "{}", io::Error::last_os_error());
    let open = |write: bool| {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = File::options();
        options.read(!write).write(write).custom_flags(libc::O_NONBLOCK).open(&directory).expect("the fifo")
    };
    let reader = open(false);
    let reactor = reactor();
    let source = reactor.register(reader.as_raw_fd(), Interest::READABLE).expect("a registration");
    drop(open(true));
    let mut buffer = [0; 8];
    // The writer's leaving is an end ...
    let end = turn_until(&reactor, || poll_read(&source, &reader, &mut buffer, Waker::noop())).expect("a read");
    assert_eq!(end, 0);
    // ... until the next one comes: the read says EAGAIN, and the reader has to wait instead of trying for ever.
    let mut writer = open(true);
    assert!(poll_read(&source, &reader, &mut buffer, Waker::noop()).is_pending());
    writer.write_all(b"again").expect("a write");
    let read = turn_until(&reactor, || poll_read(&source, &reader, &mut buffer, Waker::noop())).expect("a read");
    assert_eq!(read, 5);
    std::fs::remove_file(&directory).expect("the fifo to be gone");
}

#[test]
fn a_regular_file_says_eperm() {
    let file = File::open("Cargo.toml").expect("the manifest");
    let error = reactor().register(file.as_raw_fd(), Interest::READABLE).expect_err("files are never waited for");
    assert_eq!(error.raw_os_error(), Some(libc::EPERM));
}

#[test]
fn a_failed_registration_leaves_nothing_behind() {
    let (reactor, (ours, _theirs)) = (reactor(), pair());
    let source = register(&reactor, &ours);
    let error = reactor.register(ours.as_raw_fd(), Interest::READABLE).expect_err("it is registered already");
    assert_eq!(error.raw_os_error(), Some(libc::EEXIST));
    drop(source);
    assert!(reactor.is_quiet());
}

#[test]
fn a_slot_used_again_starts_with_nothing() {
    let (reactor, (ours, mut theirs), (next, _open)) = (reactor(), pair(), pair());
    let source = register(&reactor, &ours);
    theirs.write_all(b"old").expect("a write");
    look(&reactor);
    drop(source);
    let source = reactor.register(next.as_raw_fd(), Interest::READABLE).expect("a registration");
    look(&reactor);
    assert!(source.poll_ready(&mut Context::from_waker(Waker::noop()), Direction::Read).is_pending());
}

#[test]
fn many_futures_wait_at_once_and_some_are_dropped() {
    let (reactor, (ours, mut theirs)) = (reactor(), pair());
    let source = register(&reactor, &ours);
    let ((first, first_waker), (second, second_waker), (third, third_waker)) = (Task::new(), Task::new(), Task::new());
    let mut stays = pin!(source.ready(Interest::READABLE));
    let mut both = pin!(source.ready(Interest::READABLE));
    assert!(poll(stays.as_mut(), &first_waker).is_pending());
    assert!(poll(both.as_mut(), &second_waker).is_pending());
    {
        let mut leaves = pin!(source.ready(Interest::READABLE));
        assert!(poll(leaves.as_mut(), &third_waker).is_pending());
    }
    theirs.write_all(b"x").expect("a write");
    turn(&reactor);
    assert_eq!((first.wakes(), second.wakes(), third.wakes()), (1, 1, 0));
    assert!(matches!(poll(stays, &first_waker), Poll::Ready(Ok(ready)) if ready.is_readable()));
    assert!(matches!(poll(both, &second_waker), Poll::Ready(Ok(ready)) if ready.is_readable()));
    assert_eq!(Arc::strong_count(&third), 2, "a dropped future keeps no waker");
}

#[test]
fn an_assumption_is_taken_back_by_eagain() {
    let (reactor, (mut ours, _theirs)) = (reactor(), pair());
    let source = register(&reactor, &ours);
    source.assume_ready(Interest::BOTH);
    assert_eq!(source.try_io(Direction::Write, || ours.write(b"at once")).expect("a write"), 7);
    let mut buffer = [0; 8];
    assert!(poll_read(&source, &ours, &mut buffer, Waker::noop()).is_pending());
}

#[test]
fn an_interrupted_call_is_made_again() {
    let (reactor, (ours, _theirs)) = (reactor(), pair());
    let source = register(&reactor, &ours);
    source.assume_ready(Interest::READABLE);
    let mut calls = 0;
    let result = source.try_io(Direction::Read, || {
        calls += 1;
        if calls < 3 { Err(ErrorKind::Interrupted.into()) } else { Ok(calls) }
    });
    assert_eq!(result.expect("the third call"), 3);
}

#[test]
fn close_wakes_all_who_wait_and_refuses_all_who_come() {
    let (reactor, (ours, _theirs), (other, _open)) = (reactor(), pair(), pair());
    let source = register(&reactor, &ours);
    let ((reader, read_waker), (lister, list_waker)) = (Task::new(), Task::new());
    let mut buffer = [0; 8];
    assert!(poll_read(&source, &ours, &mut buffer, &read_waker).is_pending());
    let mut listed = pin!(source.ready(Interest::READABLE));
    assert!(poll(listed.as_mut(), &list_waker).is_pending());

    reactor.close();
    assert_eq!((reader.wakes(), lister.wakes()), (1, 1));
    let Poll::Ready(Err(error)) = poll_read(&source, &ours, &mut buffer, &read_waker) else { panic!("an error") };
    assert!(is_shut_down(&error), "{error}");
    assert!(matches!(poll(listed, &list_waker), Poll::Ready(Err(error)) if is_shut_down(&error)));
    let error = reactor.register(other.as_raw_fd(), Interest::READABLE).expect_err("it is closed");
    assert!(is_shut_down(&error));
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    struct Bad;
    impl std::task::Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("a waker of the test panics");
        }
    }
    let (reactor, (ours, _theirs), (other, _open)) = (reactor(), pair(), pair());
    let (first, second) = (register(&reactor, &ours), register(&reactor, &other));
    let bad = Waker::from(Arc::new(Bad));
    assert!(first.poll_ready(&mut Context::from_waker(&bad), Direction::Read).is_pending());
    let (task, waker) = Task::new();
    assert!(second.poll_ready(&mut Context::from_waker(&waker), Direction::Read).is_pending());
    reactor.close();
    assert_eq!(task.wakes(), 1);
}
