//! What if descriptors, disk space or the reader at the other end are gone? It is the caller's error, nothing spins, and it works again when the cause is gone. Scenario 25 of the list in README.md.
//!
//! Each test runs one of the `#[test]`s of module `exhausted` in a process of its own, whose limits and file systems are its own as well.

#[path = "support/child.rs"]
mod child;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "fault/small_disk.rs"]
mod small_disk;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::path::Path;
use std::process::Command;

/// Set in the children, to the directory that they may fill.
const DIRECTORY: &str = "HANDOVER_TEST_EXHAUSTED";

fn command(name: &str, directory: &Path) -> Command {
    let mut command = child::command(&format!("exhausted::{name}"));
    command.env(DIRECTORY, directory);
    command
}

fn run(name: &str) {
    let directory = scratch::scratch(&format!("exhausted-{name}"));
    child::assert_passed(&command(name, &directory).output().expect("a test starts another"));
}

#[test]
fn a_server_without_descriptors_is_told_and_goes_on_when_some_are_closed() {
    run("no_descriptors");
}

#[test]
fn a_copy_without_descriptors_does_without_a_pipe() {
    run("no_descriptors_for_a_copy");
}

#[test]
fn a_full_disk_is_the_writers_error_until_there_is_room() {
    let directory = scratch::scratch("exhausted-full_disk");
    let mut command = command("full_disk", &directory);
    small_disk::mount(&mut command, &directory);
    match command.output() {
        Ok(output) => child::assert_passed(&output),
        Err(error) => println!("SKIPPED: this machine gives no mount namespace to fill: {error}"),
    }
}

#[test]
fn a_limit_on_the_length_of_files_is_the_writers_error_until_it_is_raised() {
    run("long_file");
}

#[test]
fn a_reader_who_has_gone_is_the_writers_error_each_time() {
    run("no_reader");
}

/// Run in the children only; elsewhere they have nothing to do.
mod exhausted {
    use super::*;

    use std::io::{self, ErrorKind};
    use std::net::Ipv4Addr;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;
    use std::time::Duration;

    use futures::io::{AsyncReadExt, AsyncWriteExt};
    use handover::fs::{self, File, OpenOptions};
    use handover::io::{AsyncFd, Copier, Fd};
    use handover::net::{TcpListener, TcpStream};
    use handover::runtime::{Builder, Runtime};

    fn start() -> Option<(PathBuf, Runtime, watchdog::Watchdog)> {
        let directory = std::env::var_os(DIRECTORY)?;
        let runtime = Builder::new().processors(2).build().unwrap();
        let watchdog = watchdog::Watchdog::start(Duration::from_secs(60), "an exhausted process", Some(runtime.metrics()));
        Some((directory.into(), runtime, watchdog))
    }

    /// Sets a limit of this process and gives the one before.
    fn limit(resource: libc::__rlimit_resource_t, value: u64) -> u64 {
        let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `now` is a whole rlimit for the kernel to write to.
        assert_eq!(unsafe { libc::getrlimit(resource, &raw mut now) }, 0);
        let wanted = libc::rlimit { rlim_cur: value, rlim_max: now.rlim_max };
        // SAFETY: `wanted` is a whole rlimit that outlives the call.
        assert_eq!(unsafe { libc::setrlimit(resource, &raw const wanted) }, 0);
        now.rlim_cur
    }

    /// No descriptor is to be had from now on; gives the limit before.
    fn no_more_descriptors() -> u64 {
        let next = std::fs::File::open("/dev/null").unwrap().as_raw_fd() as u64;
        limit(libc::RLIMIT_NOFILE, next)
    }

    fn assert_none_left<T>(result: io::Result<T>) {
        assert_eq!(result.err().and_then(|error| error.raw_os_error()), Some(libc::EMFILE));
    }

    #[test]
    fn no_descriptors() {
        let Some((_, runtime, _watchdog)) = start() else { return };
        let metrics = runtime.metrics();
        runtime.block_on(async {
            // Given a server with a client in its queue, and no descriptor left,
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut client = TcpStream::connect(address).await.unwrap();
            let before = no_more_descriptors();
            // when it accepts, then it is told so, each time and at once: one call is one poll,
            let polls = metrics.polls();
            for _ in 0..1_000 {
                assert_none_left(listener.accept().await);
            }
            let polls = metrics.polls() - polls;
            assert!(polls < 100, "{polls} polls for calls that never wait");
            assert_none_left(TcpStream::connect(address).await);
            assert_none_left(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await);
            // and while nobody asks, the connection that waits wakes nobody.
            let polls = metrics.polls();
            handover::time::sleep(Duration::from_millis(50)).await;
            let polls = metrics.polls() - polls;
            assert!(polls < 20, "{polls} polls while all wait");
            // When there are descriptors again, then the client is served; no new edge is needed for that.
            limit(libc::RLIMIT_NOFILE, before);
            let (mut stream, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
            stream.write_all(b"served").await.unwrap();
            drop(stream);
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "served");
        });
    }

    #[test]
    fn no_descriptors_for_a_copy() {
        let Some((_, runtime, _watchdog)) = start() else { return };
        runtime.block_on(async {
            // Given two connections, between which a copy would have a pipe,
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut fed = TcpStream::connect(address).await.unwrap();
            let (mut reader, _) = listener.accept().await.unwrap();
            let mut writer = TcpStream::connect(address).await.unwrap();
            let (mut drained, _) = listener.accept().await.unwrap();
            // when no descriptor is left,
            let before = no_more_descriptors();
            let standard = handover::io::stdin().read(&mut [0]).await;
            assert_none_left(standard);
            fed.write_all(b"all the same").await.unwrap();
            fed.close().await.unwrap();
            // then it does without.
            assert_eq!(handover::io::copy(&mut reader, &mut writer).await.unwrap(), 12);
            writer.close().await.unwrap();
            let mut text = String::new();
            drained.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "all the same");
            limit(libc::RLIMIT_NOFILE, before);
        });
    }

    #[test]
    fn full_disk() {
        let Some((directory, runtime, _watchdog)) = start() else { return };
        runtime.block_on(async {
            // Given a disk with 256 KiB, on which something lies that can be deleted,
            let ballast = directory.join("ballast");
            fs::write(&ballast, vec![1; 128 << 10]).await.unwrap();
            let path = directory.join("log");
            let mut file = File::create(&path).await.unwrap();
            let chunk = [7; 10_000];
            // when it is filled, then a write says so, and what was written is there,
            let mut written = 0;
            let error = loop {
                match file.write(&chunk).await {
                    Ok(count) => written += count as u64,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
            assert_eq!(fs::metadata(&path).await.unwrap().len(), written);
            assert_eq!(file.write(&chunk).await.unwrap_err().kind(), ErrorKind::StorageFull);
            let named = fs::write(directory.join("other"), &chunk).await.unwrap_err();
            assert!(named.kind() == ErrorKind::StorageFull && named.to_string().contains("other"), "{named}");
            // and a copy says how far it has got.
            fs::remove_file(&path).await.unwrap();
            drop(file);
            let copied = directory.join("copied");
            let mut copier = Copier::new();
            let mut from = File::open("/dev/zero").await.unwrap();
            let mut to = File::create(&copied).await.unwrap();
            let error = copier.copy(&mut from, &mut to).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
            assert!(copier.moved() > 0);
            assert_eq!(copier.moved(), fs::metadata(&copied).await.unwrap().len());
            // When there is room again, then writing goes on.
            fs::remove_file(&ballast).await.unwrap();
            to.write_all(&chunk).await.unwrap();
        });
    }

    #[test]
    fn long_file() {
        let Some((directory, runtime, _watchdog)) = start() else { return };
        // SAFETY: no handler is installed: the signal that comes with the error is ignored.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        runtime.block_on(async {
            let path = directory.join("limited");
            let mut file = Fd::open(&path, OpenOptions::new().write(true).create(true)).await.unwrap();
            let before = limit(libc::RLIMIT_FSIZE, 10_000);
            // Given a file that may have 10,000 bytes, when more are written, then those that fit are, and the next write is an error,
            assert_eq!(file.write(&[1; 15_000]).await.unwrap(), 10_000);
            for _ in 0..3 {
                assert_eq!(file.write(&[1; 15_000]).await.unwrap_err().raw_os_error(), Some(libc::EFBIG));
            }
            // and when the limit is gone, it goes on where it was.
            limit(libc::RLIMIT_FSIZE, before);
            file.write_all(&[2; 5]).await.unwrap();
            assert_eq!(fs::metadata(&path).await.unwrap().len(), 10_005);
        });
    }

    #[test]
    fn no_reader() {
        let Some((_, runtime, _watchdog)) = start() else { return };
        let metrics = runtime.metrics();
        runtime.block_on(async {
            // A pipe: an error from the first write on, and no signal that ends the process.
            let (reader, writer) = io::pipe().unwrap();
            let writer = Fd::new(writer).unwrap();
            drop(reader);
            // A connection: an error from when its end is known here.
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            drop(listener.accept().await.unwrap());
            while (&stream).write(b"x").await.is_ok() {
                handover::yield_now().await;
            }
            let polls = metrics.polls();
            for _ in 0..1_000 {
                assert_eq!((&writer).write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
                assert_eq!((&stream).write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            }
            let polls = metrics.polls() - polls;
            assert!(polls < 100, "{polls} polls for calls that never wait");
            // Who waits for room on such a pipe is told at once, and others are not disturbed.
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let ours = AsyncFd::new(ours).unwrap();
            drop(theirs);
            assert!(ours.writable().await.unwrap().ready().is_writable());
            writer.writable().await.unwrap();
        });
    }
}
