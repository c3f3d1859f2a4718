//! Does a copy move every byte once, by whichever way the kernel goes or refuses to go?

#[path = "support/child.rs"]
mod child;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "fault/seccomp.rs"]
mod seccomp;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::task::{Context, Waker};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use handover::fs::{File, OpenOptions};
use handover::io::{Copier, CopySink, CopySource, Fd, Plain, copy, copy_bidirectional};
use handover::net::{TcpListener, TcpStream};
use handover::runtime::{Builder, Runtime};

const LIMIT: Duration = Duration::from_secs(100);

fn start(what: &str) -> (Runtime, watchdog::Watchdog) {
    let runtime = Builder::new().processors(2).build().expect("a runtime");
    let watchdog = watchdog::Watchdog::start(LIMIT, what, Some(runtime.metrics()));
    (runtime, watchdog)
}

/// Bytes of which no two blocks are alike.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 255) as u8).collect()
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

fn pipe() -> (Fd<io::PipeReader>, Fd<io::PipeWriter>) {
    let (reader, writer) = io::pipe().unwrap();
    (Fd::new(reader).unwrap(), Fd::new(writer).unwrap())
}

/// A file with `content`, open for reading.
async fn file_with(path: &Path, content: &[u8]) -> File {
    std::fs::write(path, content).unwrap();
    File::open(path).await.unwrap()
}

/// A task that writes `content` and goes.
fn feed(mut sink: impl futures::io::AsyncWrite + Unpin + Send + 'static, content: &[u8]) {
    let content = content.to_vec();
    drop(handover::spawn(async move {
        sink.write_all(&content).await.unwrap();
        sink.close().await.unwrap();
    }));
}

fn drain(mut source: impl AsyncRead + Unpin + Send + 'static) -> handover::task::JoinHandle<Vec<u8>> {
    handover::spawn(async move {
        // Not `read_to_end`, which zeroes all of its spare room before each read.
        let (mut all, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
        loop {
            let count = source.read(&mut buffer).await.unwrap();
            if count == 0 {
                return all;
            }
            all.extend_from_slice(&buffer[..count]);
        }
    })
}

/// Copies from `reader` to a sink of every kind.
async fn to_each_sink<R, F>(directory: &Path, content: &[u8], mut reader: impl FnMut() -> F)
where
    R: CopySource + Unpin,
    F: Future<Output = R>,
{
    let len = content.len() as u64;
    let path = directory.join("copied");
    let mut file = File::create(&path).await.unwrap();
    assert_eq!(copy(&mut reader().await, &mut file).await.unwrap(), len, "to a file");
    assert!(std::fs::read(&path).unwrap() == content, "to a file");

    std::fs::write(&path, "before, ").unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).await.unwrap();
    assert_eq!(copy(&mut reader().await, &mut file).await.unwrap(), len, "to the end of a file");
    assert!(std::fs::read(&path).unwrap() == [b"before, ", content].concat(), "to the end of a file");

    let (source, mut sink) = pipe();
    let drained = drain(source);
    assert_eq!(copy(&mut reader().await, &mut sink).await.unwrap(), len, "to a pipe");
    drop(sink);
    assert!(drained.await.unwrap() == content, "to a pipe");

    let (mut sink, source) = tcp_pair().await;
    let drained = drain(source);
    assert_eq!(copy(&mut reader().await, &mut sink).await.unwrap(), len, "to a socket");
    sink.close().await.unwrap();
    assert!(drained.await.unwrap() == content, "to a socket");

    let mut memory = Vec::new();
    assert_eq!(copy(&mut reader().await, &mut memory).await.unwrap(), len, "to memory");
    assert!(memory == content, "to memory");
}

/// From a source of every kind to a sink of every kind, of several lengths.
fn every_way(name: &str) {
    let (runtime, _watchdog) = start("copies of every kind");
    let directory = scratch::scratch(name);
    runtime.block_on(async {
        for len in [0, 1, 5_000, 1 << 20] {
            let content = bytes(len);
            let (directory, content) = (directory.as_path(), content.as_slice());
            let original = directory.join("original");
            to_each_sink(directory, content, || file_with(&original, content)).await;
            to_each_sink(directory, content, || async {
                let (source, sink) = pipe();
                feed(sink, content);
                source
            })
            .await;
            to_each_sink(directory, content, || async {
                let (source, sink) = tcp_pair().await;
                feed(sink, content);
                source
            })
            .await;
            to_each_sink(directory, content, || async { content }).await;
            to_each_sink(directory, content, || async { Plain(file_with(&original, content).await) }).await;
        }
    });
}

#[test]
fn every_source_is_copied_to_every_sink() {
    every_way("io-copy-every");
}

#[test]
fn what_the_kernel_refuses_is_read_and_written() {
    for (calls, errno) in [
        (&[libc::SYS_copy_file_range][..], libc::EXDEV),
        (&[libc::SYS_sendfile], libc::EINVAL),
        (&[libc::SYS_splice], libc::EPERM),
        (&[libc::SYS_copy_file_range, libc::SYS_sendfile, libc::SYS_splice], libc::ENOSYS),
        // No error, and nothing copied: so older kernels do with a file whose length they do not know.
        (&[libc::SYS_copy_file_range, libc::SYS_sendfile, libc::SYS_splice], 0),
    ] {
        let mut command = child::command("in_child::every_way");
        command.env(in_child::IN_CHILD, "1");
        for call in calls {
            seccomp::refuse(&mut command, *call, errno);
        }
        child::assert_passed(&command.output().expect("a filter is taken"));
    }
}

/// An error that is none of the refusals comes back from the copy: so the call was made.
#[test]
fn the_kernel_moves_the_bytes_where_it_can() {
    for (name, call) in [("by_range", libc::SYS_copy_file_range), ("by_sendfile", libc::SYS_sendfile), ("by_splice", libc::SYS_splice)] {
        let mut command = child::command(&format!("in_child::{name}"));
        command.env(in_child::IN_CHILD, "1");
        seccomp::refuse(&mut command, call, libc::EDQUOT);
        child::assert_passed(&command.output().expect("a filter is taken"));
    }
}

mod in_child {
    use super::*;

    pub(super) const IN_CHILD: &str = "HANDOVER_TEST_REFUSED";

    fn is_child() -> bool {
        std::env::var_os(IN_CHILD).is_some()
    }

    async fn assert_made<R: CopySource + Unpin, W: CopySink + Unpin>(mut reader: R, mut writer: W) {
        let error = copy(&mut reader, &mut writer).await.expect_err("the call was made, and refused");
        assert_eq!(error.raw_os_error(), Some(libc::EDQUOT), "{error}");
    }

    #[test]
    fn every_way() {
        if is_child() {
            super::every_way(&format!("io-copy-{}", std::process::id()));
        }
    }

    #[test]
    fn by_range() {
        if is_child() {
            start("copy_file_range").0.block_on(async {
                let directory = scratch::scratch("io-copy-by-range");
                let mut reader = file_with(&directory.join("from"), b"content").await;
                assert_made(&mut reader, &File::create(directory.join("to")).await.unwrap()).await;
            });
        }
    }

    #[test]
    fn by_sendfile() {
        if is_child() {
            start("sendfile").0.block_on(async {
                let (sink, _source) = tcp_pair().await;
                assert_made(File::open("Cargo.toml").await.unwrap(), sink).await;
            });
        }
    }

    #[test]
    fn by_splice() {
        if is_child() {
            start("splice").0.block_on(async {
                let directory = scratch::scratch("io-copy-by-splice");
                for to_pipe in [false, true] {
                    let ((source, mut fed), (_open, sink)) = (pipe(), pipe());
                    fed.write_all(b"content").await.unwrap();
                    let (stream, mut peer) = tcp_pair().await;
                    peer.write_all(b"content").await.unwrap();
                    let file = File::create(directory.join("to")).await.unwrap();
                    if to_pipe {
                        assert_made(&stream, &sink).await;
                        assert_made(File::open("Cargo.toml").await.unwrap(), &sink).await;
                        assert_made(&source, &sink).await;
                    } else {
                        assert_made(&source, &stream).await;
                        assert_made(&source, &file).await;
                        assert_made(&stream, &file).await;
                        assert_made(&stream, &stream).await;
                    }
                }
            });
        }
    }
}

#[test]
fn files_of_the_kernel_whose_length_is_zero_are_copied() {
    let (runtime, _watchdog) = start("a file in /proc");
    let directory = scratch::scratch("io-copy-proc");
    runtime.block_on(async {
        let expected = std::fs::read("/proc/cpuinfo").unwrap().len();
        let mut proc = File::open("/proc/cpuinfo").await.unwrap();
        let mut file = File::create(directory.join("cpuinfo")).await.unwrap();
        assert!(copy(&mut proc, &mut file).await.unwrap() >= expected as u64 / 2);
        assert!(std::fs::read_to_string(directory.join("cpuinfo")).unwrap().contains("processor"));
    });
}

#[test]
fn a_file_that_grows_or_shrinks_meanwhile_is_copied_to_its_end() {
    let (runtime, _watchdog) = start("a file that changes");
    let directory = scratch::scratch("io-copy-changes");
    runtime.block_on(async {
        let path = directory.join("changing");
        let mut reader = file_with(&path, &bytes(20 << 20)).await;
        let mut writer = File::create(directory.join("copied")).await.unwrap();
        let mut copier = Copier::new();
        let first = copier.step(&mut reader, &mut writer).await.unwrap() as u64;
        assert!(first > 0 && first < 20 << 20, "{first}");
        OpenOptions::new().write(true).open(&path).await.unwrap().set_len(first + 5).await.unwrap();
        assert_eq!(copier.copy(&mut reader, &mut writer).await.unwrap(), first + 5);
        OpenOptions::new().append(true).open(&path).await.unwrap().write_all(b"more").await.unwrap();
        assert_eq!(copier.copy(&mut reader, &mut writer).await.unwrap(), first + 9);
        assert!(std::fs::read(path).unwrap() == std::fs::read(directory.join("copied")).unwrap());
    });
}

/// Polls a future once, as a `select!` does of which another branch wins, and drops it.
fn poll_and_drop<T>(future: impl Future<Output = T>) -> bool {
    Box::pin(future).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// So that the kernel takes little of what nobody reads: left alone, the two buffers grow to many megabytes.
fn limit_buffers(writer: &TcpStream, reader: &TcpStream) {
    for (socket, option) in [(writer, libc::SO_SNDBUF), (reader, libc::SO_RCVBUF)] {
        let bytes: libc::c_int = 64 << 10;
        let len = size_of_val(&bytes) as libc::socklen_t;
        // SAFETY: the value is an int that outlives the call, as this option has it.
        let result = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const bytes).cast(), len) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }
}

/// Copies, a dropped future after each step, to a sink that is full most of the time.
async fn copy_in_pieces<W: CopySink + Unpin>(content: &[u8], writer: &mut W, far: TcpStream) {
    let (mut reader, fed) = tcp_pair().await;
    feed(fed, content);
    let mut copier = Copier::new();
    // Given a sink that nobody reads, which is full in the end,
    while copier.held() == 0 {
        assert!(copier.moved() < content.len() as u64, "the sink has taken everything");
        poll_and_drop(copier.step(&mut reader, writer));
        handover::yield_now().await;
    }
    // when its reader comes, then every byte arrives once, whatever was dropped.
    let drained = drain(far);
    let mut steps = 0;
    loop {
        steps += 1;
        if steps % 3 == 0 {
            poll_and_drop(copier.step(&mut reader, writer));
        }
        if copier.step(&mut reader, writer).await.unwrap() == 0 {
            break;
        }
    }
    assert_eq!((copier.moved(), copier.held()), (content.len() as u64, 0));
    writer.close().await.unwrap();
    assert!(drained.await.unwrap() == content);
}

#[test]
fn a_copier_whose_futures_are_dropped_loses_nothing() {
    let (runtime, _watchdog) = start("a dropped copy");
    runtime.block_on(async {
        let content = bytes(8 << 20);
        let (mut out, far) = tcp_pair().await;
        limit_buffers(&out, &far);
        copy_in_pieces(&content, &mut out, far).await;
        let (out, far) = tcp_pair().await;
        limit_buffers(&out, &far);
        copy_in_pieces(&content, &mut Plain(out), far).await;
    });
}

#[test]
fn what_a_copier_holds_can_be_had() {
    let (runtime, _watchdog) = start("held bytes");
    runtime.block_on(async {
        let ((mut reader, mut fed), (mut writer, far)) = (tcp_pair().await, tcp_pair().await);
        let mut copier = Copier::new();
        fed.write_all(b"first").await.unwrap();
        assert_eq!(copier.step(&mut reader, &mut writer).await.unwrap(), 5);
        // The sink goes; what was read for it is still here.
        drop(far);
        let mut sent = 5;
        let error = loop {
            fed.write_all(b"lost?").await.unwrap();
            sent += 5;
            match copier.step(&mut reader, &mut writer).await {
                Ok(count) => assert_eq!(count, 5),
                Err(error) => break error,
            }
        };
        assert!(matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET)), "{error}");
        assert_eq!(copier.moved() + copier.held() as u64, sent);
        assert_eq!(copier.held(), 5);
        assert_eq!(copier.into_held().unwrap(), b"lost?");
    });
}

#[test]
fn both_directions_are_copied_and_closed_one_after_the_other() {
    let (runtime, _watchdog) = start("both directions");
    runtime.block_on(async {
        // Given a proxy between a client and a server that answers when it has heard all,
        let ((mut client, mut near), (mut far, mut server)) = (tcp_pair().await, tcp_pair().await);
        let proxy = handover::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        let (question, answer) = (bytes(2 << 20), bytes(3 << 20));
        let (asked, said) = (question.clone(), answer.clone());
        let serving = handover::spawn(async move {
            let mut heard = vec![0; said.len()];
            let mut length = 0;
            loop {
                let count = server.read(&mut heard[length..]).await.unwrap();
                length += count;
                if count == 0 {
                    break;
                }
            }
            heard.truncate(length);
            server.write_all(&said).await.unwrap();
            heard
        });
        // when the client has said all and closed its side,
        client.write_all(&asked).await.unwrap();
        client.close().await.unwrap();
        let heard = drain(client).await.unwrap();
        // then each has heard the other, and the proxy has counted.
        assert!(heard == answer);
        assert!(serving.await.unwrap() == question);
        assert_eq!(proxy.await.unwrap().unwrap(), (question.len() as u64, answer.len() as u64));
    });
}

#[test]
fn a_pipe_that_is_slow_at_either_end_is_waited_for() {
    let (runtime, _watchdog) = start("slow pipes");
    runtime.block_on(async {
        let ((mut source, mut fed), (drained, mut sink)) = (pipe(), pipe());
        let copying = handover::spawn(async move { copy(&mut source, &mut sink).await });
        let reading = handover::spawn(async move {
            let (mut all, mut drained) = (Vec::new(), drained);
            let mut buffer = [0; 777];
            loop {
                let count = drained.read(&mut buffer).await.unwrap();
                if count == 0 {
                    return all;
                }
                all.extend_from_slice(&buffer[..count]);
                handover::yield_now().await;
            }
        });
        let content = bytes(300_000);
        for piece in content.chunks(1_111) {
            fed.write_all(piece).await.unwrap();
            handover::yield_now().await;
        }
        drop(fed);
        assert_eq!(copying.await.unwrap().unwrap(), content.len() as u64);
        assert!(reading.await.unwrap() == content);
    });
}

#[test]
fn an_error_comes_with_a_count() {
    let (runtime, _watchdog) = start("errors");
    let directory = scratch::scratch("io-copy-errors");
    runtime.block_on(async {
        // A device that is always full.
        let mut full = OpenOptions::new().write(true).open("/dev/full").await.unwrap();
        let mut copier = Copier::new();
        let mut reader = file_with(&directory.join("from"), &bytes(100_000)).await;
        assert_eq!(copier.copy(&mut reader, &mut full).await.unwrap_err().raw_os_error(), Some(libc::ENOSPC));
        assert_eq!(copier.moved(), 0);

        // A pipe whose reader leaves after a while.
        let (mut source, mut sink) = pipe();
        let mut reader = file_with(&directory.join("from"), &bytes(1_000_000)).await;
        let taking = handover::spawn(async move {
            source.read_exact(&mut [0; 10_000]).await.unwrap();
        });
        let mut copier = Copier::new();
        assert_eq!(copier.copy(&mut reader, &mut sink).await.unwrap_err().raw_os_error(), Some(libc::EPIPE));
        taking.await.unwrap();
        assert!((10_000..1_000_000).contains(&copier.moved()), "{}", copier.moved());

        // What cannot be read says so, the wrong end of a pipe too, which would never be ready.
        let ((_source, mut wrong), (_other, mut sink)) = (pipe(), pipe());
        assert_eq!(copy(&mut wrong, &mut sink).await.unwrap_err().raw_os_error(), Some(libc::EBADF));
        let path: PathBuf = directory.join("written");
        let mut unreadable = File::create(&path).await.unwrap();
        let mut sink = File::create(directory.join("sink")).await.unwrap();
        assert_eq!(copy(&mut unreadable, &mut sink).await.unwrap_err().raw_os_error(), Some(libc::EBADF));
    });
}
