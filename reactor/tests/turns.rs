//! The poller's role, its wake-ups and its limits.

#![cfg(not(loom))]

mod support;

use std::sync::Barrier;
use std::time::{Duration, Instant};

use support::{look, reactor, turn};

#[test]
fn one_thread_polls_at_a_time() {
    let reactor = reactor();
    let held = reactor.try_turn().expect("nobody polls");
    assert!(reactor.has_poller());
    assert!(reactor.try_turn().is_none());
    drop(held);
    assert!(!reactor.has_poller());
    assert!(reactor.try_turn().is_some());
}

#[test]
fn a_wake_before_the_wait_is_kept() {
    let reactor = reactor();
    reactor.wake();
    reactor.wake();
    assert_eq!(turn(&reactor), 0, "it would block for ever");
}

#[test]
fn a_wake_ends_the_wait() {
    let reactor = reactor();
    let ready = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..1_000 {
                ready.wait();
                turn(&reactor);
            }
        });
        for _ in 0..1_000 {
            ready.wait();
            reactor.wake();
        }
    });
}

#[test]
fn a_turn_ends_at_its_limit() {
    let reactor = reactor();
    let start = Instant::now();
    let limit = Duration::from_micros(1_500);
    let mut wakers = Vec::new();
    while start.elapsed() < limit {
        let rest = limit.saturating_sub(start.elapsed());
        reactor.try_turn().expect("nobody polls").wait(Some(rest), &mut wakers).expect("a wait");
    }
    assert!(wakers.is_empty());
}

#[test]
fn a_look_does_not_wait() {
    let reactor = reactor();
    assert_eq!(look(&reactor), 0);
    assert!(reactor.is_quiet());
}

#[test]
fn close_ends_the_wait() {
    let reactor = reactor();
    std::thread::scope(|scope| {
        let poller = scope.spawn(|| turn(&reactor));
        reactor.close();
        assert_eq!(poller.join().expect("no panic"), 0);
    });
}
