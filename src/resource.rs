//! What does tokio-console see of a timer, a socket, or whatever else tasks wait for?
//!
//! A row for the *resource*, one for each *operation* that tasks wait for in it, and events for those polls that are news; docs/console.md has the names and fields. A subscriber is user code: everything here is done
//! where the task's own code runs.

use std::panic::Location;
use std::task::Poll;
use std::time::Duration;

use handover_blocking::shown::{Shown, undisturbed};
use tracing::Span;

use crate::runtime::Handle;
use crate::task;
use told::Told;

mod told;

/// Whether what is made now is to be shown.
pub(crate) fn are_traced() -> bool {
    Handle::with_current(|handle| handle.shared().tells_of_tasks()).unwrap_or(false)
}

/// A timer, a socket or another descriptor that is shown.
pub(crate) struct Resource {
    /// Before the row that they belong to.
    operations: Vec<Operation>,
    shown: Shown,
}

/// What a task may wait for.
struct Operation {
    poll: Shown,
    shown: Shown,
    told: Told,
}

impl Resource {
    /// A row for a `concrete_type` of the `kind` that was made `at`, with one for each of the `operations`; none if nobody listens.
    pub(crate) fn show(concrete_type: &str, kind: &str, at: Option<&Location<'_>>, operations: &[&str]) -> Option<Self> {
        let shown = Shown::new(|| {
            tracing::trace_span!(
                target: "runtime::resource",
                parent: None,
                "runtime.resource",
                concrete_type,
                kind,
                is_internal = false,
                inherits_child_attrs = false,
                loc.file = at.map(Location::file),
                loc.line = at.map(|at| u64::from(at.line())),
                loc.col = at.map(|at| u64::from(at.column())),
            )
        })?;
        let operations = shown.within(|| operations.iter().map(|source| Operation::show(source)).collect::<Option<Vec<_>>>())?;
        Some(Self { operations, shown })
    }

    /// Polls one of the operations, and tells what came of it if that is news.
    pub(crate) fn poll<T>(&self, operation: usize, op_name: &'static str, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let operation = &self.operations[operation];
        let _resource = self.shown.enter();
        let _operation = operation.shown.enter();
        let _poll = operation.poll.enter();
        let polled = poll();
        let is_ready = polled.is_ready();
        if operation.told.is_news(task::try_id().map_or(0, task::Id::as_u64), is_ready) {
            undisturbed(|| tracing::trace!(target: "runtime::resource::poll_op", op_name, is_ready));
        }
        polled
    }

    /// A timer ends that long from now.
    #[cfg_attr(not(feature = "time"), expect(dead_code, reason = "timers are switched off"))]
    pub(crate) fn lasts(&self, duration: Duration) {
        // Rounded: some of it has passed already.
        let millis = u64::try_from(duration.saturating_add(Duration::from_micros(500)).as_millis()).unwrap_or(u64::MAX);
        self.shown.within(|| {
            undisturbed(
                || tracing::trace!(target: "runtime::resource::state_update", duration = millis, duration.unit = "ms", duration.op = "override"),
            )
        });
    }

    /// Which signals it hears.
    #[cfg_attr(not(feature = "signal"), expect(dead_code, reason = "signals are switched off"))]
    pub(crate) fn hears(&self, signal: &str) {
        self.shown.within(|| {
            undisturbed(|| tracing::trace!(target: "runtime::resource::state_update", signal, signal.unit = "", signal.op = "override"))
        });
    }

    /// What it reads or writes.
    pub(crate) fn has_descriptor(&self, fd: u64) {
        self.shown
            .within(|| undisturbed(|| tracing::trace!(target: "runtime::resource::state_update", fd, fd.unit = "", fd.op = "override")));
    }
}

impl Operation {
    fn show(source: &str) -> Option<Self> {
        let shown = Shown::new(|| {
            tracing::trace_span!(
                target: "runtime::resource",
                "runtime.resource.async_op",
                source,
                inherits_child_attrs = false
            )
        })?;
        let poll = shown.within(|| Shown::new(poll_span))?;
        Some(Self { poll, shown, told: Told::nothing() })
    }
}

fn poll_span() -> Span {
    tracing::trace_span!(target: "runtime::resource", "runtime.resource.async_op.poll")
}
