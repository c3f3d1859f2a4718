//! Does a reader that clears ever lose an edge of the poller's?
//!
//! The pipe is a counter of bytes. The writer's side adds one, then the poller sets the word, as epoll would have it. The reader takes
//! all bytes and clears when there are none (`exhaust`) or fewer than asked (`drain`). Bytes that are left when all is over must show.

#![cfg(loom)]

use handover_reactor::readiness::{Readiness, Ready};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// Any readiness word, the real one or a twin.
trait Word: Send + Sync + 'static {
    fn new() -> Self;
    fn set(&self);
    fn get(&self) -> Ready;
    fn exhaust(&self, seen: Ready);
    fn drain(&self, seen: Ready);
}

impl Word for Readiness {
    fn new() -> Self {
        Readiness::new()
    }
    fn set(&self) {
        Readiness::set(self, Ready::READABLE);
    }
    fn get(&self) -> Ready {
        Readiness::get(self)
    }
    fn exhaust(&self, seen: Ready) {
        Readiness::exhaust(self, seen);
    }
    fn drain(&self, seen: Ready) {
        Readiness::drain(self, seen);
    }
}

/// The twin: clears whatever stands there, without asking for the tick.
struct Tickless(AtomicUsize);

impl Word for Tickless {
    fn new() -> Self {
        Self(AtomicUsize::new(0))
    }
    fn set(&self) {
        self.0.store(1, Ordering::Release);
    }
    fn get(&self) -> Ready {
        if self.0.load(Ordering::Acquire) == 1 { Ready::READABLE } else { Ready::NOTHING }
    }
    fn exhaust(&self, _seen: Ready) {
        self.0.store(0, Ordering::Release);
    }
    fn drain(&self, seen: Ready) {
        self.exhaust(seen);
    }
}

fn read_until_eagain<W: Word>(word: &W, bytes: &AtomicUsize) {
    for _ in 0..2 {
        let seen = word.get();
        if !seen.is_readable() {
            return;
        }
        if bytes.swap(0, Ordering::AcqRel) == 0 {
            word.exhaust(seen);
        }
    }
}

fn read_short<W: Word>(word: &W, bytes: &AtomicUsize) {
    let seen = word.get();
    if seen.is_readable() && bytes.swap(0, Ordering::AcqRel) > 0 {
        word.drain(seen);
    }
}

fn an_edge_races<W: Word>(read: fn(&W, &AtomicUsize)) {
    loom::model(move || {
        let pipe = Arc::new((W::new(), AtomicUsize::new(1)));
        pipe.0.set();
        let poller = thread::spawn({
            let pipe = Arc::clone(&pipe);
            move || {
                pipe.1.fetch_add(1, Ordering::AcqRel);
                pipe.0.set();
            }
        });
        read(&pipe.0, &pipe.1);
        poller.join().expect("the poller");
        let left = pipe.1.load(Ordering::Acquire);
        assert!(left == 0 || pipe.0.get().is_readable(), "{left} bytes are left and nobody will be told");
    });
}

#[test]
fn exhaust_races_set() {
    an_edge_races::<Readiness>(read_until_eagain);
}

#[test]
fn drain_races_set() {
    an_edge_races::<Readiness>(read_short);
}

#[test]
#[should_panic(expected = "nobody will be told")]
fn canary_exhaust_without_the_tick() {
    an_edge_races::<Tickless>(read_until_eagain);
}

#[test]
#[should_panic(expected = "nobody will be told")]
fn canary_drain_without_the_tick() {
    an_edge_races::<Tickless>(read_short);
}
