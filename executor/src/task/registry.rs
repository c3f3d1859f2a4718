//! Which tasks are alive? So that a shutdown reaches those that wait for something that never comes.
//!
//! Sharded intrusive lists through the task headers: a spawn and an end each take one short, mostly uncontended lock.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::task::cell::{Header, Links};
use crate::task::reference::TaskRef;

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

    /// How many tasks are alive.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len.load(Ordering::Acquire)).sum()
    }
}
