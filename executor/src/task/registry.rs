//! Which tasks are alive? So that a shutdown reaches those that wait for something that never comes.
//!
//! Sharded intrusive lists through the task headers: a spawn and an end each take one short, mostly uncontended lock.

use std::collections::HashSet;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use handover_blocking::counters::Counter;

use crate::task::cell::{Header, Links};
use crate::task::id::Id;
use crate::task::reference::TaskRef;
use crate::task::state::Snapshot;

/// So many tasks are looked at under a shard's lock at a time: some tens of microseconds, with every one of them out of memory.
const SLICE: usize = 1024;
/// So many tasks at the end of a slice are kept until the next one, which goes on behind the last that is still there.
const CURSORS: usize = 64;
/// So often a walk begins anew, behind what it has seen, when all of those have ended.
const RESTARTS: u32 = 16;

/// One shard's list.
#[derive(Default)]
struct List {
    head: Option<NonNull<Header>>,
    closed: bool,
}

// SAFETY: the pointers are to task headers, which may be used from any thread; the links are guarded by the shard's lock.
unsafe impl Send for List {}

/// One cache line each, or neighbours' locks would fight.
#[repr(align(64))]
#[derive(Default)]
struct Shard {
    list: Mutex<List>,
    len: AtomicUsize,
    /// Ever inserted. Written under the lock.
    inserted: Counter,
}

/// What a look at a task finds.
pub(crate) struct Seen {
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) state: Snapshot,
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
        let shard = self.shard(unsafe { task.as_ref() });
        let mut list = shard.list.lock().unwrap_or_else(PoisonError::into_inner);
        if list.closed {
            return Err(Closed);
        }
        let next = list.head.replace(task);
        // SAFETY: links are guarded by the shard's lock, which is held.
        unsafe {
            *task.as_ref().links.get() = Links { previous: None, next };
            if let Some(next) = next {
                (*next.as_ref().links.get()).previous = Some(task);
            }
        }
        shard.len.store(shard.len.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        shard.inserted.raise_alone();
        Ok(())
    }

    /// Takes a task out and gives its reference back.
    pub(crate) fn remove(&self, task: NonNull<Header>) -> TaskRef {
        // SAFETY: the registry's own reference keeps the task alive.
        let shard = self.shard(unsafe { task.as_ref() });
        let mut list = shard.list.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: links are guarded by the shard's lock, which is held; neighbours in the list are alive, for the list holds a reference of each.
        unsafe {
            let Links { previous, next } = std::mem::take(&mut *task.as_ref().links.get());
            match previous {
                Some(previous) => (*previous.as_ref().links.get()).next = next,
                None => list.head = next,
            }
            if let Some(next) = next {
                (*next.as_ref().links.get()).previous = previous;
            }
        }
        // Release: whoever reads an empty registry comes after all that its tasks did.
        shard.len.store(shard.len.load(Ordering::Relaxed) - 1, Ordering::Release);
        drop(list);
        // SAFETY: the list's reference is given to the caller.
        unsafe { TaskRef::from_counted(task) }
    }

    /// Refuses further tasks and returns those that there are.
    pub(crate) fn close(&self) -> Vec<TaskRef> {
        let mut tasks = Vec::new();
        for shard in &self.shards {
            let mut list = shard.list.lock().unwrap_or_else(PoisonError::into_inner);
            list.closed = true;
            let mut at = list.head;
            while let Some(task) = at {
                // SAFETY: the list holds a reference of each of its tasks, and the lock keeps them in it.
                tasks.push(unsafe { TaskRef::counted(task) });
                // SAFETY: links are guarded by the shard's lock, which is held.
                at = unsafe { (*task.as_ref().links.get()).next };
            }
        }
        tasks
    }

    /// Shows `look` every task that is there all the while; false if it had to give up. The locks are held for a slice at a time.
    pub(crate) fn look_at_all(&self, look: &mut dyn FnMut(Seen)) -> bool {
        let mut complete = true;
        for shard in &self.shards {
            complete &= shard.look_at_all(look);
        }
        complete
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
    /// From the newest task to the oldest: those that are spawned meanwhile come before, and are not missed.
    fn look_at_all(&self, look: &mut dyn FnMut(Seen)) -> bool {
        let mut walk = Walk::default();
        let mut restarts = 0;
        loop {
            let slice = self.look_at_slice(&mut walk);
            for seen in walk.slice.drain(..) {
                if walk.shown.insert(seen.id) {
                    look(seen);
                }
            }
            match slice {
                Slice::Last => return true,
                Slice::Walked => {}
                Slice::Lost if restarts < RESTARTS => restarts += 1,
                Slice::Lost => return false,
            }
        }
    }

    fn look_at_slice(&self, walk: &mut Walk) -> Slice {
        // Dropped after the lock: with the last reference of a task goes its join waker, which is the user's.
        let before = std::mem::replace(&mut walk.cursors, Vec::with_capacity(CURSORS));
        walk.slice.reserve(SLICE);
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = if before.is_empty() {
            list.head
        } else {
            match before.iter().rev().find(|task| list.holds(task)) {
                // SAFETY: links are guarded by the shard's lock, which is held.
                Some(task) => unsafe { (*task.header().links.get()).next },
                // All of them have ended: from the start again, and nothing is shown twice.
                None => {
                    drop(list);
                    return Slice::Lost;
                }
            }
        };
        for n in 0..SLICE {
            let Some(task) = at else { return Slice::Last };
            // SAFETY: the list holds a reference of each of its tasks, and the lock keeps them in it.
            let header = unsafe { task.as_ref() };
            walk.slice.push(Seen { id: header.id, spawned_at: header.spawned_at, state: header.state.load() });
            if n >= SLICE - CURSORS {
                // SAFETY: as above.
                walk.cursors.push(unsafe { TaskRef::counted(task) });
            }
            // SAFETY: links are guarded by the shard's lock, which is held.
            at = unsafe { (*header.links.get()).next };
        }
        Slice::Walked
    }
}

/// How far a walk through a shard has come.
#[derive(Default)]
struct Walk {
    /// What the last slice has found; filled under the lock, and shown after it.
    slice: Vec<Seen>,
    shown: HashSet<Id>,
    /// The last tasks of the slice before, in the order of the list; empty at a start.
    cursors: Vec<TaskRef>,
}

/// What looking at a slice came to.
enum Slice {
    /// There is more.
    Walked,
    /// There is no more.
    Last,
    /// Nobody is left to go on behind.
    Lost,
}

impl List {
    /// Whether `task`, which was once in this list, is still in it.
    fn holds(&self, task: &TaskRef) -> bool {
        // SAFETY: links are guarded by the shard's lock, which the caller holds, having this list. `remove` empties them.
        let links = unsafe { &*task.header().links.get() };
        links.previous.is_some() || self.head == Some(task.pointer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::cell;

    /// A registry of one shard, with so many tasks, oldest first, and references of them.
    fn filled(count: usize) -> (Registry, Vec<TaskRef>) {
        let registry = Registry { shards: Box::new([Shard::default()]) };
        let tasks = (0..count).map(|_| {
            // SAFETY: it borrows nothing. Nobody runs it, so its runtime is not asked for.
            let task = unsafe { cell::allocate(std::future::pending::<()>(), Id::next(), NonNull::dangling(), Location::caller()) };
            assert!(registry.insert(task).is_ok());
            // SAFETY: of its three references the registry has taken one, and this is the second.
            drop(unsafe { TaskRef::from_counted(task) });
            // SAFETY: the third.
            unsafe { TaskRef::from_counted(task) }
        });
        let tasks = tasks.collect();
        (registry, tasks)
    }

    /// The ids that a walk shows, if `between` happens after its first slice.
    fn walked(registry: &Registry, between: impl FnOnce(&Walk)) -> (Vec<Id>, bool) {
        let (shard, mut ids, mut between) = (&registry.shards[0], Vec::new(), Some(between));
        let mut walk = Walk::default();
        let mut restarts = 0;
        loop {
            let slice = shard.look_at_slice(&mut walk);
            ids.extend(walk.slice.drain(..).filter(|seen| walk.shown.insert(seen.id)).map(|seen| seen.id));
            if let Some(between) = between.take() {
                between(&walk);
            }
            match slice {
                Slice::Last => return (ids, restarts > 0),
                Slice::Walked => {}
                Slice::Lost => restarts += 1,
            }
        }
    }

    fn empty(registry: &Registry) {
        registry.close().iter().for_each(|task| drop(registry.remove(task.pointer())));
    }

    #[test]
    fn a_walk_goes_on_behind_the_last_of_its_cursors_that_is_still_there() {
        let (registry, tasks) = filled(3 * SLICE);
        let (ids, restarted) = walked(&registry, |walk| {
            walk.cursors.iter().rev().take(CURSORS - 1).for_each(|gone| drop(registry.remove(gone.pointer())));
        });
        assert!(!restarted);
        assert!(ids.into_iter().rev().eq(tasks.iter().map(|task| task.header().id)), "each once, from the newest to the oldest");
        empty(&registry);
    }

    #[test]
    fn a_walk_that_has_lost_all_of_its_cursors_begins_anew_and_shows_nothing_twice() {
        let (registry, tasks) = filled(3 * SLICE);
        let (ids, restarted) = walked(&registry, |walk| walk.cursors.iter().for_each(|gone| drop(registry.remove(gone.pointer()))));
        assert!(restarted);
        assert!(ids.into_iter().rev().eq(tasks.iter().map(|task| task.header().id)));
        empty(&registry);
    }

    #[test]
    fn a_look_at_all_shows_each_task_once() {
        let (registry, tasks) = filled(2 * SLICE + 7);
        let mut ids = Vec::new();
        assert!(registry.look_at_all(&mut |seen| ids.push(seen.id)));
        assert!(ids.into_iter().rev().eq(tasks.iter().map(|task| task.header().id)));
        empty(&registry);
    }
}
