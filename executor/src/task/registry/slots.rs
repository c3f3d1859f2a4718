//! Where is a task written down, so that its place never moves?
//!
//! Slots have numbers and lie in blocks, each twice as large as all before it, so that a number says where its slot is and no slot moves when there are more.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::task::cell::Header;

/// Slots of the first block, which is never given back.
pub(super) const FIRST_BLOCK: u32 = 1024;
/// With so many blocks every `u32` but the last few is a slot.
const BLOCKS: usize = (u32::BITS - FIRST_BLOCK.ilog2()) as usize;

/// A task, or null.
///
/// Relaxed throughout: a slot is its task's, and who looks at all of them has shut the gate (see [`Registry`](super::Registry)). It is atomic to be shared, and zeros are an empty one.
type Slot = AtomicPtr<Header>;

/// All slots.
#[derive(Debug, Default)]
pub(super) struct Slots {
    blocks: [AtomicPtr<Slot>; BLOCKS],
}

/// In which block a slot is, and where in that.
fn place(slot: u32) -> (usize, usize) {
    let number = slot as usize + FIRST_BLOCK as usize;
    let block = (number.ilog2() - FIRST_BLOCK.ilog2()) as usize;
    (block, number - block_len(block))
}

fn block_len(block: usize) -> usize {
    (FIRST_BLOCK as usize) << block
}

/// The number of a block's first slot.
fn begin(block: usize) -> usize {
    block_len(block) - FIRST_BLOCK as usize
}

fn layout(block: usize) -> Layout {
    Layout::array::<Slot>(block_len(block)).expect("far less than the address space")
}

impl Slots {
    /// Makes sure that there is memory for `slot`, as there is for all before it. Only one thread at a time may.
    pub(super) fn provide(&self, slot: u32) {
        let (block, _) = place(slot);
        if !self.blocks[block].load(Ordering::Relaxed).is_null() {
            return;
        }
        // SAFETY: a block has slots, so the layout is not of size zero.
        let memory = unsafe { alloc_zeroed(layout(block)) };
        let memory = NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout(block)));
        // Release: the zeros come before whatever is read there; pairs with the Acquire in `slot`.
        self.blocks[block].store(memory.as_ptr().cast(), Ordering::Release);
    }

    #[inline]
    fn slot(&self, slot: u32) -> &Slot {
        let (block, offset) = place(slot);
        let start = NonNull::new(self.blocks[block].load(Ordering::Acquire)).expect("a slot that is used lies in a block");
        // SAFETY: the block has this offset (`place`), its memory is zeros or what `set` and `clear` wrote, and `give_up` is not called while anybody else is in here.
        unsafe { start.add(offset).as_ref() }
    }

    /// The task in `slot`, if there is one.
    #[inline]
    pub(super) fn task(&self, slot: u32) -> Option<NonNull<Header>> {
        NonNull::new(self.slot(slot).load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn set(&self, slot: u32, task: NonNull<Header>) {
        self.slot(slot).store(task.as_ptr(), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn clear(&self, slot: u32) {
        self.slot(slot).store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Gives back the memory of the blocks in which no slot is below `used`, but for the first one.
    ///
    /// # Safety
    /// Nobody else uses any slot meanwhile, and none from `used` on until it is [provided](Self::provide) again.
    pub(super) unsafe fn give_up(&self, used: u32) {
        (1..BLOCKS).filter(|block| begin(*block) >= used as usize).for_each(|block| self.free_block(block));
    }

    fn free_block(&self, block: usize) {
        let start = self.blocks[block].swap(ptr::null_mut(), Ordering::Relaxed);
        if !start.is_null() {
            // SAFETY: `provide` made it with this layout, slots have no destructor, and the callers see to it that nobody uses it.
            unsafe { dealloc(start.cast(), layout(block)) };
        }
    }

    /// How many slots there is memory for: that of the blocks up to the first one that is not there.
    pub(super) fn capacity(&self) -> usize {
        begin(self.blocks.iter().take_while(|start| !start.load(Ordering::Relaxed).is_null()).count())
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        (0..BLOCKS).for_each(|block| self.free_block(block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_place_of_its_own_and_blocks_follow_each_other() {
        assert_eq!(
            [0, FIRST_BLOCK - 1, FIRST_BLOCK, 3 * FIRST_BLOCK - 1, 3 * FIRST_BLOCK].map(place),
            [(0, 0), (0, 1023), (1, 0), (1, 2047), (2, 0)]
        );
        assert_eq!(place(u32::MAX - FIRST_BLOCK), (BLOCKS - 1, block_len(BLOCKS - 1) - 1));
    }

    #[test]
    fn memory_grows_by_blocks_and_the_first_one_stays() {
        let slots = Slots::default();
        [0, 1023, 1024, 3071, 3072].iter().for_each(|slot| slots.provide(*slot));
        assert_eq!(slots.capacity(), 1024 + 2048 + 4096);
        // SAFETY: nobody else has them.
        unsafe { slots.give_up(1025) };
        assert_eq!(slots.capacity(), 1024 + 2048);
        // SAFETY: as above.
        unsafe { slots.give_up(0) };
        assert_eq!(slots.capacity(), 1024);
        (1024..=3072).for_each(|slot| slots.provide(slot));
        assert_eq!(slots.task(3072), None, "new memory is empty");
    }
}
