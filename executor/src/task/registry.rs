//! Which tasks are alive? So that a shutdown reaches those that wait for something that never comes, and a dump shows them.
//!
//! Each task has a slot, and knows which. A processor keeps some free ones for itself, so that a spawn and an end on it take no lock, and touch no other task. (A list through the headers would: of 200,000 tasks that
//! sleep, both neighbours of one that ends are out of every cache.) Who looks at all slots shuts the gate of [`PerProcessor`] meanwhile.

mod slots;
#[cfg(test)]
mod tests;

use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use handover_blocking::Lease;
use handover_blocking::per_processor::PerProcessor;

use self::slots::{FIRST_BLOCK, Slots};
use crate::task::cell::Header;
use crate::task::id::Id;
use crate::task::reference::TaskRef;
use crate::task::state::Snapshot;

/// So many slots are looked at while the gate is shut: some tens of microseconds, even if each task and the one that joins it come out of memory.
const SLICE: u32 = 256;
/// So many free slots go from the reserve to a processor, or back, at a time. A processor keeps up to twice as many, so that spawns and ends in turn do not go to the reserve each time.
const BATCH: usize = 64;

/// Free slots of one processor.
#[derive(Debug)]
struct Part {
    /// Up to 2 `BATCH`; the last one is used next, for its memory is warm.
    free: Vec<u32>,
    closed: bool,
}

/// Those of none.
#[derive(Debug, Default)]
struct Reserve {
    free: Vec<u32>,
    /// Every slot below this is a task's, or free here or in a part.
    used: u32,
    closed: bool,
}

/// What one processor has done, or, without one, everybody else. Written by its holder alone, or under the reserve's lock. On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Tally {
    inserted: AtomicU64,
    removed: AtomicU64,
}

/// One more, where only one thread writes.
fn raise(count: &AtomicU64, order: Ordering) {
    count.store(count.load(Ordering::Relaxed) + 1, order);
}

impl Tally {
    fn count_inserted(&self) {
        // Relaxed: whoever sees the task's removal sees this, too, for the removal comes after it and is published with Release.
        raise(&self.inserted, Ordering::Relaxed);
    }

    fn count_removed(&self) {
        // Release: whoever reads an empty registry comes after all that its tasks did; pairs with the Acquire in `Registry::removed`.
        raise(&self.removed, Ordering::Release);
    }
}

impl Part {
    fn new() -> Self {
        Self { free: Vec::with_capacity(2 * BATCH), closed: false }
    }

    fn is_full(&self) -> bool {
        self.free.len() == 2 * BATCH
    }
}

impl Reserve {
    /// A slot for one task.
    fn take(&mut self, slots: &Slots) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            let slot = self.used;
            self.use_new(1, slots);
            slot
        })
    }

    /// Some slots for `part`, which has none.
    fn fill(&mut self, part: &mut Part, slots: &Slots) {
        if self.free.is_empty() {
            let first = self.used;
            self.use_new(BATCH as u32, slots);
            part.free.extend((first..self.used).rev());
        } else {
            part.free.extend(self.free.drain(self.free.len().saturating_sub(BATCH)..));
        }
    }

    fn use_new(&mut self, count: u32, slots: &Slots) {
        let used = self.used.checked_add(count).filter(|used| *used <= u32::MAX - FIRST_BLOCK).expect("fewer than 2^32 tasks are alive");
        (self.used..used).for_each(|slot| slots.provide(slot));
        self.used = used;
    }

    /// Takes the older half of what `part` has.
    fn relieve(&mut self, part: &mut Part) {
        self.free.extend(part.free.drain(..BATCH));
    }
}

/// What a look at a task finds.
pub(crate) struct Seen {
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) state: Snapshot,
    /// Who waits for it.
    pub(crate) joiner: Option<Id>,
    /// How many polls of it have begun; no more are counted than fit.
    pub(crate) polls: u32,
}

/// All tasks of one runtime that are not over.
pub(crate) struct Registry {
    slots: Slots,
    free: PerProcessor<Part, Reserve>,
    /// One for each processor, and the last one for who has none.
    tallies: Box<[Tally]>,
    /// How many tasks must have been removed before it is worth while to look again for memory to give back.
    next_trim: AtomicU64,
}

/// The runtime takes no more tasks.
#[derive(Debug)]
pub(crate) struct Closed;

impl Registry {
    /// For so many processors.
    pub(crate) fn new(processors: usize) -> Self {
        Self {
            slots: Slots::default(),
            free: PerProcessor::new((0..processors).map(|_| Part::new()), Reserve::default()),
            tallies: (0..=processors).map(|_| Tally::default()).collect(),
            next_trim: AtomicU64::new(0),
        }
    }

    // ---- spawns and ends --------------------------------------------------------------------------------------------

    /// Takes over one reference of a new task, unless the runtime is closed.
    #[inline]
    pub(crate) fn insert(&self, mut lease: Option<&mut Lease>, task: NonNull<Header>) -> Result<(), Closed> {
        if let Some(lease) = lease.as_deref_mut() {
            let processor = lease.processor();
            let inserted = self.free.with_own(lease, |part| {
                let slot = if part.closed { None } else { part.free.pop() };
                slot.map(|slot| self.write_down(slot, task, processor))
            });
            if let Some(Some(())) = inserted {
                return Ok(());
            }
        }
        self.insert_from_reserve(lease, task)
    }

    #[cold]
    fn insert_from_reserve(&self, lease: Option<&mut Lease>, task: NonNull<Header>) -> Result<(), Closed> {
        let tally = self.tally_of(lease.as_deref());
        self.free.with_reserve(lease, |reserve, own| {
            if reserve.closed {
                return Err(Closed);
            }
            let slot = match own {
                Some(part) => part.free.pop().unwrap_or_else(|| {
                    reserve.fill(part, &self.slots);
                    part.free.pop().expect("the reserve has given some")
                }),
                None => reserve.take(&self.slots),
            };
            self.write_down(slot, task, tally);
            Ok(())
        })
    }

    #[inline]
    fn write_down(&self, slot: u32, task: NonNull<Header>, tally: usize) {
        // Relaxed: who removes the task has it from a queue, so all that its spawn did comes before.
        // SAFETY: the caller's references keep the task alive.
        unsafe { task.as_ref() }.slot.store(slot, Ordering::Relaxed);
        self.slots.set(slot, task);
        self.tallies[tally].count_inserted();
    }

    /// Takes a task out; its reference is the caller's now.
    #[inline]
    pub(crate) fn remove(&self, mut lease: Option<&mut Lease>, task: NonNull<Header>) -> TaskRef {
        // SAFETY: the registry's own reference keeps the task alive.
        let slot = unsafe { task.as_ref() }.slot.load(Ordering::Relaxed);
        let removed = lease.as_deref_mut().and_then(|lease| {
            let processor = lease.processor();
            self.free.with_own(lease, |part| {
                let has_room = !part.is_full();
                if has_room {
                    self.strike_out(slot, processor);
                    part.free.push(slot);
                }
                has_room
            })
        });
        if removed != Some(true) {
            self.remove_into_reserve(lease, slot);
        }
        // SAFETY: the slot's reference is given to the caller.
        unsafe { TaskRef::from_counted(task) }
    }

    #[cold]
    fn remove_into_reserve(&self, lease: Option<&mut Lease>, slot: u32) {
        let tally = self.tally_of(lease.as_deref());
        self.free.with_reserve(lease, |reserve, own| {
            self.strike_out(slot, tally);
            let Some(part) = own else { return reserve.free.push(slot) };
            if part.is_full() {
                reserve.relieve(part);
            }
            part.free.push(slot);
        });
    }

    #[inline]
    fn strike_out(&self, slot: u32, tally: usize) {
        self.slots.clear(slot);
        self.tallies[tally].count_removed();
    }

    fn tally_of(&self, lease: Option<&Lease>) -> usize {
        lease.map_or(self.tallies.len() - 1, Lease::processor)
    }

    // ---- all of them ------------------------------------------------------------------------------------------------

    /// Refuses further tasks and returns those that there are.
    pub(crate) fn close(&self) -> Vec<TaskRef> {
        self.free.with_all(|reserve, parts| {
            reserve.closed = true;
            parts.for_each(|part| part.closed = true);
            let tasks = (0..reserve.used).filter_map(|slot| self.slots.task(slot));
            // SAFETY: each slot holds a reference of its task, and the gate, which is shut, keeps them in it.
            tasks.map(|task| unsafe { TaskRef::counted(task) }).collect()
        })
    }

    /// Shows `look` every task that is there all the while, once. The gate is shut for a slice at a time, and not while it looks. A task keeps its slot, so none is seen twice, and none is missed that stays.
    pub(crate) fn look_at_all(&self, look: &mut dyn FnMut(Seen)) {
        let mut slice = Vec::with_capacity(SLICE as usize);
        let mut from = Some(0_u32);
        while let Some(first) = from {
            from = self.free.with_all(|reserve, _| {
                let end = first.saturating_add(SLICE).min(reserve.used);
                slice.extend((first..end).filter_map(|slot| self.slots.task(slot)).map(see));
                (end < reserve.used).then_some(end)
            });
            slice.drain(..).for_each(&mut *look);
        }
    }

    /// How many tasks there have been.
    pub(crate) fn ever_inserted(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.inserted.load(Ordering::Relaxed)).sum()
    }

    fn removed(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.removed.load(Ordering::Acquire)).sum()
    }

    /// How many tasks are alive: at least as many as there are at some moment during the call.
    pub(crate) fn len(&self) -> usize {
        // In this order: then what is counted as removed is counted as inserted as well.
        let removed = self.removed();
        (self.ever_inserted() - removed) as usize
    }

    // ---- memory -----------------------------------------------------------------------------------------------------

    /// Whether it keeps the memory of a burst, and [`trim`](Self::trim) may give that back.
    pub(crate) fn has_surplus(&self) -> bool {
        let capacity = self.slots.capacity();
        capacity > FIRST_BLOCK as usize && self.len() < capacity / 4 && self.removed() >= self.next_trim.load(Ordering::Relaxed)
    }

    /// Gives the memory of a burst back, as far as no task that stays lies behind it. If that is not all, it is tried again when as many tasks have ended as there are slots, which pays for looking at each.
    pub(crate) fn trim(&self) {
        if !self.has_surplus() {
            return;
        }
        // Nothing if a holder has lost its CPU in its part: then the next time.
        let trimmed = self.free.try_with_all(|reserve, parts| self.cut_off_free_end(reserve, parts));
        if trimmed.is_some() {
            self.next_trim.store(self.removed() + self.slots.capacity() as u64, Ordering::Relaxed);
        }
    }

    /// All other free slots are used from the first on, so that the end gets free as tasks end that lie there. The caller has shut the gate.
    fn cut_off_free_end(&self, reserve: &mut Reserve, parts: &mut dyn Iterator<Item = &mut Part>) {
        parts.for_each(|part| part.free.clear());
        let is_free = |slot: &u32| self.slots.task(*slot).is_none();
        let used = (0..reserve.used).rev().find(|slot| !is_free(slot)).map_or(0, |last| last + 1);
        reserve.used = used;
        reserve.free = (0..used).rev().filter(is_free).collect();
        // SAFETY: the gate is shut, and whoever has the mutex is here. Slots from `used` on are in no list any more, and `use_new` provides them again.
        unsafe { self.slots.give_up(used) };
    }
}

/// Looks at a task in the registry while the gate is shut.
fn see(task: NonNull<Header>) -> Seen {
    // SAFETY: its slot holds a reference, and the gate keeps it there.
    let header = unsafe { task.as_ref() };
    Seen {
        id: header.id,
        spawned_at: header.spawned_at,
        state: header.state.load(),
        joiner: header.joiner(),
        polls: header.polls.load(Ordering::Relaxed),
    }
}
