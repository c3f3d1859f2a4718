//! How does a task talk over the network?
//!
//! Sockets are non-blocking and wait in the runtime's reactor. They read and write through the traits of `futures::io`, which are implemented for the types and for
//! references to them: two tasks, or two halves of one, may read and write the same stream at once.
//!
//! A socket belongs to the runtime in which it was made. It may outlive it; its calls then say in an error that the runtime was shut down.

mod tcp_listener;
mod tcp_stream;

pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;

use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use handover_reactor::{Direction, Source};

use crate::wiring;

/// The addresses of a name. Looking a name up (getaddrinfo(3)) may take seconds, so it is a declared blocking call; numbers take none of it.
async fn resolve(address: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    crate::blocking(move || address.to_socket_addrs().map(Iterator::collect)).await
}

/// The first of `addresses` that `attempt` succeeds with, or the error of the last.
async fn first_of<T, F>(addresses: Vec<SocketAddr>, mut attempt: impl FnMut(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address: give one that resolves to at least one");
    for address in addresses {
        match attempt(address).await {
            Ok(value) => return Ok(value),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Makes `call` once it does not block. Any number of tasks may wait in this at once, unlike in the `poll_*` functions.
async fn when_ready<R>(source: &Source, direction: Direction, mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        poll_fn(wiring::poll_proceed).await;
        match source.try_io(direction, &mut call) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => source.ready(direction.interest()).await?,
            result => return result,
        };
    }
}
