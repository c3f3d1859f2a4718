//! Which of these deadlines is the earliest, when any of them may be taken back?
//!
//! A 4-ary heap of deadlines beside a slab of values that know their position in it, so that a cancel costs O(log n) and needs no
//! search. Four children lie in 64 bytes and the tree is half as deep as a binary one. The usual timeout is armed far in the future and
//! cancelled soon: it goes in at the bottom and comes out at the bottom, in constant time.

use slab::Slab;

use crate::clock::Moment;

const CHILDREN: usize = 4;

/// Deadlines with a value each.
#[derive(Debug)]
pub struct Heap<T> {
    entries: Vec<Entry>,
    slots: Slab<Slot<T>>,
    stamp: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    deadline: Moment,
    slot: u32,
}

#[derive(Debug)]
struct Slot<T> {
    value: T,
    stamp: u64,
    position: u32,
}

/// Finds an entry again, and finds nothing once that has left the heap: the stamp is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    stamp: u64,
    slot: u32,
}

impl<T> Heap<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self { entries: Vec::new(), slots: Slab::new(), stamp: 0 }
    }

    /// The earliest deadline; [`Moment::NEVER`] if there is none.
    pub fn next(&self) -> Moment {
        self.entries.first().map_or(Moment::NEVER, |entry| entry.deadline)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds one.
    ///
    /// # Panics
    ///
    /// If there are 2^32 already (128 GiB of them).
    pub fn insert(&mut self, deadline: Moment, value: T) -> Key {
        let position = self.entries.len();
        let stamp = self.stamp;
        self.stamp += 1;
        let slot = self.slots.insert(Slot { value, stamp, position: position as u32 });
        let slot = u32::try_from(slot).expect("fewer than 2^32 timers are armed in one shard");
        self.entries.push(Entry { deadline, slot });
        self.rise(position);
        Key { stamp, slot }
    }

    /// The value of `key`, if it is still in.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        (slot.stamp == key.stamp).then_some(&mut slot.value)
    }

    /// Gives the entry of `key` another deadline. False if it has left.
    pub fn move_to(&mut self, key: Key, deadline: Moment) -> bool {
        let Some(position) = self.position(key) else { return false };
        self.entries[position].deadline = deadline;
        self.settle(position);
        true
    }

    /// Takes the entry of `key` out, if it is still in.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let position = self.position(key)?;
        Some(self.take(position))
    }

    /// Takes out the earliest, if its deadline is `now` or before.
    pub fn pop_due(&mut self, now: Moment) -> Option<T> {
        let due = !self.is_empty() && self.next() <= now;
        due.then(|| self.take(0))
    }

    /// Takes out all of them, in no order.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.entries.clear();
        self.slots.drain().map(|slot| slot.value)
    }

    fn position(&self, key: Key) -> Option<usize> {
        let slot = self.slots.get(key.slot as usize)?;
        (slot.stamp == key.stamp).then_some(slot.position as usize)
    }

    fn take(&mut self, position: usize) -> T {
        let entry = self.entries.swap_remove(position);
        if position < self.entries.len() {
            self.settle(position);
        }
        self.slots.remove(entry.slot as usize).value
    }

    /// Restores the order after the entry at `position` was exchanged for another.
    fn settle(&mut self, position: usize) {
        let position = self.rise(position);
        self.sink(position);
    }

    fn rise(&mut self, mut position: usize) -> usize {
        let entry = self.entries[position];
        while position > 0 {
            let parent = (position - 1) / CHILDREN;
            if self.entries[parent].deadline <= entry.deadline {
                break;
            }
            self.place(position, self.entries[parent]);
            position = parent;
        }
        self.place(position, entry);
        position
    }

    fn sink(&mut self, mut position: usize) {
        let entry = self.entries[position];
        while let Some(child) = self.earliest_child(position) {
            if entry.deadline <= self.entries[child].deadline {
                break;
            }
            self.place(position, self.entries[child]);
            position = child;
        }
        self.place(position, entry);
    }

    fn earliest_child(&self, position: usize) -> Option<usize> {
        let first = position * CHILDREN + 1;
        let last = (first + CHILDREN).min(self.entries.len());
        (first..last).min_by_key(|child| self.entries[*child].deadline)
    }

    fn place(&mut self, position: usize, entry: Entry) {
        self.entries[position] = entry;
        self.slots[entry.slot as usize].position = position as u32;
    }
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Self::new()
    }
}
