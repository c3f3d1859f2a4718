//! Deadlines: order, precision, cancelling, and everybody's leave to fire them.

#![cfg(not(loom))]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use handover_reactor::clock::Moment;
use handover_reactor::timers::wheel::Wheel;
use handover_reactor::{Error, Reactor, Timer};
use support::{Task, reactor, turn};

fn poll(timer: &mut Timer, waker: &Waker) -> Poll<std::io::Result<()>> {
    timer.poll(&mut Context::from_waker(waker))
}

fn armed(reactor: &Arc<Reactor>, shard: usize, wait: Duration, waker: &Waker) -> Timer {
    let mut timer = Timer::new(Arc::clone(reactor), shard, Instant::now() + wait);
    assert!(poll(&mut timer, waker).is_pending());
    timer
}

const LONG: Duration = Duration::from_secs(3_600);

/// xorshift64: the same numbers at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A deadline from now to 18 minutes on, the near ones as likely as the far ones.
fn some_deadline(random: &mut Random, now: u64) -> Moment {
    let bits = random.below(40);
    Moment::from_nanos(now + random.below(1 << (bits + 1)))
}

#[test]
fn the_wheel_agrees_with_an_ordered_map() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut wheel = Wheel::new();
    let mut map = BTreeMap::new();
    let mut keys = Vec::new();
    let mut now = 0;
    for number in 0..100_000_u64 {
        match random.below(12) {
            0..5 => {
                let deadline = some_deadline(&mut random, now);
                keys.push((wheel.insert(deadline, number), deadline, number));
                map.insert((deadline, number), ());
            }
            5..8 if !keys.is_empty() => {
                let (key, deadline, value) = keys.swap_remove(random.below(keys.len() as u64) as usize);
                let expected = map.remove(&(deadline, value)).map(|()| value);
                assert_eq!(wheel.remove(key), expected);
                assert_eq!(wheel.get_mut(key), None);
                assert_eq!(wheel.move_to(key, deadline), None);
            }
            8..10 if !keys.is_empty() => {
                let (key, deadline, value) = keys.swap_remove(random.below(keys.len() as u64) as usize);
                let later = some_deadline(&mut random, now);
                let moved = wheel.move_to(key, later);
                assert_eq!(moved.is_some(), map.remove(&(deadline, value)).is_some());
                if let Some(key) = moved {
                    map.insert((later, value), ());
                    keys.push((key, later, value));
                }
            }
            10 => {
                let bits = random.below(34) + 1;
                now += random.below(1 << bits);
                while let Some(value) = wheel.pop_due(Moment::from_nanos(now)) {
                    let due = map.keys().find(|(_, number)| *number == value).copied().expect("it was in");
                    assert_eq!(map.keys().next().map(|first| first.0), Some(due.0), "the earliest comes first");
                    map.remove(&due);
                }
                assert!(map.keys().all(|(deadline, _)| deadline.nanos() > now));
            }
            _ => {}
        }
        let first = map.keys().next().map_or(Moment::NEVER, |first| first.0);
        assert!(wheel.next() <= first, "{first:?} would be late");
        assert_eq!(wheel.len(), map.len());
        assert_eq!(wheel.next().is_never(), map.is_empty());
    }
}

#[test]
fn a_poller_that_waits_for_the_next_deadline_wakes_up_once_for_each() {
    let mut wheel = Wheel::new();
    let mut random = Random(7);
    let deadlines: Vec<_> = (0..2_000).map(|_| some_deadline(&mut random, 0)).collect();
    for deadline in &deadlines {
        wheel.insert(*deadline, *deadline);
    }
    let mut sorted = deadlines;
    sorted.sort();
    sorted.dedup();
    for deadline in sorted {
        assert_eq!(wheel.next(), deadline);
        while let Some(due) = wheel.pop_due(deadline) {
            assert_eq!(due, deadline);
        }
    }
    assert!(wheel.is_empty() && wheel.next().is_never());
}

/// The way of a timeout: armed far ahead and taken back, again and again.
#[test]
fn deadlines_that_are_taken_back_leave_nothing_behind() {
    let mut wheel = Wheel::new();
    let stays = wheel.insert(Moment::from_nanos(1 << 50), 0);
    for number in 0..100_000_u64 {
        let key = wheel.insert(Moment::from_nanos((1 << 35) + number * 1_000), number);
        assert_eq!(wheel.remove(key), Some(number));
    }
    assert_eq!(wheel.next(), Moment::from_nanos(1 << 50), "none of them wakes anybody");
    assert!(format!("{wheel:?}").len() < 100_000, "they are still there");
    assert_eq!(wheel.remove(stays), Some(0));
    assert!(wheel.next().is_never());
}

#[test]
fn timers_fire_in_order_and_not_before_their_time() {
    let reactor = reactor();
    let mut timers: Vec<_> = [3_u64, 1, 2]
        .into_iter()
        .enumerate()
        .map(|(number, millis)| {
            let (task, waker) = Task::new();
            (armed(&reactor, number % 2, Duration::from_millis(millis * 3), &waker), task, waker)
        })
        .collect();
    timers.sort_by_key(|(timer, ..)| timer.deadline());
    for (timer, task, waker) in &mut timers {
        while task.wakes() == 0 {
            turn(&reactor);
        }
        assert!(Instant::now() >= timer.deadline());
        assert!(matches!(poll(timer, waker), Poll::Ready(Ok(()))));
        assert!(matches!(poll(timer, waker), Poll::Ready(Ok(()))), "and stays ready");
    }
    assert!(reactor.is_quiet());
}

#[test]
fn deadlines_are_finer_than_a_millisecond() {
    let reactor = reactor();
    let wait = Duration::from_micros(200);
    // A busy machine may be late; if all of fifty are a millisecond late, the timerfd is not at work.
    let best = (0..50).map(|_| {
        let (task, waker) = Task::new();
        let timer = armed(&reactor, 0, wait, &waker);
        while task.wakes() == 0 {
            turn(&reactor);
        }
        timer.deadline().elapsed()
    });
    let best = best.min().expect("fifty of them");
    assert!(best < Duration::from_micros(700), "the best of fifty was {best:?} late");
}

#[test]
fn past_deadlines_are_ready_at_the_first_poll() {
    let reactor = reactor();
    let mut timer = Timer::new(Arc::clone(&reactor), 0, Instant::now() - Duration::from_secs(1));
    assert!(timer.is_elapsed());
    assert!(matches!(poll(&mut timer, Waker::noop()), Poll::Ready(Ok(()))));
    assert!(reactor.is_quiet());
}

#[test]
fn far_deadlines_saturate() {
    let reactor = reactor();
    let far = Instant::now() + Duration::from_secs(1 << 40);
    let mut timer = Timer::new(Arc::clone(&reactor), 0, far);
    assert!(poll(&mut timer, Waker::noop()).is_pending());
    assert_eq!(timer.deadline(), far);
    let next = reactor.next_deadline().expect("it is armed");
    assert!(next < far && next > Instant::now() + Duration::from_secs(70 * 365 * 86_400));
}

#[test]
fn a_dropped_timer_is_disarmed_and_keeps_no_waker() {
    let reactor = reactor();
    let (task, waker) = Task::new();
    let timer = armed(&reactor, 1, LONG, &waker);
    assert!(!reactor.is_quiet());
    drop((timer, waker));
    assert!(reactor.is_quiet());
    assert_eq!(Arc::strong_count(&task), 1);
}

#[test]
fn the_last_task_to_poll_is_the_one_that_is_woken() {
    let reactor = reactor();
    let ((first, first_waker), (second, second_waker)) = (Task::new(), Task::new());
    let mut timer = armed(&reactor, 0, Duration::from_millis(2), &first_waker);
    assert!(poll(&mut timer, &second_waker).is_pending());
    while second.wakes() == 0 {
        turn(&reactor);
    }
    assert_eq!(first.wakes(), 0);
}

#[test]
fn a_reset_moves_the_deadline_of_a_waiting_task() {
    let reactor = reactor();
    let (task, waker) = Task::new();
    let mut timer = armed(&reactor, 0, LONG, &waker);
    timer.reset(Instant::now() + Duration::from_millis(1));
    while task.wakes() == 0 {
        turn(&reactor);
    }
    assert!(matches!(poll(&mut timer, &waker), Poll::Ready(Ok(()))));

    timer.reset(Instant::now() + LONG);
    assert!(!timer.is_elapsed());
    assert!(poll(&mut timer, &waker).is_pending());
    timer.reset(Instant::now() + LONG + LONG);
    let next = reactor.next_deadline().expect("it is armed");
    assert!(timer.deadline() - next < Duration::from_micros(1), "later is published as well");
}

#[test]
fn a_reset_after_firing_starts_anew() {
    let reactor = reactor();
    let (task, waker) = Task::new();
    let mut timer = armed(&reactor, 0, Duration::from_millis(1), &waker);
    while task.wakes() == 0 {
        turn(&reactor);
    }
    timer.reset(Instant::now() + LONG);
    assert!(reactor.is_quiet(), "nobody has polled it yet");
    assert!(poll(&mut timer, &waker).is_pending());
    assert!(!reactor.is_quiet());
}

#[test]
fn anybody_fires_overdue_timers() {
    let reactor = reactor();
    let (task, waker) = Task::new();
    let timers: Vec<_> = (0..20).map(|number| armed(&reactor, number % 2, Duration::from_millis(1), &waker)).collect();
    let held = reactor.try_turn().expect("nobody polls");
    let mut wakers = Vec::new();
    while wakers.len() < timers.len() {
        reactor.fire_overdue(&mut wakers);
    }
    drop(held);
    assert_eq!(task.wakes(), 0, "calling them is left to the caller");
    assert_eq!(reactor.next_deadline(), None);
}

#[test]
fn an_earlier_timer_reaches_a_poller_that_waits_for_a_later_one() {
    let reactor = reactor();
    let late = armed(&reactor, 0, LONG, Waker::noop());
    std::thread::scope(|scope| {
        let (task, waker) = Task::new();
        let poller = scope.spawn({
            let reactor = &reactor;
            move || {
                while task.wakes() == 0 {
                    turn(reactor);
                }
            }
        });
        // Armed at any point of the poller's way into its wait: before it, in it, after it.
        let early = armed(&reactor, 1, Duration::from_millis(1), &waker);
        poller.join().expect("the poller does not sleep through it");
        drop(early);
    });
    drop(late);
}

#[test]
fn close_ends_armed_timers_and_refuses_new_ones() {
    let reactor = reactor();
    let (task, waker) = Task::new();
    let mut timer = armed(&reactor, 0, LONG, &waker);
    reactor.close();
    assert_eq!(task.wakes(), 1);
    let mut late = Timer::new(Arc::clone(&reactor), 1, Instant::now() + LONG);
    for timer in [&mut timer, &mut late] {
        let Poll::Ready(Err(error)) = poll(timer, &waker) else { panic!("an error") };
        assert_eq!(error.get_ref().and_then(|inner| inner.downcast_ref()), Some(&Error::ShutDown));
    }
}

#[test]
#[should_panic(expected = "shard 2 does not exist")]
fn an_unknown_shard_is_refused() {
    Timer::new(reactor(), 2, Instant::now());
}
