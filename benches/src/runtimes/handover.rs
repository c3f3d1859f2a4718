//! How does handover take part?
//!
//! As its users meet it: blocking calls inline by `blocking`, files and sockets by its own types; and as a variant that
//! blocks by `block_in_place`.

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
use handover::runtime::{Builder, Handle};

use super::{Copies, Files, Net, Processes, Runtime, Trees};

/// Builds a variant of handover by how it makes a blocking call, and by how it is watched.
macro_rules! variant {
    ($(#[$doc:meta])* $name:ident, |$call:ident| $blocking:expr) => {
        variant!($(#[$doc])* $name, |$call| $blocking, |builder| builder, |_handle| ());
    };
    ($(#[$doc:meta])* $name:ident, |$call:ident| $blocking:expr, |$builder:ident| $built:expr, |$handle:ident| $watch:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Runtime for $name {
            type Spawner = Handle;

            fn run<F>(processors: usize, root: F) -> io::Result<F::Output>
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                let $builder = Builder::new().processors(processors);
                let runtime = $built.build()?;
                let $handle = runtime.handle();
                let _watch = $watch;
                Ok(runtime.block_on(root))
            }

            fn spawn<F>(task: F) -> impl Future<Output = F::Output> + Send + 'static
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                let task = handover::spawn(task);
                async { task.await.expect("a task of a workload panicked") }
            }

            fn detach<F>(task: F)
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                drop(handover::spawn(task));
            }

            fn spawner() -> Handle {
                Handle::current()
            }

            fn detach_from<F>(spawner: &Handle, task: F)
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                drop(spawner.spawn(task));
            }

            fn yield_now() -> impl Future<Output = ()> + Send {
                handover::yield_now()
            }

            async fn sleep(time: Duration) {
                handover::time::sleep(time).await;
            }

            fn blocking<T, C>($call: C) -> impl Future<Output = T> + Send
            where
                T: Send + 'static,
                C: FnOnce() -> T + Send + 'static,
            {
                $blocking
            }
        }
    };
}

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
