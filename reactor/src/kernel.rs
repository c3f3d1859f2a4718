//! How does the poller wait in the kernel?

use std::io;
use std::task::Waker;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token};

use crate::alarm::Alarm;
use crate::clock::{Clock, Moment};
use crate::patience::Patience;
use crate::readiness::Ready;
use crate::registrations::Registrations;

/// The tokens of the reactor's own descriptors; registrations never reach these numbers.
pub(crate) const WAKER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// Events fetched by one call. More than this stay in the kernel, which hands them out in turns. Half of the executor's run queue: a thread that looks while its queue is
/// half empty can then take all of them without overflow (`tcp_echo_512`: a p99 of 8 ms instead of 17 with twice as many).
const EVENTS: usize = 128;

/// Alarms are at least so far apart. To set one and be woken by it costs 5 us in a virtual machine; with 200,000 timers a second that is more than all else. A timer is late by this at worst, and
/// only beside others that are due within it: the first alarm after a pause is exact.
const SPACING: Duration = Duration::from_micros(220);

/// Epoll, and what only the holder of the poller's role touches.
#[derive(Debug)]
pub(crate) struct Kernel {
    poll: Poll,
    events: Events,
    /// None where the kernel has no timerfd for us: waits then end on a whole millisecond.
    alarm: Option<Alarm>,
    /// When the next alarm may be.
    quiet_until: Moment,
    patience: Patience,
}

impl Kernel {
    /// # Errors
    ///
    /// Those of epoll_create1(2).
    pub(crate) fn new(clock: &Clock) -> io::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm::new(clock, poll.registry(), ALARM).ok();
        Ok(Self { poll, events: Events::with_capacity(EVENTS), alarm, quiet_until: Moment::START, patience: Patience::new() })
    }

    pub(crate) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Fetches what is there, without waiting.
    pub(crate) fn look(&mut self) -> io::Result<()> {
        self.fetch(Some(Duration::ZERO))
    }

    /// Waits for events until `until`. May return early and empty-handed; and a little late where it `may_give_way` to other threads.
    pub(crate) fn wait(&mut self, until: Moment, clock: &Clock, now: Moment, may_give_way: bool) -> io::Result<()> {
        let until = until.max(self.quiet_until);
        if let Some(Err(_)) = self.alarm.as_mut().map(|alarm| alarm.set(until)) {
            // It could be made and cannot be set (a sandbox, say): do without it, as if it could not have been made.
            self.alarm = None;
        }
        let by_alarm = until.is_never() || self.alarm.is_some();
        let now = if may_give_way && self.patience.gives_way(now, until) { self.give_way(clock) } else { now };
        let result = self.fetch(if by_alarm { None } else { Some(until.since(now)) });
        let woken = clock.now();
        self.patience.waited(woken.since(now), woken, self.events.iter());
        result?;
        if self.events.iter().any(|event| event.token() == ALARM) {
            self.quiet_until = until.after(SPACING);
        }
        Ok(())
    }

    /// Lets other threads run on this CPU if they want to. What time it is then.
    fn give_way(&mut self, clock: &Clock) -> Moment {
        let before = clock.now();
        std::thread::yield_now();
        let now = clock.now();
        self.patience.gave_way(now.since(before), now);
        now
    }

    fn fetch(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            // A signal. The caller looks around and comes back, as after any other early return.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    /// Hands the fetched events out.
    pub(crate) fn deliver(&mut self, registrations: &Registrations, wakers: &mut Vec<Waker>) {
        let events = self.events.iter().filter(|event| event.token() != WAKER && event.token() != ALARM);
        registrations.deliver(events.map(|event| (event.token(), ready_of(event))), wakers);
        self.events.clear();
    }
}

fn ready_of(event: &Event) -> Ready {
    let seen = [
        (event.is_readable(), Ready::READABLE),
        (event.is_writable(), Ready::WRITABLE),
        (event.is_read_closed(), Ready::READ_CLOSED),
        (event.is_write_closed(), Ready::WRITE_CLOSED),
        (event.is_error(), Ready::ERROR),
        (event.is_priority(), Ready::URGENT),
    ];
    seen.into_iter().filter(|(is_seen, _)| *is_seen).fold(Ready::NOTHING, |all, (_, one)| all | one)
}
