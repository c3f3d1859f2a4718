//! Which registration does an event belong to?
//!
//! A token is a slab index and a generation. Epoll stops naming a descriptor once it is deregistered, but events that the poller has
//! fetched by then are still to be delivered; the slot may be another registration's already. The generation tells them apart.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::Waker;

use mio::Token;
use slab::Slab;

use crate::cell::Cell;
use crate::error::Error;
use crate::interest::Interest;
use crate::sync::{AtomicU64, Mutex, Ordering};

/// The index is the lower half of a token, the generation the upper.
const INDEX_BITS: u32 = usize::BITS / 2;
const INDEX: usize = (1 << INDEX_BITS) - 1;

/// The table of all registrations.
#[derive(Debug)]
pub(crate) struct Registrations {
    table: Mutex<Table>,
    /// As many as the table has; written under its lock, read without.
    len: AtomicU64,
}

#[derive(Debug)]
struct Table {
    slots: Slab<Slot>,
    generation: usize,
    is_shut_down: bool,
}

#[derive(Debug)]
struct Slot {
    /// Half a word each, so that a slot is two words.
    generation: u32,
    fd: RawFd,
    cell: Arc<Cell>,
}

/// So many slots are looked at under the lock at a time.
const SLICE: usize = 1024;

impl Registrations {
    pub(crate) fn new() -> Self {
        let table = Table { slots: Slab::new(), generation: 0, is_shut_down: false };
        Self { table: Mutex::new(table), len: AtomicU64::new(0) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        // SeqCst, both sides: a thread that goes idle asks this after it has published that it does.
        self.len.load(Ordering::SeqCst) == 0
    }

    /// Adds the cell of `fd` and numbers it.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`], [`Error::TooManySources`].
    pub(crate) fn insert(&self, cell: Arc<Cell>, fd: RawFd) -> Result<Token, Error> {
        let mut table = self.table.lock();
        if table.is_shut_down {
            return Err(Error::ShutDown);
        }
        // The last index is left out: it would reach the tokens of the reactor's own descriptors.
        if table.slots.vacant_key() >= INDEX {
            return Err(Error::TooManySources);
        }
        table.generation = (table.generation + 1) & INDEX;
        let generation = table.generation;
        let index = table.slots.insert(Slot { generation: generation as u32, fd, cell });
        self.len.store(table.slots.len() as u64, Ordering::SeqCst);
        Ok(Token(generation << INDEX_BITS | index))
    }

    /// Takes the cell of `token` out. Called once for each token, by its owner.
    pub(crate) fn remove(&self, token: Token) {
        let mut table = self.table.lock();
        let slot = table.slots.remove(token.0 & INDEX);
        self.len.store(table.slots.len() as u64, Ordering::SeqCst);
        drop(table);
        // After the lock: it may be the last owner, and then the wakers of the waiters are dropped with it.
        drop(slot);
    }

    /// Hands events to their cells, one lock for all of them; those of cells that have left are dropped.
    pub(crate) fn deliver(&self, events: impl Iterator<Item = (Token, crate::Ready)>, wakers: &mut Vec<Waker>) {
        let mut events = events.peekable();
        if events.peek().is_none() {
            return;
        }
        let table = self.table.lock();
        for (token, ready) in events {
            let slot = table.slots.get(token.0 & INDEX);
            if let Some(slot) = slot.filter(|slot| slot.generation as usize == token.0 >> INDEX_BITS) {
                slot.cell.deliver(ready, wakers);
            }
        }
    }

    /// Shows `look` every waker that waits for a descriptor. It runs under locks: nothing of the user's may be called.
    pub(crate) fn view_waiters(&self, look: &mut dyn FnMut(RawFd, Interest, &Waker)) {
        for first in (0..).step_by(SLICE) {
            let table = self.table.lock();
            if first >= table.slots.capacity() {
                return;
            }
            let slots = (first..first + SLICE).filter_map(|index| table.slots.get(index));
            slots.for_each(|slot| slot.cell.view_waiters(&mut |interest, waker| look(slot.fd, interest, waker)));
        }
    }

    /// Takes no more cells; those who wait for the ones there are go to `wakers`.
    pub(crate) fn shut_down(&self, wakers: &mut Vec<Waker>) {
        let mut table = self.table.lock();
        table.is_shut_down = true;
        for (_, slot) in &table.slots {
            slot.cell.shut_down(wakers);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Ready;

    #[test]
    fn a_late_event_does_not_reach_the_next_owner_of_the_slot() {
        let registrations = Registrations::new();
        let first = registrations.insert(Arc::new(Cell::new()), 0).expect("room");
        registrations.remove(first);
        let cell = Arc::new(Cell::new());
        let second = registrations.insert(Arc::clone(&cell), 0).expect("room");
        assert_eq!(first.0 & INDEX, second.0 & INDEX, "the slot is used again");

        registrations.deliver([(first, Ready::READABLE)].into_iter(), &mut Vec::new());
        assert!(cell.look(Interest::READABLE).is_pending());

        registrations.deliver([(second, Ready::READABLE)].into_iter(), &mut Vec::new());
        assert!(cell.look(Interest::READABLE).is_ready());
    }

    #[test]
    fn nothing_is_added_after_the_end() {
        let registrations = Registrations::new();
        registrations.shut_down(&mut Vec::new());
        assert_eq!(registrations.insert(Arc::new(Cell::new()), 0), Err(Error::ShutDown));
        assert!(registrations.is_empty());
    }
}
