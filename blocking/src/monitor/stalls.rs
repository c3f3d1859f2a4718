//! Who is told of a task that blocks its thread without saying so, and when?

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::counters::Counters;
use crate::record::Seq;
use crate::threads::ThreadRecord;

/// One warning per spawn site in this time.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The stalls that were found.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    /// Polls that lost their processor to waiting tasks before it was time to warn, and since when they have been blocked.
    early: Vec<(Arc<ThreadRecord>, Seq, Instant)>,
    warned: HashMap<&'static Location<'static>, Instant>,
}

impl Stalls {
    /// It is not yet time to warn of this one.
    pub(super) fn note_early(&mut self, thread: &Arc<ThreadRecord>, seq: Seq, since: Instant) {
        self.early.push((Arc::clone(thread), seq, since));
    }

    /// Whether there are any that may have to be warned of.
    pub(super) fn are_pending(&self) -> bool {
        !self.early.is_empty()
    }

    /// Warns of those that are still blocked when it is time.
    pub(super) fn warn_of_early_ones(&mut self, handoff_after: Duration, counters: &Counters, now: Instant) {
        for (thread, seq, since) in std::mem::take(&mut self.early) {
            if thread.words.observe() != seq {
                continue;
            }
            if now - since >= handoff_after {
                self.warn(&thread, now - since, counters, now);
            } else {
                self.early.push((thread, seq, since));
            }
        }
    }

    /// Warns, unless its spawn site was warned of lately.
    pub(super) fn warn(&mut self, thread: &ThreadRecord, blocked_for: Duration, counters: &Counters, now: Instant) {
        counters.stalls.raise();
        let Some(running) = thread.running() else { return };
        if self.warned.get(running.spawned_at).is_some_and(|last| now - *last < WARN_EVERY) {
            return;
        }
        self.warned.insert(running.spawned_at, now);
        let channel = thread.kernel().and_then(|kernel| kernel.wait_channel());
        tracing::warn!(
            task = running.task,
            spawned_at = %running.spawned_at,
            ?blocked_for,
            wait_channel = channel.as_deref().unwrap_or("unknown"),
            "a task blocks its thread without saying so; its processor is handed off. Wrap the call in `handover::blocking`",
        );
    }
}
