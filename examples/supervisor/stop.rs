//! When is it time to end? At the first Ctrl-C or SIGTERM; at the second one, at once.

use std::io;

use futures::channel::oneshot;
use futures::future::{FutureExt, Shared};
use futures::stream::{self, StreamExt};
use handover::signal::unix::{SignalKind, signal};

/// Futures for everybody who has to know.
#[derive(Clone)]
pub(crate) struct Stop {
    /// The end has come.
    pub(crate) asked: Shared<oneshot::Receiver<()>>,
    /// Nobody wants to wait any longer.
    pub(crate) at_once: Shared<oneshot::Receiver<()>>,
}

/// Listens from now on.
pub(crate) fn on_signal() -> io::Result<Stop> {
    let mut signals = stream::select(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (first, asked) = oneshot::channel::<()>();
    let (second, at_once) = oneshot::channel::<()>();
    let listening = handover::spawn(async move {
        for order in [first, second] {
            signals.next().await;
            drop(order);
        }
        // Further ones change nothing, but must not fall to somebody else: the listeners stay.
        std::future::pending::<()>().await;
        drop(signals);
    });
    // It goes on by itself.
    drop(listening);
    Ok(Stop { asked: asked.shared(), at_once: at_once.shared() })
}
