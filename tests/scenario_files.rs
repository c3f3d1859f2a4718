//! What becomes of a file that many tasks use, that is let go while a call is on, or that takes a part of what it is given? Scenario 44 of the list in README.md.
//!
//! That errors name their path is in `fs` and `fs_paths`.

#[path = "support/child.rs"]
mod child;
#[path = "support/latch.rs"]
mod latch;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use futures::io::{AsyncReadExt, AsyncWriteExt};
use handover::fs::{self, File, TryLockError};
use handover::runtime::{Builder, Runtime};
use latch::Latch;
use scratch::scratch;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(60);

fn runtime() -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(2).build().unwrap();
    let watchdog = Watchdog::start(NEVER, "a file in use", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// What the descriptor `number` of this process is, if it is open.
fn open_as(number: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{number}")).ok()
}

// ---- many tasks ----------------------------------------------------------------------------------------------------------

#[test]
fn tasks_that_share_a_position_read_each_record_once_and_whole() {
    const RECORDS: usize = 4_000;
    let (runtime, _watchdog) = runtime();
    let path = scratch("files-records").join("file");
    std::fs::write(&path, (0..RECORDS).map(|record| format!("{record:07}\n")).collect::<String>()).unwrap();
    let seen = runtime.block_on(async {
        let file = Arc::new(File::open(&path).await.unwrap());
        let readers: Vec<_> = (0..16)
            .map(|_| {
                let file = Arc::clone(&file);
                handover::spawn(async move {
                    let (mut seen, mut record) = (Vec::new(), [0; 8]);
                    while (&*file).read(&mut record).await.unwrap() == 8 {
                        seen.push(str::from_utf8(&record).unwrap().trim().parse::<usize>().unwrap());
                        handover::yield_now().await;
                    }
                    seen
                })
            })
            .collect();
        let mut seen = Vec::new();
        for reader in readers {
            seen.extend(reader.await.unwrap());
        }
        seen
    });
    assert_eq!(seen.len(), RECORDS);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>().len(), RECORDS);
}

#[test]
fn tasks_that_append_do_not_mix_their_lines() {
    let (runtime, _watchdog) = runtime();
    let path = scratch("files-append").join("file");
    runtime.block_on(async {
        let file = Arc::new(File::options().append(true).create(true).open(&path).await.unwrap());
        let writers: Vec<_> = (0..16)
            .map(|writer| {
                let file = Arc::clone(&file);
                handover::spawn(async move {
                    for line in 0..100 {
                        (&*file).write_all(format!("{writer} {line} {}\n", "x".repeat(100)).as_bytes()).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().collect::<BTreeSet<_>>().len(), 1_600);
    assert!(text.lines().all(|line| line.ends_with(&"x".repeat(100))));
}

// ---- dropped with a call running -----------------------------------------------------------------------------------------

/// A task that is in a read of an empty pipe by now, the pipe's other end, and the number of the descriptor that is read. The task is the only one that has the file.
fn blocked_read(runtime: &Runtime) -> (handover::task::JoinHandle<Vec<u8>>, io::PipeWriter, i32) {
    let (reader, writer) = io::pipe().unwrap();
    let number = reader.as_raw_fd();
    let started = Latch::default();
    let starts = started.clone();
    let task = runtime.spawn(async move {
        let mut file = File::from(OwnedFd::from(reader));
        let mut bytes = [0; 16];
        // Within one poll: were others let go first, the abort could come before the read.
        let count = handover::block_in_place(|| {
            starts.step();
            futures::executor::block_on(file.read(&mut bytes)).unwrap()
        });
        bytes[..count].to_vec()
    });
    assert!(started.wait_for(1, NEVER), "{} reads have begun", started.steps());
    (task, writer, number)
}

#[track_caller]
fn await_closed(number: i32, pipe: &Path) {
    while open_as(number).as_deref() == Some(pipe) {
        thread::yield_now();
    }
}

#[test]
fn an_abort_closes_the_file_when_its_call_has_ended_and_not_before() {
    let (runtime, _watchdog) = runtime();
    let (task, mut writer, number) = blocked_read(&runtime);
    let pipe = open_as(number).expect("it is open");
    task.abort();
    // Given a task that was aborted in its read, when others get on, then its descriptor is still its own: a number given out again would be read by the wrong one ...
    runtime.block_on(async {
        for _ in 0..100 {
            handover::spawn(handover::yield_now()).await.unwrap();
        }
    });
    assert_eq!(open_as(number), Some(pipe.clone()));
    // ... and is closed once the read is over.
    writer.write_all(b"over").unwrap();
    await_closed(number, &pipe);
    // The task is cancelled, or was ready before the abort got to it: in both cases it is over.
    drop(futures::executor::block_on(task));
}

#[test]
fn a_shutdown_leaves_a_file_to_the_call_that_uses_it() {
    let (runtime, _watchdog) = runtime();
    let (task, mut writer, number) = blocked_read(&runtime);
    let pipe = open_as(number).expect("it is open");
    runtime.shutdown_timeout(Duration::ZERO);
    assert_eq!(open_as(number), Some(pipe.clone()));
    writer.write_all(b"after the end").unwrap();
    await_closed(number, &pipe);
    drop(task);
}

#[test]
fn a_file_that_its_last_owner_drops_in_a_call_of_another_is_closed_after_it() {
    let (runtime, _watchdog) = runtime();
    let (reader, mut writer) = io::pipe().unwrap();
    let number = reader.as_raw_fd();
    let pipe = open_as(number).expect("it is open");
    let file = Arc::new(File::from(OwnedFd::from(reader)));
    let shared = Arc::clone(&file);
    let started = Latch::default();
    let starts = started.clone();
    let task = runtime.spawn(async move {
        let mut bytes = [0; 16];
        starts.step();
        let count = (&*shared).read(&mut bytes).await.unwrap();
        bytes[..count].to_vec()
    });
    assert!(started.wait_for(1, NEVER));
    drop(file);
    assert_eq!(open_as(number), Some(pipe.clone()));
    writer.write_all(b"kept").unwrap();
    assert_eq!(futures::executor::block_on(task).unwrap(), b"kept");
    await_closed(number, &pipe);
}

// ---- partial writes ------------------------------------------------------------------------------------------------------

/// The largest file that this process may write.
const LARGEST: u64 = 10_000;

/// In a process of its own: the limit is the process's.
fn with_limited_files(name: &str, test: impl AsyncFnOnce(PathBuf) -> io::Result<()>) {
    if env::var_os("HANDOVER_TEST_CHILD").is_none() {
        let child = child::command(name).env("HANDOVER_TEST_CHILD", "1").output().expect("this binary starts");
        return child::assert_passed(&child);
    }
    let (runtime, _watchdog) = runtime();
    let limit = libc::rlimit { rlim_cur: LARGEST, rlim_max: LARGEST };
    // SAFETY: `limit` is a whole rlimit that outlives the call; without the signal a write beyond it fails with EFBIG (setrlimit(2)).
    let refused = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit)
    };
    assert_eq!(refused, 0, "{}", io::Error::last_os_error());
    let path = scratch(&format!("files-{name}")).join("file");
    // In place, since an async closure's future need not be `Send`.
    let _context = runtime.enter();
    futures::executor::block_on(test(path)).expect("no other error");
}

#[test]
fn a_write_that_is_taken_in_part_says_how_much() {
    with_limited_files("a_write_that_is_taken_in_part_says_how_much", async |path| {
        let bytes: Vec<u8> = (0..12_000_u32).map(|index| (index % 251) as u8).collect();
        let mut file = File::create(&path).await?;
        assert_eq!(file.write(&bytes).await?, 10_000);
        assert!(fs::read(&path).await? == bytes[..10_000], "what is said to be written is written");
        assert_eq!(file.write(&bytes[10_000..]).await.expect_err("it is full").kind(), ErrorKind::FileTooLarge);
        assert_eq!(file.write_at(&bytes, 9_000).await?, 1_000);
        assert_eq!(file.write_vectored_at(&[IoSlice::new(&bytes[..600]), IoSlice::new(&bytes[..600])], 9_000).await?, 1_000);
        Ok(())
    });
}

#[test]
fn what_promises_to_write_all_says_why_it_could_not() {
    with_limited_files("what_promises_to_write_all_says_why_it_could_not", async |path| {
        let bytes = vec![7; 12_000];
        let mut file = File::create(&path).await?;
        let (head, tail) = bytes.split_at(9_999);
        for result in [
            file.write_all(&bytes).await,
            file.write_all_at(&bytes, 0).await,
            file.write_all_vectored_at(&mut [IoSlice::new(head), IoSlice::new(tail)], 0).await,
            fs::write(&path, &bytes).await,
            fs::copy(env::current_exe()?, &path).await.map(drop),
        ] {
            assert_eq!(result.expect_err("it is too large").kind(), ErrorKind::FileTooLarge);
            assert_eq!(std::fs::metadata(&path)?.len(), LARGEST);
        }
        Ok(())
    });
}

#[handover::test]
async fn a_disk_without_room_is_the_writers_error() -> io::Result<()> {
    let mut full = File::options().write(true).open("/dev/full").await?;
    assert_eq!(full.write(b"x").await.expect_err("it is full").kind(), ErrorKind::StorageFull);
    let error = fs::write("/dev/full", "x").await.expect_err("it is full");
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert!(error.to_string().starts_with("cannot write `/dev/full`: "), "{error}");
    Ok(())
}

// ---- locks ---------------------------------------------------------------------------------------------------------------

#[handover::test(processors = 1)]
async fn who_waits_for_a_lock_holds_nobody_up() -> io::Result<()> {
    let path = scratch("files-lock").join("file");
    let (owner, waiting) = (File::create(&path).await?, File::open(&path).await?);
    owner.lock().await?;
    assert!(matches!(waiting.try_lock().await, Err(TryLockError::WouldBlock)));
    assert!(matches!(waiting.try_lock_shared().await, Err(TryLockError::WouldBlock)));
    let waiter = handover::spawn(async move {
        waiting.lock().await?;
        io::Result::Ok(waiting)
    });
    // On the only processor others run on, the one that has the lock among them.
    for _ in 0..100 {
        handover::spawn(handover::yield_now()).await.expect("no panic");
    }
    assert!(!waiter.is_finished());
    owner.unlock().await?;
    let waiting = waiter.await.expect("no panic")?;
    assert!(matches!(owner.try_lock_shared().await, Err(TryLockError::WouldBlock)));
    drop(waiting);
    owner.try_lock().await?;
    Ok(())
}

#[handover::test]
async fn a_lock_is_shared_by_those_who_ask_for_a_shared_one_and_by_clones() -> io::Result<()> {
    let path = scratch("files-shared").join("file");
    let (one, other) = (File::create(&path).await?, File::open(&path).await?);
    one.lock_shared().await?;
    other.try_lock_shared().await?;
    let error = io::Error::from(other.try_lock().await.expect_err("one has a shared lock"));
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    other.unlock().await?;
    other.unlock().await?;

    let clone = one.try_clone().await?;
    drop(one);
    assert!(matches!(other.try_lock().await, Err(TryLockError::WouldBlock)), "the clone has the lock still");
    clone.try_lock().await?;
    drop(clone);
    other.try_lock().await?;
    Ok(())
}

/// The plain file's own functions and ours speak of the same bytes.
#[handover::test]
async fn a_finished_write_is_in_the_kernel() -> io::Result<()> {
    let path = scratch("files-written").join("file");
    let mut file = File::create(&path).await?;
    let mut reader = std::fs::File::open(&path)?;
    for line in 0..100 {
        file.write_all(format!("{line:03}").as_bytes()).await?;
        let mut seen = [0; 3];
        reader.read_exact(&mut seen)?;
        assert_eq!(str::from_utf8(&seen), Ok(format!("{line:03}").as_str()));
    }
    Ok(())
}
