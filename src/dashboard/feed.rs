//! Who looks at the runtime for all who watch, and how often?
//!
//! One thread, which sleeps while nobody watches. It looks at the processors every 25 ms, and at everything four times a second, or less often where that takes long: a tenth of one CPU at most.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::sample::Sampler;
use handover_blocking::replace;

use crate::runtime::Handle;

/// Between two looks at the processors.
const GLANCE_EVERY: Duration = Duration::from_millis(25);
/// Between two events.
const EVENT_EVERY: Duration = Duration::from_millis(250);
/// An event may take this part of the time until the next.
const SHARE: u32 = 10;

/// The latest event, and those who wait for the next.
pub(super) struct Feed {
    handle: Handle,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    watchers: usize,
    number: u64,
    event: Arc<str>,
    is_ended: bool,
}

/// One who watches, until it is dropped.
pub(super) struct Watching<'a> {
    feed: &'a Feed,
    seen: u64,
}

impl Feed {
    pub(super) fn start(handle: Handle) -> io::Result<Arc<Self>> {
        let feed = Arc::new(Self { handle, state: Mutex::default(), changed: Condvar::new() });
        let looks = Arc::clone(&feed);
        let thread = thread::Builder::new().name("handover-look".to_owned());
        replace::starting_thread(|| thread.spawn(move || looks.look_until_end()))?;
        Ok(feed)
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn end(&self) {
        self.state().is_ended = true;
        self.changed.notify_all();
    }

    pub(super) fn watch(&self) -> Watching<'_> {
        let mut state = self.state();
        state.watchers += 1;
        let seen = state.number;
        drop(state);
        self.changed.notify_all();
        Watching { feed: self, seen }
    }

    fn look_until_end(&self) {
        while self.await_watcher() {
            // A new one for those who come after a pause: what was seen before it says nothing of now.
            let mut sampler = Sampler::new(&self.handle);
            while self.is_watched() {
                self.look(&mut sampler);
            }
        }
    }

    /// False at the end.
    fn await_watcher(&self) -> bool {
        let waits = |state: &mut State| state.watchers == 0 && !state.is_ended;
        let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
        !state.is_ended
    }

    fn is_watched(&self) -> bool {
        let state = self.state();
        state.watchers > 0 && !state.is_ended
    }

    /// One event, and the time until the next.
    fn look(&self, sampler: &mut Sampler) {
        let began = Instant::now();
        let event = sampler.event();
        let took = began.elapsed();
        let mut state = self.state();
        state.number += 1;
        state.event = event.into();
        drop(state);
        self.changed.notify_all();
        let next = began + EVENT_EVERY.max(took * SHARE);
        while self.is_watched() && Instant::now() < next {
            thread::sleep(GLANCE_EVERY.min(next.saturating_duration_since(Instant::now())));
            sampler.glance();
        }
    }
}

impl Watching<'_> {
    /// The next event; none at the end. Those that came meanwhile are left out.
    pub(super) fn next(&mut self) -> Option<Arc<str>> {
        let waits = |state: &mut State| state.number == self.seen && !state.is_ended;
        let state = self.feed.changed.wait_while(self.feed.state(), waits).unwrap_or_else(PoisonError::into_inner);
        self.seen = state.number;
        (!state.is_ended).then(|| Arc::clone(&state.event))
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.feed.state().watchers -= 1;
    }
}
