//! Which of these deadlines is the earliest, when any of them may be taken back?
//!
//! Near deadlines lie in a heap, far ones unsorted in buckets that are the wider the further off they are; when a bucket's time comes, its deadlines move to narrower ones, and at last into
//! the heap. So a deadline is sorted among those of the same millisecond only, and one that is taken back before it is near has never been sorted at all. Varghese and Lauck, "Hashed and
//! hierarchical timing wheels", 1987; here the narrowest bucket feeds a heap, so nothing is rounded.
//!
//! ```text
//!   heap        deadlines up to `reached`, exact order
//!   level 0     64 buckets of 2^20 ns (1 ms)     those that share all higher digits with `reached`
//!   level 1     64 buckets of 2^26 ns (67 ms)
//!   ...         a tick (deadline / 2^20) is a number of base 64; its level is the highest digit in which it differs from `reached`
//!   level 6     64 buckets of 2^56 ns (2 years)
//! ```
//!
//! Nothing points from a deadline to its place in a bucket: who takes it back only frees its slot, and what is left in the bucket is found to be stale when its time comes, or when more than
//! half of all are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use slab::Slab;

use crate::clock::Moment;

/// Nanoseconds in a tick, as a power of two.
const TICK_BITS: u32 = 20;
/// Buckets in a level, as a power of two.
const DIGIT_BITS: u32 = 6;
const BUCKETS: usize = 1 << DIGIT_BITS;
/// Enough for `Moment::FAR`: 20 + 7 * 6 = 62 bits.
const LEVELS: usize = 7;
/// So many stale entries are never worth a sweep.
const FEW: usize = 64;
/// An empty bucket keeps the memory of so many entries.
const KEPT_CAPACITY: usize = 256;

/// Deadlines with a value each.
#[derive(Debug)]
pub struct Wheel<T> {
    near: BinaryHeap<Reverse<Entry>>,
    levels: Box<[Level; LEVELS]>,
    slots: Slab<Slot<T>>,
    /// Every tick up to here has gone through the heap.
    reached: u64,
    stamp: u64,
    /// Entries, in the heap and the buckets, whose slot has gone.
    stale: usize,
}

/// Ordered by deadline, and then by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    deadline: Moment,
    key: Key,
}

#[derive(Debug)]
struct Slot<T> {
    value: T,
    stamp: u64,
    deadline: Moment,
}

#[derive(Debug)]
struct Level {
    /// Which buckets are not empty.
    occupied: u64,
    buckets: [Bucket; BUCKETS],
}

#[derive(Debug)]
struct Bucket {
    entries: Vec<Entry>,
    /// No entry is due before this; with the first one gone, perhaps none is due at it either.
    earliest: Moment,
}

/// Finds an entry again, and finds nothing once that has left the wheel: the stamp is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    stamp: u64,
    slot: u32,
}

impl Bucket {
    const EMPTY: Self = Self { entries: Vec::new(), earliest: Moment::NEVER };

    fn push(&mut self, entry: Entry) {
        self.earliest = self.earliest.min(entry.deadline);
        self.entries.push(entry);
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(KEPT_CAPACITY);
        self.earliest = Moment::NEVER;
    }
}

impl Level {
    const EMPTY: Self = Self { occupied: 0, buckets: [Bucket::EMPTY; BUCKETS] };

    /// Drops the entries of one bucket that are not live, and says how many.
    fn sweep(&mut self, bucket: usize, is_live: impl Fn(&Entry) -> bool) -> usize {
        let Bucket { entries, earliest } = &mut self.buckets[bucket];
        let before = entries.len();
        entries.retain(is_live);
        *earliest = entries.iter().map(|entry| entry.deadline).min().unwrap_or(Moment::NEVER);
        if entries.is_empty() {
            self.occupied &= !(1 << bucket);
        }
        before - entries.len()
    }

    /// The nearest bucket that is not empty. All are ahead of the present one: see the diagram.
    fn nearest(&self) -> Option<usize> {
        (self.occupied != 0).then(|| self.occupied.trailing_zeros() as usize)
    }
}

fn tick(deadline: Moment) -> u64 {
    deadline.nanos() >> TICK_BITS
}

impl<T> Wheel<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self { near: BinaryHeap::new(), levels: Box::new([Level::EMPTY; LEVELS]), slots: Slab::new(), reached: 0, stamp: 0, stale: 0 }
    }

    /// No deadline is earlier than this; [`Moment::NEVER`] if there is none. It is the earliest one exactly, unless that was taken back.
    pub fn next(&self) -> Moment {
        match self.near.peek() {
            Some(Reverse(entry)) => entry.deadline,
            None => self.nearest().map_or(Moment::NEVER, |(level, bucket)| self.levels[level].buckets[bucket].earliest),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds one.
    ///
    /// # Panics
    /// If there are 2^32 already (128 GiB of them), or the deadline is later than [`Moment::FAR`].
    pub fn insert(&mut self, deadline: Moment, value: T) -> Key {
        debug_assert!(deadline <= Moment::FAR, "{deadline:?} is beyond the last level");
        let stamp = self.next_stamp();
        let slot =
            u32::try_from(self.slots.insert(Slot { value, stamp, deadline })).expect("fewer than 2^32 timers are armed in one shard");
        let key = Key { stamp, slot };
        self.place(Entry { deadline, key });
        key
    }

    /// The value of `key`, if it is still in.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        (slot.stamp == key.stamp).then_some(&mut slot.value)
    }

    /// Gives the entry of `key` another deadline, and another key. None if it has left.
    pub fn move_to(&mut self, key: Key, deadline: Moment) -> Option<Key> {
        let stamp = self.next_stamp();
        let slot = self.slots.get_mut(key.slot as usize).filter(|slot| slot.stamp == key.stamp)?;
        slot.stamp = stamp;
        let before = std::mem::replace(&mut slot.deadline, deadline);
        let key = Key { stamp, ..key };
        self.place(Entry { deadline, key });
        self.leave_stale(before);
        Some(key)
    }

    /// Takes the entry of `key` out, if it is still in.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        if !Self::is_live(&self.slots, key) {
            return None;
        }
        let slot = self.slots.remove(key.slot as usize);
        self.leave_stale(slot.deadline);
        Some(slot.value)
    }

    /// Takes out the earliest, if its deadline is `now` or before.
    pub fn pop_due(&mut self, now: Moment) -> Option<T> {
        self.reach(now);
        self.near.peek().filter(|Reverse(entry)| entry.deadline <= now)?;
        let Reverse(entry) = self.near.pop()?;
        let value = self.slots.remove(entry.key.slot as usize).value;
        self.drop_stale_ahead();
        Some(value)
    }

    /// Takes out all of them, in no order.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.clear_entries();
        self.slots.drain().map(|slot| slot.value)
    }

    /// Shows `look` what lies in up to `count` slots from `first` on; where to go on, if there are more.
    pub fn view_from(&self, first: usize, count: usize, look: &mut dyn FnMut(Moment, &T)) -> Option<usize> {
        let end = (first + count).min(self.slots.capacity());
        let slots = (first..end).filter_map(|slot| self.slots.get(slot));
        slots.for_each(|slot| look(slot.deadline, &slot.value));
        (end < self.slots.capacity()).then_some(end)
    }

    // ---- entries ----------------------------------------------------------------------------------------------------

    fn next_stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    fn is_live(slots: &Slab<Slot<T>>, key: Key) -> bool {
        slots.get(key.slot as usize).is_some_and(|slot| slot.stamp == key.stamp)
    }

    fn place(&mut self, entry: Entry) {
        let tick = tick(entry.deadline);
        if tick <= self.reached {
            self.near.push(Reverse(entry));
            return;
        }
        let level = (63 - (tick ^ self.reached).leading_zeros()) / DIGIT_BITS;
        let bucket = (tick >> (level * DIGIT_BITS)) as usize % BUCKETS;
        let level = &mut self.levels[level as usize];
        level.occupied |= 1 << bucket;
        level.buckets[bucket].push(entry);
    }

    /// The bucket whose time comes next: narrower ones lie before wider ones.
    fn nearest(&self) -> Option<(usize, usize)> {
        self.levels.iter().enumerate().find_map(|(number, level)| Some((number, level.nearest()?)))
    }

    /// Moves on to `now`: whatever is due by then is in the heap.
    fn reach(&mut self, now: Moment) {
        let now = tick(now);
        while let Some((level, bucket)) = self.nearest() {
            let shift = level as u32 * DIGIT_BITS;
            let above = shift + DIGIT_BITS;
            let begins = self.reached >> above << above | (bucket as u64) << shift;
            if begins > now {
                break;
            }
            self.reached = begins;
            self.empty(level, bucket);
        }
        self.reached = self.reached.max(now);
        self.drop_stale_ahead();
    }

    /// Its entries go nearer.
    fn empty(&mut self, level: usize, bucket: usize) {
        self.levels[level].occupied &= !(1 << bucket);
        let mut entries = std::mem::replace(&mut self.levels[level].buckets[bucket], Bucket::EMPTY).entries;
        if level == 0 {
            // Their slots are needed within the millisecond, and lie anywhere: read one after the other here, they come out of memory at the same time.
            let before = entries.len();
            entries.retain(|entry| Self::is_live(&self.slots, entry.key));
            self.stale -= before - entries.len();
        }
        entries.drain(..).for_each(|entry| self.place(entry));
        if entries.capacity() <= KEPT_CAPACITY {
            // Nothing was placed into this bucket: all of it is nearer now.
            self.levels[level].buckets[bucket].entries = entries;
        }
    }

    // ---- stale entries ----------------------------------------------------------------------------------------------

    /// The entry for `deadline` has lost its slot.
    fn leave_stale(&mut self, deadline: Moment) {
        self.stale += 1;
        if self.slots.is_empty() {
            self.clear_entries();
        } else if self.stale > self.slots.len() + FEW {
            self.sweep();
        } else if deadline <= self.next() {
            self.drop_stale_ahead();
        }
    }

    /// The first of the heap is a live one. If the heap is empty, the nearest bucket's earliest is, unless there are too many to look.
    fn drop_stale_ahead(&mut self) {
        if self.stale == 0 {
            return;
        }
        while let Some(Reverse(entry)) = self.near.peek() {
            if Self::is_live(&self.slots, entry.key) {
                return;
            }
            self.near.pop();
            self.stale -= 1;
        }
        while let Some((level, bucket)) = self.nearest()
            && self.levels[level].buckets[bucket].entries.len() <= FEW
        {
            self.stale -= self.levels[level].sweep(bucket, |entry| Self::is_live(&self.slots, entry.key));
            if !self.levels[level].buckets[bucket].entries.is_empty() {
                return;
            }
        }
    }

    fn sweep(&mut self) {
        let Self { near, levels, slots, .. } = self;
        near.retain(|Reverse(entry)| Self::is_live(slots, entry.key));
        for level in levels.iter_mut() {
            for bucket in 0..BUCKETS {
                level.sweep(bucket, |entry| Self::is_live(slots, entry.key));
            }
        }
        self.stale = 0;
    }

    fn clear_entries(&mut self) {
        self.near.clear();
        for level in self.levels.iter_mut() {
            while let Some(bucket) = level.nearest() {
                level.occupied &= !(1 << bucket);
                level.buckets[bucket].clear();
            }
        }
        self.stale = 0;
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}
