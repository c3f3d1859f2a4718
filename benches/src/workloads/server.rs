//! What does a server process do?

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

use super::storm::short_calls;
use crate::load::HTTP_BODY;
use crate::runtimes::Net;

/// Longer than the load generator asks.
const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// `tcp_echo`: a task for each connection; serves until the process ends.
pub(crate) async fn echo<R: Net>(announce: fn(SocketAddr)) -> io::Result<Infallible> {
    let (listener, address) = R::listen().await?;
    announce(address);
    loop {
        let stream = R::accept(&listener).await?;
        R::detach(echo_all::<R>(stream));
    }
}

async fn echo_all<R: Net>(mut stream: R::Stream) {
    let mut buffer = [0; 1024];
    // An error is the load generator's end, as is the end of the stream.
    while let Ok(count @ 1..) = R::read(&mut stream, &mut buffer).await {
        if R::write_all(&mut stream, &buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// `mixed`: the same while 64 tasks are in blocking calls of 1 ms.
pub(crate) async fn echo_beside_calls<R: Net>(announce: fn(SocketAddr)) -> io::Result<Infallible> {
    for _ in 0..64 {
        R::detach(short_calls::<R>(LONG_ENOUGH));
    }
    echo::<R>(announce).await
}

/// `http`: hyper 1 answers `GET /`.
pub(crate) async fn http<R: Net>(announce: fn(SocketAddr)) -> io::Result<Infallible> {
    let (listener, address) = R::listen().await?;
    announce(address);
    loop {
        let stream = R::accept(&listener).await?;
        R::detach(http1::Builder::new().serve_connection(R::http(stream), service_fn(hello)));
    }
}

async fn hello(_question: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(HTTP_BODY.as_bytes()))))
}
