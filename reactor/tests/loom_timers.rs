//! Does a poller that is about to block ever sleep past a deadline that was armed meanwhile?

#![cfg(loom)]

use std::task::Waker;

use handover_reactor::clock::Moment;
use handover_reactor::poller::{Begin, Poller};
use handover_reactor::timers::{Armed, Shard};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

const SOON: Moment = Moment::from_nanos(1_000);
const LATE: Moment = Moment::from_nanos(1_000_000);

/// What `Turn` does up to the system call: the moment until which it would wait; none if it would not.
fn begin(poller: &Poller, next: impl Fn() -> Moment) -> Option<Moment> {
    let plan = next();
    match poller.begin_wait(plan) {
        Begin::Wait => Some(plan.min(next())),
        Begin::Woken => None,
    }
}

/// What `Timer` does: true if it would wake the poller.
fn arm(poller: &Poller, shard: &Shard, deadline: Moment) -> bool {
    let armed = shard.arm(&mut None, deadline, &mut Some(Waker::noop().clone())).expect("it is open");
    armed == Armed::Earliest && poller.waits_past(deadline)
}

#[test]
fn arm_races_begin_wait() {
    loom::model(|| {
        let room = Arc::new((Poller::new(), Shard::new()));
        assert!(room.0.claim());
        assert!(!arm(&room.0, &room.1, LATE));
        let armer = thread::spawn({
            let room = Arc::clone(&room);
            move || arm(&room.0, &room.1, SOON)
        });
        let until = begin(&room.0, || room.1.next());
        let woken = armer.join().expect("the armer");
        assert!(woken || until.is_none_or(|until| until <= SOON), "the poller sleeps past the deadline");
    });
}

#[test]
fn two_shards_race_begin_wait() {
    loom::model(|| {
        let room = Arc::new((Poller::new(), Shard::new(), Shard::new()));
        assert!(room.0.claim());
        let first = thread::spawn({
            let room = Arc::clone(&room);
            move || arm(&room.0, &room.1, LATE)
        });
        let second = thread::spawn({
            let room = Arc::clone(&room);
            move || arm(&room.0, &room.2, SOON)
        });
        let until = begin(&room.0, || room.1.next().min(room.2.next()));
        let late_woke = first.join().expect("an armer");
        let soon_woke = second.join().expect("an armer");
        assert!(soon_woke || until.is_none_or(|until| until <= SOON), "the poller sleeps past the deadline");
        assert!(soon_woke || late_woke || until.is_none_or(|until| until <= LATE), "the poller sleeps past the deadline");
    });
}

/// The twin: the same steps without the two fences.
#[test]
#[should_panic(expected = "sleeps past the deadline")]
fn canary_without_the_fences() {
    loom::model(|| {
        let words = Arc::new((AtomicU64::new(0), AtomicU64::new(LATE.nanos())));
        let armer = thread::spawn({
            let words = Arc::clone(&words);
            move || {
                words.1.store(SOON.nanos(), Ordering::Release);
                words.0.load(Ordering::Acquire) > SOON.nanos()
            }
        });
        words.0.fetch_or(LATE.nanos(), Ordering::AcqRel);
        let until = words.1.load(Ordering::Acquire);
        let woken = armer.join().expect("the armer");
        assert!(woken || until <= SOON.nanos(), "the poller sleeps past the deadline");
    });
}
