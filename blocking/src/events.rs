//! What happened on the slow paths? One function per event: what counts it, times it and tells whoever listens.
//!
//! They are `tracing` events with the target `handover`, and docs/events.md is the table of their names and fields. Durations are in nanoseconds. A subscriber is user code: each
//! function says from where it may be called. Without a subscriber each costs a relaxed load.

use std::panic::{self, AssertUnwindSafe, Location};
use std::time::Duration;

use crate::pool::Pool;
use crate::telling::{Retaken, Returned};
use crate::threads::StuckThread;

/// One event. A subscriber that panics has had its panic reported by the hook; nobody else is hurt by it.
macro_rules! tell {
    ($name:literal, $($fields:tt)*) => {
        if tracing::enabled!(target: "handover", tracing::Level::DEBUG) {
            let _reported = panic::catch_unwind(AssertUnwindSafe(|| {
                tracing::debug!(name: $name, target: "handover", $($fields)*, $name);
            }));
        }
    };
}

/// As a field of an event.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The monitor has taken a processor. From the monitor, after the processor went to the idle set, or from the thread that lost it.
pub(crate) fn retake(retaken: &Retaken) {
    let Retaken { processor, reason, running, call, unmoved, .. } = retaken;
    tell!(
        "retake",
        processor,
        reason = reason.name(),
        thread = running.as_ref().map(|running| running.tid),
        task = running.as_ref().map(|running| running.task),
        spawned_at = running.as_ref().map(|running| tracing::field::display(running.spawned_at)),
        call = call.map(tracing::field::display),
        unmoved = nanos(*unmoved)
    );
}

/// A thread whose processor was `retaken`, or that gave it away for a long call, is back. From that thread, in user code or without a processor, or from the monitor.
pub(crate) fn call_return(running: Option<&StuckThread>, call: Option<&'static Location<'static>>, returned: &Returned, retaken: bool) {
    tell!(
        "call_return",
        thread = running.map(|running| running.tid),
        task = running.map(|running| running.task),
        call = call.map(tracing::field::display),
        duration = nanos(returned.took),
        has_processor = returned.has_processor,
        retaken
    );
}

/// A processor that was given up while tasks waited has a new holder, after `delay`. From the new holder, with the processor lent.
pub(crate) fn handoff(processor: usize, thread: i32, delay: Duration) {
    tell!("handoff", processor, thread, delay = nanos(delay));
}

/// A call waits before it starts, because `limit` are out. From the task that makes it.
pub(crate) fn cap_wait(pool: &Pool, call: &'static Location<'static>) {
    tell!("cap_wait", %call,
        out = pool.admission.out(),
        waiting = pool.admission.waiting(),
        limit = pool.config.max_blocking_threads);
}

/// A worker thread begins. From that thread, before it has a processor.
pub(crate) fn thread_start(pool: &Pool, thread: i32) {
    tell!("thread_start", thread, threads = pool.roster.alive());
}

/// A worker thread ends. From that thread, without a processor.
pub(crate) fn thread_end(pool: &Pool, thread: i32) {
    tell!("thread_end", thread, threads = pool.roster.alive());
}

/// The runtime begins to end. From whoever ends it.
pub(crate) fn shutdown(pool: &Pool) {
    tell!("shutdown", threads = pool.roster.alive(), calls_out = pool.admission.out());
}
