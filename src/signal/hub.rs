//! Who in this runtime waits for signals, and how are they woken?
//!
//! A runtime with listeners has one hub, which goes with the last of them. Its source stands for the bell that the handlers ring (see [`kind`](super::kind)); the waker that waits there is no task's but the hub's own, so the
//! poller calls the hub, and the hub wakes those whose count has moved. No thread, no task, and nothing at all while no signal comes.
//!
//! **No signal is lost.** A listener leaves its waker under the lock, and looks at the count once more afterwards. The handler counts, then rings. If the hub's look under the lock comes after the listener's, it finds the
//! waker; if it comes before, so did the count, and the listener's second look sees it. The hub waits for the next ring *before* it looks, so one that comes meanwhile calls it again.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use handover_reactor::{Direction, Interest, Reactor, Source};

use super::kind::{self, SignalKind};

/// The hubs of all runtimes.
static HUBS: Mutex<Vec<Weak<Hub>>> = Mutex::new(Vec::new());

#[derive(Debug)]
pub(super) struct Hub {
    /// Before the bell: it is deregistered before that is closed.
    source: Source,
    _bell: OwnedFd,
    listeners: Mutex<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    /// The runtime was shut down: nobody rings here any more.
    is_closed: bool,
}

#[derive(Debug)]
struct Waiting {
    kind: SignalKind,
    /// The count that it has heard of.
    seen: u64,
    waker: Waker,
}

/// A listener's number in its hub.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(u64);

/// What the poller calls. It does not keep the hub.
struct Bell(Weak<Hub>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(hub) = self.0.upgrade() {
            hub.rung(&Waker::from(self));
        }
    }
}

impl Hub {
    /// The hub of the runtime with this reactor.
    ///
    /// # Errors
    ///
    /// No descriptors left; the runtime was shut down.
    pub(super) fn of(reactor: &Arc<Reactor>) -> io::Result<Arc<Self>> {
        let mut hubs = HUBS.lock().unwrap_or_else(PoisonError::into_inner);
        // Dropped after the lock: one of them may have been kept by this alone, and its reactor with it.
        let living: Vec<_> = hubs.iter().filter_map(Weak::upgrade).collect();
        hubs.retain(|hub| hub.strong_count() > 0);
        let known = living.iter().find(|hub| Arc::ptr_eq(hub.source.reactor(), reactor)).cloned();
        let hub = match known {
            Some(hub) => hub,
            None => {
                let hub = Arc::new(Self::new(reactor)?);
                hubs.push(Arc::downgrade(&hub));
                hub
            }
        };
        drop(hubs);
        // As if it had rung: whoever waits here already may have been waiting when nobody had left a waker with the source.
        hub.rung(&Waker::from(Arc::new(Bell(Arc::downgrade(&hub)))));
        Ok(hub)
    }

    fn new(reactor: &Arc<Reactor>) -> io::Result<Self> {
        let bell = kind::another_bell()?;
        let source = reactor.register(bell.as_raw_fd(), Interest::READABLE)?;
        Ok(Self { source, _bell: bell, listeners: Mutex::default() })
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves `waker` with the source until the next ring. False if the runtime was shut down.
    fn wait_for_ring(&self, waker: &Waker) -> bool {
        let mut cx = Context::from_waker(waker);
        loop {
            match self.source.poll_ready(&mut cx, Direction::Read) {
                Poll::Pending => return true,
                Poll::Ready(Ok(seen)) => self.source.clear(seen),
                Poll::Ready(Err(_shut_down)) => return false,
            }
        }
    }

    /// Wakes those for whom something has come, or all at the end.
    fn rung(&self, bell: &Waker) {
        let is_open = self.wait_for_ring(bell);
        let mut listeners = self.listeners();
        listeners.is_closed |= !is_open;
        let heard = listeners.take_heard(!is_open);
        drop(listeners);
        for waiting in heard {
            // One waker that panics does not keep the others from being called; the panic hook has told of it.
            let _reported = panic::catch_unwind(AssertUnwindSafe(|| waiting.waker.wake()));
        }
    }

    pub(super) fn join(&self) -> Place {
        let mut listeners = self.listeners();
        listeners.next += 1;
        Place(listeners.next)
    }

    /// Waits for the count of `kind` to leave `seen`. False if the runtime was shut down.
    pub(super) fn wait(&self, place: Place, kind: SignalKind, seen: u64, waker: &Waker) -> bool {
        // Cloned before the lock, and the old one dropped after it: both may run user code.
        let waiting = Waiting { kind, seen, waker: waker.clone() };
        let mut listeners = self.listeners();
        let is_open = !listeners.is_closed;
        let before = if is_open { listeners.waiting.insert(place.0, waiting) } else { Some(waiting) };
        drop(listeners);
        drop(before);
        is_open
    }

    pub(super) fn leave(&self, place: Place) {
        let left = self.listeners().waiting.remove(&place.0);
        drop(left);
    }
}

impl Listeners {
    /// Takes out those whose count has moved, or all.
    fn take_heard(&mut self, all: bool) -> Vec<Waiting> {
        let waiting = self.waiting.iter();
        let heard: Vec<u64> = waiting.filter(|(_, one)| all || one.kind.count() != one.seen).map(|(place, _)| *place).collect();
        heard.iter().filter_map(|place| self.waiting.remove(place)).collect()
    }
}
