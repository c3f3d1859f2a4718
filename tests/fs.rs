//! Does a file do in a task what it does in a thread?

use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, IoSlice, IoSliceMut, SeekFrom};
use handover::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// A path in the tests' own directory where there is nothing.
fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fs-{name}"));
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => panic!("{}: {error}", path.display()),
        _ => path,
    }
}

/// A pipe with a name, open at both ends: a file whose reads wait.
fn fifo(name: &str) -> PathBuf {
    let path = fresh(name);
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    path
}

#[handover::test]
async fn what_is_written_is_read() -> io::Result<()> {
    let path = fresh("round-trip");
    let mut file = File::create(&path).await?;
    file.write_all(b"an ordinary call").await?;

    let mut file = File::open(&path).await?;
    file.seek(SeekFrom::End(-4)).await?;
    let mut end = String::new();
    file.read_to_string(&mut end).await?;
    assert_eq!(end, "call");

    fs::write(&path, "shorter").await?;
    assert_eq!(fs::read(&path).await?, b"shorter");
    assert_eq!(fs::read_to_string(&path).await?, "shorter");
    Ok(())
}

#[handover::test]
async fn a_finished_write_is_written() -> io::Result<()> {
    let path = fresh("no-buffer");
    let mut file = File::create(&path).await?;
    // Given a file that is neither flushed nor closed, when a write has ended, then everybody sees it.
    let count = file.write(b"seen").await?;
    assert_eq!(std::fs::read(&path)?, b"seen"[..count]);
    Ok(())
}

#[handover::test]
async fn several_buffers_are_one_call() -> io::Result<()> {
    let path = fresh("vectored");
    let mut file = File::create(&path).await?;
    let count = file.write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"call")]).await?;
    assert_eq!(count, 8);
    let (mut first, mut second) = ([0; 3], [0; 5]);
    let count = File::open(&path).await?.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)]).await?;
    assert_eq!((count, &first, &second), (8, b"one", b" call"));
    Ok(())
}

#[handover::test]
async fn an_error_names_the_path_and_keeps_its_cause() {
    let missing = fresh("missing").join("below");
    let system = std::fs::read(&missing).expect_err("there is no such file");
    let errors = [
        ("open", File::open(&missing).await.map(drop)),
        ("create", File::create(&missing).await.map(drop)),
        ("read", fs::read(&missing).await.map(drop)),
        ("read", fs::read_to_string(&missing).await.map(drop)),
        ("write", fs::write(&missing, "x").await),
    ];
    for (action, result) in errors {
        let error = result.expect_err("there is no such file");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), format!("cannot {action} `{}`: {system}", missing.display()));
        let cause = error.get_ref().and_then(|error| error.source()).and_then(|cause| cause.downcast_ref::<io::Error>());
        assert_eq!(cause.and_then(io::Error::raw_os_error), system.raw_os_error());
    }
}

#[handover::test]
async fn text_that_is_not_utf8_is_an_error_that_names_the_path() -> io::Result<()> {
    let path = fresh("not-utf8");
    fs::write(&path, b"\xff").await?;
    let error = fs::read_to_string(&path).await.expect_err("this is no text");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("fs-not-utf8"), "{error}");
    Ok(())
}

#[handover::test]
async fn a_future_that_is_never_polled_has_done_nothing() {
    let path = fresh("not-polled");
    drop(fs::write(&path, "x"));
    drop(File::create(&path));
    assert!(!path.exists());
}

#[handover::test]
async fn length_and_metadata_and_the_disk() -> io::Result<()> {
    let path = fresh("metadata");
    let file = File::create(&path).await?;
    file.write_all_at(b"tail", 100).await?;
    assert_eq!(file.metadata().await?.len(), 104);
    file.set_len(2).await?;
    file.sync_data().await?;
    file.sync_all().await?;
    assert_eq!(fs::read(&path).await?, [0, 0]);
    Ok(())
}

#[handover::test]
async fn reads_and_writes_at_a_place_leave_the_position_alone() -> io::Result<()> {
    let path = fresh("position");
    fs::write(&path, "0123456789").await?;
    let mut file = File::options().read(true).write(true).open(&path).await?;
    let mut pair = [0; 2];
    file.read_exact(&mut pair).await?;
    file.read_exact_at(&mut pair, 6).await?;
    assert_eq!(&pair, b"67");
    assert_eq!(file.write_at(b"x", 9).await?, 1);
    file.read_exact(&mut pair).await?;
    assert_eq!(&pair, b"23");
    assert_eq!(fs::read(&path).await?, b"012345678x");
    Ok(())
}

#[handover::test]
async fn reads_and_writes_at_a_place_end_where_the_file_ends() -> io::Result<()> {
    let path = fresh("places");
    fs::write(&path, "0123456789").await?;
    let file = File::open(&path).await?;
    let mut buffer = [0; 4];
    assert_eq!(file.read_at(&mut buffer, 8).await?, 2);
    assert_eq!(&buffer[..2], b"89");
    assert_eq!(file.read_at(&mut buffer, 10).await?, 0);
    let error = file.read_exact_at(&mut buffer, 8).await.expect_err("there are two bytes left");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(file.write_at(b"x", 0).await.is_err(), "the file is open for reading");
    Ok(())
}

#[handover::test(processors = 2)]
async fn many_tasks_use_one_file() -> io::Result<()> {
    const PIECE: usize = 4096;
    let path = fresh("shared");
    let file = std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
    let file = Arc::new(File::from(file));
    let piece = |index: u64| vec![index as u8 + 1; PIECE];
    let tasks: Vec<_> = (0..64)
        .map(|index| {
            let file = Arc::clone(&file);
            handover::spawn(async move {
                let offset = index * PIECE as u64;
                file.write_all_at(&piece(index), offset).await?;
                let mut back = vec![0; PIECE];
                file.read_exact_at(&mut back, offset).await?;
                io::Result::Ok(back == piece(index))
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.expect("a task does not panic")?);
    }
    assert_eq!(fs::read(&path).await?, (0..64).flat_map(piece).collect::<Vec<u8>>());
    Ok(())
}

#[handover::test(processors = 1)]
async fn a_reader_and_a_writer_meet_on_one_processor() -> io::Result<()> {
    // Given a pipe, where opening waits for the other end and reading for a write ...
    let path = fifo("meeting");
    let reader = handover::spawn({
        let path = path.clone();
        async move {
            let mut text = String::new();
            File::open(path).await?.read_to_string(&mut text).await?;
            io::Result::Ok(text)
        }
    });
    // ... when both ends are used by tasks of one processor, then they do not wait for ever.
    let mut writer = std::fs::File::options();
    let mut writer = File::from_std(handover::blocking(|| writer.write(true).open(&path)).await?);
    writer.write_all(b"through the pipe").await?;
    drop(writer);
    assert_eq!(reader.await.expect("the reader does not panic")?, "through the pipe");
    Ok(())
}

#[test]
fn a_file_works_outside_a_runtime() -> io::Result<()> {
    let path = fresh("outside");
    futures::executor::block_on(async {
        fs::write(&path, "anywhere").await?;
        let mut text = String::new();
        File::open(&path).await?.read_to_string(&mut text).await?;
        assert_eq!(text, "anywhere");
        Ok(())
    })
}

/// Signals that were delivered.
static SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn count_signal(_: libc::c_int) {
    // SeqCst here and below: a test has no reason to be clever.
    SIGNALS.fetch_add(1, Ordering::SeqCst);
}

/// Lets SIGUSR1 interrupt system calls, which it does not with `SA_RESTART`.
fn interrupt_calls_by_sigusr1() {
    // SAFETY: all zeros is a valid `sigaction`: no flags, and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count_signal as *const () as libc::sighandler_t;
    // SAFETY: the handler only counts, which is async-signal-safe, and `action` outlives the call.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

#[handover::test(processors = 2)]
async fn a_read_that_signals_interrupt_is_never_seen_to_fail() -> io::Result<()> {
    interrupt_calls_by_sigusr1();
    let path = fifo("interrupted");
    let mut writer = std::fs::File::options().read(true).write(true).open(&path)?;
    static READER: AtomicUsize = AtomicUsize::new(0);
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    // Given a task whose thread waits in read(2) ...
    let reader = handover::spawn(async move {
        let mut file = File::open(&path).await?;
        let mut byte = [0];
        // SAFETY: pthread_self(3) cannot fail and touches nothing.
        READER.store(unsafe { libc::pthread_self() } as usize, Ordering::SeqCst);
        let count = file.read(&mut byte).await?;
        IS_DONE.store(true, Ordering::SeqCst);
        io::Result::Ok((count, byte))
    });

    // ... when signals hit it again and again ...
    let send = move || {
        while READER.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        for sent in 0..200 {
            // SAFETY: the thread is alive: it waits in the read, for a byte that is written only after this.
            let result = unsafe { libc::pthread_kill(READER.load(Ordering::SeqCst) as libc::pthread_t, libc::SIGUSR1) };
            assert_eq!(result, 0);
            while SIGNALS.load(Ordering::SeqCst) <= sent {
                std::thread::yield_now();
            }
        }
    };
    handover::blocking(send).await;

    // ... then it goes on waiting, and gives the byte that comes in the end.
    assert!(!IS_DONE.load(Ordering::SeqCst));
    handover::blocking(|| io::Write::write_all(&mut writer, b"x")).await?;
    assert_eq!(reader.await.expect("the reader does not panic")?, (1, *b"x"));
    Ok(())
}
