//! Is a held processor watched by a monitor that sleeps without limit, and does such a monitor hear a kick?
//!
//! The kernel's timer is a locked word here: like it, its operations have one order. Sleeping is not modelled; what the bell says in the end is.

#![cfg(loom)]

use handover_blocking::bell::{self, Appointed, Ringer};
use handover_blocking::idle_set::IdleSet;
use handover_blocking::lease::Lease;
use handover_blocking::wakefulness::{Depth, Kick, Wakefulness};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Nothing,
    Later,
    Now,
}

struct Bell(Mutex<Says>, AtomicUsize);

impl Bell {
    fn say(&self, what: Says) {
        *self.0.lock().expect("nobody panics with it") = what;
    }
    fn says(&self) -> Says {
        *self.0.lock().expect("nobody panics with it")
    }
}

impl Ringer for Bell {
    fn set(&self) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.say(Says::Later);
    }
    fn turn_off(&self) {
        self.say(Says::Nothing);
    }
    fn ring(&self) {
        self.say(Says::Now);
    }
}

/// What may be wrong with a twin.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Who turns the bell off does not look at the set again.
    CalledOffBlindly,
    /// Who turns it off does not look for a kick.
    CalledOffOverKick,
    /// Who sets it does not look for a kick.
    AppointedOverKick,
    /// The monitor turns it off after it has looked at the set for the last time.
    TurnedOffLate,
    /// Who takes a processor sets the bell again, though another one is out.
    AppointedAnew,
    /// Who takes a processor looks before it for others that are out.
    LookedBeforeTheTake,
    /// Who takes a processor leaves the bell to others if one of theirs is out.
    LeftToOthers,
    /// The flag stays up when the bell is turned off.
    FlagStaysUp,
}

struct Model {
    bell: Bell,
    appointed: Appointed,
    word: Wakefulness,
    idle: IdleSet,
    fault: Fault,
}

impl Model {
    /// Two processors, all idle, and a monitor that sleeps without limit.
    fn asleep(fault: Fault) -> Arc<Self> {
        let bell = Bell(Mutex::new(Says::Nothing), AtomicUsize::new(0));
        let model = Self { bell, appointed: Appointed::new(), word: Wakefulness::new(), idle: IdleSet::new(2), fault };
        model.idle.fill();
        model.word.settle_down(Depth::Deep);
        Arc::new(model)
    }

    fn appoint(&self) {
        if self.fault == Fault::AppointedOverKick {
            self.bell.set();
        } else {
            bell::appoint(&self.bell, &self.word);
        }
    }

    fn call_off(&self) {
        match self.fault {
            Fault::CalledOffBlindly => bell::call_off(&self.bell, &self.appointed, &self.word, || true),
            Fault::FlagStaysUp => {
                self.bell.turn_off();
                if self.word.is_kicked() {
                    self.bell.ring();
                } else if !self.idle.is_full() {
                    self.appoint();
                }
            }
            Fault::CalledOffOverKick => {
                self.bell.turn_off();
                if !self.idle.is_full() {
                    self.appoint();
                }
            }
            _ => bell::call_off(&self.bell, &self.appointed, &self.word, || self.idle.is_full()),
        }
    }

    /// As `Worker::acquire` does.
    fn take(&self, processor: usize) -> Lease {
        let was_first = self.idle.is_full();
        let lease = self.idle.take(processor).expect("nobody else takes it");
        if self.word.is_deep_after_take() {
            let is_first = match self.fault {
                Fault::AppointedAnew => true,
                Fault::LookedBeforeTheTake => was_first,
                Fault::LeftToOthers => self.idle.len() == 1,
                _ => self.appointed.claim(),
            };
            if is_first {
                self.appoint();
            }
        }
        lease
    }

    /// As `Pool::release` does.
    fn release(&self, lease: Lease) {
        self.idle.insert(lease);
        if self.word.is_deep() && self.idle.is_full() {
            self.call_off();
        }
    }

    fn kick(&self) {
        if self.word.kick() == Kick::Wake(Depth::Deep) {
            self.bell.ring();
        }
    }
}

/// Given a monitor that sleeps and a processor that is held; when it is released while another one is taken; then the bell will ring for that one.
fn release_against_take(fault: Fault) {
    loom::model(move || {
        let model = Model::asleep(fault);
        let held = model.take(1);
        let taker = thread::spawn({
            let model = Arc::clone(&model);
            move || drop(model.take(0))
        });
        model.release(held);
        taker.join().expect("the taker");
        assert_ne!(model.bell.says(), Says::Nothing, "nobody watches a held processor");
    });
}

#[test]
fn release_races_take() {
    release_against_take(Fault::None);
}

#[test]
#[should_panic(expected = "nobody watches")]
fn canary_called_off_blindly() {
    release_against_take(Fault::CalledOffBlindly);
}

#[test]
#[should_panic(expected = "nobody watches")]
fn canary_looked_before_the_take() {
    release_against_take(Fault::LookedBeforeTheTake);
}

/// Given a monitor that sleeps and a processor that is held; when another one is taken and released; then the bell rings when it would have.
fn second_taker(fault: Fault) {
    loom::model(move || {
        let model = Model::asleep(fault);
        let _held = model.take(1);
        let other = thread::spawn({
            let model = Arc::clone(&model);
            move || {
                let lease = model.take(0);
                model.release(lease);
            }
        });
        other.join().expect("the other");
        assert_eq!((model.bell.says(), model.bell.1.load(Ordering::Relaxed)), (Says::Later, 1), "the watch was put off");
    });
}

#[test]
fn a_second_taker_does_not_put_the_watch_off() {
    second_taker(Fault::None);
}

#[test]
#[should_panic(expected = "put off")]
fn canary_appointed_anew() {
    second_taker(Fault::AppointedAnew);
}

/// Given a monitor that sleeps and a processor that is held; when it is released while somebody kicks; then the bell rings now.
fn kick_against_release(fault: Fault) {
    loom::model(move || {
        let model = Model::asleep(fault);
        let held = model.take(1);
        let kicker = thread::spawn({
            let model = Arc::clone(&model);
            move || model.kick()
        });
        model.release(held);
        kicker.join().expect("the kicker");
        assert_eq!(model.bell.says(), Says::Now, "the monitor sleeps through a kick");
    });
}

#[test]
fn kick_races_release() {
    kick_against_release(Fault::None);
}

#[test]
#[should_panic(expected = "sleeps through a kick")]
fn canary_called_off_over_a_kick() {
    kick_against_release(Fault::CalledOffOverKick);
}

/// Given a monitor that sleeps; when a processor is taken while somebody kicks; then the bell rings now.
fn kick_against_take(fault: Fault) {
    loom::model(move || {
        let model = Model::asleep(fault);
        let kicker = thread::spawn({
            let model = Arc::clone(&model);
            move || model.kick()
        });
        drop(model.take(0));
        kicker.join().expect("the kicker");
        assert_eq!(model.bell.says(), Says::Now, "the monitor sleeps through a kick");
    });
}

#[test]
fn kick_races_take() {
    kick_against_take(Fault::None);
}

#[test]
#[should_panic(expected = "sleeps through a kick")]
fn canary_appointed_over_a_kick() {
    kick_against_take(Fault::AppointedOverKick);
}

/// Given a monitor that has slept without limit and goes to sleep again; when a processor is taken meanwhile; then the monitor stays up, or the bell will ring.
fn sleep_against_take(fault: Fault) {
    loom::model(move || {
        let model = Model::asleep(fault);
        let taker = thread::spawn({
            let model = Arc::clone(&model);
            move || drop(model.take(0))
        });
        assert!(!model.word.wake_up(), "nobody kicks");
        model.appointed.forget();
        if fault != Fault::TurnedOffLate {
            model.bell.turn_off();
        }
        model.word.settle_down(Depth::Deep);
        let sleeps = model.idle.is_full() && !model.word.is_kicked();
        if fault == Fault::TurnedOffLate {
            model.bell.turn_off();
        }
        taker.join().expect("the taker");
        assert!(!sleeps || model.bell.says() != Says::Nothing, "nobody watches a held processor");
    });
}

#[test]
fn going_to_sleep_races_take() {
    sleep_against_take(Fault::None);
}

#[test]
#[should_panic(expected = "nobody watches")]
fn canary_turned_off_late() {
    sleep_against_take(Fault::TurnedOffLate);
}

/// Given a monitor that sleeps; when two processors are taken at once, and given back or not; then the bell will ring for those that are held.
fn two_takes(fault: Fault) {
    loom::model(move || {
        let model = Model::asleep(fault);
        let other = thread::spawn({
            let model = Arc::clone(&model);
            move || drop(model.take(0))
        });
        drop(model.take(1));
        other.join().expect("the other");
        assert_eq!(model.bell.says(), Says::Later, "nobody watches the held processors");
    });
}

#[test]
fn two_takes_race() {
    two_takes(Fault::None);
}

#[test]
#[should_panic(expected = "nobody watches")]
fn canary_left_to_others() {
    two_takes(Fault::LeftToOthers);
}

/// Given a bell that was turned off; when a processor is taken; then it is set again.
#[test]
#[should_panic(expected = "nobody watches")]
fn canary_flag_stays_up() {
    release_then_take(Fault::FlagStaysUp);
}

#[test]
fn a_take_after_a_release_is_watched() {
    release_then_take(Fault::None);
}

fn release_then_take(fault: Fault) {
    loom::model(move || {
        let model = Model::asleep(fault);
        let held = model.take(1);
        model.release(held);
        let taker = thread::spawn({
            let model = Arc::clone(&model);
            move || drop(model.take(0))
        });
        taker.join().expect("the taker");
        assert_ne!(model.bell.says(), Says::Nothing, "nobody watches a held processor");
    });
}

/// Given a monitor that sleeps and two processors that are held; when both are released at once; then the bell is off.
#[test]
fn the_last_release_turns_it_off() {
    loom::model(|| {
        let model = Model::asleep(Fault::None);
        let held = [model.take(0), model.take(1)];
        let [first, second] = held;
        let other = thread::spawn({
            let model = Arc::clone(&model);
            move || model.release(first)
        });
        model.release(second);
        other.join().expect("the other");
        assert_eq!(model.bell.says(), Says::Nothing);
    });
}
