//! Model: a call is interrupted while it ends, and its task is aborted while it begins.
//!
//! The kernel's part is one bit, the signal that is pending for the thread. Run with `RUSTFLAGS="--cfg loom"`; the canaries are twins with one fault, which must fail.

#![cfg(loom)]

use handover_blocking::interrupt::desk::Desk;
use handover_blocking::interrupt::word::{End, Interruption};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

/// How a canary uses the word.
#[derive(Clone, Copy, PartialEq)]
enum Misuse {
    Nothing,
    /// The call ends without having its signals delivered.
    LeavesSignalsPending,
    /// The monitor says that it has sent before it has.
    SentBeforeSending,
    /// The monitor looks whether the call is out, and sends.
    SendsToWhatWasOut,
}

struct Call {
    word: Interruption,
    /// A signal is pending for the thread. Relaxed: the kernel's own order is not to be what saves us.
    pending: AtomicBool,
    /// The thread is alive. Relaxed, for the same reason.
    alive: AtomicBool,
}

impl Call {
    /// What `OutCall::strike` does.
    fn strike(&self, misuse: Misuse) {
        let out = if misuse == Misuse::SendsToWhatWasOut { self.word.is_out() } else { self.word.begin_sending() };
        if !out {
            return;
        }
        if misuse == Misuse::SentBeforeSending {
            self.word.sent();
        }
        assert!(self.alive.load(Ordering::Relaxed), "a signal to a thread that has ended");
        self.pending.store(true, Ordering::Relaxed);
        if misuse == Misuse::Nothing || misuse == Misuse::LeavesSignalsPending {
            self.word.sent();
        }
    }

    /// What the drop of `Out` does, and then the thread's next call and its end.
    fn end(&self, misuse: Misuse) {
        if self.word.end() == End::Struck && misuse != Misuse::LeavesSignalsPending {
            self.pending.store(false, Ordering::Relaxed);
        }
        assert!(!self.pending.load(Ordering::Relaxed), "the next call is interrupted");
        self.alive.store(false, Ordering::Relaxed);
    }
}

fn strikes_race_the_end(strikes: usize, misuse: Misuse) {
    loom::model(move || {
        let call = Arc::new(Call { word: Interruption::new(), pending: AtomicBool::new(false), alive: AtomicBool::new(true) });
        let monitor = {
            let call = Arc::clone(&call);
            thread::spawn(move || (0..strikes).for_each(|_| call.strike(misuse)))
        };
        call.end(misuse);
        monitor.join().unwrap();
        assert!(!call.pending.load(Ordering::Relaxed), "a signal was sent after the call");
        assert!(!call.word.is_out());
    });
}

#[test]
fn a_signal_races_the_end_of_its_call() {
    strikes_race_the_end(1, Misuse::Nothing);
}

#[test]
fn repeated_signals_race_the_end_of_their_call() {
    strikes_race_the_end(3, Misuse::Nothing);
}

#[test]
#[should_panic(expected = "the next call is interrupted")]
fn canary_a_call_that_leaves_signals_pending() {
    strikes_race_the_end(1, Misuse::LeavesSignalsPending);
}

#[test]
#[should_panic]
fn canary_sent_before_sending() {
    strikes_race_the_end(1, Misuse::SentBeforeSending);
}

#[test]
#[should_panic]
fn canary_a_look_instead_of_a_claim() {
    strikes_race_the_end(1, Misuse::SendsToWhatWasOut);
}

// ---- the desk ------------------------------------------------------------------------------------------------------------

const TASK: u64 = 7;

fn an_abort_races_the_begin(asks_before_it_enters: bool) {
    loom::model(move || {
        let desk = Arc::new(Desk::new());
        let cancelled = Arc::new(AtomicBool::new(false));
        let aborter = {
            let (desk, cancelled) = (Arc::clone(&desk), Arc::clone(&cancelled));
            thread::spawn(move || {
                // Relaxed: the desk's lock is what orders it.
                cancelled.store(true, Ordering::Relaxed);
                desk.find(TASK).is_some()
            })
        };
        let early = cancelled.load(Ordering::Relaxed);
        assert!(desk.enter(TASK, ()));
        let sees_it = if asks_before_it_enters { early } else { cancelled.load(Ordering::Relaxed) };
        let is_found = aborter.join().unwrap();
        assert!(sees_it || is_found, "an aborted call that nobody interrupts");
        assert!(desk.leave(TASK).is_some());
        assert_eq!(desk.find(TASK), None);
    });
}

#[test]
fn an_abort_races_the_begin_of_a_call() {
    an_abort_races_the_begin(false);
}

#[test]
#[should_panic(expected = "an aborted call that nobody interrupts")]
fn canary_a_call_that_asks_before_it_enters() {
    an_abort_races_the_begin(true);
}
