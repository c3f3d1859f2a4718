//! What does a program see of signals that interrupt system calls, and of calls that move a part? Nothing, and nothing is lost. Scenario 26 of the list in README.md.
//!
//! Each test runs the same workload in a process of its own, in which calls of some kinds fail with `EINTR`, or in which real signals rain.

// Elsewhere the crate makes system calls through the C library's `syscall`, which the faults take the place of.
#![cfg(all(target_os = "linux", target_pointer_width = "64", any(target_arch = "x86_64", target_arch = "aarch64")))]

#[path = "fault/calls.rs"]
mod calls;
#[path = "support/child.rs"]
mod child;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "fault/signals.rs"]
mod signals;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::env;
use std::io::{self, IoSlice, IoSliceMut, SeekFrom};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use calls::Call;
use futures::future::try_join_all;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use futures::stream::TryStreamExt;
use futures::try_join;
use handover::fs::{self, File};
use handover::net::{TcpListener, TcpStream};
use handover::runtime::{Builder, Runtime};
use signals::Storm;
use watchdog::Watchdog;

const CHILD: &str = "HANDOVER_TEST_CHILD";

/// Runs `test` in a process of its own: the one that this binary starts for the test `name`.
fn alone(name: &str, test: impl FnOnce(&Runtime, &Path)) {
    if env::var_os(CHILD).is_none() {
        let child = child::command(name).env(CHILD, "1").output().expect("this binary starts");
        return child::assert_passed(&child);
    }
    let directory = scratch::scratch(&format!("interrupted-{name}"));
    // On a busy machine the workload leaves more threads behind than are kept, and as long as one of them is to end, the monitor naps: it would never come to ppoll(2).
    let runtime = Builder::new().processors(2).thread_keep_alive(Duration::from_millis(20)).build().unwrap();
    let _watchdog = Watchdog::start(Duration::from_secs(100), name, Some(runtime.metrics()));
    test(&runtime, &directory);
}

/// Bytes that say where they belong.
fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|index| ((index * 7 + seed * 31) % 251) as u8).collect()
}

// ---- the workload --------------------------------------------------------------------------------------------------------

/// Everything that waits in the kernel or makes it move bytes, all at once, each part asserting that it got what it should.
fn everything(runtime: &Runtime, directory: &Path) {
    let directory = directory.to_owned();
    runtime
        .block_on(async {
            let each_with_a_file = try_join_all((0..4).map(|number| {
                let path = directory.join(number.to_string());
                async move { handover::spawn(files(number, path)).await.expect("no panic") }
            }));
            let pipes = try_join_all((0..4).map(|number| async move { handover::spawn(pipe(number)).await.expect("no panic") }));
            try_join!(sockets(), each_with_a_file, pipes, sleeps(), threads())
        })
        .expect("no signal is seen");
}

/// Connections that are made, taken, read and written: reactor, accept, connect.
async fn sockets() -> io::Result<()> {
    const CLIENTS: usize = 12;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let server = handover::spawn(async move {
        for _ in 0..CLIENTS {
            let (stream, _) = listener.accept().await?;
            drop(handover::spawn(async move { futures::io::copy(&stream, &mut &stream).await }));
        }
        io::Result::Ok(())
    });
    let clients = (0..CLIENTS).map(|number| async move {
        let stream = TcpStream::connect(address).await?;
        let (sent, mut back) = (pattern(number, 100_000), vec![0; 100_000]);
        let (mut reader, mut writer) = (&stream, &stream);
        let (head, tail) = sent.split_at(50_000);
        let write = async {
            writer.write_all(head).await?;
            let count = writer.write_vectored(&[IoSlice::new(&tail[..10]), IoSlice::new(&tail[10..20])]).await?;
            writer.write_all(&tail[count..]).await
        };
        try_join!(write, reader.read_exact(&mut back))?;
        assert!(back == sent, "bytes are lost or doubled");
        io::Result::Ok(())
    });
    try_join_all(clients.map(|client| async move { handover::spawn(client).await.expect("no panic") })).await?;
    server.await.expect("no panic")
}

/// A file written and read in every way.
async fn files(number: usize, path: PathBuf) -> io::Result<()> {
    let bytes = pattern(number, 30_000);
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).await?;
    file.write_all(&bytes[..10_000]).await?;
    file.write_all_at(&bytes[10_000..20_000], 10_000).await?;
    file.write_all_vectored_at(&mut [IoSlice::new(&bytes[20_000..25_000]), IoSlice::new(&bytes[25_000..])], 20_000).await?;
    file.sync_data().await?;
    file.sync_all().await?;
    file.lock().await?;
    file.unlock().await?;

    let mut back = Vec::new();
    file.seek(SeekFrom::Start(0)).await?;
    file.read_to_end(&mut back).await?;
    assert!(back == bytes, "read");
    let mut back = vec![0; 30_000];
    file.read_exact_at(&mut back, 0).await?;
    assert!(back == bytes, "read at a place");
    let (mut head, mut tail) = ([0; 10], [0; 20]);
    file.seek(SeekFrom::Start(5)).await?;
    let count = file.read_vectored(&mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)]).await?;
    assert!(count == 30 && head == bytes[5..15] && tail == bytes[15..35], "several buffers");
    file.seek(SeekFrom::Start(5)).await?;
    assert_eq!(file.write_vectored(&[IoSlice::new(&bytes[5..10]), IoSlice::new(&bytes[10..20])]).await?, 15);

    let copy = path.with_extension("copy");
    assert_eq!(fs::copy(&path, &copy).await?, 30_000);
    assert!(fs::read(&copy).await? == bytes, "a copy");
    file.set_len(10).await?;
    fs::write(&copy, &bytes).await?;
    assert!(fs::read(&copy).await? == bytes && fs::read(&path).await? == bytes[..10], "written anew, cut");
    let seen: Vec<_> = fs::walk(path.parent().expect("it lies in a directory")).try_collect().await?;
    assert!(seen.iter().any(|entry| entry.path() == copy));
    fs::remove_file(&copy).await
}

/// Reads and writes that wait in the kernel, since one side is always too early.
async fn pipe(number: usize) -> io::Result<()> {
    let (reader, writer) = io::pipe()?;
    let (mut reader, mut writer) = (File::from(OwnedFd::from(reader)), File::from(OwnedFd::from(writer)));
    let bytes = pattern(number, 300_000);
    let expected = bytes.clone();
    let write = handover::spawn(async move { writer.write_all(&bytes).await });
    let mut back = Vec::new();
    reader.read_to_end(&mut back).await?;
    assert!(back == expected, "bytes are lost or doubled");
    write.await.expect("no panic")
}

/// Timers: nobody wakes early.
async fn sleeps() -> io::Result<()> {
    for length in [1, 3, 10, 30].map(Duration::from_millis) {
        let start = Instant::now();
        handover::time::sleep(length).await;
        assert!(start.elapsed() >= length, "{length:?} took {:?}", start.elapsed());
    }
    Ok(())
}

/// Threads that wait for each other: parked workers, a call from outside that waits for a task, a lock.
async fn threads() -> io::Result<()> {
    let shared = Arc::new(std::sync::Mutex::new(0));
    let handle = handover::runtime::Handle::current();
    let outside: Vec<_> = (0..4)
        .map(|_| {
            let (shared, handle) = (Arc::clone(&shared), handle.clone());
            std::thread::spawn(move || {
                for _ in 0..50 {
                    let shared = Arc::clone(&shared);
                    let task = handle.spawn(async move { handover::blocking(|| *shared.lock().unwrap() += 1).await });
                    futures::executor::block_on(task).expect("no panic");
                }
            })
        })
        .collect();
    handover::spawn_blocking(move || outside.into_iter().for_each(|thread| thread.join().expect("no panic"))).await.expect("no panic");
    assert_eq!(*shared.lock().unwrap(), 200);
    Ok(())
}

// ---- what disturbs it ----------------------------------------------------------------------------------------------------

/// The workload while every second one of these calls is interrupted; each must have been.
fn everything_despite_interrupted(name: &str, calls: &[Call]) {
    alone(name, |runtime, directory| {
        calls::interrupt(calls, 2);
        let missing = || calls.iter().find(|&&call| calls::interrupted(call) == 0);
        let mut rounds = 0;
        while rounds < 3 || (missing().is_some() && rounds < 50) {
            everything(runtime, directory);
            if missing().is_some() {
                // The monitor makes its call, ppoll(2), once nothing has happened for a while: up to a second if it was kicked often.
                std::thread::sleep(Duration::from_millis(1200));
            }
            rounds += 1;
        }
        assert_eq!(missing(), None, "was not interrupted: this test shows nothing");
    });
}

#[test]
fn eintr_into_epoll_wait() {
    everything_despite_interrupted("eintr_into_epoll_wait", &[Call::EpollWait]);
}

#[test]
fn eintr_into_reads() {
    everything_despite_interrupted("eintr_into_reads", &[Call::Read, Call::Readv, Call::Recv, Call::Pread]);
}

/// The reactor's eventfd is among what is written to: a wake-up must not get lost.
#[test]
fn eintr_into_writes() {
    everything_despite_interrupted("eintr_into_writes", &[Call::Write, Call::Writev, Call::Send, Call::Pwrite]);
}

#[test]
fn eintr_into_accept() {
    everything_despite_interrupted("eintr_into_accept", &[Call::Accept]);
}

#[test]
fn eintr_into_connect() {
    everything_despite_interrupted("eintr_into_connect", &[Call::Connect]);
}

/// What worker threads, the monitor and users' locks sleep on.
#[test]
fn eintr_into_futex() {
    everything_despite_interrupted("eintr_into_futex", &[Call::Futex, Call::Ppoll]);
}

#[test]
fn eintr_into_what_opens_and_syncs() {
    let calls = [Call::Open, Call::Fsync, Call::Fdatasync, Call::Ftruncate, Call::CopyFileRange];
    everything_despite_interrupted("eintr_into_what_opens_and_syncs", &calls);
}

#[test]
fn eintr_into_all_of_them() {
    everything_despite_interrupted("eintr_into_all_of_them", Call::ALL);
}

#[test]
fn every_second_read_and_write_of_a_file_moves_a_part() {
    alone("every_second_read_and_write_of_a_file_moves_a_part", |runtime, directory| {
        calls::shorten(2);
        everything(runtime, directory);
        assert!(calls::shortened() > 100, "{} calls were shortened: this test shows nothing", calls::shortened());
        calls::interrupt(Call::ALL, 3);
        everything(runtime, directory);
    });
}

#[test]
fn a_storm_of_real_signals() {
    alone("a_storm_of_real_signals", |runtime, directory| {
        let storm = Storm::start();
        let mut rounds = 0;
        while rounds < 3 || storm.delivered() < 5_000 {
            everything(runtime, directory);
            rounds += 1;
        }
    });
}
