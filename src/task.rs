//! What can be done with tasks?

mod builder;

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use builder::Builder;
use handover_executor::task::New;
pub use handover_executor::task::{AbortHandle, Id, JoinError, JoinHandle, cancellable, id, try_id};

use handover_executor::scheduler::Refused;

use crate::runtime::Handle;

/// Starts a task on the current runtime: the future runs beside the caller, on any processor, until it is ready or [aborted](JoinHandle::abort).
///
/// # Panics
/// Outside a runtime.
///
/// # Examples
/// ```
/// # handover::block_on(async {
/// let task = handover::spawn(async { 6 * 7 });
/// assert_eq!(task.await?, 42);
/// # Ok::<(), handover::task::JoinError>(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let spawned_at = Location::caller();
    let spawned = Handle::with_shared(future, |shared, future| {
        if shared.tells_of_tasks() {
            Spawned::Traced(future)
        } else {
            shared.try_spawn(future, spawned_at).map_or_else(Spawned::Refused, Spawned::Done)
        }
    });
    match spawned {
        Ok(Spawned::Done(handle)) => handle,
        // Both here, and not while the current runtime is borrowed: the future's destructor, or a subscriber, may enter another.
        Ok(Spawned::Refused(refused)) => refused.discard(),
        Ok(Spawned::Traced(future)) => Handle::current().shared().spawn_as(future, New::task(spawned_at)),
        Err(error) => panic!("{error}"),
    }
}

/// What has become of a future that was to be spawned.
enum Spawned<F: Future> {
    Done(JoinHandle<F::Output>),
    Refused(Refused<F::Output>),
    /// Subscribers are to be told of it.
    Traced(F),
}

/// Starts a task that makes one blocking call. For calls that shall run beside the caller; where the caller waits anyway,
/// [`blocking`](crate::blocking) needs no `'static` and no second task.
///
/// # Panics
/// Outside a runtime. A panic of `f` is the handle's [`JoinError`].
///
/// # Examples
/// ```
/// # handover::block_on(async {
/// let digest = handover::spawn_blocking(|| (0..1_000_000_u64).fold(0, u64::wrapping_add));
/// assert_eq!(digest.await?, 499_999_500_000);
/// # Ok::<(), handover::task::JoinError>(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn(handover_blocking::blocking(f))
}

/// Lets other tasks go first, once.
///
/// # Cancel safety
/// Nothing is lost.
///
/// # Examples
/// ```
/// # handover::block_on(async {
/// handover::task::yield_now().await;
/// # });
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
