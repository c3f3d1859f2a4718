//! How do a descriptor's readiness and its waiters meet without losing a wake-up?
//!
//! The poller *sets* the word, then takes the waiters under their lock. A waiter looks at the word once more *under that lock* before
//! it leaves its waker there. If the waiter's critical section comes first, the poller finds the waker. If the poller's comes first,
//! its unlock publishes the word to the waiter's second look. So one of the two always acts, and neither needs a fence.

use std::task::{Context, Poll, Waker};

use crate::error::Error;
use crate::interest::{Direction, Interest};
use crate::readiness::{Readiness, Ready};
use crate::sync::Mutex;
use crate::waiters::Waiters;

/// The state of one registration, shared by its [`Source`](crate::Source) and the table that the poller looks tokens up in.
#[derive(Debug)]
pub struct Cell {
    readiness: Readiness,
    waiters: Mutex<Waiters>,
}

impl Cell {
    /// Nothing seen, nobody waiting.
    pub fn new() -> Self {
        Self { readiness: Readiness::new(), waiters: Mutex::new(Waiters::new()) }
    }

    /// The poller's side: an edge was reported. Those who wait for it go to `wakers`.
    pub fn deliver(&self, ready: Ready, wakers: &mut Vec<Waker>) {
        self.readiness.set(ready);
        self.waiters.lock().take(ready, wakers);
    }

    /// Takes it that `interest` is ready, before anything was reported and before anybody waits.
    pub fn assume(&self, interest: Interest) {
        self.readiness.set(interest.assumed());
    }

    /// Ends the cell for good: all who wait, and all who come later, get [`Error::ShutDown`].
    pub fn shut_down(&self, wakers: &mut Vec<Waker>) {
        self.readiness.shut_down();
        let mut waiters = self.waiters.lock();
        waiters.take(self.readiness.get(), wakers);
    }

    /// What is known about `interest` now.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`].
    pub fn look(&self, interest: Interest) -> Poll<Result<Ready, Error>> {
        let seen = self.readiness.get();
        if seen.is_shut_down() {
            return Poll::Ready(Err(Error::ShutDown));
        }
        let seen = seen.only(interest);
        if seen.is_empty() { Poll::Pending } else { Poll::Ready(Ok(seen)) }
    }

    /// Waits in the slot of `direction`.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`].
    pub fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<Result<Ready, Error>> {
        let interest = direction.interest();
        if let ready @ Poll::Ready(_) = self.look(interest) {
            return ready;
        }
        // Cloned before the lock and dropped after it: both may run user code.
        let mut waker = Some(cx.waker().clone());
        let mut waiters = self.waiters.lock();
        let found = self.look(interest);
        if found.is_pending() {
            waiters.exchange(direction, &mut waker);
        }
        drop(waiters);
        found
    }

    /// Waits in the list; `place` belongs to one future and is handed back to [`leave`](Self::leave) when that is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`].
    pub fn poll_listed(&self, cx: &mut Context<'_>, place: &mut Option<usize>, interest: Interest) -> Poll<Result<Ready, Error>> {
        if let found @ Poll::Ready(_) = self.look(interest) {
            self.leave(place);
            return found;
        }
        let mut waker = Some(cx.waker().clone());
        let mut waiters = self.waiters.lock();
        let found = self.look(interest);
        if found.is_pending() {
            waiters.join(place, interest, &mut waker);
        }
        drop(waiters);
        found
    }

    /// The future at `place` is gone.
    pub fn leave(&self, place: &mut Option<usize>) {
        if place.is_some() {
            let old = self.waiters.lock().leave(place);
            drop(old);
        }
    }

    /// Shows `look` the wakers of all who wait, under their lock.
    pub fn view_waiters(&self, look: &mut dyn FnMut(Interest, &Waker)) {
        self.waiters.lock().view(look);
    }

    /// See [`Readiness::exhaust`].
    pub fn exhaust(&self, seen: Ready) {
        self.readiness.exhaust(seen);
    }

    /// See [`Readiness::drain`].
    pub fn drain(&self, seen: Ready) {
        self.readiness.drain(seen);
    }
}

impl Default for Cell {
    fn default() -> Self {
        Self::new()
    }
}
