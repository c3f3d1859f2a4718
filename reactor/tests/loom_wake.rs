//! Does a poller that is about to block ever miss a wake-up?
//!
//! Blocking is not modelled; its outcome is. A poller that decided to wait, while nobody writes to the eventfd, would wait for ever.

#![cfg(loom)]

use handover_reactor::clock::Moment;
use handover_reactor::poller::{Begin, Poller, Wake};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

#[test]
fn wake_races_begin_wait() {
    loom::model(|| {
        let poller = Arc::new(Poller::new());
        assert!(poller.claim());
        let work = Arc::new(AtomicUsize::new(0));
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let (poller, work) = (Arc::clone(&poller), Arc::clone(&work));
                thread::spawn(move || {
                    work.fetch_add(1, Ordering::Relaxed);
                    poller.wake() == Wake::Write
                })
            })
            .collect();
        let begin = poller.begin_wait(Moment::NEVER);
        let seen = work.load(Ordering::Relaxed);
        let writes = wakers.into_iter().map(|waker| waker.join().expect("a waker")).filter(|wrote| *wrote).count();
        match begin {
            Begin::Wait => assert_eq!(writes, 1, "the poller sleeps through a wake-up, or is written to twice"),
            Begin::Woken => {
                assert_eq!(writes, 0, "a write to a poller that does not wait");
                assert!(seen > 0, "what the waker did before is not seen");
            }
        }
    });
}

/// A wake-up that comes while the poller returns from one wait ends the next one.
#[test]
fn wake_races_end_wait() {
    loom::model(|| {
        let poller = Arc::new(Poller::new());
        assert!(poller.claim());
        assert_eq!(poller.begin_wait(Moment::NEVER), Begin::Wait);
        let work = Arc::new(AtomicBool::new(false));
        let waker = thread::spawn({
            let (poller, work) = (Arc::clone(&poller), Arc::clone(&work));
            move || {
                work.store(true, Ordering::Relaxed);
                poller.wake() == Wake::Write
            }
        });
        // The kernel returned for a reason of its own.
        poller.end_wait();
        let seen = work.load(Ordering::Relaxed);
        let begin = poller.begin_wait(Moment::NEVER);
        let wrote = waker.join().expect("the waker");
        assert!(seen || wrote || begin == Begin::Woken, "the poller sleeps through a wake-up");
    });
}

/// The twin: mark and plan are two words without a fence, so that each side may miss the other's.
#[test]
#[should_panic(expected = "sleeps through a wake-up")]
fn canary_with_two_words() {
    loom::model(|| {
        let words = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
        let waker = thread::spawn({
            let words = Arc::clone(&words);
            move || {
                words.0.store(true, Ordering::Release);
                words.1.load(Ordering::Acquire)
            }
        });
        words.1.store(true, Ordering::Release);
        let woken = words.0.load(Ordering::Acquire);
        let wrote = waker.join().expect("the waker");
        assert!(woken || wrote, "the poller sleeps through a wake-up");
    });
}
