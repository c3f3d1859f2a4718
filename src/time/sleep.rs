//! When does one task go on?

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use handover_reactor::Timer;

use super::after;
use crate::wiring;

/// Waits for `duration`, counted from this call. At least that long; a [`Duration::MAX`] is for ever.
///
/// # Panics
///
/// When polled outside a runtime before the deadline. Making it touches no runtime.
///
/// # Cancel safety
///
/// Dropping it stops the wait; nothing else depended on it.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// # #[handover::main]
/// # async fn main() {
/// let start = Instant::now();
/// handover::time::sleep(Duration::from_micros(300)).await;
/// assert!(start.elapsed() >= Duration::from_micros(300));
/// # }
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(after(Instant::now(), duration))
}

/// Waits until `deadline`; not at all if that has passed.
///
/// # Panics
///
/// When polled outside a runtime before the deadline. Making it touches no runtime.
///
/// # Cancel safety
///
/// Dropping it stops the wait; nothing else depended on it.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// # #[handover::main]
/// # async fn main() {
/// let deadline = Instant::now() + Duration::from_millis(1);
/// handover::time::sleep_until(deadline).await;
/// assert!(Instant::now() >= deadline);
/// # }
/// ```
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { state: State::Unpolled(deadline) }
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It belongs to the runtime that first polls it. If that one ends and another polls it, it moves there.
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    state: State,
}

enum State {
    Unpolled(Instant),
    Armed(Timer),
}

impl Sleep {
    /// When it ends.
    pub fn deadline(&self) -> Instant {
        match &self.state {
            State::Unpolled(deadline) => *deadline,
            State::Armed(timer) => timer.deadline(),
        }
    }

    /// Whether the deadline has passed.
    pub fn is_elapsed(&self) -> bool {
        Instant::now() >= self.deadline()
    }

    /// Another deadline, earlier or later. A task that waits is woken for the new one; a sleep that has ended starts anew and must be polled again.
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        match &mut self.state {
            State::Unpolled(old) => *old = deadline,
            State::Armed(timer) => timer.reset(deadline),
        }
    }

    /// The first poll, or the runtime that it was armed with has ended.
    fn arm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reactor = match wiring::reactor() {
            Ok(reactor) => reactor,
            Err(_) if self.is_elapsed() => return Poll::Ready(()),
            Err(error) => panic!("a sleep was polled that nobody can end: {error}"),
        };
        let mut timer = Timer::new(reactor, wiring::timer_shard(), self.deadline());
        let found = timer.poll(cx);
        self.state = State::Armed(timer);
        match found {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            // An error says that this runtime is being shut down. It drops its tasks, this one among them, so nobody waits in vain.
            Poll::Pending | Poll::Ready(Err(_)) => Poll::Pending,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(wiring::poll_proceed(cx));
        if let State::Armed(timer) = &mut self.state {
            match timer.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => return Poll::Ready(()),
                Poll::Ready(Err(_)) => {}
            }
        }
        self.arm(cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}
