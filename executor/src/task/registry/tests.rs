//! Is every task in one slot, seen by whoever looks, and its memory given back?

use handover_blocking::idle_set::IdleSet;

use super::*;
use crate::task::cell;

const PROCESSORS: usize = 2;
const KEPT: usize = FIRST_BLOCK as usize;

/// A registry of two processors, and who holds them.
fn open() -> (Registry, [Lease; PROCESSORS]) {
    let idle = IdleSet::new(PROCESSORS);
    idle.fill();
    (Registry::new(PROCESSORS), [0, 1].map(|processor| idle.take(processor).expect("a full set")))
}

/// A new task; and the reference that the registry is to have.
fn task() -> TaskRef {
    // SAFETY: it borrows nothing. Nobody runs it, so its runtime is not asked for.
    let task = unsafe { cell::allocate(std::future::pending::<()>(), Id::next(), NonNull::dangling(), Location::caller()) };
    // SAFETY: of its three references one is for the registry, and this is the second.
    drop(unsafe { TaskRef::from_counted(task) });
    // SAFETY: the third.
    unsafe { TaskRef::from_counted(task) }
}

fn add(registry: &Registry, lease: Option<&mut Lease>) -> TaskRef {
    let task = task();
    assert!(registry.insert(lease, task.pointer()).is_ok());
    task
}

fn add_many(registry: &Registry, lease: &mut Lease, count: usize) -> Vec<TaskRef> {
    (0..count).map(|_| add(registry, Some(lease))).collect()
}

fn remove(registry: &Registry, lease: Option<&mut Lease>, task: &TaskRef) {
    drop(registry.remove(lease, task.pointer()));
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

fn ids<'a>(tasks: impl IntoIterator<Item = &'a TaskRef>) -> Vec<u64> {
    let mut ids: Vec<_> = tasks.into_iter().map(|task| task.header().id.as_u64()).collect();
    ids.sort_unstable();
    ids
}

fn slot(task: &TaskRef) -> u32 {
    task.header().slot.load(Ordering::Relaxed)
}

/// Takes all out that are left; then there is none.
fn empty(registry: &Registry) {
    registry.close().iter().for_each(|task| remove(registry, None, task));
    assert_eq!((registry.len(), seen(registry, || ())), (0, Vec::new()));
}

#[test]
fn a_look_at_all_shows_each_task_once_whoever_made_it() {
    let (registry, [mut one, mut other]) = open();
    let mut tasks = add_many(&registry, &mut one, SLICE as usize + 7);
    tasks.extend(add_many(&registry, &mut other, 3));
    tasks.extend((0..3).map(|_| add(&registry, None)));
    assert_eq!(seen(&registry, || {}), ids(&tasks));
    assert_eq!((registry.len(), registry.ever_inserted()), (tasks.len(), tasks.len() as u64));
    empty(&registry);
}

#[test]
fn a_look_shows_once_whatever_stays_while_all_others_end_and_new_ones_come() {
    let (registry, [mut lease, _]) = open();
    let mut tasks = add_many(&registry, &mut lease, 4 * SLICE as usize);
    let mut others: Vec<TaskRef> = (0..tasks.len()).rev().step_by(2).map(|at| tasks.swap_remove(at)).collect();
    let mut fresh = Vec::new();
    let seen = seen(&registry, || {
        if let Some(gone) = others.pop() {
            remove(&registry, Some(&mut lease), &gone);
            fresh.push(add(&registry, Some(&mut lease)));
        }
    });
    assert!(others.is_empty() && fresh.len() == 2 * SLICE as usize);
    let staying = ids(&tasks);
    assert_eq!(seen.iter().copied().filter(|id| staying.binary_search(id).is_ok()).collect::<Vec<_>>(), staying);
    assert!(seen.windows(2).all(|two| two[0] != two[1]), "none is seen twice");
    empty(&registry);
}

#[test]
fn a_slot_that_was_freed_is_used_again_and_the_last_freed_one_first() {
    let (registry, [mut lease, _]) = open();
    let tasks = add_many(&registry, &mut lease, 3);
    remove(&registry, Some(&mut lease), &tasks[0]);
    remove(&registry, Some(&mut lease), &tasks[2]);
    let fresh = add_many(&registry, &mut lease, 2);
    assert_eq!([slot(&fresh[0]), slot(&fresh[1])], [slot(&tasks[2]), slot(&tasks[0])]);
    assert_eq!(registry.len(), 3);
    empty(&registry);
}

#[test]
fn slots_that_are_freed_on_one_processor_come_back_to_the_others() {
    let (registry, [mut maker, mut ender]) = open();
    for _ in 0..100 {
        let tasks = add_many(&registry, &mut maker, BATCH);
        tasks.iter().for_each(|task| remove(&registry, Some(&mut ender), task));
        let task = add(&registry, None);
        remove(&registry, Some(&mut ender), &task);
    }
    assert_eq!(registry.slots.capacity(), KEPT, "thousands of tasks, never a hundred at a time");
    empty(&registry);
}

#[test]
fn a_closed_registry_takes_none_on_any_processor_and_lets_all_go() {
    let (registry, [mut lease, mut other]) = open();
    let tasks = add_many(&registry, &mut lease, 3);
    let left = registry.close();
    assert_eq!(ids(&left), ids(&tasks));
    left.iter().for_each(|task| remove(&registry, Some(&mut lease), task));
    for lease in [Some(&mut lease), Some(&mut other), None] {
        let late = task();
        assert!(registry.insert(lease, late.pointer()).is_err());
        // SAFETY: the registry did not take its reference.
        drop(unsafe { TaskRef::from_counted(late.pointer()) });
    }
    empty(&registry);
}

#[test]
fn the_memory_of_a_burst_is_given_back_when_its_tasks_have_ended() {
    let (registry, [mut lease, _]) = open();
    let tasks = add_many(&registry, &mut lease, KEPT + 1);
    assert!(!registry.has_surplus(), "it is used");
    tasks.iter().skip(1).for_each(|task| remove(&registry, Some(&mut lease), task));
    assert!(registry.has_surplus());
    registry.trim();
    assert_eq!(registry.slots.capacity(), KEPT);
    let again = add_many(&registry, &mut lease, 2 * KEPT);
    assert_eq!(seen(&registry, || {}), ids(again.iter().chain(&tasks[..1])));
    empty(&registry);
}

#[test]
fn a_task_that_stays_does_not_keep_the_memory_behind_it_nor_is_it_looked_at_again_and_again() {
    let (registry, [mut lease, _]) = open();
    let mut tasks = add_many(&registry, &mut lease, 16 * KEPT);
    // Given one that stays at the start, and one behind which much is free.
    let staying = [tasks.swap_remove(3 * KEPT), tasks.swap_remove(0)];
    tasks.iter().for_each(|task| remove(&registry, Some(&mut lease), task));
    registry.trim();
    let capacity = registry.slots.capacity();
    assert!(capacity < 8 * KEPT, "{capacity}");
    // When nothing more can be given back.
    assert!(!registry.has_surplus());
    // Then new ones fill the gaps.
    let fresh = add_many(&registry, &mut lease, 2 * KEPT);
    assert_eq!((registry.slots.capacity(), seen(&registry, || {})), (capacity, ids(staying.iter().chain(&fresh))));
    // And when as many have ended as there are slots, and those in the middle with them, it is tried again.
    fresh.iter().chain(&staying[..1]).for_each(|task| remove(&registry, Some(&mut lease), task));
    for _ in 0..capacity {
        let short = add(&registry, Some(&mut lease));
        remove(&registry, Some(&mut lease), &short);
    }
    assert!(registry.has_surplus());
    registry.trim();
    assert_eq!(registry.slots.capacity(), KEPT);
    empty(&registry);
}
