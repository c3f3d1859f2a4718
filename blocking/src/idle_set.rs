//! Which processors does nobody hold?
//!
//! One bit per processor. Taking a bit out makes the taker the holder, so at most one thread ever succeeds per insert.
//!
//! **No task is stranded** between a release and a submit. The releaser sets the bit, fences, looks at the queues; the submitter
//! pushes, fences, looks at the bits. If the releaser's fence comes first, the submitter sees the bit and wakes a thread for it. If
//! the submitter's comes first, the releaser sees the task and does the same. A submitter that finds as many processors held as there are CPUs wakes nobody, too: all those holders insert after its
//! look at the bits, so each of them sees the task when it releases. The fences are in
//! [`insert`](IdleSet::insert) and [`len_after_push`](IdleSet::len_after_push); `tests/loom_idle_set.rs` holds the model and its canary.

use crate::lease::Lease;
use crate::sync::{AtomicU64, Ordering, fence};

const BITS: usize = u64::BITS as usize;

/// A set of processors, safe to change from any thread.
#[derive(Debug)]
pub struct IdleSet {
    words: Box<[AtomicU64]>,
    processors: usize,
}

impl IdleSet {
    /// The empty set, for processors `0..processors`.
    pub fn new(processors: usize) -> Self {
        let words = (0..processors.div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect();
        Self { words, processors }
    }

    /// Every processor that this set can hold, idle: the state of a new runtime. Called once.
    pub fn fill(&self) {
        for processor in 0..self.processors {
            self.words[processor / BITS].fetch_or(1 << (processor % BITS), Ordering::Release);
        }
    }

    /// The holder gives its processor away, then may look at the queues (the fence is done).
    pub fn insert(&self, lease: Lease) {
        let processor = lease.processor();
        // Release: hands all that the holder wrote to the next one; pairs with the Acquire in `take`.
        let before = self.words[processor / BITS].fetch_or(1 << (processor % BITS), Ordering::Release);
        debug_assert_eq!(before & (1 << (processor % BITS)), 0, "processor {processor} was idle already");
        // One half of the Dekker pair in the module's text.
        fence(Ordering::SeqCst);
    }

    /// Takes `processor` if it is idle.
    pub fn take(&self, processor: usize) -> Option<Lease> {
        let word = self.words.get(processor / BITS)?;
        let bit = 1 << (processor % BITS);
        if word.load(Ordering::Relaxed) & bit == 0 {
            return None;
        }
        // Acquire: pairs with the Release in `insert`.
        let before = word.fetch_and(!bit, Ordering::Acquire);
        (before & bit != 0).then(|| Lease::new(processor as u32))
    }

    /// Whether `processor` is idle.
    pub fn contains(&self, processor: usize) -> bool {
        self.words[processor / BITS].load(Ordering::Relaxed) & (1 << (processor % BITS)) != 0
    }

    /// Takes any idle processor.
    pub fn take_any(&self) -> Option<Lease> {
        for (index, word) in self.words.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                let processor = index * BITS + bits.trailing_zeros() as usize;
                if let Some(lease) = self.take(processor) {
                    return Some(lease);
                }
                bits = word.load(Ordering::Relaxed);
            }
        }
        None
    }

    /// Whether no processor is idle. The caller has fenced if it relies on the answer.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| word.load(Ordering::Relaxed) == 0)
    }

    /// How many are idle.
    pub fn len(&self) -> usize {
        // Mostly there is none, and counting takes a dozen instructions.
        let count = |bits: u64| if bits == 0 { 0 } else { bits.count_ones() as usize };
        self.words.iter().map(|word| count(word.load(Ordering::Relaxed))).sum()
    }

    /// How many are idle, for a caller that has just pushed a task.
    #[inline]
    pub fn len_after_push(&self) -> usize {
        // The other half of the Dekker pair in the module's text.
        fence(Ordering::SeqCst);
        self.len()
    }

    /// Whether every processor is idle.
    pub fn is_full(&self) -> bool {
        self.len() == self.processors
    }
}
