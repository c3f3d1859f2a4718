//! Who waits for a descriptor?
//!
//! One slot for each direction, for `poll_read` and `poll_write` (the last caller is the one that is woken, as the traits of
//! `futures::io` have it), and a list for readiness futures, of which there may be many.
//!
//! Nothing here runs user code: wakers come in cloned and go out to be called or dropped by the caller, after the lock.

use std::mem;
use std::task::Waker;

use slab::Slab;

use crate::interest::{Direction, Interest};
use crate::readiness::Ready;

/// The waiters of one descriptor; they live under its cell's lock.
#[derive(Debug)]
pub struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    futures: Slab<Waiter>,
}

/// A readiness future. Its waker is gone once it was woken; the future then looks again, or is dropped.
#[derive(Debug)]
struct Waiter {
    interest: Interest,
    waker: Option<Waker>,
}

impl Waiters {
    /// Nobody.
    pub fn new() -> Self {
        Self { reader: None, writer: None, futures: Slab::new() }
    }

    /// Exchanges what is in the slot of `direction` and what is in `waker`; the caller drops the old one outside the lock.
    pub fn exchange(&mut self, direction: Direction, waker: &mut Option<Waker>) {
        match direction {
            Direction::Read => mem::swap(&mut self.reader, waker),
            Direction::Write => mem::swap(&mut self.writer, waker),
        }
    }

    /// Adds the future that remembers `place`, or exchanges its waker; the caller drops the old one outside the lock.
    pub fn join(&mut self, place: &mut Option<usize>, interest: Interest, waker: &mut Option<Waker>) {
        match *place {
            Some(key) => mem::swap(&mut self.futures[key].waker, waker),
            None => *place = Some(self.futures.insert(Waiter { interest, waker: waker.take() })),
        }
    }

    /// Forgets the future at `place`, if it was ever added, and gives back its waker, to be dropped outside the lock.
    #[must_use = "the waker is dropped after the lock is released"]
    pub fn leave(&mut self, place: &mut Option<usize>) -> Option<Waker> {
        self.futures.remove(place.take()?).waker
    }

    /// Moves the wakers of all whom `ready` concerns to `wakers`.
    pub fn take(&mut self, ready: Ready, wakers: &mut Vec<Waker>) {
        let concerns = |interest| ready.is_shut_down() || ready.answers(interest);
        if concerns(Interest::READABLE) {
            wakers.extend(self.reader.take());
        }
        if concerns(Interest::WRITABLE) {
            wakers.extend(self.writer.take());
        }
        for (_, waiter) in &mut self.futures {
            if concerns(waiter.interest) {
                wakers.extend(waiter.waker.take());
            }
        }
    }

    /// Shows `look` each waker and what it waits for.
    pub fn view(&self, look: &mut dyn FnMut(Interest, &Waker)) {
        self.reader.iter().for_each(|waker| look(Interest::READABLE, waker));
        self.writer.iter().for_each(|waker| look(Interest::WRITABLE, waker));
        for (_, Waiter { interest, waker }) in &self.futures {
            waker.iter().for_each(|waker| look(*interest, waker));
        }
    }
}

impl Default for Waiters {
    fn default() -> Self {
        Self::new()
    }
}
