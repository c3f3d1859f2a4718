//! Where does a task's memory come from, and where does it go?
//!
//! Tasks are made on one thread and freed on another, thousands at a time and all of a few sizes: what a general allocator does worst (glibc locks an arena for each, and the two threads meet there). So each thread
//! keeps blocks that were freed on it, in two magazines for each size; full and empty magazines are exchanged through a [`depot`], one lock for `MAGAZINE` blocks (Bonwick and Adams, "Magazines and vmem", 2001).
//! Every block is one of the global allocator's own, so any of them may be given back to it at any time.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::mem;
use std::ptr::NonNull;

use crate::task::depot;

/// Blocks come in steps of this, which is also their alignment: what malloc(3) gives on 64-bit machines.
const GRAIN: usize = 16;
/// The smallest block. glibc's malloc puts a word of its own before each block and rounds up: 104 bytes take 112, and 112 take 128.
const SMALLEST: usize = 8;
/// Larger tasks are rare, and their own work is not small either.
const LARGEST: usize = SMALLEST + (CLASSES - 1) * GRAIN;
pub(super) const CLASSES: usize = 32;
/// Blocks that change hands under one lock.
const MAGAZINE: u32 = 32;

/// The class of the blocks that hold `layout`; `None` for what is allocated directly. Known to the compiler, as each task's layout is.
#[inline(always)]
const fn class_of(layout: Layout) -> Option<usize> {
    if layout.size() > LARGEST || layout.align() > GRAIN || layout.size() == 0 {
        return None;
    }
    Some(layout.size().saturating_sub(SMALLEST).div_ceil(GRAIN))
}

/// A free block: its first word links to the next.
type Free = Option<NonNull<Link>>;

struct Link {
    next: Free,
}

/// Up to `MAGAZINE` free blocks of one class.
#[derive(Default)]
pub(super) struct Magazine {
    first: Free,
    len: u32,
}

// SAFETY: free blocks belong to the magazine alone.
unsafe impl Send for Magazine {}

impl Magazine {
    fn is_full(&self) -> bool {
        self.len == MAGAZINE
    }

    /// # Safety
    /// The block is free, of this magazine's class, and given away.
    unsafe fn push(&mut self, block: NonNull<u8>) {
        let link = block.cast::<Link>();
        // SAFETY: a block has room for a link and its alignment, and nobody else uses it.
        unsafe { link.write(Link { next: self.first }) };
        self.first = Some(link);
        self.len += 1;
    }

    fn pop(&mut self) -> Option<NonNull<u8>> {
        let first = self.first?;
        // SAFETY: `push` wrote it.
        self.first = unsafe { first.as_ref() }.next;
        self.len -= 1;
        Some(first.cast())
    }

    /// A full one.
    #[cfg(test)]
    pub(super) fn filled(class: usize) -> Self {
        let mut magazine = Self::default();
        while !magazine.is_full() {
            // SAFETY: a new block of this class, given away.
            unsafe { magazine.push(allocate_new(layout_of(class))) };
        }
        magazine
    }

    /// Gives all blocks back to the allocator.
    pub(super) fn free(mut self, class: usize) {
        let block = layout_of(class);
        while let Some(free) = self.pop() {
            // SAFETY: allocated by `allocate` with this layout.
            unsafe { dealloc(free.as_ptr(), block) };
        }
    }
}

/// How many bytes a full magazine of `class` holds.
pub(super) fn magazine_bytes(class: usize) -> usize {
    MAGAZINE as usize * layout_of(class).size()
}

fn layout_of(class: usize) -> Layout {
    Layout::from_size_align(SMALLEST + class * GRAIN, GRAIN).expect("a small size, and a power of two")
}

/// A thread's blocks of one class. With two magazines, a thread that frees and allocates in turn around a full one does not go to the depot each time.
#[derive(Default)]
struct Pair {
    loaded: Magazine,
    other: Magazine,
}

impl Pair {
    #[inline]
    fn pop(&mut self, class: usize) -> Option<NonNull<u8>> {
        self.loaded.pop().or_else(|| self.reload(class))
    }

    #[cold]
    fn reload(&mut self, class: usize) -> Option<NonNull<u8>> {
        mem::swap(&mut self.loaded, &mut self.other);
        if self.loaded.len == 0 {
            self.loaded = depot::take(class)?;
        }
        self.loaded.pop()
    }

    /// # Safety
    /// As for [`Magazine::push`].
    #[inline]
    unsafe fn push(&mut self, class: usize, block: NonNull<u8>) {
        if self.loaded.is_full() {
            self.make_room(class);
        }
        // SAFETY: the caller's promise.
        unsafe { self.loaded.push(block) };
    }

    #[cold]
    fn make_room(&mut self, class: usize) {
        mem::swap(&mut self.loaded, &mut self.other);
        if self.loaded.is_full() {
            depot::put(class, mem::take(&mut self.loaded));
        }
    }
}

/// All that one thread keeps.
struct Cache {
    pairs: [Pair; CLASSES],
}

impl Drop for Cache {
    fn drop(&mut self) {
        for (class, pair) in self.pairs.iter_mut().enumerate() {
            for magazine in [mem::take(&mut pair.loaded), mem::take(&mut pair.other)] {
                if magazine.is_full() { depot::put(class, magazine) } else { magazine.free(class) }
            }
        }
    }
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache { pairs: Default::default() });
}

/// Memory for a value of `layout`. It may be released on any thread.
#[inline(always)]
pub(crate) fn allocate(layout: Layout) -> NonNull<u8> {
    match class_of(layout) {
        Some(class) => take(class),
        None => allocate_new(layout),
    }
}

fn take(class: usize) -> NonNull<u8> {
    // A thread whose locals are gone has no cache.
    let kept = CACHE.try_with(|cache| cache.borrow_mut().pairs[class].pop(class));
    kept.ok().flatten().unwrap_or_else(|| allocate_new(layout_of(class)))
}

#[cold]
fn allocate_new(layout: Layout) -> NonNull<u8> {
    // SAFETY: a task has a header, so `layout` is not of size zero.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Gives memory back.
///
/// # Safety
/// It came from [`allocate`] with the same `layout`, and is not used any more.
#[inline(always)]
pub(crate) unsafe fn release(memory: NonNull<u8>, layout: Layout) {
    match class_of(layout) {
        // SAFETY: the block is free now, by the caller's promise, and of this class.
        Some(class) => unsafe { give_back(memory, class) },
        // SAFETY: the caller's promise; `allocate` has made it so.
        None => unsafe { dealloc(memory.as_ptr(), layout) },
    }
}

/// # Safety
/// As for [`Magazine::push`].
unsafe fn give_back(block: NonNull<u8>, class: usize) {
    // SAFETY: the caller's promise.
    let kept = CACHE.try_with(|cache| unsafe { cache.borrow_mut().pairs[class].push(class, block) });
    if kept.is_err() {
        // SAFETY: `allocate_new` made it with this layout.
        unsafe { dealloc(block.as_ptr(), layout_of(class)) };
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const TASK: usize = 208;

    fn layout() -> Layout {
        Layout::from_size_align(TASK, 8).expect("a layout")
    }

    /// Blocks of `layout`, each filled with its number.
    fn filled(count: usize) -> Vec<usize> {
        let blocks: Vec<_> = (0..count).map(|_| allocate(layout())).collect();
        for (number, block) in blocks.iter().enumerate() {
            // SAFETY: the block has TASK bytes and is this test's.
            unsafe { block.write_bytes(number as u8, TASK) };
        }
        blocks.into_iter().map(|block| block.as_ptr() as usize).collect()
    }

    /// Releases them, after asserting that nobody has written to them.
    fn check_and_release(blocks: Vec<usize>) {
        for (number, block) in blocks.into_iter().enumerate() {
            let block = NonNull::new(block as *mut u8).expect("allocate returns no null");
            // SAFETY: the block has TASK bytes, all of them written by `filled`.
            let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), TASK) };
            assert!(bytes.iter().all(|byte| *byte == number as u8), "block {number} has two owners");
            // SAFETY: allocated with this layout, and not used any more.
            unsafe { release(block, layout()) };
        }
    }

    #[test]
    fn a_block_that_was_released_is_the_next_one() {
        let block = allocate(layout());
        // SAFETY: as in `check_and_release`.
        unsafe { release(block, layout()) };
        let again = allocate(layout());
        assert_eq!(again, block);
        // SAFETY: as above.
        unsafe { release(again, layout()) };
    }

    #[test]
    fn blocks_that_are_released_elsewhere_have_one_owner_at_a_time() {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let blocks = filled(2_000);
                        scope.spawn(move || check_and_release(blocks));
                    }
                });
            }
        });
    }

    #[test]
    fn what_fits_no_class_is_allocated_by_itself() {
        assert_eq!(class_of(Layout::from_size_align(LARGEST, GRAIN).unwrap()), Some(CLASSES - 1));
        assert_eq!(class_of(Layout::from_size_align(1, 1).unwrap()), Some(0));
        for (size, align) in [(LARGEST + 1, 8), (64, 2 * GRAIN)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            assert_eq!(class_of(layout), None);
            let block = allocate(layout);
            assert!(block.as_ptr().addr().is_multiple_of(align));
            // SAFETY: allocated with this layout.
            unsafe { release(block, layout) };
        }
    }
}
