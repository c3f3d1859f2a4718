//! What does the executor ask of whoever waits for the outside world?
//!
//! The one upward trait of this crate. The reactor's side is joined to it in the facade, so that neither room names the other.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::scheduler::Shared;

/// Timers and I/O, as seen from a worker thread.
pub trait Driver: Send + Sync + 'static {
    /// Takes the poller's role, calls `prepare`, waits up to `limit` (`None`: until an event or an [`interrupt`](Self::interrupt)), and adds the wakers of what has
    /// happened to `wakers`. Returns false, and does nothing, if another thread has the role.
    fn poll(&self, limit: Option<Duration>, prepare: &mut dyn FnMut(), wakers: &mut Vec<Waker>) -> bool;

    /// Whether some thread has the poller's role.
    fn has_poller(&self) -> bool;

    /// Makes the waiting poller return, also if it is only about to wait.
    fn interrupt(&self);

    /// Whether timers or sources are pending.
    fn is_needed(&self) -> bool;

    /// Adds the wakers of all overdue timers.
    fn fire_overdue(&self, wakers: &mut Vec<Waker>);

    /// The runtime shuts down: what is pending ends with an error.
    fn close(&self);

    /// Calls `run`, the body of a worker thread, within whatever context user code expects on it.
    fn within(&self, shared: &Arc<Shared>, run: &mut dyn FnMut());
}
