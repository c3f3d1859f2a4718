//! How does handover take part?
//!
//! As its users meet it: blocking calls inline by `blocking`, files and sockets by its own types; and as variants that
//! block by `block_in_place`, or are watched.

use std::hint::black_box;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use handover::fs::{self, File};
use handover::integrations::hyper::Io;
use handover::net::{TcpListener, TcpStream};
use handover::runtime::Handle;

use super::{Copies, Files, Net, Processes, Trees};
use variant::variant;

mod variant;

variant!(
    /// Blocking calls inline, by `blocking`.
    Handover, |call| handover::blocking(call)
);
variant!(
    /// Blocking calls inline, by `block_in_place`.
    HandoverBip, |call| async { handover::block_in_place(call) }
);

variant!(
    /// Its flight recorder on.
    HandoverRecorded, |call| handover::blocking(call), |builder| builder.flight_recorder(true), |_handle| ()
);
variant!(
    /// Its tasks as spans that nobody wants.
    HandoverTraced, |call| handover::blocking(call), |builder| builder.trace_tasks(true), |_handle| ()
);
variant!(
    /// Its metrics read ten times a second: a hundred times as often as Prometheus does.
    HandoverScraped, |call| handover::blocking(call), |builder| builder, |handle| Scraper::start(handle)
);

/// A thread that reads the metrics, until it is dropped.
struct Scraper {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Scraper {
    fn start(handle: &Handle) -> Self {
        let metrics = handle.metrics();
        let (stop, stopped) = mpsc::channel();
        let scrape = move || {
            while stopped.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
                black_box(metrics.prometheus());
            }
        };
        Self { stop: Some(stop), thread: Some(thread::spawn(scrape)) }
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))), "the scraper has panicked");
    }
}

impl Files for Handover {
    type File = File;

    async fn open(path: &Path) -> io::Result<File> {
        File::open(path).await
    }

    async fn read(file: &mut File, buffer: &mut Vec<u8>) -> io::Result<usize> {
        AsyncReadExt::read(file, buffer).await
    }
}

impl Processes for Handover {
    async fn run_to_end(program: &'static str) -> io::Result<ExitStatus> {
        handover::process::Command::new(program).status().await
    }
}

impl Copies for Handover {
    async fn copy(path: &Path, socket: std::net::TcpStream) -> io::Result<u64> {
        let (mut file, mut stream) = (File::open(path).await?, TcpStream::from_std(socket)?);
        handover::io::copy(&mut file, &mut stream).await
    }
}

impl Trees for Handover {
    async fn count(root: &Path) -> io::Result<u64> {
        let (mut tree, mut entries) = (fs::walk(root), 0);
        while let Some(entry) = tree.next_entry().await? {
            black_box(entry);
            entries += 1;
        }
        Ok(entries)
    }
}

impl Net for Handover {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type HttpStream = Io<TcpStream>;

    async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer).await
    }

    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }

    fn http(stream: TcpStream) -> Io<TcpStream> {
        Io::new(stream)
    }
}
