//! What must a runtime offer so that every workload is written once?
//!
//! The traits below are the whole vocabulary of the workloads. Each runtime says its words in the way that suits it
//! best; what a workload does with them is the same code for all.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::ExitStatus;

pub(crate) mod epoll;
pub(crate) mod handover;
pub(crate) mod smol;
pub(crate) mod threads;
pub(crate) mod tokio;
mod words;

pub(crate) use words::Runtime;

/// Files that are read from one end to the other.
pub(crate) trait Files: Runtime {
    /// An open file.
    type File: Send;

    /// Opens `path` for reading.
    fn open(path: &Path) -> impl Future<Output = io::Result<Self::File>> + Send;

    /// Reads into `buffer`, at most its length, and says how much; 0 is the end. The length of `buffer` stays.
    fn read(file: &mut Self::File, buffer: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> + Send;
}

/// Child processes.
pub(crate) trait Processes: Runtime {
    /// Starts a program without arguments and waits for its end.
    fn run_to_end(program: &'static str) -> impl Future<Output = io::Result<ExitStatus>> + Send;
}

/// Trees of directories.
pub(crate) trait Trees: Runtime {
    /// Asks every entry below `root` for its type and says how many there are.
    fn count(root: &Path) -> impl Future<Output = io::Result<u64>> + Send;
}

/// What moves whole files.
pub(crate) trait Copies: Runtime {
    /// Sends all of the file at `path` into `socket`, which is blocking, in the way that the runtime has for it. Closes the socket, and says how many bytes that were.
    fn copy(path: &Path, socket: TcpStream) -> impl Future<Output = io::Result<u64>> + Send;
}

/// TCP sockets, and what hyper needs of them.
pub(crate) trait Net: Runtime {
    /// A listening socket.
    type Listener: Send + Sync + 'static;
    /// A connection.
    type Stream: Send + 'static;
    /// A connection as hyper reads and writes it.
    type HttpStream: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static;

    /// Listens on a free port of the loopback interface.
    fn listen() -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>> + Send;

    /// Takes the next connection and turns Nagle's algorithm off.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Reads what is there, at most the buffer; 0 is the end.
    fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes all bytes.
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;

    /// Hands the connection to hyper.
    fn http(stream: Self::Stream) -> Self::HttpStream;
}

/// A file read through [`Runtime::blocking`], one call for each read: how a runtime without inline files does it when
/// it does not go through its own file type. File and buffer travel to the call and back, so nothing is copied.
pub(crate) struct FileByCalls(Option<fs::File>);

impl FileByCalls {
    pub(crate) async fn open<R: Runtime>(path: &Path) -> io::Result<Self> {
        let path = path.to_owned();
        R::blocking(move || fs::File::open(path)).await.map(|file| Self(Some(file)))
    }

    pub(crate) async fn read<R: Runtime>(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let mut file = self.0.take().ok_or_else(|| io::Error::other("an earlier read of this file was dropped"))?;
        let mut bytes = std::mem::take(buffer);
        let (file, bytes, result) = R::blocking(move || {
            let result = io::Read::read(&mut file, &mut bytes);
            (file, bytes, result)
        })
        .await;
        *buffer = bytes;
        self.0 = Some(file);
        result
    }
}
