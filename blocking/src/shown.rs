//! How is something shown to tokio-console, and what if the console's subscriber panics?
//!
//! What is shown is a `tracing` span: a row on the console's screen for as long as it is not closed, busy while it is entered. docs/console.md has the names and fields; they are
//! those that tokio-console reads. A subscriber is user code: none of this may be done under a lock, or with a processor that is not lent. A panic of its own is reported by the hook, and hurts
//! nobody else: the calls below do not unwind.

use std::panic::{self, AssertUnwindSafe, Location};

use tracing::Span;

use crate::pool::Pool;
use crate::telling::Retaken;
use crate::threads::{StuckThread, ThreadRecord};

/// A span that a subscriber has taken.
#[derive(Debug)]
pub struct Shown {
    /// Until it is dropped.
    span: Option<Span>,
    id: u64,
}

impl Shown {
    /// The span that `make` makes; none if no subscriber wants it.
    pub fn new(make: impl FnOnce() -> Span) -> Option<Self> {
        let span = undisturbed(make)?;
        let id = span.id()?.into_u64();
        Some(Self { span: Some(span), id })
    }

    /// What the subscriber calls it: never 0.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// It is busy, on this thread, until the guard is dropped.
    pub fn enter(&self) -> Option<Entered<'_>> {
        let span = self.span.as_ref()?;
        undisturbed(|| span.enter()).map(|entered| Entered(Some(entered)))
    }

    /// Runs `act` while it is busy.
    pub fn within<R>(&self, act: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        act()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let span = self.span.take();
        undisturbed(|| drop(span));
    }
}

/// Ends what [`Shown::enter`] began when it is dropped.
#[derive(Debug)]
#[must_use = "it is busy only as long as the guard lives"]
pub struct Entered<'a>(Option<tracing::span::Entered<'a>>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let entered = self.0.take();
        undisturbed(|| drop(entered));
    }
}

/// Calls a subscriber.
pub fn undisturbed<R>(tell: impl FnOnce() -> R) -> Option<R> {
    match panic::catch_unwind(AssertUnwindSafe(tell)) {
        Ok(result) => Some(result),
        Err(payload) => {
            // What it panicked with may panic when it is dropped; then it is leaked.
            if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                std::mem::forget(again);
            }
            None
        }
    }
}

/// A call that is handed off before it starts. From the thread that makes it, without a processor.
pub(crate) fn long_call(pool: &Pool, thread: &ThreadRecord, call: &'static Location<'static>) -> Option<Shown> {
    if pool.config.trace_tasks { self::call(thread.running().as_ref(), call) } else { None }
}

/// A declared call whose processor was taken. From whoever tells of that: the thread that is in the call cannot, so nobody enters it.
pub(crate) fn retaken_call(pool: &Pool, retaken: &Retaken) -> Option<Shown> {
    let call = retaken.call.filter(|_| pool.config.trace_tasks)?;
    self::call(retaken.running.as_ref(), call)
}

/// Its id is that of the task that makes it.
fn call(running: Option<&StuckThread>, call: &'static Location<'static>) -> Option<Shown> {
    Shown::new(|| {
        tracing::trace_span!(
            target: "runtime::task",
            parent: None,
            "runtime.spawn",
            kind = "blocking",
            task.id = running.map(|running| running.task),
            thread = running.map(|running| running.tid),
            spawned_at = running.map(|running| tracing::field::display(running.spawned_at)),
            loc.file = call.file(),
            loc.line = u64::from(call.line()),
            loc.col = u64::from(call.column()),
        )
    })
}
