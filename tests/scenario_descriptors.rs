//! What becomes of a descriptor that is registered, and closed, used again, doubled or moved to another runtime meanwhile? Scenario 37 of the list in README.md.

#[path = "support/watchdog.rs"]
mod watchdog;

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::task::{Context, Waker};
use std::time::Duration;

use handover::io::{AsyncFd, Interest};
use handover::runtime::{Builder, Runtime};

const LIMIT: Duration = Duration::from_secs(60);

fn runtime() -> Runtime {
    Builder::new().processors(2).build().expect("a runtime")
}

/// A non-blocking socket and its other end.
fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    ours.set_nonblocking(true).expect("a flag");
    (ours, theirs)
}

/// One read, when there is something.
async fn read<T: AsFd>(fd: &AsyncFd<T>, mut call: impl FnMut(&T, &mut [u8]) -> io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 64];
    let count = fd.async_io(Interest::READABLE, |inner| call(inner, &mut bytes)).await?;
    bytes.truncate(count);
    Ok(bytes)
}

/// Without waiting.
fn is_readable<T: AsFd>(fd: &AsyncFd<T>) -> bool {
    fd.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn read_stream(mut stream: &UnixStream, bytes: &mut [u8]) -> io::Result<usize> {
    stream.read(bytes)
}

#[test]
fn a_second_registration_is_an_error_that_names_the_descriptor() {
    let runtime = runtime();
    let _watchdog = watchdog::Watchdog::start(LIMIT, "a second registration", Some(runtime.metrics()));
    runtime.block_on(async {
        // Given a socket that is registered,
        let (ours, mut theirs) = pair();
        let number = ours.as_raw_fd();
        let first = AsyncFd::new(&ours).unwrap();
        // when it is registered again,
        let error = AsyncFd::new(&ours).expect_err("epoll has it already");
        // then the error says what and why,
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.to_string().contains(&format!("descriptor {number} is registered")), "{error}");
        let system = error.get_ref().and_then(Error::source).and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(system.and_then(io::Error::raw_os_error), Some(libc::EEXIST));
        // and the first goes on.
        theirs.write_all(b"still here").unwrap();
        assert_eq!(read(&first, |stream, bytes| read_stream(stream, bytes)).await.unwrap(), b"still here");
        // Given back, it can be registered once more.
        drop(first);
        AsyncFd::new(&ours).unwrap();
    });
}

#[test]
fn what_never_makes_anybody_wait_is_refused_with_advice() {
    let runtime = runtime();
    let _watchdog = watchdog::Watchdog::start(LIMIT, "a refused registration", Some(runtime.metrics()));
    runtime.block_on(async {
        for path in ["Cargo.toml", "src", "/dev/null"] {
            let file = std::fs::File::open(path).unwrap();
            let error = AsyncFd::with_interest(&file, Interest::READABLE).expect_err(path);
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            let expected = format!("descriptor {} cannot be waited for", file.as_raw_fd());
            assert!(error.to_string().contains(&expected) && error.to_string().contains("io::Fd"), "{error}");
        }
    });
}

#[test]
fn outside_a_runtime_it_is_an_error() {
    let (ours, _theirs) = pair();
    let error = AsyncFd::new(ours).expect_err("there is no runtime");
    assert!(error.to_string().contains("no handover runtime"), "{error}");
}

#[test]
fn a_number_used_again_belongs_to_its_new_owner_alone() {
    let runtime = runtime();
    let _watchdog = watchdog::Watchdog::start(LIMIT, "a number used again", Some(runtime.metrics()));
    runtime.block_on(async {
        // Given a socket that was registered and then closed behind the runtime's back, its number given to another one, which is registered as well,
        let (old, _old_peer) = pair();
        let (spare, _) = pair();
        let (new, mut new_peer) = pair();
        let mut stale = AsyncFd::new(old).unwrap();
        let number = std::mem::replace(stale.get_mut(), spare).into_raw_fd();
        // SAFETY: plain numbers; the old socket's descriptor is nobody's but this test's.
        assert_eq!(unsafe { libc::dup2(new.as_raw_fd(), number) }, number);
        // SAFETY: `dup2` has just made it, and nobody else owns it.
        let fresh = AsyncFd::new(unsafe { UnixStream::from_raw_fd(number) }).unwrap();
        assert!(!is_readable(&stale));

        // when the new one has something to read,
        new_peer.write_all(b"for the new one").unwrap();
        assert_eq!(read(&fresh, read_stream).await.unwrap(), b"for the new one");
        // then the old one hears nothing of it,
        assert!(!is_readable(&stale));
        // and when the old one goes, the new one is still waited for.
        drop(stale);
        let reader = handover::spawn(async move { read(&fresh, read_stream).await });
        handover::yield_now().await;
        new_peer.write_all(b"and again").unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), b"and again");
    });
}

#[test]
fn a_duplicate_has_a_registration_of_its_own() {
    let runtime = runtime();
    let _watchdog = watchdog::Watchdog::start(LIMIT, "a duplicate", Some(runtime.metrics()));
    runtime.block_on(async {
        // Given two descriptors of one socket, both waited for,
        let (ours, mut theirs) = pair();
        let first = AsyncFd::new(ours.try_clone().unwrap()).unwrap();
        let second = AsyncFd::new(ours).unwrap();
        let tasks = [&first, &second].map(|fd| fd.readable());
        // when something comes, then both hear of it,
        theirs.write_all(b"x").unwrap();
        for waits in tasks {
            assert!(waits.await.unwrap().ready().is_readable());
        }
        // and when one is gone, the other goes on.
        assert_eq!(read(&first, read_stream).await.unwrap(), b"x");
        drop(first);
        theirs.write_all(b"y").unwrap();
        assert_eq!(read(&second, read_stream).await.unwrap(), b"y");
    });
}

#[test]
fn two_runtimes_wait_for_one_descriptor_and_one_takes_it_over() {
    let (one, other) = (runtime(), runtime());
    let _watchdog = watchdog::Watchdog::start(LIMIT, "two runtimes", Some(one.metrics()));
    let (ours, mut theirs) = pair();
    // Given a socket that is registered with two runtimes,
    // SAFETY: `ours` lives as long as this function, and everything that is made of it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(ours.as_raw_fd()) };
    let here = one.block_on(async move { AsyncFd::new(borrowed) }).unwrap();
    let there = other.block_on(async move { AsyncFd::new(borrowed) }).unwrap();
    // when something comes, then both hear of it, wherever they wait.
    theirs.write_all(b"x").unwrap();
    one.block_on(async { there.readable().await.map(drop) }).unwrap();
    other.block_on(async { here.readable().await.map(drop) }).unwrap();
    drop((here, there));

    // Given one that is moved over,
    let moved = one.block_on(async { AsyncFd::new(ours) }).unwrap().into_inner();
    let moved = other.block_on(async { AsyncFd::new(moved) }).unwrap();
    // when its first runtime has ended, then it goes on.
    drop(one);
    assert_eq!(other.block_on(async { read(&moved, read_stream).await }).unwrap(), b"x");
    theirs.write_all(b"y").unwrap();
    assert_eq!(other.block_on(async { read(&moved, read_stream).await }).unwrap(), b"y");
}

#[test]
fn who_waits_when_the_runtime_ends_is_told() {
    let (one, other) = (runtime(), runtime());
    let _watchdog = watchdog::Watchdog::start(LIMIT, "the end of a runtime", Some(other.metrics()));
    let (ours, _theirs) = pair();
    let fd = one.block_on(async { AsyncFd::new(ours) }).unwrap();
    let waits = other.spawn(async move { fd.readable().await.map(drop) });
    drop(one);
    let error = other.block_on(waits).unwrap().expect_err("nobody waits for it any more");
    assert!(error.to_string().contains("was shut down"), "{error}");
}

#[test]
fn readiness_is_cleared_by_would_block_alone() {
    let runtime = runtime();
    let _watchdog = watchdog::Watchdog::start(LIMIT, "readiness", Some(runtime.metrics()));
    runtime.block_on(async {
        let (ours, mut theirs) = pair();
        let mut ours = AsyncFd::new(ours).unwrap();
        assert_eq!(ours.try_io(Interest::READABLE, |stream| read_stream(stream, &mut [0; 1])).unwrap_err().kind(), ErrorKind::WouldBlock);
        theirs.write_all(b"ab").unwrap();
        for expected in [b"a", b"b"] {
            let mut byte = [0];
            let mut guard = ours.readable_mut().await.unwrap();
            assert_eq!(guard.try_io(|fd| fd.get_mut().read(&mut byte)).expect("it is ready").unwrap(), 1);
            assert_eq!(&byte, expected);
        }
        // Two bytes were read without a word from the kernel that there are no more: the guard is had at once, and the call says so.
        let mut guard = ours.readable().await.unwrap();
        assert!(guard.ready().is_readable());
        let error = guard.try_io(|fd| read_stream(fd.get_ref(), &mut [0; 1])).expect_err("nothing is left");
        assert!(error.to_string().contains("would block"));
        assert!(guard.ready().is_empty());
        assert!(!is_readable(&ours));
    });
}
