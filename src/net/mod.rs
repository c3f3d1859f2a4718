//! How does a task talk over the network?
//!
//! Sockets are non-blocking and wait in the runtime's reactor. They read and write through the traits of `futures::io`, which are implemented for the types and for
//! references to them: two tasks, or two halves of one, may read and write the same stream at once.
//!
//! A socket belongs to the runtime in which it was made. It may outlive it; its calls then say in an error that the runtime was shut down.

mod lookup;
mod tcp_listener;
mod tcp_stream;

pub use lookup::{ToSocketAddrs, lookup_host};
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;

use std::future::poll_fn;
use std::io;

use crate::source::Source;
use crate::wiring;
use handover_reactor::Direction;

/// Makes `call` once it does not block. Any number of tasks may wait in this at once, unlike in the `poll_*` functions.
async fn when_ready<R>(source: &Source, direction: Direction, mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        poll_fn(wiring::poll_proceed).await;
        match source.try_io(direction, &mut call) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => source.ready(direction).await?,
            result => return result,
        };
    }
}
