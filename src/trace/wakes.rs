//! Which wake-up led to which poll?
//!
//! The one before it; unless the task may have been polled in between in a stretch of merged polls, which says only roughly which tasks it polled. Then none did, as far as is known.

use std::collections::HashMap;

use handover_blocking::recorder::Event;

/// Tasks that have been woken, with what is known of the wake-up.
pub(super) struct Wakes<'a, T> {
    woken: HashMap<u64, (u64, T)>,
    /// The stretches that have begun, by track.
    merging: HashMap<usize, &'a Event>,
    /// By [bit](Event::polls_perhaps) of a task: when a stretch last ended that may have polled it.
    merged: [u64; BITS],
    /// Counts up with each change.
    step: u64,
}

const BITS: usize = 64;

impl<'a, T> Wakes<'a, T> {
    pub(super) fn new() -> Self {
        Self { woken: HashMap::new(), merging: HashMap::new(), merged: [0; BITS], step: 0 }
    }

    pub(super) fn woken(&mut self, task: u64, wake: T) {
        self.step += 1;
        self.woken.insert(task, (self.step, wake));
    }

    pub(super) fn merging_begins(&mut self, track: usize, event: &'a Event) {
        self.merging.insert(track, event);
    }

    pub(super) fn merging_ends(&mut self, track: usize) {
        self.step += 1;
        let Some(event) = self.merging.remove(&track) else { return };
        for (bit, merged) in (0..).zip(&mut self.merged) {
            if event.polls_perhaps(bit) {
                *merged = self.step;
            }
        }
    }

    /// The task is polled: the wake-up that led to it.
    pub(super) fn polled(&mut self, task: u64) -> Option<T> {
        let (since, wake) = self.woken.remove(&task)?;
        let was_polled = self.merged[task as usize % BITS] > since || self.merging.values().any(|event| event.polls_perhaps(task));
        (!was_polled).then_some(wake)
    }
}
