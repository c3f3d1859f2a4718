//! How is handover's own ring used as a run queue?

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::thread;

use handover_executor::queue::ring::Ring;

use super::{Item, Queue, Thief, drain};

/// Bounded. The ring is one of pointers, so an item travels as an address that nobody follows.
pub(crate) struct Own {
    ring: Arc<Ring<u8>>,
    /// Not `Sync`, nor `Clone`: whoever has this is the one owner of its ring.
    owner: PhantomData<Cell<()>>,
}

impl Own {
    fn empty() -> Self {
        Self { ring: Arc::new(Ring::new()), owner: PhantomData }
    }
}

/// Has a ring of its own to steal into.
pub(crate) struct OwnThief {
    victim: Arc<Ring<u8>>,
    own: Own,
}

impl Queue for Own {
    type Thief = OwnThief;

    fn new() -> Self {
        Self::empty()
    }

    fn thief(&self) -> OwnThief {
        OwnThief { victim: Arc::clone(&self.ring), own: Self::empty() }
    }

    fn push(&self, item: Item) {
        let mut pointer = to_pointer(item);
        // SAFETY: the field `owner` makes this thread the owner.
        while let Err(refused) = unsafe { self.ring.push(pointer) } {
            pointer = refused;
            thread::yield_now();
        }
    }

    fn pop(&self) -> Option<Item> {
        // SAFETY: the field `owner` makes this thread the owner.
        unsafe { self.ring.pop() }.map(to_item)
    }
}

impl Thief for OwnThief {
    fn steal(&mut self, sum: &mut u64) -> u64 {
        // SAFETY: this thread owns `own`, as its field `owner` says, and each steal leaves it empty.
        let Some(newest) = (unsafe { self.victim.steal_into(&self.own.ring) }) else {
            return 0;
        };
        *sum = sum.wrapping_add(to_item(newest));
        1 + drain(|| self.own.pop(), sum)
    }
}

/// Item 0 would be the null pointer; so all are one further.
fn to_pointer(item: Item) -> NonNull<u8> {
    NonNull::new(ptr::without_provenance_mut(item as usize + 1)).expect("there are fewer items than addresses")
}

fn to_item(pointer: NonNull<u8>) -> Item {
    pointer.addr().get() as Item - 1
}
