//! When does the service end? On Ctrl-C or SIGTERM.

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;

/// A future for everybody who has to know that the end has come.
pub(crate) type Stop = Shared<oneshot::Receiver<()>>;

/// Waits for the signals from now on, inside the runtime.
///
/// The wait is a blocking call, and so it is made where it is needed: inline, in a task of its own.
pub(crate) fn on_signal() -> io::Result<Stop> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let (sender, receiver) = oneshot::channel::<()>();
    let task = handover::spawn(async move {
        handover::blocking(|| signals.wait()).await;
        drop(sender);
        // Somebody who asks twice does not want to wait for the requests in flight.
        handover::blocking(|| signals.wait()).await;
        std::process::exit(1);
    });
    // It goes on by itself.
    drop(task);
    Ok(receiver.shared())
}
