//! Who tells of a retake, and who of the thread's return, so that the retake is always told first?
//!
//! The monitor takes a processor and tells of it, but the thread may be back before that, and tells of its return. The monitor cannot tell *before* the thread may know: a subscriber is user code, may
//! want a lock that the thread holds, and the thread waits for the verdict. Nor can the thread wait for the monitor's telling, for the same reason the other way round. So the second of the two leaves its
//! story to the first:
//!
//! ```text
//!            taken (monitor)          begin (monitor)            end (monitor): nothing
//!   QUIET -----------------> UNTOLD -----------------> TELLING -------------------------> QUIET
//!     ^                        |                          | returned (thread): nothing
//!     |  returned (thread):    |                          v
//!     +---- tell both ---------+                       RETURNED --- end (monitor): tell the return ---> QUIET
//! ```
//!
//! A return that finds `QUIET` tells itself: the retake has been told.
//!
//! If tasks are traced, who tells of the retake of a call also makes its row for tokio-console, and who tells of the return closes it.

use std::panic::Location;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::shown::Shown;
use crate::threads::StuckThread;
use crate::verdict::Reason;

/// A processor was taken from a thread.
#[derive(Clone, Debug)]
pub(crate) struct Retaken {
    pub(crate) processor: usize,
    pub(crate) reason: Reason,
    /// What the thread runs; none before its first poll.
    pub(crate) running: Option<StuckThread>,
    /// Where the declared call stands.
    pub(crate) call: Option<&'static Location<'static>>,
    /// Since when the monitor has seen it there.
    pub(crate) since: Instant,
    pub(crate) unmoved: Duration,
}

/// The thread is back in the runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Returned {
    /// How long it was out.
    pub(crate) took: Duration,
    /// It got a processor at once.
    pub(crate) has_processor: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Quiet,
    Untold(Retaken),
    Telling,
    Returned(Returned),
}

/// One thread's part in this; see the module's text. Nothing of the user's runs under its lock.
#[derive(Debug, Default)]
pub(crate) struct Telling(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    state: State,
    /// Since when the last retaken poll or call had been out, and where the call stands.
    since: Option<Instant>,
    call: Option<&'static Location<'static>>,
    /// The call's row, until the return is told of. It is closed outside the lock: that is the subscriber's business.
    row: Option<Shown>,
}

/// What a returning thread does.
#[must_use]
#[derive(Debug)]
pub(crate) enum Tell {
    /// Tells of the retake, then of its return.
    Both(Retaken, Returned),
    /// Tells of its return, from the call that stands there, and closes its row: the retake has been told of.
    Return(Option<&'static Location<'static>>, Returned, Option<Shown>),
    /// Nothing: the monitor will.
    Nothing,
}

impl Telling {
    fn change<R>(&self, change: impl FnOnce(&mut Inside) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The monitor is certain of a retake, and the thread does not know of it yet.
    pub(crate) fn taken(&self, retaken: Retaken) {
        // It is quiet by now: the monitor tells of one retake before the next. What a thread that ended meanwhile left is of no interest.
        let row_of_ended = self.change(|inside| {
            inside.since = Some(retaken.since);
            inside.call = retaken.call;
            inside.state = State::Untold(retaken);
            inside.row.take()
        });
        drop(row_of_ended);
    }

    /// The monitor is about to tell; none if the thread has.
    #[must_use]
    pub(crate) fn begin(&self) -> Option<Retaken> {
        self.change(|inside| match std::mem::replace(&mut inside.state, State::Telling) {
            State::Untold(retaken) => Some(retaken),
            other => {
                inside.state = other;
                None
            }
        })
    }

    /// The monitor has told, and made a `row`. The return that it must tell of, too, with the row to close.
    #[must_use]
    pub(crate) fn end(&self, row: Option<Shown>) -> Option<(Returned, Option<Shown>)> {
        self.change(|inside| match std::mem::take(&mut inside.state) {
            State::Returned(returned) => Some((returned, row)),
            _ => {
                inside.row = row;
                None
            }
        })
    }

    /// For the thread: what it was in when its processor was taken is a declared call.
    pub(crate) fn is_of_call(&self) -> bool {
        self.change(|inside| inside.call.is_some())
    }

    /// The thread is back, and has a processor again or not. Also says how long it was out, and in which declared call.
    pub(crate) fn returned(&self, has_processor: bool) -> (Tell, Duration, Option<&'static Location<'static>>) {
        self.change(|inside| {
            let took = inside.since.map_or(Duration::ZERO, |since| since.elapsed());
            let returned = Returned { took, has_processor };
            let tell = match std::mem::take(&mut inside.state) {
                State::Untold(retaken) => Tell::Both(retaken, returned),
                State::Quiet => Tell::Return(inside.call, returned, inside.row.take()),
                State::Telling | State::Returned(_) => {
                    inside.state = State::Returned(returned);
                    Tell::Nothing
                }
            };
            (tell, took, inside.call)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retaken() -> Retaken {
        Retaken { processor: 3, reason: Reason::LongCall, running: None, call: None, since: Instant::now(), unmoved: Duration::ZERO }
    }

    #[test]
    fn a_return_after_the_telling_tells_itself() {
        let telling = Telling::default();
        telling.taken(retaken());
        assert_eq!(telling.begin().map(|retaken| retaken.processor), Some(3));
        assert!(telling.end(None).is_none());
        assert!(matches!(telling.returned(true).0, Tell::Return(None, ..)));
    }

    #[test]
    fn a_return_during_the_telling_is_left_to_the_monitor() {
        let telling = Telling::default();
        telling.taken(retaken());
        assert!(telling.begin().is_some());
        assert!(matches!(telling.returned(true).0, Tell::Nothing));
        assert!(telling.end(None).is_some());
        assert!(matches!(telling.returned(true).0, Tell::Return(..)), "the next one is its own");
    }

    #[test]
    fn a_return_before_the_telling_tells_both() {
        let telling = Telling::default();
        telling.taken(retaken());
        assert!(matches!(telling.returned(true).0, Tell::Both(Retaken { processor: 3, .. }, _)));
        assert!(telling.begin().is_none(), "the monitor has nothing to tell");
    }
}
