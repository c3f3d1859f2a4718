//! Who serves the connections, and when are they all gone?

use crate::service::Service;
use crate::stop::Stop;
use futures::StreamExt;
use futures::channel::mpsc;
use futures::future::{Either, select};
use handover::integrations::hyper::{Io, Timer};
use handover::net::{TcpListener, TcpStream};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How long the requests in flight may take after the end has come.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be accepted, for want of file descriptors for example.
const BACKOFF: Duration = Duration::from_millis(100);

/// Serves until `stop`, and then until the last request is answered or [`GRACE`] is over.
///
/// Says whether all requests were answered.
pub(crate) async fn serve(listener: TcpListener, service: Arc<Service>, stop: Stop) -> bool {
    // Every connection holds a sender; when the last one is dropped, the channel ends.
    let (alive, mut all_gone) = mpsc::channel::<Infallible>(0);
    while let Some(stream) = next(&listener, &stop).await {
        let (service, stop, alive) = (Arc::clone(&service), stop.clone(), alive.clone());
        let task = handover::spawn(async move {
            connection(stream, &service, stop).await;
            // In this order: when all connections are gone, nobody uses the service any more.
            drop(service);
            drop(alive);
        });
        // Nobody waits for it by its handle.
        drop(task);
    }
    drop((listener, alive));
    eprintln!("notes: stopping; requests in flight get {} s, a second Ctrl-C ends at once", GRACE.as_secs());
    handover::time::timeout(GRACE, all_gone.next()).await.is_ok()
}

/// The next connection, or `None` when it is time to stop.
async fn next(listener: &TcpListener, stop: &Stop) -> Option<TcpStream> {
    loop {
        match select(pin!(listener.accept()), stop.clone()).await {
            Either::Left((Ok((stream, _)), _)) => return Some(stream),
            Either::Left((Err(error), _)) => {
                eprintln!("notes: cannot accept a connection: {error}");
                handover::time::sleep(BACKOFF).await;
            }
            Either::Right(_) => return None,
        }
    }
}

/// Answers the requests of one connection.
async fn connection(stream: TcpStream, service: &Service, stop: Stop) {
    // An answer of several pieces would otherwise wait for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        eprintln!("notes: cannot set TCP_NODELAY: {error}");
    }
    let requests = service_fn(|request| service.answer(request));
    let mut connection = pin!(http1::Builder::new().timer(Timer::new()).serve_connection(Io::new(stream), requests));
    let ended = match select(connection.as_mut(), stop).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    match ended {
        Err(error) if error.is_user() => eprintln!("notes: an answer broke off: {error}"),
        // Done; or the client went away, which is no news.
        Ok(()) | Err(_) => {}
    }
}
