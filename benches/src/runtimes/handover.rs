//! How does handover take part?
//!
//! As its users meet it: blocking calls inline by `blocking`, files and sockets by its own types; and as a variant that
//! blocks by `block_in_place`.

use std::hint::black_box;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use handover::fs::{self, File};
use handover::integrations::hyper::Io;
use handover::net::{TcpListener, TcpStream};
use handover::runtime::{Builder, Handle};

use super::{Copies, Files, Net, Processes, Runtime, Trees};

/// Builds a variant of handover by how it makes a blocking call.
macro_rules! variant {
    ($(#[$doc:meta])* $name:ident, |$call:ident| $blocking:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Runtime for $name {
            type Spawner = Handle;

            fn run<F>(processors: usize, root: F) -> io::Result<F::Output>
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                Ok(Builder::new().processors(processors).build()?.block_on(root))
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
