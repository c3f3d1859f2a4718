//! How does a task take TCP connections?

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use handover_reactor::{Direction, Interest};

use super::lookup::first_of;
use super::{Source, TcpStream, ToSocketAddrs, when_ready};
use crate::wiring;

/// Connections that may wait to be accepted; what tokio has.
const BACKLOG: libc::c_int = 1024;

/// A listening TCP socket, closed on drop.
///
/// # Examples
///
/// ```
/// use handover::net::{TcpListener, TcpStream};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (stream, peer) = listener.accept().await?;
/// assert_eq!(peer, client.local_addr()?);
/// assert_eq!(stream.peer_addr()?, peer);
/// # Ok(())
/// # }
/// ```
pub struct TcpListener {
    /// Before the socket: it is deregistered before that is closed.
    source: Source,
    /// mio's, because its `accept` makes the connection non-blocking in the same system call.
    socket: mio::net::TcpListener,
}

impl TcpListener {
    /// Listens on the first of the name's addresses that can be had, with `SO_REUSEADDR`. Port 0 asks the system for a free one. Up to 1,024 connections wait to be
    /// accepted (fewer where the system's limit is lower). See bind(2), listen(2).
    ///
    /// # Errors
    ///
    /// That of the last address tried (`EADDRINUSE`, `EACCES`, ...); that of the name's look-up; outside a runtime. If a name was given, the message has it.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it holds no address.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        first_of("listen on", address, async |address| {
            let socket = mio::net::TcpListener::bind(address)?;
            listen(&socket)?;
            Self::register(socket)
        })
        .await
    }

    fn register(socket: mio::net::TcpListener) -> io::Result<Self> {
        let source = Source::register(&wiring::reactor()?, socket.as_raw_fd(), Interest::READABLE, "TcpListener")?;
        Ok(Self { source, socket })
    }

    /// Takes over a listening socket and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Outside a runtime; those of epoll_ctl(2).
    pub fn from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Self::register(mio::net::TcpListener::from_std(socket))
    }

    /// Gives up the socket, still non-blocking.
    ///
    /// # Errors
    ///
    /// None today; the `Result` is that of tokio's function of this name.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        let Self { source, socket } = self;
        drop(source);
        Ok(socket.into())
    }

    /// Waits for the next connection. Any number of tasks may wait at once; each connection goes to one of them.
    ///
    /// A connection that was broken off before it could be taken (`ECONNABORTED`) is passed over.
    ///
    /// # Errors
    ///
    /// Those of accept(2). `EMFILE` and `ENFILE`, no descriptors left, come at once and again until some are closed: a server should wait a little then, as below.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost: it is taken only by the poll that returns it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// # use handover::net::TcpListener;
    /// # async fn serve(stream: handover::net::TcpStream) {}
    ///
    /// # #[handover::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:8080").await?;
    /// loop {
    ///     match listener.accept().await {
    ///         Ok((stream, _)) => drop(handover::spawn(serve(stream))),
    ///         Err(error) => {
    ///             eprintln!("cannot accept: {error}");
    ///             handover::time::sleep(Duration::from_millis(50)).await;
    ///         }
    ///     }
    /// }
    /// # }
    /// ```
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = when_ready(&self.source, Direction::Read, || accept_whole(&self.socket)).await?;
        Ok((TcpStream::accepted(self.source.reactor(), socket.into())?, peer))
    }

    /// [`accept`](Self::accept), for those who write futures by hand. One task waits: the last to call this.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        ready!(wiring::poll_proceed(cx));
        let (socket, peer) = ready!(self.source.poll_io(cx, Direction::Read, || accept_whole(&self.socket)))?;
        Poll::Ready(TcpStream::accepted(self.source.reactor(), socket.into()).map(|stream| (stream, peer)))
    }

    /// The address that it listens on, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// How many hops a packet of the accepted connections may take (`IP_TTL`, ip(7)).
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.ttl()
    }

    /// Sets how many hops a packet of the accepted connections may take.
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
}

/// accept(2), over again for connections that ended in the queue.
fn accept_whole(socket: &mio::net::TcpListener) -> io::Result<(mio::net::TcpStream, SocketAddr)> {
    loop {
        match socket.accept() {
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            result => return result,
        }
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

/// Lengthens the queue of a listening socket: mio takes the standard library's 128. A connection that finds the queue full tries again after a second, and a burst of
/// a few hundred clients fills it in two milliseconds. listen(2) may be called again for that.
#[allow(unsafe_code, reason = "neither std nor mio has a call for it")]
fn listen(socket: &mio::net::TcpListener) -> io::Result<()> {
    // SAFETY: plain numbers; the descriptor is open as long as `socket` is borrowed.
    let result = unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
