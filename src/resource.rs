//! What does tokio-console see of a timer or a socket?
//!
//! A row for the *resource*, one for each *operation* that tasks wait for in it, and an event for each poll of one; docs/console.md has the names and fields. A subscriber is user code: everything here is done
//! where the task's own code runs.

use std::panic::Location;
use std::task::Poll;
use std::time::Duration;

use handover_blocking::shown::{Shown, undisturbed};
use tracing::Span;

use crate::runtime::Handle;

/// Whether timers and sockets that are made now are to be shown.
pub(crate) fn are_traced() -> bool {
    Handle::with_current(|handle| handle.shared().traces_tasks()).unwrap_or(false)
}

/// A timer or a socket that is shown.
pub(crate) struct Resource {
    /// Before the row that they belong to.
    operations: Vec<Operation>,
    shown: Shown,
}

/// What a task may wait for.
struct Operation {
    poll: Shown,
    shown: Shown,
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

    /// Polls one of the operations, and tells what came of it.
    pub(crate) fn poll<T>(&self, operation: usize, op_name: &'static str, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let operation = &self.operations[operation];
        let _resource = self.shown.enter();
        let _operation = operation.shown.enter();
        let _poll = operation.poll.enter();
        let polled = poll();
        undisturbed(|| tracing::trace!(target: "runtime::resource::poll_op", op_name, is_ready = polled.is_ready()));
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

    /// A socket has this descriptor.
    #[cfg_attr(not(feature = "net"), expect(dead_code, reason = "sockets are switched off"))]
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
        Some(Self { poll, shown })
    }
}

fn poll_span() -> Span {
    tracing::trace_span!(target: "runtime::resource", "runtime.resource.async_op.poll")
}
