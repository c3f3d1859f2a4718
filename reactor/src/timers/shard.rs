//! Which timers does one processor have, and when is the first of them due?
//!
//! The wheel is under a lock; its earliest deadline stands beside it for all to read. That word is written only under the lock, so that it
//! always says what the last change left. Whoever made it earlier then asks [`Poller::waits_past`](crate::poller::Poller::waits_past).

use std::task::Waker;

use crate::clock::Moment;
use crate::error::Error;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::timers::wheel::{Key, Wheel};

/// The timers of one processor. Aligned so that two processors do not share a cache line (or the pair that is fetched together).
#[derive(Debug)]
#[repr(align(128))]
pub struct Shard {
    next: AtomicU64,
    timers: Mutex<Armable>,
}

#[derive(Debug)]
struct Armable {
    wheel: Wheel<Waker>,
    is_shut_down: bool,
}

/// So many timers are looked at under the lock at a time.
const SLICE: usize = 1024;

/// What the caller of [`Shard::arm`] or [`Shard::move_to`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Armed {
    /// The shard's next deadline became earlier: a waiting poller may have to be woken.
    Earliest,
    /// Nothing: another timer is due before it.
    Later,
}

impl Shard {
    /// No timers.
    pub fn new() -> Self {
        let timers = Armable { wheel: Wheel::new(), is_shut_down: false };
        Self { next: AtomicU64::new(Moment::NEVER.nanos()), timers: Mutex::new(timers) }
    }

    /// The next deadline; [`Moment::NEVER`] if there is none.
    pub fn next(&self) -> Moment {
        // SeqCst: the poller's successor reads it right after the SeqCst release of the role, without a fence of its own. Whoever
        // armed a timer fenced before it asked who polls.
        Moment::from_nanos(self.next.load(Ordering::SeqCst))
    }

    /// Arms the timer of `key`, or a new one if that is none or has fired. `waker` comes back as the one to drop, if any.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`].
    pub fn arm(&self, key: &mut Option<Key>, deadline: Moment, waker: &mut Option<Waker>) -> Result<Armed, Error> {
        let mut timers = self.timers.lock();
        if timers.is_shut_down {
            return Err(Error::ShutDown);
        }
        if let (Some(armed), Some(fresh)) = (key.and_then(|key| timers.wheel.get_mut(key)), waker.as_mut()) {
            std::mem::swap(armed, fresh);
            return Ok(Armed::Later);
        }
        *key = waker.take().map(|waker| timers.wheel.insert(deadline, waker));
        Ok(self.publish(&timers))
    }

    /// Gives the timer of `key` another deadline, and another key, and keeps its waker. None if it has fired.
    pub fn move_to(&self, key: Key, deadline: Moment) -> Option<(Key, Armed)> {
        let mut timers = self.timers.lock();
        let key = timers.wheel.move_to(key, deadline)?;
        Some((key, self.publish(&timers)))
    }

    /// Disarms the timer of `key`, if it has not fired, and gives back its waker, to be dropped here and not under the lock.
    #[must_use = "the waker is dropped after the lock is released"]
    pub fn disarm(&self, key: Key) -> Option<Waker> {
        let mut timers = self.timers.lock();
        let waker = timers.wheel.remove(key);
        let _later = self.publish(&timers);
        waker
    }

    /// Moves the wakers of the timers due at `now` to `wakers`. No lock is taken if none is.
    pub fn fire(&self, now: Moment, wakers: &mut Vec<Waker>) {
        if self.next() > now {
            return;
        }
        let mut timers = self.timers.lock();
        while let Some(waker) = timers.wheel.pop_due(now) {
            wakers.push(waker);
        }
        let _later = self.publish(&timers);
    }

    /// Shows `look` every armed timer; the lock is held for some of them at a time.
    pub fn view(&self, look: &mut dyn FnMut(Moment, &Waker)) {
        let mut first = 0;
        while let Some(next) = self.timers.lock().wheel.view_from(first, SLICE, look) {
            first = next;
        }
    }

    /// Takes no more timers; the wakers of those armed go to `wakers`.
    pub fn shut_down(&self, wakers: &mut Vec<Waker>) {
        let mut timers = self.timers.lock();
        timers.is_shut_down = true;
        wakers.extend(timers.wheel.drain());
        let _later = self.publish(&timers);
    }

    /// Writes the next deadline down, if it has changed. The guard is the leave to write.
    fn publish(&self, timers: &MutexGuard<'_, Armable>) -> Armed {
        let next = timers.wheel.next().nanos();
        // Relaxed: only holders of the lock write it.
        let before = self.next.load(Ordering::Relaxed);
        if next != before {
            // Release would order nothing here: a reader takes the lock before it acts on what it read. The fence that makes an
            // earlier deadline seen in time is in `Poller::waits_past`, after the lock.
            self.next.store(next, Ordering::Relaxed);
        }
        if next < before { Armed::Earliest } else { Armed::Later }
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::new()
    }
}
