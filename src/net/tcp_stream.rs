//! How does a task use one TCP connection?

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use handover_reactor::{Direction, Interest, Reactor};

use super::lookup::first_of;
use super::{Source, ToSocketAddrs, when_ready};
use crate::by_reference::by_reference;
use crate::wiring;

/// A TCP connection, closed on drop.
///
/// Closing the writing side (`AsyncWriteExt::close`) tells the other one that no more will come; reading goes on.
///
/// # Cancel safety
///
/// A read or write happens wholly within one poll: a dropped one has moved no bytes. `read_exact` and `write_all` of `futures` are many of them, and forget on drop how far they were.
///
/// # Examples
///
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use handover::net::{TcpListener, TcpStream};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
///
/// let server = handover::spawn(async move {
///     let (stream, _) = listener.accept().await?;
///     // Both directions at once: references read and write too.
///     futures::io::copy(&stream, &mut &stream).await
/// });
///
/// let mut stream = TcpStream::connect(address).await?;
/// stream.write_all(b"there and back").await?;
/// stream.close().await?;
/// let mut answer = String::new();
/// stream.read_to_string(&mut answer).await?;
/// assert_eq!(answer, "there and back");
/// # server.await.unwrap()?;
/// # Ok(())
/// # }
/// ```
pub struct TcpStream {
    /// Before the socket: it is deregistered before that is closed.
    source: Source,
    socket: std::net::TcpStream,
}

impl TcpStream {
    /// Connects to the first of the name's addresses that takes the connection. See connect(2).
    ///
    /// # Errors
    ///
    /// That of the last address tried; that of the name's look-up; outside a runtime. If a name was given, the message has it.
    ///
    /// # Cancel safety
    ///
    /// A dropped attempt is given up.
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        first_of("connect to", address, Self::connect_to).await
    }

    async fn connect_to(address: SocketAddr) -> io::Result<Self> {
        let reactor = wiring::reactor()?;
        let socket = start_connecting(address)?;
        let stream = Self::register(&reactor, socket.into())?;
        stream.connected().await?;
        Ok(stream)
    }

    /// Waits for the handshake. The socket becomes writable when it is over, well or not; see connect(2) under EINPROGRESS.
    async fn connected(&self) -> io::Result<()> {
        loop {
            let seen = self.source.ready(Direction::Write).await?;
            if let Some(error) = self.socket.take_error()? {
                return Err(error);
            }
            match self.socket.peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => self.source.clear(seen),
                result => return result.map(drop),
            }
        }
    }

    /// A connection that was just accepted. Its first call is made without asking: most have room, and many have data.
    pub(super) fn accepted(reactor: &Arc<Reactor>, socket: std::net::TcpStream) -> io::Result<Self> {
        let stream = Self::register(reactor, socket)?;
        stream.source.assume_ready(Interest::BOTH);
        Ok(stream)
    }

    fn register(reactor: &Arc<Reactor>, socket: std::net::TcpStream) -> io::Result<Self> {
        let source = Source::register(reactor, socket.as_raw_fd(), Interest::BOTH, "TcpStream")?;
        Ok(Self { source, socket })
    }

    /// Takes over a connected socket and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Outside a runtime; those of epoll_ctl(2).
    pub fn from_std(socket: std::net::TcpStream) -> io::Result<Self> {
        let reactor = wiring::reactor()?;
        socket.set_nonblocking(true)?;
        Self::register(&reactor, socket)
    }

    /// Gives up the socket, still non-blocking.
    ///
    /// # Errors
    ///
    /// None today; the `Result` is that of tokio's function of this name.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        let Self { source, socket } = self;
        drop(source);
        Ok(socket)
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// Those of getpeername(2): `ENOTCONN` once the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// Whether small writes are sent at once instead of being gathered (`TCP_NODELAY`, tcp(7)).
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.nodelay()
    }

    /// Sets whether small writes are sent at once.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_nodelay(nodelay)
    }

    /// How many hops a packet may take (`IP_TTL`, ip(7)).
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.ttl()
    }

    /// Sets how many hops a packet may take.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.set_ttl(ttl)
    }

    /// Takes the socket's pending error (`SO_ERROR`, socket(7)).
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Closes one or both directions; the socket itself stays. Closing what is closed already, by either side, is no error.
    ///
    /// # Errors
    ///
    /// Those of shutdown(2) other than `ENOTCONN`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.socket.shutdown(how) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    /// Waits until a read is worth trying. Many tasks may wait at once.
    ///
    /// # Errors
    ///
    /// If the runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: it stays readable until a read finds it empty.
    pub async fn readable(&self) -> io::Result<()> {
        self.source.ready(Direction::Read).await.map(drop)
    }

    /// Waits until a write is worth trying. Many tasks may wait at once.
    ///
    /// # Errors
    ///
    /// If the runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: it stays writable until a write finds it full.
    pub async fn writable(&self) -> io::Result<()> {
        self.source.ready(Direction::Write).await.map(drop)
    }

    /// Reads what is there, up to the length of `buffer`, and says how many bytes it read: 0 at the end.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there; those of recv(2).
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.try_transfer(Direction::Read, buffer.len(), || (&self.socket).read(buffer))
    }

    /// Writes as much of `buffer` as there is room for and says how many bytes that were.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room; those of send(2).
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.source.try_transfer(Direction::Write, buffer.len(), || (&self.socket).write(buffer))
    }

    /// Reads without taking: the next read gets the same bytes again.
    ///
    /// # Errors
    ///
    /// Those of recv(2).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        when_ready(&self.source, Direction::Read, || self.socket.peek(buffer)).await
    }

    /// Its registration, for calls that are made elsewhere.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// One call that moves up to `asked` bytes, when `direction` is ready.
    fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        asked: usize,
        call: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        ready!(wiring::poll_proceed(cx));
        self.source.poll_transfer(cx, direction, asked, call)
    }
}

/// Begins the handshake. A signal may come in between; that attempt is then given up with its socket, for what has become of it cannot be told by trying again on the same one (connect(2)).
fn start_connecting(address: SocketAddr) -> io::Result<mio::net::TcpStream> {
    loop {
        match mio::net::TcpStream::connect(address) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl AsyncRead for &TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_transfer(cx, Direction::Read, buffer.len(), || (&self.socket).read(buffer))
    }

    fn poll_read_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        let asked = buffers.iter().take(MAX_PIECES).map(|buffer| buffer.len()).sum();
        self.poll_transfer(cx, Direction::Read, asked, || (&self.socket).read_vectored(buffers))
    }
}

impl AsyncWrite for &TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_transfer(cx, Direction::Write, buffer.len(), || (&self.socket).write(buffer))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let asked = buffers.iter().take(MAX_PIECES).map(|buffer| buffer.len()).sum();
        self.poll_transfer(cx, Direction::Write, asked, || (&self.socket).write_vectored(buffers))
    }

    /// Nothing to do: what was written is with the kernel.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes the writing side.
    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }
}

/// `IOV_MAX` of Linux and the BSDs. Std offers that many of a longer list to readv(2) and writev(2); that the rest is left says nothing about the socket's buffer.
const MAX_PIECES: usize = 1_024;

by_reference!(Read, Write for TcpStream);

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}
