//! When does one task go on?

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use std::{fmt, io};

use handover_reactor::Timer;

use super::after;
use crate::resource::{self, Resource};
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
#[track_caller]
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
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::of(deadline, &SLEEP)
}

/// As what a sleep is shown to those who look at timers.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) concrete_type: &'static str,
    /// What its task waits for.
    pub(super) operation: &'static str,
}

const SLEEP: Role = Role { concrete_type: "Sleep", operation: "Sleep::poll" };

/// The future of [`sleep`] and [`sleep_until`].
///
/// It belongs to the runtime that first polls it. If that one ends and another polls it, it moves there.
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    state: State,
}

enum State {
    /// With what is shown of it: where it was made, and as what.
    Unpolled(Instant, &'static Location<'static>, &'static Role),
    Armed(Timer),
    /// Armed on a runtime that traces. In a box, or every sleep would be larger.
    Traced(Box<Traced>),
}

struct Traced {
    timer: Timer,
    /// None only while it moves to another runtime.
    resource: Option<Resource>,
}

impl State {
    fn deadline(&self) -> Instant {
        match self {
            Self::Unpolled(deadline, ..) => *deadline,
            Self::Armed(timer) => timer.deadline(),
            Self::Traced(traced) => traced.timer.deadline(),
        }
    }

    /// What is shown of a sleep that is about to be armed, if it is.
    #[inline]
    fn resource(&mut self) -> Option<Resource> {
        match self {
            Self::Unpolled(deadline, made_at, role) if resource::are_traced() => {
                let resource = Resource::show(role.concrete_type, "timer", Some(made_at), &[role.operation])?;
                resource.lasts(deadline.saturating_duration_since(Instant::now()));
                Some(resource)
            }
            Self::Unpolled(..) | Self::Armed(_) => None,
            // It goes with the sleep to another runtime.
            Self::Traced(traced) => traced.resource.take(),
        }
    }
}

impl Traced {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { timer, resource } = self;
        match resource {
            Some(resource) => resource.poll(0, "poll_elapsed", || timer.poll(cx)),
            None => timer.poll(cx),
        }
    }
}

impl Sleep {
    #[track_caller]
    pub(super) fn of(deadline: Instant, role: &'static Role) -> Self {
        Self { state: State::Unpolled(deadline, Location::caller(), role) }
    }

    /// When it ends.
    pub fn deadline(&self) -> Instant {
        self.state.deadline()
    }

    /// Whether the deadline has passed.
    pub fn is_elapsed(&self) -> bool {
        Instant::now() >= self.deadline()
    }

    /// Another deadline, earlier or later. A task that waits is woken for the new one; a sleep that has ended starts anew and must be polled again.
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        match &mut self.state {
            State::Unpolled(old, ..) => *old = deadline,
            State::Armed(timer) => timer.reset(deadline),
            State::Traced(traced) => {
                traced.timer.reset(deadline);
                if let Some(resource) = &traced.resource {
                    resource.lasts(deadline.saturating_duration_since(Instant::now()));
                }
            }
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
        let found;
        self.state = match self.state.resource() {
            None => {
                found = timer.poll(cx);
                State::Armed(timer)
            }
            resource => {
                let mut traced = Box::new(Traced { timer, resource });
                found = traced.poll(cx);
                State::Traced(traced)
            }
        };
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
        let found = match &mut self.state {
            State::Unpolled(..) => return self.arm(cx),
            State::Armed(timer) => timer.poll(cx),
            State::Traced(traced) => traced.poll(cx),
        };
        match found {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Ready(Err(_)) => self.arm(cx),
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_no_larger_for_being_traceable() {
        #[expect(dead_code, reason = "its size is what matters")]
        enum Untraced {
            Unpolled(Instant),
            Armed(Timer),
        }
        assert_eq!(size_of::<Sleep>(), size_of::<Untraced>());
    }
}
