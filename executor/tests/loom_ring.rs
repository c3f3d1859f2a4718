//! Is every task in a ring taken exactly once, with what its pusher wrote?
//!
//! An item is a cell that its pusher writes and its taker reads: loom fails if the one does not come before the other. The twin is a
//! small copy of the ring that may have a fault, and must then fail.

#![cfg(loom)]

use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize as Ghost;

use handover_executor::queue::ring::{CAPACITY, Ring};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use loom::thread;

/// Something to be run once. The count is not part of the model.
struct Item {
    payload: UnsafeCell<u32>,
    runs: Ghost,
}

// SAFETY: the payload is written before the item is pushed and read after it was taken; loom checks that.
unsafe impl Sync for Item {}
// SAFETY: as above.
unsafe impl Send for Item {}

/// A ring, real or twin. The safety of the real one (one owner) is the models' own business: each has one thread per ring that pushes
/// and pops.
trait Queue: Send + Sync + 'static {
    fn new() -> Self;
    fn push(&self, item: NonNull<Item>) -> Result<(), NonNull<Item>>;
    fn pop(&self) -> Option<NonNull<Item>>;
    fn take_half(&self) -> Vec<NonNull<Item>>;
    fn steal_into(&self, thief: &Self) -> Option<NonNull<Item>>;
    fn is_empty(&self) -> bool;
}

impl Queue for Ring<Item> {
    fn new() -> Self {
        Ring::new()
    }
    fn push(&self, item: NonNull<Item>) -> Result<(), NonNull<Item>> {
        // SAFETY: the models call it from the owner only.
        unsafe { Ring::push(self, item) }
    }
    fn pop(&self) -> Option<NonNull<Item>> {
        // SAFETY: as above.
        unsafe { Ring::pop(self) }
    }
    fn take_half(&self) -> Vec<NonNull<Item>> {
        // SAFETY: as above.
        unsafe { Ring::take_half(self) }
    }
    fn steal_into(&self, thief: &Self) -> Option<NonNull<Item>> {
        // SAFETY: the models call it from the owner of `thief`, when that is empty.
        unsafe { Ring::steal_into(self, thief) }
    }
    fn is_empty(&self) -> bool {
        Ring::is_empty(self)
    }
}

/// What may be wrong with a twin.
mod fault {
    pub(super) const NONE: u8 = 0;
    /// `push` publishes the tail without the item.
    pub(super) const RELAXED_PUSH: u8 = 1;
    /// A thief publishes its booty without the items.
    pub(super) const RELAXED_BOOTY: u8 = 2;
    /// A thief moves the head without asking whether it is where it was.
    pub(super) const CLAIM_BY_STORE: u8 = 3;
    /// The owner does so for the inject queue.
    pub(super) const HALF_BY_STORE: u8 = 4;
    /// Who asks whether it is empty reads the head without what came before it.
    pub(super) const RELAXED_LOOK: u8 = 5;
    /// Who asks reads the tail first.
    pub(super) const TAIL_FIRST: u8 = 6;
}

struct Twin<const FAULT: u8> {
    head: AtomicU32,
    tail: AtomicU32,
    slots: [AtomicPtr<Item>; CAPACITY as usize],
}

impl<const FAULT: u8> Twin<FAULT> {
    fn slot(&self, position: u32) -> &AtomicPtr<Item> {
        &self.slots[(position % CAPACITY) as usize]
    }

    fn claim(&self, from: u32, to: u32, by_store: u8) -> bool {
        if FAULT == by_store {
            self.head.store(to, Ordering::Release);
            return true;
        }
        self.head.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn order(relaxed: u8) -> Ordering {
        if FAULT == relaxed { Ordering::Relaxed } else { Ordering::Release }
    }

    fn read(&self, position: u32) -> Option<NonNull<Item>> {
        NonNull::new(self.slot(position).load(Ordering::Relaxed))
    }
}

impl<const FAULT: u8> Queue for Twin<FAULT> {
    fn new() -> Self {
        let slots = [(); CAPACITY as usize].map(|()| AtomicPtr::new(std::ptr::null_mut()));
        Self { head: AtomicU32::new(0), tail: AtomicU32::new(0), slots }
    }
    fn push(&self, item: NonNull<Item>) -> Result<(), NonNull<Item>> {
        let (head, tail) = (self.head.load(Ordering::Acquire), self.tail.load(Ordering::Relaxed));
        if tail - head >= CAPACITY {
            return Err(item);
        }
        self.slot(tail).store(item.as_ptr(), Ordering::Relaxed);
        self.tail.store(tail + 1, Self::order(fault::RELAXED_PUSH));
        Ok(())
    }
    fn pop(&self) -> Option<NonNull<Item>> {
        loop {
            let (head, tail) = (self.head.load(Ordering::Acquire), self.tail.load(Ordering::Relaxed));
            if head == tail {
                return None;
            }
            let item = self.read(head);
            if self.head.compare_exchange(head, head + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return item;
            }
            thread::yield_now();
        }
    }
    fn take_half(&self) -> Vec<NonNull<Item>> {
        let (head, tail) = (self.head.load(Ordering::Relaxed), self.tail.load(Ordering::Relaxed));
        let half = (tail - head) / 2;
        let items = (head..head + half).filter_map(|position| self.read(position)).collect();
        if self.claim(head, head + half, fault::HALF_BY_STORE) { items } else { Vec::new() }
    }
    fn steal_into(&self, thief: &Self) -> Option<NonNull<Item>> {
        let to = thief.tail.load(Ordering::Relaxed);
        let (head, tail) = (self.head.load(Ordering::Acquire), self.tail.load(Ordering::Acquire));
        let waiting = tail.wrapping_sub(head);
        if waiting == 0 || waiting > CAPACITY {
            return None;
        }
        let half = waiting - waiting / 2;
        for n in 0..half {
            thief.slot(to + n).store(self.slot(head + n).load(Ordering::Relaxed), Ordering::Relaxed);
        }
        if !self.claim(head, head + half, fault::CLAIM_BY_STORE) {
            return None;
        }
        thief.tail.store(to + half - 1, Self::order(fault::RELAXED_BOOTY));
        thief.read(to + half - 1)
    }
    fn is_empty(&self) -> bool {
        let tail = || self.tail.load(Ordering::Relaxed);
        let early = (FAULT == fault::TAIL_FIRST).then(tail);
        let head = self.head.load(if FAULT == fault::RELAXED_LOOK { Ordering::Relaxed } else { Ordering::Acquire });
        early.unwrap_or_else(tail) <= head
    }
}

/// Three processors' rings and all items of a model. Ring 0 is the main thread's.
struct House<Q> {
    rings: [Q; 3],
    items: Vec<Item>,
}

impl<Q: Queue> House<Q> {
    fn new(items: usize) -> Arc<Self> {
        let item = |_| Item { payload: UnsafeCell::new(0), runs: Ghost::new(0) };
        Arc::new(Self { rings: [Q::new(), Q::new(), Q::new()], items: (0..items).map(item).collect() })
    }

    /// Makes an item's payload and pushes it to `ring`, as `Processors::push` does: what overflows is run at once.
    fn push(&self, ring: usize, item: usize) {
        // SAFETY: the item was not pushed before, so nobody else knows it; loom fails if not.
        self.items[item].payload.with_mut(|payload| unsafe { *payload = 7 });
        let mut item = NonNull::from(&self.items[item]);
        loop {
            match self.rings[ring].push(item) {
                Ok(()) => return,
                Err(refused) => item = refused,
            }
            let half = self.rings[ring].take_half();
            if !half.is_empty() {
                half.into_iter().chain([item]).for_each(|item| self.run(item));
                return;
            }
        }
    }

    fn run(&self, item: NonNull<Item>) {
        // SAFETY: the items live as long as the house.
        let item = unsafe { item.as_ref() };
        // SAFETY: the item was taken out of a ring; loom fails if its push does not come before.
        assert_eq!(item.payload.with(|payload| unsafe { *payload }), 7);
        assert_eq!(item.runs.fetch_add(1, Ordering::Relaxed), 0, "an item is run twice");
    }

    /// Runs what is in `ring`, by its owner.
    fn drain(&self, ring: usize) {
        while let Some(item) = self.rings[ring].pop() {
            self.run(item);
        }
    }

    /// The owner of `thief` steals from `victim`, and runs all it has got.
    fn steal(&self, thief: usize, victim: usize) {
        if let Some(item) = self.rings[victim].steal_into(&self.rings[thief]) {
            self.run(item);
        }
        self.drain(thief);
    }

    fn all_were_run(&self) {
        for (n, item) in self.items.iter().enumerate() {
            assert_eq!(item.runs.load(Ordering::Relaxed), 1, "item {n} is lost");
        }
    }
}

/// Another thread, with a ring of its own, does `body`.
fn beside<Q: Queue>(house: &Arc<House<Q>>, body: impl FnOnce(&House<Q>) + Send + 'static) -> thread::JoinHandle<()> {
    let house = Arc::clone(house);
    thread::spawn(move || body(&house))
}

/// Three preemptions where two threads meet; fewer where three do, or the models would take minutes.
fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

// ---- steal against push and pop ------------------------------------------------------------------------------------

/// Given two items in a ring; when its owner pushes a third and pops, while a thief steals; then each is run once.
fn steal_against_push_and_pop<Q: Queue>() {
    check(3, || {
        let house = House::<Q>::new(3);
        let thief = beside(&house, |house| house.steal(1, 0));
        house.push(0, 0);
        house.push(0, 1);
        if let Some(item) = house.rings[0].pop() {
            house.run(item);
        }
        house.push(0, 2);
        house.drain(0);
        thief.join().expect("the thief");
        house.all_were_run();
    });
}

#[test]
fn steal_races_push_and_pop() {
    steal_against_push_and_pop::<Ring<Item>>();
}

#[test]
fn a_twin_without_a_fault_passes() {
    steal_against_push_and_pop::<Twin<{ fault::NONE }>>();
    steal_against_overflow::<Twin<{ fault::NONE }>>();
    steal_from_a_thief::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "is lost")]
fn canary_push_without_release() {
    steal_against_push_and_pop::<Twin<{ fault::RELAXED_PUSH }>>();
}

#[test]
#[should_panic(expected = "an item is run twice")]
fn canary_claim_without_compare() {
    steal_against_push_and_pop::<Twin<{ fault::CLAIM_BY_STORE }>>();
}

// ---- a look from outside -------------------------------------------------------------------------------------------

/// Given two items in a ring; when its owner takes one and pushes another, twice, and a thread that comes after the first two looks meanwhile; then it does not find the ring empty.
fn look_against_pop_and_push<Q: Queue>() {
    check(3, || {
        let house = House::<Q>::new(4);
        house.push(0, 0);
        house.push(0, 1);
        let looker = beside(&house, |house| assert!(!house.rings[0].is_empty(), "it looks empty"));
        for item in [2, 3] {
            house.rings[0].pop().into_iter().for_each(|item| house.run(item));
            house.push(0, item);
        }
        looker.join().expect("who looks");
        house.drain(0);
        house.all_were_run();
    });
}

#[test]
fn look_races_pop_and_push() {
    look_against_pop_and_push::<Ring<Item>>();
    look_against_pop_and_push::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "it looks empty")]
fn canary_look_without_acquire() {
    look_against_pop_and_push::<Twin<{ fault::RELAXED_LOOK }>>();
}

#[test]
#[should_panic(expected = "it looks empty")]
fn canary_look_at_the_tail_first() {
    look_against_pop_and_push::<Twin<{ fault::TAIL_FIRST }>>();
}

// ---- two thieves ---------------------------------------------------------------------------------------------------

/// Given three items; when two thieves steal while the owner pops; then each item is run once.
#[test]
fn steal_races_steal() {
    check(2, || {
        let house = House::<Ring<Item>>::new(3);
        (0..3).for_each(|item| house.push(0, item));
        let thieves = [beside(&house, |house| house.steal(1, 0)), beside(&house, |house| house.steal(2, 0))];
        house.drain(0);
        thieves.into_iter().for_each(|thief| thief.join().expect("a thief"));
        house.all_were_run();
    });
}

/// Given a thief that steals two items; when another thief steals from it; then what that gets was pushed by the first owner before.
fn steal_from_a_thief<Q: Queue>() {
    check(3, || {
        let house = House::<Q>::new(3);
        let thief = beside(&house, |house| {
            let item = house.rings[0].steal_into(&house.rings[1]);
            item.into_iter().for_each(|item| house.run(item));
        });
        let second = beside(&house, |house| house.steal(2, 1));
        (0..3).for_each(|item| house.push(0, item));
        thief.join().expect("the thief");
        second.join().expect("the thief of the thief");
        house.drain(0);
        house.drain(1);
        house.all_were_run();
    });
}

#[test]
fn steal_races_steal_from_the_thief() {
    steal_from_a_thief::<Ring<Item>>();
}

#[test]
#[should_panic(expected = "is lost")]
fn canary_booty_without_release() {
    steal_from_a_thief::<Twin<{ fault::RELAXED_BOOTY }>>();
}

// ---- overflow and wrap-around --------------------------------------------------------------------------------------

/// Given a full ring; when its owner pushes one more, and so takes half of it out, while a thief steals; then each item is run once.
fn steal_against_overflow<Q: Queue>() {
    check(3, || {
        let house = House::<Q>::new(CAPACITY as usize + 1);
        (0..CAPACITY as usize).for_each(|item| house.push(0, item));
        let thief = beside(&house, |house| house.steal(1, 0));
        house.push(0, CAPACITY as usize);
        house.drain(0);
        thief.join().expect("the thief");
        house.all_were_run();
    });
}

#[test]
fn steal_races_overflow() {
    steal_against_overflow::<Ring<Item>>();
}

#[test]
#[should_panic(expected = "an item is run twice")]
fn canary_take_half_without_compare() {
    steal_against_overflow::<Twin<{ fault::HALF_BY_STORE }>>();
}

/// Given a ring whose tail is one slot before the end; when its owner empties it and fills the same slots again while a thief reads
/// them; then the thief's claim of the old ones fails, and each item is run once.
#[test]
fn steal_races_wrap_around() {
    check(3, || {
        let house = House::<Ring<Item>>::new(CAPACITY as usize + 3);
        (0..3).for_each(|item| house.push(0, item));
        house.drain(0);
        house.push(0, 3);
        house.push(0, 4);
        let thief = beside(&house, |house| house.steal(1, 0));
        house.drain(0);
        (5..CAPACITY as usize + 3).for_each(|item| house.push(0, item));
        house.drain(0);
        thief.join().expect("the thief");
        house.all_were_run();
    });
}
