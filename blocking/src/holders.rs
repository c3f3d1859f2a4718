//! Which thread bound a processor last, and on which CPU was it then?
//!
//! One word for each processor: `slot << 32 | cpu`. Written by who binds it. Both halves are hints: the monitor checks the slot against that thread's record before
//! it acts, and the kernel may have moved the thread since.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::idle_set::IdleSet;

const NOBODY: u64 = u64::MAX;

/// The last holder of each processor.
#[derive(Debug)]
pub(crate) struct Holders {
    words: Box<[AtomicU64]>,
}

impl Holders {
    pub(crate) fn new(processors: usize) -> Self {
        Self { words: (0..processors).map(|_| AtomicU64::new(NOBODY)).collect() }
    }

    /// The thread in `slot` of the roster, running on `cpu`, has bound `processor`.
    pub(crate) fn bind(&self, processor: usize, slot: u32, cpu: u32) {
        // Relaxed, here and below: hints.
        self.words[processor].store(u64::from(slot) << 32 | u64::from(cpu), Ordering::Relaxed);
    }

    /// The last holder's slot in the roster; one that no thread has if nobody has bound `processor` yet.
    pub(crate) fn slot(&self, processor: usize) -> u32 {
        (self.words[processor].load(Ordering::Relaxed) >> 32) as u32
    }

    /// Whether a thread that bound its processor on `cpu` holds it still.
    pub(crate) fn any_on(&self, cpu: u32, idle: &IdleSet) -> bool {
        let on_cpu = |word: &AtomicU64| word.load(Ordering::Relaxed) as u32 == cpu;
        self.words.iter().enumerate().any(|(processor, word)| on_cpu(word) && !idle.contains(processor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processors_that_are_held_count() {
        let (holders, idle) = (Holders::new(2), IdleSet::new(2));
        assert_eq!(holders.slot(1), u32::MAX);
        holders.bind(1, 7, 3);
        assert_eq!(holders.slot(1), 7);
        assert!(holders.any_on(3, &idle) && !holders.any_on(2, &idle));
        idle.fill();
        assert!(!holders.any_on(3, &idle));
    }
}
