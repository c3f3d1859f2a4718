//! Is a wake-up ever lost between a push and a thread that goes to sleep?
//!
//! The models drive the protocol of `Pool` and of a worker's rest (`house.rs`) with the real idle set and searchers.

#![cfg(loom)]

mod house;

use handover_blocking::searchers::{Found, Searchers};
use house::{Fault, House, Parked};
use loom::sync::Arc;
use loom::thread;

/// Three preemptions where two threads meet; fewer where three do, or the models would take minutes.
fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Runs `body` on a thread of the model.
fn beside(house: &Arc<House>, body: impl FnOnce(&House) + Send + 'static) -> thread::JoinHandle<()> {
    let house = Arc::clone(house);
    thread::spawn(move || body(&house))
}

// ---- park as a spare -----------------------------------------------------------------------------------------------

/// Given the last holder, who finds nothing to do while another thread polls; when it parks as a spare while a task is pushed; then it
/// is woken, or the poller is.
fn push_against_park(fault: Fault) {
    check(3, move || {
        let house = Arc::new(House::new(1, fault));
        house.begin_polled();
        let lease = house.idle.take(0);
        let submitter = beside(&house, House::submit);
        assert_eq!(house.rest(0, lease), Parked::AsSpare);
        submitter.join().expect("the submitter");
        house.check(1);
    });
}

#[test]
fn push_races_park() {
    push_against_park(Fault::Nothing);
}

#[test]
#[should_panic(expected = "1 tasks are stranded")]
fn canary_look_before_release() {
    push_against_park(Fault::LooksBeforeRelease);
}

/// Given two holders; when both park while a task is pushed; then neither leaves it to the other.
#[test]
fn push_races_two_parks() {
    check(2, || {
        let house = Arc::new(House::new(2, Fault::Nothing));
        house.begin_polled();
        let (first, second) = (house.idle.take(0), house.idle.take(1));
        let other = beside(&house, move |house| {
            let _ = house.rest(1, second);
        });
        let submitter = beside(&house, House::submit);
        let _ = house.rest(0, first);
        other.join().expect("the other holder");
        submitter.join().expect("the submitter");
        house.check(1);
    });
}

// ---- searchers -----------------------------------------------------------------------------------------------------

/// Given a thread that was woken for one task, and a spare; when a second task is pushed by one who counts on that searcher while it
/// finds the first; then it wakes the spare.
fn push_against_the_last_searcher(fault: Fault) {
    check(3, move || {
        let house = Arc::new(House::new(2, fault));
        house.begin_polled();
        house.begin_spare(1);
        house.begin_woken(0);
        // The woken thread's processor is the only one that the submitter may count on: the other is held by a thread in a long poll.
        let held = house.idle.take(1).expect("a full set");
        let submitter = beside(&house, House::submit);
        let mut searching = house.wakes(0);
        let lease = house.search(&mut searching);
        let _ = house.rest(0, lease);
        submitter.join().expect("the submitter");
        house.idle.insert(held);
        house.check(2);
    });
}

#[test]
fn push_races_the_last_searcher() {
    push_against_the_last_searcher(Fault::Nothing);
}

/// Given one idle processor; when two submitters want to wake a thread for it; then one of them does.
#[test]
fn begin_races_begin() {
    check(3, || {
        let searchers = Arc::new(Searchers::new());
        let other = thread::spawn({
            let searchers = Arc::clone(&searchers);
            move || searchers.try_begin(1)
        });
        let begun = [searchers.try_begin(1), other.join().expect("the other submitter")];
        assert!(begun[0] != begun[1], "{begun:?}");
        assert_eq!(searchers.end(), Found::WasLast);
    });
}

/// Given a searcher that takes its task and then stays in it; when another task is pushed meanwhile; then a spare comes for it.
fn push_against_a_searcher_that_stays(fault: Fault) {
    check(3, move || {
        let house = Arc::new(House::new(2, fault));
        house.begin_polled();
        house.begin_spare(1);
        house.begin_woken(0);
        let submitter = beside(&house, House::submit);
        let mut searching = house.wakes(0);
        let lease = house.idle.take(0).expect("nobody else takes it");
        assert!(house.work_once(&mut searching));
        submitter.join().expect("the submitter");
        // The searcher is still in its task: the other processor must have a thread on its way, if there is a task.
        house.idle.insert(lease);
        house.check(2);
    });
}

#[test]
fn push_races_a_searcher_that_stays() {
    push_against_a_searcher_that_stays(Fault::Nothing);
}

#[test]
#[should_panic(expected = "1 tasks are stranded")]
fn canary_searcher_without_fence() {
    push_against_a_searcher_that_stays(Fault::SearcherDoesNotFence);
}

/// Given as many threads woken for a task as may be; when one that returns from a call takes the only processor on its way and gives it back;
/// then the task is not left among them.
fn searcher_against_a_returning_thread(fault: Fault) {
    check(3, move || {
        let house = Arc::new(House::new(1, fault));
        house.begin_polled();
        house.begin_woken(0);
        house.begin_searching(1);
        let returning = beside(&house, |house| {
            // Its own poll goes on, and ends; it does not look for tasks before it gives the processor to a long call.
            if let Some(lease) = house.idle.take_any() {
                house.release(lease);
            }
        });
        let other = beside(&house, |house| search_and_rest(house, 1));
        search_and_rest(&house, 0);
        other.join().expect("the other searcher");
        returning.join().expect("the returning thread");
        house.check(1);
    });
}

/// Given two threads woken for one task, on CPUs that have holders; when each may leave the search to the other while a second task is pushed; then one stays, and both tasks are seen to.
fn searchers_that_leave_it_to_each_other(fault: Fault) {
    check(2, move || {
        let house = Arc::new(House::new(2, fault));
        house.begin_polled();
        house.begin_woken(0);
        house.begin_searching(1);
        // One processor is held by a thread in a long poll.
        let held = house.idle.take(1).expect("a full set");
        let submitter = beside(&house, House::submit);
        let other = beside(&house, |house| search_or_leave(house, 1));
        search_or_leave(&house, 0);
        other.join().expect("the other searcher");
        submitter.join().expect("the submitter");
        house.idle.insert(held);
        house.check(2);
    });
}

fn search_or_leave(house: &House, thread: usize) {
    assert!(house.wakes(thread));
    if house.leaves_search_to_others() {
        let _ = house.rest_beside_searchers(thread);
        return;
    }
    let mut searching = true;
    let lease = house.search(&mut searching);
    let _ = house.rest(thread, lease);
}

#[test]
fn searchers_leave_it_to_each_other() {
    searchers_that_leave_it_to_each_other(Fault::Nothing);
}

#[test]
#[should_panic(expected = "tasks are stranded")]
fn canary_searchers_that_leave_it_to_nobody() {
    searchers_that_leave_it_to_each_other(Fault::LeavesToNobody);
}

fn search_and_rest(house: &House, thread: usize) {
    let mut searching = house.wakes(thread);
    let lease = house.search(&mut searching);
    let _ = house.rest(thread, lease);
}

#[test]
fn searchers_race_a_returning_thread() {
    searcher_against_a_returning_thread(Fault::Nothing);
}

#[test]
#[should_panic(expected = "1 tasks are stranded")]
fn canary_searcher_that_gives_up_without_a_look() {
    searcher_against_a_returning_thread(Fault::GivesUpWithoutALook);
}

// ---- park as the poller --------------------------------------------------------------------------------------------

/// Given the last holder, with no spare; when it becomes the poller while a task is pushed; then the poller is interrupted and answers
/// the summons.
#[test]
fn push_races_the_poller() {
    check(3, || {
        let house = Arc::new(House::new(1, Fault::Nothing));
        let lease = house.idle.take(0);
        let submitter = beside(&house, House::submit);
        assert_eq!(house.rest(0, lease), Parked::AsPoller);
        submitter.join().expect("the submitter");
        house.check(1);
    });
}

/// Given a poller that comes back for an event of its own; when it is summoned just then; then it answers, or the one who summons does.
fn push_against_a_poller_that_returns(fault: Fault) {
    check(3, move || {
        let house = Arc::new(House::new(2, fault));
        house.begin_polled();
        let submitter = beside(&house, House::submit);
        let mut searching = house.leave_role();
        let lease = house.search(&mut searching);
        // It goes into a long call with its processor given away, and never comes back.
        if let Some(lease) = lease {
            house.release(lease);
        }
        submitter.join().expect("the submitter");
        house.check(1);
    });
}

#[test]
fn a_summons_races_the_poller_that_returns() {
    push_against_a_poller_that_returns(Fault::Nothing);
}

#[test]
#[should_panic(expected = "nobody will answer")]
fn canary_poller_that_answers_unordered() {
    push_against_a_poller_that_returns(Fault::AnswersUnordered);
}

#[test]
#[should_panic(expected = "nobody will answer")]
fn canary_poller_that_answers_in_its_role() {
    push_against_a_poller_that_returns(Fault::AnswersInRole);
}

/// Given a poller and no spare; when two tasks are pushed; then the second, whose summons finds one standing, is not left alone.
#[test]
fn two_pushes_race_the_poller() {
    check(2, || {
        let house = Arc::new(House::new(2, Fault::Nothing));
        let lease = house.idle.take(0);
        let submitter = beside(&house, House::submit);
        let other = beside(&house, House::submit);
        let _ = house.rest(0, lease);
        submitter.join().expect("a submitter");
        other.join().expect("a submitter");
        house.check(2);
    });
}
