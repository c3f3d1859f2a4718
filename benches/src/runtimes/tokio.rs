//! How does tokio take part?
//!
//! As its multi-thread flavour with as many workers as the others have, and as four variants: the single-threaded
//! flavour, `block_in_place` instead of `spawn_blocking`, plain blocking calls in a task, and `tokio::fs`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};

use super::{Copies, FileByCalls, Files, Net, Processes, Runtime, Trees};

/// Builds a variant of tokio: its runtime, and how it makes a blocking call.
macro_rules! variant {
    ($(#[$doc:meta])* $name:ident, $build:ident, |$call:ident| $blocking:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Runtime for $name {
            type Spawner = Handle;

            fn run<F>(processors: usize, root: F) -> io::Result<F::Output>
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                // `block_on` drives its own future beside the workers, which is slower; so the root is a task.
                Ok($build(processors)?.block_on(async { Self::spawn(root).await }))
            }

            fn spawn<F>(task: F) -> impl Future<Output = F::Output> + Send + 'static
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                let task = tokio::spawn(task);
                async { task.await.expect("a task of a workload panicked") }
            }

            fn detach<F>(task: F)
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                drop(tokio::spawn(task));
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
                tokio::task::yield_now()
            }

            fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
                tokio::time::sleep(time)
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
    /// Blocking calls go to the pool by `spawn_blocking`.
    Tokio, multi_thread, |call| on_pool(call)
);
variant!(
    /// The single-threaded flavour.
    TokioCt, current_thread, |call| on_pool(call)
);
variant!(
    /// Blocking calls by `block_in_place`.
    TokioBip, multi_thread, |call| async { tokio::task::block_in_place(call) }
);
variant!(
    /// Blocking calls in the task as if they were not blocking.
    TokioInline, multi_thread, |call| async { call() }
);
variant!(
    /// Files by `tokio::fs`.
    TokioFs, multi_thread, |call| on_pool(call)
);

fn multi_thread(processors: usize) -> io::Result<tokio::runtime::Runtime> {
    Builder::new_multi_thread().worker_threads(processors).enable_all().build()
}

fn current_thread(_processors: usize) -> io::Result<tokio::runtime::Runtime> {
    Builder::new_current_thread().enable_all().build()
}

async fn on_pool<T, C>(call: C) -> T
where
    T: Send + 'static,
    C: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(call).await.expect("a blocking call of a workload panicked")
}

/// Reads by one blocking call each.
macro_rules! files_by_calls {
    ($($name:ident),+) => {$(
        impl Files for $name {
            type File = FileByCalls;

            fn open(path: &Path) -> impl Future<Output = io::Result<FileByCalls>> + Send {
                FileByCalls::open::<Self>(path)
            }

            fn read(file: &mut FileByCalls, buffer: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> + Send {
                file.read::<Self>(buffer)
            }
        }
    )+};
}

files_by_calls!(Tokio, TokioBip, TokioInline);

impl Files for TokioFs {
    type File = tokio::fs::File;

    fn open(path: &Path) -> impl Future<Output = io::Result<tokio::fs::File>> + Send {
        tokio::fs::File::open(path)
    }

    async fn read(file: &mut tokio::fs::File, buffer: &mut Vec<u8>) -> io::Result<usize> {
        AsyncReadExt::read(file, buffer).await
    }
}

impl Processes for Tokio {
    async fn run_to_end(program: &'static str) -> io::Result<ExitStatus> {
        tokio::process::Command::new(program).status().await
    }
}

impl Copies for TokioFs {
    async fn copy(path: &Path, socket: std::net::TcpStream) -> io::Result<u64> {
        socket.set_nonblocking(true)?;
        let (mut file, mut stream) = (tokio::fs::File::open(path).await?, TcpStream::from_std(socket)?);
        tokio::io::copy(&mut file, &mut stream).await
    }
}

impl Trees for TokioFs {
    async fn count(root: &Path) -> io::Result<u64> {
        let (mut to_do, mut entries) = (vec![root.to_owned()], 0);
        while let Some(directory) = to_do.pop() {
            let mut directory = tokio::fs::read_dir(directory).await?;
            while let Some(entry) = directory.next_entry().await? {
                entries += 1;
                if entry.file_type().await?.is_dir() {
                    to_do.push(entry.path());
                }
            }
        }
        Ok(entries)
    }
}

impl Net for Tokio {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type HttpStream = TokioIo<TcpStream>;

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

    fn http(stream: TcpStream) -> TokioIo<TcpStream> {
        TokioIo::new(stream)
    }
}
