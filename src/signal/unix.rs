//! How does a task hear every signal of a kind?

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::stream::Stream;
use handover_reactor::Reactor;

use super::hub::{Hub, Place};
pub use super::kind::SignalKind;
use crate::resource::{self, Resource};
use crate::wiring;

/// Listens for signals of a kind from now on, in the current runtime.
///
/// Any number of listeners may listen for the same kind, in several runtimes: each hears it.
///
/// The first listener of a kind installs a handler (with `SA_RESTART`), which stays when all listeners are gone. Handlers that were there before are called as well, and first; one that others install later without calling
/// ours takes it away. See sigaction(2).
///
/// # Errors
///
/// `InvalidInput`, with the signal's name, if it cannot be handled (SIGKILL, SIGSTOP), must not be (SIGILL, SIGFPE, SIGSEGV), or does not exist; outside a runtime; if the runtime was shut down or the
/// system has no descriptors left.
///
/// # Examples
///
/// ```
/// use handover::signal::unix::{SignalKind, signal};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut hangups = signal(SignalKind::hangup())?;
/// # // SAFETY: it has a handler by now.
/// # unsafe { libc::raise(libc::SIGHUP) };
/// hangups.recv().await;
/// println!("reading the configuration again");
///
/// let error = signal(SignalKind::from_raw(9)).unwrap_err();
/// assert!(error.to_string().starts_with("cannot listen for SIGKILL (9)"));
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    listen(&wiring::reactor()?, kind, Some(Location::caller()))
}

/// [`signal`] in the runtime of this reactor, shown as made `at`.
pub(crate) fn listen(reactor: &Arc<Reactor>, kind: SignalKind, at: Option<&Location<'_>>) -> io::Result<Signal> {
    kind.install()?;
    let hub = Hub::of(reactor)?;
    let resource = if resource::are_traced() { Resource::show("Signal", "signal", at, &["recv"]) } else { None };
    if let Some(resource) = &resource {
        resource.hears(&kind.to_string());
    }
    Ok(Signal { place: hub.join(), hub, kind, seen: kind.count(), resource })
}

/// A listener for one kind of signal; see [`signal`]. A [`Stream`] as well.
///
/// Signals that come before the last one was heard are heard as one, as the kernel itself does it. It belongs to the runtime in which it was made, and ends (`None`) with it.
pub struct Signal {
    hub: Arc<Hub>,
    place: Place,
    kind: SignalKind,
    /// The count of the kind that was heard last.
    seen: u64,
    resource: Option<Resource>,
}

impl Signal {
    /// Waits for the next signal. `None` once the runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: a signal is heard only by the poll that returns it.
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv), for those who write futures by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        ready!(wiring::poll_proceed(cx));
        // Taken out for as long as the rest is borrowed.
        let Some(resource) = self.resource.take() else { return self.poll_hear(cx) };
        let polled = resource.poll(0, "poll_recv", || self.poll_hear(cx));
        self.resource = Some(resource);
        polled
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if self.hear() {
            return Poll::Ready(Some(()));
        }
        let is_open = self.hub.wait(self.place, self.kind, self.seen, cx.waker());
        // Once more, after the waker lies in the hub: see there.
        match (self.hear(), is_open) {
            (true, _) => Poll::Ready(Some(())),
            (false, true) => Poll::Pending,
            (false, false) => Poll::Ready(None),
        }
    }

    /// Whether one has come since the last.
    fn hear(&mut self) -> bool {
        let count = self.kind.count();
        std::mem::replace(&mut self.seen, count) != count
    }
}

impl Stream for Signal {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.poll_recv(cx)
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        self.hub.leave(self.place);
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("kind", &self.kind).finish_non_exhaustive()
    }
}
