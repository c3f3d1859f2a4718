//! How is a task told of to those who watch: as a span that is entered around each poll, with the wakers that it gives away?
//!
//! A traced task is a task whose future is wrapped; all others know nothing of this. What subscribers see is what tokio-console reads, see docs/console.md. They are called where the task's own
//! code runs: in its poll, or in the code that spawns it or uses its waker.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use handover_blocking::shown::Shown;

use crate::task::id::Id;
use crate::task::named::Named;
use crate::task::traced_waker::{self, TracedWaker};

/// Where a task comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was spawned.
    Task,
    /// Somebody waits for it in `block_on`.
    BlockOn,
}

impl Kind {
    /// tokio-console's word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::BlockOn => "block_on",
        }
    }
}

/// What is said of a task when it is spawned.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Where it comes from.
    pub kind: Kind,
    /// What it is called.
    pub name: Option<&'a str>,
    /// Where it is spawned.
    pub spawned_at: &'static Location<'static>,
}

impl New<'_> {
    /// An ordinary task without a name.
    pub fn task(spawned_at: &'static Location<'static>) -> Self {
        Self { kind: Kind::Task, name: None, spawned_at }
    }
}

/// Tells of a new task; none if nobody listens.
pub(crate) fn show(id: Id, new: &New<'_>, size: usize) -> Option<Shown> {
    Shown::new(|| {
        tracing::trace_span!(
            target: "runtime::task",
            parent: None,
            "runtime.spawn",
            kind = new.kind.word(),
            task.name = new.name,
            task.id = id.as_u64(),
            size.bytes = size as u64,
            loc.file = new.spawned_at.file(),
            loc.line = u64::from(new.spawned_at.line()),
            loc.col = u64::from(new.spawned_at.column()),
        )
    })
}

/// The future of a task that is traced, or has a name, or both.
///
/// The fields are dropped in this order: the row is closed and the name gone when the future is.
pub(crate) struct Traced<'a, T> {
    /// In a box, so that spawning does not compile everything twice for each type of future.
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    /// What its wakers share, from the first poll on.
    waker: Option<Arc<TracedWaker>>,
    shown: Option<Shown>,
    _name: Option<Named>,
}

impl<'a, T> Traced<'a, T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'a, shown: Option<Shown>, name: Option<Named>) -> Self {
        Self { future: Box::pin(future), waker: None, shown, _name: name }
    }
}

impl<T> Future for Traced<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self { future, waker, shown, .. } = &mut *self;
        let Some(shown) = shown else { return future.as_mut().poll(cx) };
        // A task is always polled with its own waker, so the first one stays right. The reference that it holds is one of a task to itself: it goes with the future.
        let shared = waker.get_or_insert_with(|| Arc::new(TracedWaker::new(cx.waker().clone(), shown.id())));
        // It borrows: nobody is told of this one, only of its clones.
        let waker = ManuallyDrop::new(traced_waker::waker(Arc::as_ptr(shared)));
        shown.within(|| future.as_mut().poll(&mut Context::from_waker(&waker)))
    }
}
