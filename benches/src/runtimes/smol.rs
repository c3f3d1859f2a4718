//! How does smol take part?
//!
//! As one `Executor` run by as many threads as the others have workers, with the `blocking` crate's pool for blocking
//! calls; and as a variant that blocks in the task.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::stream::StreamExt;
use smol::{Executor, Timer};
use smol_hyper::rt::FuturesIo;

use super::{Copies, Files, Net, Processes, Runtime, Trees};

static EXECUTOR: Executor<'static> = Executor::new();

/// Builds a variant of smol by how it makes a blocking call.
macro_rules! variant {
    ($(#[$doc:meta])* $name:ident, |$call:ident| $blocking:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Runtime for $name {
            type Spawner = ();

            fn run<F>(processors: usize, root: F) -> io::Result<F::Output>
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                start_workers(processors)?;
                Ok(smol::block_on(EXECUTOR.spawn(root)))
            }

            fn spawn<F>(task: F) -> impl Future<Output = F::Output> + Send + 'static
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                EXECUTOR.spawn(task)
            }

            fn detach<F>(task: F)
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                EXECUTOR.spawn(task).detach();
            }

            fn spawner() {}

            fn detach_from<F>(_spawner: &(), task: F)
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                Self::detach(task);
            }

            fn yield_now() -> impl Future<Output = ()> + Send {
                smol::future::yield_now()
            }

            async fn sleep(time: Duration) {
                Timer::after(time).await;
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
    /// Blocking calls go to the pool by `unblock`.
    Smol, |call| smol::unblock(call)
);
variant!(
    /// Blocking calls in the task as if they were not blocking.
    SmolInline, |call| async { call() }
);

/// The workers live as long as the process, which is one measurement.
fn start_workers(count: usize) -> io::Result<()> {
    for index in 0..count {
        thread::Builder::new().name(format!("smol-{index}")).spawn(|| smol::block_on(EXECUTOR.run(pending::<()>())))?;
    }
    Ok(())
}

impl Files for Smol {
    type File = smol::fs::File;

    fn open(path: &Path) -> impl Future<Output = io::Result<smol::fs::File>> + Send {
        smol::fs::File::open(path)
    }

    async fn read(file: &mut smol::fs::File, buffer: &mut Vec<u8>) -> io::Result<usize> {
        AsyncReadExt::read(file, buffer).await
    }
}

impl Processes for Smol {
    async fn run_to_end(program: &'static str) -> io::Result<ExitStatus> {
        smol::process::Command::new(program).status().await
    }
}

impl Copies for Smol {
    async fn copy(path: &Path, socket: std::net::TcpStream) -> io::Result<u64> {
        let (mut file, mut stream) = (smol::fs::File::open(path).await?, TcpStream::try_from(socket)?);
        smol::io::copy(&mut file, &mut stream).await
    }
}

impl Trees for Smol {
    async fn count(root: &Path) -> io::Result<u64> {
        let (mut to_do, mut entries) = (vec![root.to_owned()], 0);
        while let Some(directory) = to_do.pop() {
            let mut directory = smol::fs::read_dir(directory).await?;
            while let Some(entry) = directory.try_next().await? {
                entries += 1;
                if entry.file_type().await?.is_dir() {
                    to_do.push(entry.path());
                }
            }
        }
        Ok(entries)
    }
}

impl Net for Smol {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type HttpStream = FuturesIo<TcpStream>;

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

    fn http(stream: TcpStream) -> FuturesIo<TcpStream> {
        FuturesIo::new(stream)
    }
}
