//! How does user code make a blocking call?
//!
//! [`blocking`] is the async form, [`block_in_place`] the sync one. Both run the closure right where they stand, on the calling thread, with whatever it
//! borrows. What they add is a declaration: two stores before, one after.
//!
//! The fast path is `inline(always)`: kernels that guard against return-stack attacks leave that stack full of their own entries, so each `ret` out of a frame that was there before the system call is
//! mispredicted. One function frame between the call and the user's loop cost 10 ns, three times the declaration itself.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::current::Here;
use crate::predictor::{Hint, Site};
use crate::worker::{Place, Worker};

/// Runs `f`, a call that may block, as part of the running task.
///
/// The closure runs inline, on this thread, when the returned future is first polled (or at its second poll, if others had to go
/// first). It may borrow, and need be neither `Send` nor `'static`. While it blocks, the monitor may hand this thread's processor to another thread, so
/// other tasks go on.
///
/// Outside a runtime it just runs `f`.
///
/// While [`max_blocking_threads`](crate::Config::max_blocking_threads) calls are out, one that is expected to be long waits for its turn before it starts, in the order of arrival
/// and without a thread.
///
/// # Panics
/// When `f` panics, and when it is polled again after it was ready.
///
/// # Cancel safety
/// The future is ready in the very poll that ran `f`: a call that has run is never reported as not run. Dropped before that, `f` never runs.
#[track_caller]
#[inline(always)]
pub fn blocking<F, T>(f: F) -> Blocking<F>
where
    F: FnOnce() -> T,
{
    Blocking { call: Some(f), location: Location::caller(), hint: None, waited: false, place: None }
}

/// The future of [`blocking`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Blocking<F> {
    call: Option<F>,
    location: &'static Location<'static>,
    hint: Option<Hint>,
    /// It has let others go first; it does so once, or a foreign executor inside a task would spin.
    waited: bool,
    /// Its place in the queue, while `max_blocking_threads` calls are out.
    place: Option<Place>,
}

impl<F> Blocking<F> {
    /// Overrides the prediction of how long this call takes.
    pub fn hint(mut self, hint: Hint) -> Self {
        self.hint = Some(hint);
        self
    }

    #[track_caller]
    #[inline]
    fn take(&mut self) -> F {
        self.call.take().expect("`Blocking` was polled after it was ready")
    }
}

// The closure is moved out to be called, never pinned.
impl<F> Unpin for Blocking<F> {}

#[inline]
fn is_long(site: Site, hint: Option<Hint>) -> bool {
    match hint {
        None => site.is_long(),
        Some(hint) => hint == Hint::Long,
    }
}

impl<F, T> Future for Blocking<F>
where
    F: FnOnce() -> T,
{
    type Output = T;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let here = Here::now();
        let site = Site::of(this.location);
        match here.worker() {
            Some(worker) if this.hint.is_none() && site.is_known_short() && worker.is_undisturbed() => {
                Poll::Ready(worker.call_short(site, this.take()))
            }
            worker => this.poll_with_care(worker, site, cx),
        }
    }
}

impl<F, T> Blocking<F>
where
    F: FnOnce() -> T,
{
    /// Outside a runtime, at the first call of a site, for long calls, without a processor, asked to yield.
    #[cold]
    fn poll_with_care(&mut self, worker: Option<&Worker>, site: Site, cx: &mut Context<'_>) -> Poll<T> {
        let Some(worker) = worker else {
            return Poll::Ready(self.take()());
        };
        let long = is_long(site, self.hint);
        if !self.waited && worker.should_wait_before_call(long) {
            self.waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // Who was admitted goes, even if its site has been found short meanwhile: the place is counted, and given back at the return.
        let long = long || self.place.is_some();
        if long && worker.poll_enter(&mut self.place, site, cx).is_pending() {
            return Poll::Pending;
        }
        self.place = None;
        Poll::Ready(worker.call(site, long, self.take()))
    }
}

/// Runs `f`, a call that may block, from sync code: anywhere, in a task or not, nested, in `Drop`.
///
/// The same as [`blocking`], except that it cannot let others go first.
///
/// # Panics
/// When `f` panics.
#[track_caller]
#[inline(always)]
pub fn block_in_place<F, T>(f: F) -> T
where
    F: FnOnce() -> T,
{
    call_at(Site::of(Location::caller()), None, f)
}

/// [`block_in_place`] for a call site that the caller names, with or without a hint.
#[inline(always)]
pub fn call_at<F, T>(site: Site, hint: Option<Hint>, f: F) -> T
where
    F: FnOnce() -> T,
{
    match Here::now().worker() {
        Some(worker) => worker.call(site, is_long(site, hint), f),
        None => f(),
    }
}

/// Runs `f`, a call that may block, inside a `poll` function: lets others go first (`Pending`, woken) at most once per poll of the task.
#[inline(always)]
pub fn poll_call<F, T>(cx: &mut Context<'_>, site: Site, f: F) -> Poll<T>
where
    F: FnOnce() -> T,
{
    let here = Here::now();
    let Some(worker) = here.worker() else { return Poll::Ready(f()) };
    if site.is_known_short() && worker.is_undisturbed() {
        return Poll::Ready(worker.call_short(site, f));
    }
    if steps_aside(worker, cx) { Poll::Pending } else { Poll::Ready(worker.call(site, site.is_long(), f)) }
}

#[cold]
fn steps_aside(worker: &Worker, cx: &Context<'_>) -> bool {
    let aside = worker.should_step_aside();
    if aside {
        cx.waker().wake_by_ref();
    }
    aside
}
