//! What proves that this thread holds a processor?
//!
//! A [`Lease`] is neither `Clone` nor constructible outside this crate: whoever has one is the holder, and who gives it away no
//! longer is. It comes out of the idle set ([`IdleSet::take`](crate::idle_set::IdleSet::take)), out of a loan that was kept, or out of a retake; it
//! ends in the idle set or is lost to the monitor. While it is lent, the worker remembers no more than the processor's number (`worker.rs`).
//!
//! ```text
//!            take                      lend
//!   idle set ------------> Lease ------------------> lent
//!      ^  ^                 |  ^                      | |
//!      |  +----- insert ----+  +---- reclaim: kept ---+ | reclaim: lost
//!      +------------- the monitor's retake -------------+
//! ```

/// The right to run tasks on one processor.
#[derive(Debug)]
#[must_use = "a dropped lease is a processor that nobody can hold again"]
pub struct Lease {
    processor: u32,
}

impl Lease {
    pub(crate) fn new(processor: u32) -> Self {
        Self { processor }
    }

    /// Which processor, from 0.
    #[inline]
    pub fn processor(&self) -> usize {
        self.processor as usize
    }

    /// The same, as the words of a record have it.
    pub fn index(&self) -> u32 {
        self.processor
    }
}
