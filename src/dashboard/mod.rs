//! How does one watch a runtime live? On a page that it serves.
//!
//! [`serve`] answers on threads of its own with nothing but the standard library's sockets, so the page works, and names who is to blame, when every processor is stuck. While nobody looks it does nothing. It never
//! delays the shutdown of the runtime that it shows, and ends when the [`Dashboard`] is dropped.
//!
//! What it says of a program is not for everybody: it listens on loopback addresses, unless [`Builder::open_to_network`] is called, and answers only requests that name it by its address (or by a name that
//! [`Builder::allow_host`] has allowed), and that no other site's page has made.

mod feed;
mod http;
mod json;
mod sample;
mod server;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use crate::runtime::Handle;
use feed::Feed;
use server::Server;

/// Serves the page of the current runtime at `address`; port 0 lets the system choose one.
///
/// # Errors
/// `PermissionDenied` for an address that is not a loopback address: see [`Builder::open_to_network`]. `NotFound` outside a runtime. Those of bind(2), and what the system says when it refuses a thread.
///
/// # Examples
/// ```
/// # handover::block_on(async {
/// let dashboard = handover::dashboard::serve("127.0.0.1:0")?;
/// println!("see http://{}", dashboard.local_addr());
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub fn serve(address: impl ToSocketAddrs) -> io::Result<Dashboard> {
    let handle = Handle::try_current().map_err(|error| io::Error::new(ErrorKind::NotFound, error))?;
    serve_for(&handle, address)
}

/// [`serve`] for the runtime of `handle`, from anywhere.
///
/// # Errors
/// Those of [`serve`].
///
/// # Examples
/// ```
/// let runtime = handover::runtime::Runtime::new()?;
/// let dashboard = handover::dashboard::serve_for(runtime.handle(), "127.0.0.1:0")?;
/// assert!(dashboard.local_addr().ip().is_loopback());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn serve_for(handle: &Handle, address: impl ToSocketAddrs) -> io::Result<Dashboard> {
    Builder::new(handle).serve(address)
}

/// Who may see the page.
///
/// # Examples
/// ```no_run
/// let runtime = handover::runtime::Runtime::new()?;
/// let dashboard = handover::dashboard::Builder::new(runtime.handle())
///     .open_to_network()
///     .allow_host("build-7.example.org")
///     .serve("0.0.0.0:8080")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    handle: Handle,
    open_to_network: bool,
    hosts: Vec<String>,
}

impl Builder {
    /// For the runtime of `handle`; to be seen on this machine alone.
    pub fn new(handle: &Handle) -> Self {
        Self { handle: handle.clone(), open_to_network: false, hosts: Vec::new() }
    }

    /// Lets the address be one that other machines reach. There is no password: whoever reaches it sees the names of tasks and the places in the source.
    pub fn open_to_network(mut self) -> Self {
        self.open_to_network = true;
        self
    }

    /// Answers requests for this name, without a port, too. By default the page is found under the address itself and `localhost`: a name of somebody else's may be made to lead here.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// Those of [`serve`].
    pub fn serve(self, address: impl ToSocketAddrs) -> io::Result<Dashboard> {
        let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
        if let Some(open) = addresses.iter().find(|address| !self.open_to_network && !address.ip().is_loopback()) {
            let text =
                format!("the dashboard at {open} could be seen from other machines; that needs `dashboard::Builder::open_to_network`");
            return Err(io::Error::new(ErrorKind::PermissionDenied, text));
        }
        let listener = TcpListener::bind(&addresses[..])?;
        let address = listener.local_addr()?;
        let feed = Feed::start(self.handle)?;
        let server = Server::start(listener, Arc::clone(&feed), self.hosts).inspect_err(|_| feed.end())?;
        Ok(Dashboard { address, feed, server })
    }
}

/// A page that is served until this is dropped.
#[must_use = "the page is served only as long as this lives"]
pub struct Dashboard {
    address: SocketAddr,
    feed: Arc<Feed>,
    server: Server,
}

impl Dashboard {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.feed.end();
        self.server.end();
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("address", &self.address).finish_non_exhaustive()
    }
}
