//! Who is told of a task that blocks its thread without saying so, and when?

use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::Arc;
use std::sync::mpsc::{self, SendError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::events;
use crate::pool::Pool;
use crate::record::{NO_PROCESSOR, Seq};
use crate::recorder::{self, Kind};
use crate::replace;
use crate::stall::{Stall, StallHook};
use crate::threads::ThreadRecord;

/// One warning per spawn site in this time.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The stalls that were found.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    /// Polls that lost their processor to waiting tasks before it was time to warn, and since when they have been blocked.
    early: Vec<(Arc<ThreadRecord>, Seq, Instant)>,
    warned: HashMap<&'static Location<'static>, Instant>,
    reporter: Reporter,
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
    pub(super) fn warn_of_early_ones(&mut self, pool: &Pool, now: Instant) {
        for (thread, seq, since) in std::mem::take(&mut self.early) {
            if thread.words.observe() != seq {
                continue;
            }
            if now - since >= pool.config.handoff_after {
                self.warn(&thread, now - since, pool, now);
            } else {
                self.early.push((thread, seq, since));
            }
        }
    }

    /// Warns and reports, unless that was done for the task's spawn site lately.
    pub(super) fn warn(&mut self, thread: &ThreadRecord, blocked_for: Duration, pool: &Pool, now: Instant) {
        pool.counters().stalls.raise();
        let Some(running) = thread.running() else { return };
        if recorder::is_any_on() {
            pool.recorder().write_by_monitor(Kind::Stalled, NO_PROCESSOR, running.task, u64::from(running.tid as u32));
        }
        if self.warned.get(running.spawned_at).is_some_and(|last| now - *last < WARN_EVERY) {
            return;
        }
        self.warned.insert(running.spawned_at, now);
        let wait_channel = thread.kernel().and_then(|kernel| kernel.wait_channel());
        let stall = Stall { task: running.task, spawned_at: running.spawned_at, blocked_for, thread: running.tid, wait_channel };
        tracing::warn!(
            name: "stall",
            target: "handover",
            task = stall.task,
            spawned_at = %stall.spawned_at,
            thread = stall.thread,
            blocked = events::nanos(blocked_for),
            wait_channel = stall.wait_channel.as_deref().unwrap_or("unknown"),
            "a task blocks its thread without saying so; its processor is handed off. Wrap the call in `handover::blocking`",
        );
        if let Some(hook) = &pool.config.on_stall {
            self.reporter.report(hook, stall);
        }
    }
}

/// The thread that calls the user's hook. Not the monitor: a hook that blocks would end all hand-offs. Started with the first report; ends with the monitor.
#[derive(Debug, Default)]
struct Reporter {
    reports: Option<Sender<Stall>>,
}

impl Reporter {
    fn report(&mut self, hook: &StallHook, stall: Stall) {
        let unsent = match &self.reports {
            Some(reports) => reports.send(stall).err().map(|SendError(stall)| stall),
            None => Some(stall),
        };
        let Some(stall) = unsent else { return };
        let (reports, received) = mpsc::channel();
        let hook = hook.clone();
        let watch = move || {
            for stall in received {
                // A hook that panics is called again with the next report; the panic hook has told of it.
                let _reported = panic::catch_unwind(AssertUnwindSafe(|| hook.call(&stall)));
            }
        };
        let started = replace::starting_thread(|| thread::Builder::new().name("handover-stalls".to_owned()).spawn(watch));
        match started {
            Ok(_) => {
                // It receives until this end is dropped.
                let _ = reports.send(stall);
                self.reports = Some(reports);
            }
            Err(error) => tracing::warn!(%error, ?stall, "`on_stall` is not called for this: the system refuses a thread"),
        }
    }
}
