//! Does a descriptor of any kind take the right route, keep its flags and lose no wake-up? Scenarios 38 and 39 of the list in README.md.

#[path = "support/child.rs"]
mod child;
#[path = "support/latch.rs"]
mod latch;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "fault/seccomp.rs"]
mod seccomp;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::fs::File;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use handover::fs::OpenOptions;
use handover::io::Fd;
use handover::runtime::{Builder, Runtime};

const LIMIT: Duration = Duration::from_secs(60);

/// One processor and a watchdog: a read that blocked it would have to be handed off, and what it waits for is mostly done by a task.
fn start(what: &str) -> (Runtime, watchdog::Watchdog) {
    let runtime = Builder::new().processors(1).build().expect("a runtime");
    let watchdog = watchdog::Watchdog::start(LIMIT, what, Some(runtime.metrics()));
    (runtime, watchdog)
}

fn flags(fd: &impl AsFd) -> i32 {
    // SAFETY: plain numbers; the descriptor is open as long as it is borrowed.
    unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) }
}

/// # Safety
/// `number` is a new descriptor, or -1.
unsafe fn owned(number: i32) -> OwnedFd {
    assert!(number >= 0, "{}", io::Error::last_os_error());
    // SAFETY: as the caller says.
    unsafe { OwnedFd::from_raw_fd(number) }
}

fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
    assert!(made.success());
}

/// A pipe with a name, in a directory of its own.
fn named_pipe(name: &str) -> PathBuf {
    let path = scratch::scratch(name).join("fifo");
    fifo(&path);
    path
}

/// Both ends of a FIFO, blocking, as a process inherits them.
fn fifo_ends(name: &str) -> (File, File) {
    let path = named_pipe(name);
    let both = File::options().read(true).write(true).open(&path).expect("a FIFO opens both ways at once");
    let (reader, writer) = (File::open(&path).expect("it has a writer"), File::options().write(true).open(&path).expect("it has a reader"));
    drop(both);
    (reader, writer)
}

/// A terminal: the side of the program that runs in it, and the side of the person.
fn terminal() -> (OwnedFd, File) {
    let (mut person, mut program) = (-1, -1);
    // SAFETY: the call writes two numbers; null stands for what is not asked for.
    let result = unsafe { libc::openpty(&mut person, &mut program, std::ptr::null_mut(), std::ptr::null(), std::ptr::null()) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    // SAFETY: openpty(3) has just made both.
    unsafe { (owned(program), owned(person).into()) }
}

/// Polls a read once, without a task. A read that blocks is the watchdog's.
fn read_once<T: AsFd>(fd: &Fd<T>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
    Pin::new(&mut &*fd).poll_read(&mut Context::from_waker(Waker::noop()), buffer)
}

#[track_caller]
fn assert_waits<T: AsFd + std::fmt::Debug>(fd: &Fd<T>) {
    assert!(format!("{fd:?}").contains("reactor"), "{fd:?}");
    assert!(read_once(fd, &mut [0; 64]).is_pending(), "there is nothing to read");
}

/// Reads what a task of its own writes or does in `act` after the reader has begun to wait.
async fn read_after<T: AsFd + Sync>(fd: &Fd<T>, act: impl FnOnce() + Send) -> io::Result<Vec<u8>> {
    let mut bytes = [0; 64];
    let mut reader = fd;
    let (count, ()) = futures::future::join(reader.read(&mut bytes), async { act() }).await;
    Ok(bytes[..count?].to_vec())
}

#[test]
fn files_directories_and_devices_without_readiness_are_used_inline() {
    let (runtime, _watchdog) = start("inline descriptors");
    runtime.block_on(async {
        let path = scratch::scratch("any-fd-inline").join("file");
        let mut file = Fd::open(&path, OpenOptions::new().write(true).create(true)).await.unwrap();
        assert!(format!("{file:?}").contains("inline"), "{file:?}");
        assert_eq!(file.write_vectored(&[IoSlice::new(b"two "), IoSlice::new(b"pieces")]).await.unwrap(), 10);
        // What was not opened for reading says so, instead of waiting for it.
        assert_eq!(file.read(&mut [0; 1]).await.unwrap_err().raw_os_error(), Some(libc::EBADF));
        file.readable().await.unwrap();
        let mut text = String::new();
        Fd::new(File::open(&path).unwrap()).unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "two pieces");

        let directory = Fd::new(File::open(path.parent().unwrap()).unwrap()).unwrap();
        assert!(format!("{directory:?}").contains("inline"), "{directory:?}");
        assert_eq!((&directory).read(&mut [0; 1]).await.unwrap_err().raw_os_error(), Some(libc::EISDIR));

        for (device, expected) in [("/dev/zero", Some(4)), ("/dev/null", Some(0)), ("/proc/self/mounts", None)] {
            let fd = Fd::open(device, OpenOptions::new().read(true)).await.unwrap();
            assert!(format!("{fd:?}").contains("inline"), "{fd:?}");
            let read = (&fd).read(&mut [1; 4]).await.unwrap();
            assert!(expected.is_none_or(|expected| read == expected), "{device}: {read}");
        }
        let missing = Fd::open("/no/such/fifo", OpenOptions::new().read(true)).await.unwrap_err();
        assert!(missing.kind() == ErrorKind::NotFound && missing.to_string().contains("/no/such/fifo"), "{missing}");
    });
}

#[test]
fn a_file_needs_no_runtime_and_a_pipe_says_that_it_does() {
    let mut bytes = [0; 4];
    let file = Fd::new(File::open("/dev/zero").unwrap());
    assert!(file.unwrap_err().to_string().contains("no handover runtime"), "only epoll knows what a device is");
    let file = Fd::new(File::open("Cargo.toml").unwrap()).unwrap();
    assert!(matches!(read_once(&file, &mut bytes), Poll::Ready(Ok(4))));
    let (reader, _writer) = io::pipe().unwrap();
    assert!(Fd::new(reader).unwrap_err().to_string().contains("no handover runtime"));
}

/// Everything that a process may inherit blocking is waited for without blocking, and stays as it is.
fn blocking_descriptors_of_every_kind() {
    let (runtime, _watchdog) = start("blocking descriptors");
    runtime.block_on(async {
        let (reader, mut writer) = io::pipe().unwrap();
        let fd = Fd::new(&reader).unwrap();
        assert_waits(&fd);
        assert_eq!(read_after(&fd, || writer.write_all(b"pipe").unwrap()).await.unwrap(), b"pipe");
        assert_waits(&fd);
        assert_eq!(flags(&reader) & libc::O_NONBLOCK, 0);

        let (reader, mut writer) = fifo_ends(&format!("any-fd-kinds-{}", std::process::id()));
        let fd = Fd::new(&reader).unwrap();
        assert_waits(&fd);
        assert_eq!(read_after(&fd, || writer.write_all(b"fifo").unwrap()).await.unwrap(), b"fifo");
        assert_waits(&fd);
        assert_eq!(flags(&reader) & libc::O_NONBLOCK, 0);

        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let fd = Fd::new(&ours).unwrap();
        assert_waits(&fd);
        assert_eq!(read_after(&fd, || theirs.write_all(b"socket").unwrap()).await.unwrap(), b"socket");
        (&fd).close().await.unwrap();
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0, "closing ends the writing side");
        assert_waits(&fd);
        assert_eq!(flags(&ours) & libc::O_NONBLOCK, 0);

        // SAFETY: plain numbers; the descriptor is new.
        let event = unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC)) };
        let fd = Fd::new(&event).unwrap();
        assert_waits(&fd);
        let mut adder = File::from(event.try_clone().unwrap());
        assert_eq!(read_after(&fd, || adder.write_all(&7_u64.to_ne_bytes()).unwrap()).await.unwrap(), 7_u64.to_ne_bytes());
        assert_waits(&fd);
        assert_eq!((&fd).write(&9_u64.to_ne_bytes()).await.unwrap(), 8);
        assert_eq!(read_after(&fd, || ()).await.unwrap(), 9_u64.to_ne_bytes());
        assert_eq!(flags(&event) & libc::O_NONBLOCK, 0);

        // SAFETY: plain numbers; the descriptor is new.
        let watch = unsafe { owned(libc::inotify_init1(libc::IN_CLOEXEC)) };
        let directory = scratch::scratch(&format!("any-fd-watched-{}", std::process::id()));
        let path = std::ffi::CString::new(directory.to_str().unwrap()).unwrap();
        // SAFETY: the path ends with a zero byte and outlives the call.
        assert!(unsafe { libc::inotify_add_watch(watch.as_raw_fd(), path.as_ptr(), libc::IN_CREATE) } > 0);
        let fd = Fd::new(&watch).unwrap();
        assert_waits(&fd);
        let seen = read_after(&fd, || drop(File::create(directory.join("news")).unwrap())).await.unwrap();
        assert!(seen.windows(4).any(|part| part == b"news"), "{seen:?}");
        assert_waits(&fd);
        assert_eq!(flags(&watch) & libc::O_NONBLOCK, 0);
    });
}

#[test]
fn blocking_descriptors_are_waited_for_and_keep_their_flags() {
    blocking_descriptors_of_every_kind();
}

/// A terminal gives a line at a time: a short read does not mean that it is empty.
fn a_terminal_with_two_lines() {
    let (runtime, _watchdog) = start("a terminal");
    runtime.block_on(async {
        let (program, mut person) = terminal();
        let fd = Fd::new(&program).unwrap();
        assert_waits(&fd);
        assert_eq!(read_after(&fd, || person.write_all(b"one\ntwo\n").unwrap()).await.unwrap(), b"one\n");
        assert_eq!(read_after(&fd, || ()).await.unwrap(), b"two\n");
        assert_waits(&fd);
        (&fd).write_all(b"seen").await.unwrap();
        let mut screen = vec![0; 64];
        let mut shown = String::new();
        while !shown.contains("seen") {
            let count = person.read(&mut screen).unwrap();
            shown += &String::from_utf8_lossy(&screen[..count]);
        }
        assert_eq!(flags(&program) & libc::O_NONBLOCK, 0);
        // The terminal is closed: an end, as for a process whose window has gone.
        drop(person);
        assert!(read_after(&fd, || ()).await.is_ok_and(|end| end.is_empty()));
    });
}

#[test]
fn a_terminal_gives_line_after_line() {
    a_terminal_with_two_lines();
}

#[test]
fn a_packet_pipe_gives_packet_after_packet() {
    let (runtime, _watchdog) = start("a packet pipe");
    runtime.block_on(async {
        let mut ends = [-1; 2];
        // SAFETY: the call writes two numbers.
        assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_DIRECT | libc::O_CLOEXEC) }, 0);
        // SAFETY: pipe2(2) has just made both.
        let (reader, mut writer) = unsafe { (Fd::new(owned(ends[0])).unwrap(), File::from(owned(ends[1]))) };
        writer.write_all(b"one").unwrap();
        writer.write_all(b"two").unwrap();
        assert_eq!(read_after(&reader, || ()).await.unwrap(), b"one");
        assert_eq!(read_after(&reader, || ()).await.unwrap(), b"two");
        assert_waits(&reader);
    });
}

/// More than a pipe holds, through both ends of a blocking one, on one processor.
async fn pour(reader: OwnedFd, writer: OwnedFd) {
    const LEN: usize = 1 << 20;
    let written = writer.try_clone().unwrap();
    let (mut source, mut sink) = (Fd::new(reader).unwrap(), Fd::new(writer).unwrap());
    let bytes: Vec<u8> = (0..LEN).map(|at| (at / 7) as u8).collect();
    let expected = bytes.clone();
    let filling = handover::spawn(async move {
        // Pieces of all sizes, smaller and larger than PIPE_BUF, empty ones among them.
        let mut done = 0;
        while done < bytes.len() {
            let middle = bytes.len().min(done + done % 9_000);
            let pieces = [IoSlice::new(&[]), IoSlice::new(&bytes[done..middle]), IoSlice::new(&bytes[middle..])];
            done += sink.write_vectored(&pieces).await.unwrap();
        }
    });
    let mut read = Vec::new();
    let mut buffer = vec![0; 3_000];
    while read.len() < LEN {
        let count = source.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..count]);
    }
    filling.await.unwrap();
    assert!(read == expected, "the bytes are others than were written");
    assert_eq!(flags(&written) & libc::O_NONBLOCK, 0);
}

/// No write of more than there is room for holds a thread.
fn long_writes_to_blocking_pipes() {
    let (runtime, _watchdog) = start("long writes");
    runtime.block_on(async {
        let (reader, writer) = io::pipe().unwrap();
        pour(reader.into(), writer.into()).await;
        let (reader, writer) = fifo_ends(&format!("any-fd-pour-{}", std::process::id()));
        pour(reader.into(), writer.into()).await;
    });
}

#[test]
fn a_long_write_to_a_blocking_pipe_waits_in_the_reactor() {
    long_writes_to_blocking_pipes();
}

#[test]
fn a_full_pipe_is_waited_for_and_a_closed_one_is_an_error() {
    let (runtime, _watchdog) = start("a full pipe");
    runtime.block_on(async {
        for (reader, writer) in [io::pipe().map(|(reader, writer)| (reader.into(), writer.into())).unwrap(), {
            let (reader, writer) = fifo_ends("any-fd-full");
            (OwnedFd::from(reader), OwnedFd::from(writer))
        }] {
            let fd = Fd::new(writer).unwrap();
            let chunk = [7; 10_000];
            let mut held = 0;
            // A write that blocked would be the watchdog's.
            while let Poll::Ready(count) = Pin::new(&mut &fd).poll_write(&mut Context::from_waker(Waker::noop()), &chunk) {
                held += count.unwrap();
            }
            assert!(held >= 4_096, "{held}");
            let waits = handover::spawn(async move { (&fd).write(b"x").await.map(|count| (fd, count)) });
            handover::yield_now().await;
            let mut reader = File::from(reader);
            reader.read_exact(&mut vec![0; held]).unwrap();
            let (fd, count) = waits.await.unwrap().unwrap();
            assert_eq!(count, 1);
            drop(reader);
            // A process that another test has just forked has a copy of the reader until it is another program.
            let error = loop {
                if let Err(error) = (&fd).write(&chunk).await {
                    break error;
                }
            };
            assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
        }
    });
}

#[test]
fn the_end_of_one_writer_is_not_the_last_word_of_a_fifo() {
    let (runtime, _watchdog) = start("writers that come and go");
    runtime.block_on(async {
        let path = named_pipe("any-fd-writers");
        // Given a FIFO that is opened as it is by a process that waits for its writer,
        let opened = path.clone();
        let opening = handover::spawn(async move { Fd::open(&opened, OpenOptions::new().read(true)).await });
        let mut writer = Fd::open(&path, OpenOptions::new().write(true)).await.unwrap();
        let mut reader = opening.await.unwrap().unwrap();
        assert_waits(&reader);
        // when its writer goes, then it has ended, as often as one asks,
        writer.write_all(b"first").await.unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "first");
        assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 0);
        // and when the next one comes, it goes on: it waits, and is woken.
        let mut writer = Fd::open(&path, OpenOptions::new().write(true)).await.unwrap();
        assert_waits(&reader);
        let reading = handover::spawn(async move {
            let mut text = String::new();
            reader.read_to_string(&mut text).await.map(|_| text)
        });
        handover::yield_now().await;
        writer.write_all(b"second").await.unwrap();
        drop(writer);
        assert_eq!(reading.await.unwrap().unwrap(), "second");
    });
}

#[test]
fn readers_who_race_for_one_pipe_get_each_byte_once() {
    let runtime = Builder::new().processors(2).build().unwrap();
    let _watchdog = watchdog::Watchdog::start(LIMIT, "readers who race", Some(runtime.metrics()));
    runtime.block_on(async {
        const BYTES: usize = 20_000;
        // Of each kind of way: with RWF_NOWAIT, and by asking first.
        for (reader, writer) in [io::pipe().map(|(reader, writer)| (reader.into(), writer.into())).unwrap(), {
            let (reader, writer) = fifo_ends("any-fd-race");
            (OwnedFd::from(reader), OwnedFd::from(writer))
        }] {
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    let mut fd = Fd::new(reader.try_clone().unwrap()).unwrap();
                    handover::spawn(async move {
                        let (mut sum, mut byte) = (0, [0; 1]);
                        while fd.read(&mut byte).await.unwrap() == 1 {
                            sum += usize::from(byte[0]);
                            handover::yield_now().await;
                        }
                        sum
                    })
                })
                .collect();
            let mut writer = Fd::new(writer).unwrap();
            let mut expected = 0;
            for at in 0..BYTES {
                let byte = (at % 251) as u8;
                expected += usize::from(byte);
                writer.write_all(&[byte]).await.unwrap();
                if at % 3 == 0 {
                    handover::yield_now().await;
                }
            }
            drop(writer);
            let mut sum = 0;
            for reader in readers {
                sum += reader.await.unwrap();
            }
            assert_eq!(sum, expected);
        }
    });
}

#[test]
fn a_process_that_ends_is_readable_and_what_was_read_is_not() {
    let (runtime, _watchdog) = start("readiness of any descriptor");
    runtime.block_on(async {
        let mut child = std::process::Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        // SAFETY: plain numbers; the descriptor is new.
        let process = unsafe { owned(libc::syscall(libc::SYS_pidfd_open, child.id(), 0) as i32) };
        let process = Fd::new(process).unwrap();
        let mut ends = Box::pin(process.readable());
        assert!(ends.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(child.stdin.take());
        ends.await.unwrap();
        assert!(child.wait().unwrap().success());

        // What somebody else has read meanwhile is not there, though it was reported.
        let (mut reader, mut writer) = io::pipe().unwrap();
        let fd = Fd::new(reader.try_clone().unwrap()).unwrap();
        writer.write_all(b"x").unwrap();
        fd.readable().await.unwrap();
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 1);
        assert!(Box::pin(fd.readable()).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
}

/// A kernel without RWF_NOWAIT: everything goes by asking first.
#[test]
fn on_old_kernels_it_works_all_the_same() {
    let mut command = child::command("old_kernel::everything");
    command.env(old_kernel::IN_CHILD, "1");
    for call in [libc::SYS_preadv2, libc::SYS_pwritev2] {
        seccomp::refuse(&mut command, call, libc::ENOSYS);
    }
    child::assert_passed(&command.output().expect("a filter is taken"));
}

mod old_kernel {
    pub(super) const IN_CHILD: &str = "HANDOVER_TEST_OLD_KERNEL";

    #[test]
    fn everything() {
        if std::env::var_os(IN_CHILD).is_some() {
            super::blocking_descriptors_of_every_kind();
            super::a_terminal_with_two_lines();
            super::long_writes_to_blocking_pipes();
        }
    }
}

#[test]
fn a_hundred_blocked_fifo_reads_and_their_writers_on_two_processors() {
    const FIFOS: usize = 100;
    let runtime = Builder::new().processors(2).build().unwrap();
    let _watchdog = watchdog::Watchdog::start(LIMIT, "a hundred FIFOs", Some(runtime.metrics()));
    let metrics = runtime.metrics();
    let directory = scratch::scratch("any-fd-hundred");
    let paths: Vec<PathBuf> = (0..FIFOS).map(|number| directory.join(number.to_string())).collect();
    let made = std::process::Command::new("mkfifo").args(&paths).status().unwrap();
    assert!(made.success());
    // Given a hundred tasks that wait for something in their FIFOs, all of them blocking,
    let reading = latch::Latch::default();
    let readers: Vec<_> = paths
        .iter()
        .map(|path| {
            let both = File::options().read(true).write(true).open(path).unwrap();
            let reading = reading.clone();
            runtime.spawn(async move {
                let fd = Fd::new(both).unwrap();
                assert_waits(&fd);
                reading.step();
                let mut line = [0; 16];
                let count = (&fd).read(&mut line).await.unwrap();
                String::from_utf8(line[..count].to_vec()).unwrap()
            })
        })
        .collect();
    assert!(reading.wait_for(FIFOS as u64, LIMIT), "{} of {FIFOS} have begun", reading.steps());
    assert!(metrics.threads() < FIFOS / 2 && metrics.calls_out() == 0, "who waits holds no thread: {metrics:?}");
    // when writers come, each opening its FIFO as a shell would,
    let writers: Vec<_> = paths
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, path)| {
            runtime.spawn(async move {
                let mut fd = Fd::open(&path, OpenOptions::new().write(true)).await.unwrap();
                fd.write_all(format!("line {number}").as_bytes()).await.unwrap();
            })
        })
        .collect();
    // then every reader has its line.
    for (number, reader) in readers.into_iter().enumerate() {
        assert_eq!(futures::executor::block_on(reader).unwrap(), format!("line {number}"));
    }
    for writer in writers {
        futures::executor::block_on(writer).unwrap();
    }
}

#[test]
fn a_hundred_fifos_are_opened_from_both_sides_on_two_processors() {
    const FIFOS: usize = 100;
    let runtime = Builder::new().processors(2).build().unwrap();
    let _watchdog = watchdog::Watchdog::start(LIMIT, "a hundred FIFOs that are opened", Some(runtime.metrics()));
    let directory = scratch::scratch("any-fd-opened");
    let paths: Vec<PathBuf> = (0..FIFOS).map(|number| directory.join(number.to_string())).collect();
    assert!(std::process::Command::new("mkfifo").args(&paths).status().unwrap().success());
    // Given a hundred calls of open(2) that wait for a writer,
    let readers: Vec<_> = paths
        .iter()
        .cloned()
        .map(|path| {
            runtime.spawn(async move {
                let mut text = String::new();
                let mut fd = Fd::open(&path, OpenOptions::new().read(true)).await.unwrap();
                fd.read_to_string(&mut text).await.unwrap();
                text
            })
        })
        .collect();
    // when the writers come, then all of them meet.
    runtime.block_on(async {
        for path in &paths {
            let mut fd = Fd::open(path, OpenOptions::new().write(true)).await.unwrap();
            fd.write_all(path.to_str().unwrap().as_bytes()).await.unwrap();
        }
    });
    for (path, reader) in paths.iter().zip(readers) {
        assert_eq!(futures::executor::block_on(reader).unwrap(), path.to_str().unwrap());
    }
}

#[test]
fn an_inherited_standard_input_keeps_its_flags() {
    let _watchdog = watchdog::Watchdog::start(LIMIT, "an inherited standard input", None);
    // Given a process whose three streams are blocking pipes and a file that the parent has as well,
    let (input, mut typed) = io::pipe().unwrap();
    let (mut shown, output) = io::pipe().unwrap();
    let log = File::create(scratch::scratch("any-fd-stdio").join("errors")).unwrap();
    let streams = [OwnedFd::from(input), output.into(), log.into()];
    let before = streams.each_ref().map(flags);
    let [input, output, log] = streams.each_ref().map(|fd| fd.try_clone().unwrap());
    let mut command = child::command("inherited::echo");
    command.env(inherited::IN_CHILD, "1").stdin(input).stdout(output).stderr(log);
    let mut running = command.spawn().unwrap();
    drop(command);
    // when it talks through them,
    typed.write_all(b"one\n").unwrap();
    let mut text = String::new();
    let mut bytes = [0; 256];
    while !text.contains("heard: one") {
        let count = shown.read(&mut bytes).unwrap();
        assert!(count > 0, "{text}");
        text += &String::from_utf8_lossy(&bytes[..count]);
    }
    // then their flags are as they were, during and after.
    assert_eq!(streams.each_ref().map(flags), before);
    typed.write_all(b"two\n").unwrap();
    drop(typed);
    assert!(running.wait().unwrap().success());
    assert_eq!(streams.each_ref().map(flags), before);
    drop(streams);
    shown.read_to_string(&mut text).unwrap();
    assert!(text.contains("heard: two") && text.contains("from another handle"), "{text}");
    let errors = std::fs::read_to_string(Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch-any-fd-stdio/errors")).unwrap();
    assert!(errors.contains("an error"), "{errors}");
}

mod inherited {
    use super::*;

    use futures::io::{AsyncBufReadExt, BufReader};
    use futures::stream::StreamExt;

    pub(super) const IN_CHILD: &str = "HANDOVER_TEST_STDIO";

    #[test]
    fn echo() {
        if std::env::var_os(IN_CHILD).is_none() {
            return;
        }
        let (runtime, _watchdog) = start("standard streams");
        runtime.block_on(async {
            let mut lines = BufReader::new(handover::io::stdin()).lines();
            while let Some(line) = lines.next().await {
                let answer = format!("heard: {}\n", line.unwrap());
                handover::io::stdout().write_all(answer.as_bytes()).await.unwrap();
            }
            let task = handover::spawn(async { handover::io::stdout().write_all(b"from another handle\n").await });
            handover::io::stderr().write_all(b"an error\n").await.unwrap();
            task.await.unwrap().unwrap();
        });
    }
}
