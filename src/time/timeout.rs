//! How long may a future take?

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::sleep::Role;
use super::{Sleep, after};

const ROLE: Role = Role { concrete_type: "Timeout", operation: "Timeout::poll" };

/// Waits for `future`, but not longer than `duration`, counted from this call.
///
/// The future is polled first: if it is ready when the time is up, its output counts. A blocking call inside it is not interrupted; its result counts, however late.
///
/// # Errors
///
/// [`Elapsed`]; the future is dropped with the timeout.
///
/// # Panics
///
/// When polled outside a runtime before the deadline while the future is pending.
///
/// # Cancel safety
///
/// That of the future.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use handover::time::{sleep, timeout};
///
/// # #[handover::main]
/// # async fn main() {
/// let slow = sleep(Duration::from_secs(3_600));
/// assert!(timeout(Duration::from_millis(1), slow).await.is_err());
/// assert_eq!(timeout(Duration::from_secs(60), async { 7 }).await, Ok(7));
/// # }
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    timeout_at(after(Instant::now(), duration), future)
}

/// Waits for `future`, but not beyond `deadline`. Otherwise as [`timeout`].
///
/// # Errors
///
/// [`Elapsed`]; the future is dropped with the timeout.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: Sleep::of(deadline, &ROLE) }
}

/// The future of [`timeout`] and [`timeout_at`].
#[derive(Debug)]
#[must_use = "a timeout does nothing unless it is awaited"]
pub struct Timeout<F> {
    future: F,
    sleep: Sleep,
}

impl<F> Timeout<F> {
    /// The future inside.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future inside, without the limit.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[allow(unsafe_code, reason = "a pinned field; a crate for one projection would be more to trust, not less")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out of the borrow. `future` is pinned with the whole: it is reached by no other `&mut`, `into_inner` takes a `Timeout` that was never pinned, there
        // is no `Drop` and no packing, and `Timeout` is `Unpin` only if `F` is.
        let (future, sleep) = unsafe {
            let Self { future, sleep } = self.get_unchecked_mut();
            (Pin::new_unchecked(future), sleep)
        };
        if let Poll::Ready(output) = future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(sleep).poll(cx).map(|()| Err(Elapsed(())))
    }
}

/// The time was up before the future was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit has passed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
