//! Which tasks are alive? So that a shutdown reaches those that wait for something that never comes, and a dump shows them.
//!
//! Each task has a slot in one of some tables, and knows which: a spawn and an end each take one short, mostly uncontended lock, and touch no other task. (A list through the
//! headers would: of 200,000 tasks that sleep, both neighbours of one that ends are out of every cache.)

use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use handover_blocking::counters::Counter;

use crate::task::cell::Header;
use crate::task::id::Id;
use crate::task::reference::TaskRef;
use crate::task::state::Snapshot;

/// So many slots are looked at under a shard's lock at a time: some tens of microseconds, even if each task and the one that joins it come out of memory.
const SLICE: usize = 128;
/// A table never gives back the memory of so many slots.
const KEPT_SLOTS: usize = 1024;

/// One shard's tasks.
#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
    /// The slot that was freed last.
    free: Option<u32>,
    /// Slots that were freed since the table was new or in order. No more than fit are counted: there are fewer slots.
    freed: u32,
    closed: bool,
}

/// A task; or, with the lowest bit set, that it is free, and above that bit one more than the slot that was freed before it, 0 for none.
#[derive(Clone, Copy)]
struct Slot(*mut Header);

/// What is in a slot.
enum Content {
    Task(NonNull<Header>),
    Free { next: Option<u32> },
}

impl Slot {
    fn of_task(task: NonNull<Header>) -> Self {
        Self(task.as_ptr())
    }

    fn free(next: Option<u32>) -> Self {
        let number = next.map_or(0, |slot| slot as usize + 1);
        Self(ptr::without_provenance_mut(number << 1 | 1))
    }

    fn content(self) -> Content {
        match self.0.addr() {
            address if address & 1 == 1 => Content::Free { next: (address >> 1).checked_sub(1).map(|slot| slot as u32) },
            _ => Content::Task(NonNull::new(self.0).expect("a slot is made with a task")),
        }
    }

    fn task(self) -> Option<NonNull<Header>> {
        match self.content() {
            Content::Task(task) => Some(task),
            Content::Free { .. } => None,
        }
    }
}

impl Table {
    /// A place for `task`.
    fn insert(&mut self, task: NonNull<Header>) -> u32 {
        let Some(slot) = self.free else {
            let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 tasks of one shard are alive");
            self.slots.push(Slot::of_task(task));
            return slot;
        };
        let place = &mut self.slots[slot as usize];
        let Content::Free { next } = place.content() else { unreachable!("slot {slot} is in the list of the free ones") };
        self.free = next;
        *place = Slot::of_task(task);
        slot
    }

    fn remove(&mut self, slot: u32) {
        self.slots[slot as usize] = Slot::free(self.free);
        self.free = Some(slot);
        self.freed = self.freed.saturating_add(1);
    }

    /// Gives the memory of a burst back, of which `left` tasks are left: at once if that is none, and else when as many slots have been freed as there are, which pays for looking at each.
    fn shrink(&mut self, left: usize) {
        let slots = self.slots.len();
        if slots <= KEPT_SLOTS {
            return;
        }
        if left == 0 {
            *self = Self { closed: self.closed, ..Self::default() };
        } else if left < slots / 4 && self.freed as usize >= slots {
            self.put_in_order();
        }
    }

    /// Cuts off the free end. The other free slots are used from the first on, so that the end gets free as tasks end that lie there.
    fn put_in_order(&mut self) {
        let used = self.slots.iter().rposition(|slot| slot.task().is_some()).map_or(0, |last| last + 1);
        self.slots.truncate(used);
        self.slots.shrink_to(KEPT_SLOTS);
        (self.free, self.freed) = (None, 0);
        for (slot, place) in self.slots.iter_mut().enumerate().rev().filter(|(_, place)| place.task().is_none()) {
            *place = Slot::free(self.free);
            self.free = Some(slot as u32);
        }
    }
}

// SAFETY: the pointers are to task headers, which may be used from any thread.
unsafe impl Send for Table {}

/// One cache line each, or neighbours' locks would fight.
#[repr(align(64))]
#[derive(Default)]
struct Shard {
    table: Mutex<Table>,
    len: AtomicUsize,
    /// Ever inserted. Written under the lock.
    inserted: Counter,
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
    shards: Box<[Shard]>,
}

/// The runtime takes no more tasks.
#[derive(Debug)]
pub(crate) struct Closed;

impl Registry {
    /// With enough shards that `processors` spawners seldom meet.
    pub(crate) fn new(processors: usize) -> Self {
        let shards = (4 * processors).next_power_of_two().min(64);
        Self { shards: (0..shards).map(|_| Shard::default()).collect() }
    }

    fn shard(&self, task: &Header) -> &Shard {
        &self.shards[task.id.as_u64() as usize & (self.shards.len() - 1)]
    }

    /// Takes over one reference of a new task, unless the runtime is closed.
    pub(crate) fn insert(&self, task: NonNull<Header>) -> Result<(), Closed> {
        // SAFETY: the caller's references keep the task alive.
        let header = unsafe { task.as_ref() };
        let shard = self.shard(header);
        let mut table = shard.lock();
        if table.closed {
            return Err(Closed);
        }
        // Relaxed: who removes the task has it from a queue, so all that its spawn did comes before.
        header.slot.store(table.insert(task), Ordering::Relaxed);
        shard.len.store(shard.len.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        shard.inserted.raise_alone();
        Ok(())
    }

    /// Takes a task out and gives its reference back.
    pub(crate) fn remove(&self, task: NonNull<Header>) -> TaskRef {
        // SAFETY: the registry's own reference keeps the task alive.
        let header = unsafe { task.as_ref() };
        let shard = self.shard(header);
        let mut table = shard.lock();
        table.remove(header.slot.load(Ordering::Relaxed));
        let left = shard.len.load(Ordering::Relaxed) - 1;
        table.shrink(left);
        // Release: whoever reads an empty registry comes after all that its tasks did.
        shard.len.store(left, Ordering::Release);
        drop(table);
        // SAFETY: the table's reference is given to the caller.
        unsafe { TaskRef::from_counted(task) }
    }

    /// Refuses further tasks and returns those that there are.
    pub(crate) fn close(&self) -> Vec<TaskRef> {
        let mut tasks = Vec::new();
        for shard in &self.shards {
            let mut table = shard.lock();
            table.closed = true;
            // SAFETY: the table holds a reference of each of its tasks, and the lock keeps them in it.
            tasks.extend(table.slots.iter().filter_map(|slot| slot.task()).map(|task| unsafe { TaskRef::counted(task) }));
        }
        tasks
    }

    /// Shows `look` every task that is there all the while, once. The locks are held for a slice at a time, and not while it looks.
    pub(crate) fn look_at_all(&self, look: &mut dyn FnMut(Seen)) {
        let mut slice = Vec::with_capacity(SLICE);
        for shard in &self.shards {
            let mut from = Some(0);
            while let Some(first) = from {
                from = shard.look_at_slice(first, &mut slice);
                slice.drain(..).for_each(&mut *look);
            }
        }
    }

    /// How many tasks there have been.
    pub(crate) fn ever_inserted(&self) -> u64 {
        self.shards.iter().map(|shard| shard.inserted.get()).sum()
    }

    /// How many tasks are alive.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len.load(Ordering::Acquire)).sum()
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in the slots from `first` on; where to go on, if there are more. A task keeps its slot, so none is seen twice, and none is missed that stays.
    fn look_at_slice(&self, first: usize, into: &mut Vec<Seen>) -> Option<usize> {
        let table = self.lock();
        let end = (first + SLICE).min(table.slots.len());
        let tasks = table.slots.get(first..end).unwrap_or_default().iter().filter_map(|slot| slot.task());
        into.extend(tasks.map(|task| {
            // SAFETY: the table holds a reference of each of its tasks, and the lock keeps them in it.
            let header = unsafe { task.as_ref() };
            Seen {
                id: header.id,
                spawned_at: header.spawned_at,
                state: header.state.load(),
                joiner: header.joiner(),
                polls: header.polls.load(Ordering::Relaxed),
            }
        }));
        (end < table.slots.len()).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::cell;

    /// A registry of one shard, with so many tasks, and references of them.
    fn filled(count: usize) -> (Registry, Vec<TaskRef>) {
        let registry = Registry { shards: Box::new([Shard::default()]) };
        let tasks = (0..count).map(|_| add(&registry)).collect();
        (registry, tasks)
    }

    fn add(registry: &Registry) -> TaskRef {
        // SAFETY: it borrows nothing. Nobody runs it, so its runtime is not asked for.
        let task = unsafe { cell::allocate(std::future::pending::<()>(), Id::next(), NonNull::dangling(), Location::caller()) };
        assert!(registry.insert(task).is_ok());
        // SAFETY: of its three references the registry has taken one, and this is the second.
        drop(unsafe { TaskRef::from_counted(task) });
        // SAFETY: the third.
        unsafe { TaskRef::from_counted(task) }
    }

    fn seen(registry: &Registry, mut meanwhile: impl FnMut()) -> Vec<u64> {
        let mut ids = Vec::new();
        registry.look_at_all(&mut |seen| {
            ids.push(seen.id.as_u64());
            meanwhile();
        });
        ids.sort_unstable();
        ids
    }

    fn ids(tasks: &[TaskRef]) -> Vec<u64> {
        tasks.iter().map(|task| task.header().id.as_u64()).collect()
    }

    fn capacity(registry: &Registry) -> usize {
        registry.shards[0].lock().slots.capacity()
    }

    fn empty(registry: &Registry) {
        registry.close().iter().for_each(|task| drop(registry.remove(task.pointer())));
        assert_eq!(registry.len(), 0);
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_shard_is_one_cache_line() {
        assert_eq!(size_of::<Shard>(), 64);
    }

    #[test]
    fn a_look_at_all_shows_each_task_once() {
        let (registry, tasks) = filled(2 * SLICE + 7);
        assert_eq!(seen(&registry, || {}), ids(&tasks));
        empty(&registry);
    }

    #[test]
    fn a_look_shows_once_whatever_stays_while_all_others_end_and_new_ones_come() {
        let (registry, mut tasks) = filled(4 * SLICE);
        let mut others: Vec<TaskRef> = (0..tasks.len()).rev().step_by(2).map(|at| tasks.swap_remove(at)).collect();
        let mut fresh = Vec::new();
        let seen = seen(&registry, || {
            if let Some(gone) = others.pop() {
                drop(registry.remove(gone.pointer()));
                fresh.push(add(&registry));
            }
        });
        assert!(others.is_empty() && fresh.len() == 2 * SLICE);
        let mut staying = ids(&tasks);
        staying.sort_unstable();
        assert_eq!(seen.iter().copied().filter(|id| staying.binary_search(id).is_ok()).collect::<Vec<_>>(), staying);
        assert!(seen.windows(2).all(|two| two[0] != two[1]), "none is seen twice");
        empty(&registry);
    }

    #[test]
    fn a_slot_that_was_freed_is_used_again_and_the_last_freed_one_first() {
        let (registry, tasks) = filled(3);
        let slot = |task: &TaskRef| task.header().slot.load(Ordering::Relaxed);
        let freed = [slot(&tasks[0]), slot(&tasks[2])];
        drop(registry.remove(tasks[0].pointer()));
        drop(registry.remove(tasks[2].pointer()));
        let fresh = [add(&registry), add(&registry), add(&registry)];
        assert_eq!(fresh.each_ref().map(slot), [freed[1], freed[0], 3]);
        assert_eq!(registry.len(), 4);
        empty(&registry);
    }

    #[test]
    fn the_memory_of_a_burst_is_given_back_when_its_last_task_has_ended() {
        let (registry, tasks) = filled(KEPT_SLOTS + 1);
        tasks.iter().skip(1).for_each(|task| drop(registry.remove(task.pointer())));
        assert!(capacity(&registry) > KEPT_SLOTS);
        drop(registry.remove(tasks[0].pointer()));
        assert_eq!(capacity(&registry), 0);
        let again = add(&registry);
        assert_eq!(seen(&registry, || {}), ids(std::slice::from_ref(&again)));
        empty(&registry);
    }

    #[test]
    fn a_task_that_stays_does_not_keep_the_memory_of_a_burst() {
        let (registry, mut tasks) = filled(8 * KEPT_SLOTS);
        // Given one that stays at the start, and one behind which much is free.
        let staying = [tasks.swap_remove(0), tasks.swap_remove(3 * KEPT_SLOTS)];
        tasks.iter().for_each(|task| drop(registry.remove(task.pointer())));
        // When others come and go, as many as there were.
        (0..8 * KEPT_SLOTS).for_each(|_| drop(registry.remove(add(&registry).pointer())));
        // Then what lies behind the last that stays is given back, and new ones fill the gaps.
        assert!(capacity(&registry) <= 3 * KEPT_SLOTS + 1, "{}", capacity(&registry));
        let fresh: Vec<_> = (0..2 * KEPT_SLOTS).map(|_| add(&registry)).collect();
        assert!(capacity(&registry) <= 3 * KEPT_SLOTS + 1, "{}", capacity(&registry));
        let mut there = ids(&staying);
        there.extend(ids(&fresh));
        there.sort_unstable();
        assert_eq!(seen(&registry, || {}), there);
        empty(&registry);
    }
}
