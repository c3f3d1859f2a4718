//! How do bytes get from a reader to a writer, and where can the kernel move them by itself?
//!
//! | from | to | by |
//! |---|---|---|
//! | file | file | copy_file_range(2), else sendfile(2) |
//! | file | TCP | sendfile(2) |
//! | pipe | file, TCP, pipe | splice(2) |
//! | file, TCP | pipe | splice(2) |
//! | TCP | file, TCP | splice(2), through a pipe of the copy's own |
//! | anything else | | 64 KiB at a time, read and written |
//!
//! `fs::File`, `net::TcpStream`, [`Fd`](super::Fd) and the standard streams say of themselves what they are ([`CopySource`], [`CopySink`]). What the kernel refuses, for whichever reason, is read and written: nothing has
//! been moved by a call that was refused. When one of its ways says "the end", one ordinary read confirms it: of a file in /proc, whose length is said to be 0, copy_file_range(2) copies nothing.

mod both;
mod conduit;
mod copier;
mod ends;
mod route;

use std::io;

pub use both::copy_bidirectional;
pub use copier::Copier;
pub use ends::{CopySink, CopySource, Endpoint, Plain};

/// Copies all that `reader` has to `writer`, and says how many bytes that were. The writer is flushed, and stays open.
///
/// Between files, sockets and pipes of this crate the kernel moves the bytes, and they never enter the process. Every way ends in the same result, but for the time it takes.
///
/// A reader or writer of somebody else's goes in a [`Plain`], or has its type say that it is a [`CopySource`] or [`CopySink`]. Where both are somebody else's, `futures::io::copy` is as good.
///
/// A file that grows meanwhile is copied to the end that it has when the copy gets there; from one that shrinks, less is copied. `writer` may be open for appending.
///
/// # Errors
///
/// Those of reading and of writing: `ENOSPC`, `EPIPE`. How far it got then says [`Copier::moved`], if the copy is made by a [`Copier`].
///
/// # Cancel safety
///
/// A dropped copy may have read bytes that it has not written, and these are lost. A [`Copier`] keeps them.
///
/// # Examples
///
/// ```
/// use futures::io::AsyncReadExt;
/// use handover::fs::File;
/// use handover::net::{TcpListener, TcpStream};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// let server = handover::spawn(async move {
///     let (mut stream, _) = listener.accept().await?;
///     let mut file = File::open("Cargo.toml").await?;
///     // By sendfile(2).
///     handover::io::copy(&mut file, &mut stream).await
/// });
///
/// let mut manifest = String::new();
/// TcpStream::connect(address).await?.read_to_string(&mut manifest).await?;
/// assert_eq!(server.await.unwrap()?, manifest.len() as u64);
/// # Ok(())
/// # }
/// ```
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: CopySource + Unpin + ?Sized,
    W: CopySink + Unpin + ?Sized,
{
    Copier::new().copy(reader, writer).await
}
