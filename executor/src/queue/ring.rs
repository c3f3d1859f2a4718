//! Which of a processor's tasks runs next, and which may a thief take?
//!
//! A bounded ring of pointers: one owner pushes at the tail and pops at the head, thieves take half from the head. `head` and `tail` count up
//! without bound (wrapping); the slot of position `n` is `n % CAPACITY`.
//!
//! ```text
//!      head (owner and thieves, compare-and-swap)      tail (owner only, store)
//!        v                                               v
//!   ...  [ oldest ] [ ... ] [ ... ] [ newest ]           (next push)
//! ```
//!
//! A thief copies slots first and claims them by moving `head` afterwards. The copy may be of slots that somebody else claims meanwhile: then the
//! claim fails and the copy is thrown away. The owner writes over a slot only after `head` has moved past it, so a claim that succeeds has read
//! what the owner pushed. Go's `runqgrab` argues the same; tokio's queue and crossbeam-deque were measured beside it (ARCHITECTURE.md).

use std::ptr::NonNull;

use crate::sync::{AtomicPtr, AtomicU32, Ordering};

/// Slots in a ring. Go and tokio have 256 too: two pages of work for a thief to halve, and a queue that overflows before it hoards.
#[cfg(not(loom))]
pub const CAPACITY: u32 = 256;
/// A model needs a ring that overflows and wraps.
#[cfg(loom)]
pub const CAPACITY: u32 = 4;

/// A single-owner, many-thieves queue. Its owner is whoever holds the processor's lease.
#[repr(align(128))]
pub struct Ring<T> {
    head: AtomicU32,
    tail: AtomicU32,
    slots: Box<[AtomicPtr<T>]>,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> std::fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("len", &self.len()).finish()
    }
}

impl<T> Ring<T> {
    /// An empty ring.
    pub fn new() -> Self {
        let slots = (0..CAPACITY).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect();
        Self { head: AtomicU32::new(0), tail: AtomicU32::new(0), slots }
    }

    fn slot(&self, position: u32) -> &AtomicPtr<T> {
        &self.slots[(position % CAPACITY) as usize]
    }

    fn read(&self, position: u32) -> Option<NonNull<T>> {
        // Relaxed: ordered by the Acquire load of `tail` before and the claim of `head` after.
        NonNull::new(self.slot(position).load(Ordering::Relaxed))
    }

    /// How many wait: never fewer than there were all the while. A hint unless the owner asks, and then thieves may make it smaller.
    #[inline]
    pub fn len(&self) -> usize {
        // Acquire, and first: pairs with the claims of the head, which come after the pushes before them. So the tail is none that the head has passed, and a ring that is never empty never looks empty: whoever releases
        // a processor relies on that, for not every push is told (`scheduler/submit.rs`).
        let head = self.head.load(Ordering::Acquire);
        let tail = self.tail.load(Ordering::Relaxed);
        tail.wrapping_sub(head) as usize
    }

    /// Whether none waits; a hint as [`len`](Self::len).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends at the tail; gives the item back if the ring is full.
    ///
    /// # Safety
    /// The caller is the owner.
    #[inline]
    pub unsafe fn push(&self, item: NonNull<T>) -> Result<(), NonNull<T>> {
        // Acquire: pairs with the thief's claim, so that its reads of the slot come before this write over it.
        let head = self.head.load(Ordering::Acquire);
        let tail = self.tail.load(Ordering::Relaxed);
        if tail.wrapping_sub(head) >= CAPACITY {
            return Err(item);
        }
        self.slot(tail).store(item.as_ptr(), Ordering::Relaxed);
        // Release: publishes the slot and the task behind it; pairs with the Acquire load of `tail` in `steal_into`.
        self.tail.store(tail.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    /// Takes from the head.
    ///
    /// # Safety
    /// The caller is the owner.
    #[inline]
    pub unsafe fn pop(&self) -> Option<NonNull<T>> {
        // SAFETY: the caller's promise.
        unsafe { self.pop_with_position() }.map(|(item, _position)| item)
    }

    /// The position of the next push, for the owner.
    #[inline]
    pub fn tail_position(&self) -> u32 {
        self.tail.load(Ordering::Relaxed)
    }

    /// Whether what was pushed at `position`, not long ago, has been taken.
    pub fn has_passed(&self, position: u32) -> bool {
        (self.head.load(Ordering::Relaxed).wrapping_sub(position) as i32) > 0
    }

    /// Takes from the head, and says at which position that was pushed.
    ///
    /// # Safety
    /// The caller is the owner.
    #[inline]
    pub unsafe fn pop_with_position(&self) -> Option<(NonNull<T>, u32)> {
        let tail = self.tail.load(Ordering::Relaxed);
        let mut head = self.head.load(Ordering::Relaxed);
        while head != tail {
            let item = self.read(head);
            // AcqRel: a claim; see `steal_into`.
            match self.head.compare_exchange_weak(head, head.wrapping_add(1), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return item.map(|item| (item, head)),
                Err(now) => head = now,
            }
        }
        None
    }

    /// Takes the older half out of a full ring, for the inject queue; empty if thieves were faster.
    ///
    /// # Safety
    /// The caller is the owner.
    pub unsafe fn take_half(&self) -> Vec<NonNull<T>> {
        let head = self.head.load(Ordering::Relaxed);
        let tail = self.tail.load(Ordering::Relaxed);
        let half = tail.wrapping_sub(head) / 2;
        let items = (0..half).filter_map(|n| self.read(head.wrapping_add(n))).collect();
        match self.head.compare_exchange(head, head.wrapping_add(half), Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => items,
            Err(_) => Vec::new(),
        }
    }

    /// Moves the older half of this ring to `thief`, and returns the newest of it to be run at once.
    ///
    /// # Safety
    /// The caller is the owner of `thief`, which is empty and not this ring.
    pub unsafe fn steal_into(&self, thief: &Ring<T>) -> Option<NonNull<T>> {
        let to = thief.tail.load(Ordering::Relaxed);
        // Acquire: as in `push`, so that what earlier thieves of the thief read of its slots comes before the writes below.
        let empty = thief.head.load(Ordering::Acquire) == to;
        debug_assert!(empty, "stolen items go into an empty ring only");
        loop {
            // Acquire: the claim below must not be of a head older than the slots read.
            let head = self.head.load(Ordering::Acquire);
            // Acquire: pairs with the Release in `push`; the slots up to here are written.
            let tail = self.tail.load(Ordering::Acquire);
            let waiting = tail.wrapping_sub(head);
            if waiting == 0 || waiting > CAPACITY {
                // Empty, or the two loads do not belong together; then somebody else has just been served.
                if waiting == 0 {
                    return None;
                }
                continue;
            }
            let half = waiting - waiting / 2;
            for n in 0..half {
                let item = self.slot(head.wrapping_add(n)).load(Ordering::Relaxed);
                thief.slot(to.wrapping_add(n)).store(item, Ordering::Relaxed);
            }
            // AcqRel. Release: the reads above come before it, so before the owner's write over those slots. Acquire: what the owner wrote to the
            // tasks comes before they run here. Without the claim two threads would run one task.
            let claimed = self.head.compare_exchange(head, head.wrapping_add(half), Ordering::AcqRel, Ordering::Relaxed);
            if claimed.is_ok() {
                let newest = thief.read(to.wrapping_add(half - 1));
                // Release: as in `push`, for thieves of the thief.
                thief.tail.store(to.wrapping_add(half - 1), Ordering::Release);
                return newest;
            }
        }
    }
}
