//! What is drawn, and counted, of what was merged?

use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt, StreamExt};
use handover_blocking::recorder::{Event, Kind, Merged, Reader, Recording, Track};
use handover_blocking::{Hint, Pool};

use super::Trace;
use super::profile::Profile;
use super::timeline::tests::{contains, lines, wait};
use super::timeline::{Mark, Name, Timeline, What};
use crate::runtime::{Builder, Runtime};

const NEVER: Duration = Duration::from_secs(30);
const MANY: u64 = 20_000;

/// Without optimization, on a busy machine, a poll may take some microseconds: at this price it is quick.
const PRICE_NANOS: u64 = 50_000;
/// Longer than a batch is to last, which is 26 prices. What lasts so long before its processor is taken has begun before that also if its begin is written late.
const LONGER_THAN_BATCH: Duration = Duration::from_millis(3);

fn runtime() -> Runtime {
    let runtime = Builder::new().processors(1).build().unwrap();
    runtime.handle().shared().pool().recorder().set_price(PRICE_NANOS);
    runtime
}

/// What happened while `act` ran and until the runtime had ended: what is merged is written at the end at the latest.
fn recorded(runtime: Runtime, act: impl FnOnce(&Runtime)) -> Recording {
    let pool = runtime.handle().shared().pool();
    let _on = pool.recorder().switch_on();
    let mut reader = Reader::from_now(pool);
    act(&runtime);
    reader.read();
    drop(runtime);
    reader.finish()
}

fn events(recording: &Recording) -> impl Iterator<Item = &Event> {
    recording.tracks.iter().flat_map(|track| &track.events)
}

fn count(recording: &Recording, kind: Kind) -> u64 {
    events(recording).filter(|event| event.kind == kind).count() as u64
}

/// How many were merged in all.
fn merged(recording: &Recording) -> Merged {
    let ends = events(recording).filter(|event| event.kind == Kind::MergedEnd).map(Event::merged);
    ends.fold(Merged::default(), |all, one| Merged {
        polls: all.polls + one.polls,
        calls: all.calls + one.calls,
        wakes: all.wakes + one.wakes,
    })
}

async fn yield_often(times: u64) {
    for _ in 0..times {
        crate::task::yield_now().await;
    }
}

/// Calls, and polls, until they are merged.
async fn be_quick(times: u64) {
    for _ in 0..times {
        crate::blocking(|| ()).await;
        crate::task::yield_now().await;
    }
}

#[test]
fn each_quick_poll_is_recorded_or_counted() {
    let runtime = runtime();
    let metrics = runtime.metrics();
    let recording = recorded(runtime, |runtime| runtime.block_on(yield_often(MANY)));
    let merged = merged(&recording).polls;
    assert!(merged > MANY / 2, "{merged} of {MANY} quick polls are merged");
    assert_eq!(count(&recording, Kind::PollBegin) + merged, metrics.worker_poll_count(0));
}

#[test]
fn each_quick_call_of_a_long_poll_is_recorded_or_counted() {
    let runtime = runtime();
    let calls = async {
        for _ in 0..MANY {
            crate::blocking(|| ()).await;
        }
    };
    let recording = recorded(runtime, |runtime| runtime.block_on(calls));
    let merged = merged(&recording).calls;
    assert!(merged > MANY / 2, "{merged} of {MANY} quick calls are merged");
    assert_eq!(count(&recording, Kind::CallBegin) + merged, MANY);
    let folded = Trace { recording }.folded(Profile::Blocking);
    assert!(folded.contains("task src/trace/merged.rs:") && folded.contains(";quick calls "), "{folded}");
}

#[test]
fn each_task_that_a_poll_spawns_is_recorded_or_counted() {
    let runtime = runtime();
    let spawns = async { (0..MANY).for_each(|_| drop(crate::spawn(async {}))) };
    let recording = recorded(runtime, |runtime| runtime.block_on(spawns));
    let (merged, spawned) = (merged(&recording).wakes, count(&recording, Kind::Spawned) + count(&recording, Kind::Woke));
    assert!(merged > MANY / 4, "{merged} of {MANY} spawns are merged");
    // The root task is spawned, and wakes the thread outside at its end.
    assert!((MANY..=MANY + 2).contains(&(merged + spawned)), "{merged} + {spawned}");
}

/// How many slices are open after the last mark. None ends that has not begun, and time does not go back.
fn depth_at_the_end(marks: &[Mark]) -> usize {
    assert!(marks.is_sorted_by_key(|mark| mark.at), "{marks:#?}");
    marks.iter().fold(0_usize, |depth, mark| match mark.what {
        What::Begin(_) => depth + 1,
        What::End => depth.checked_sub(1).expect("a slice ends that has begun"),
        What::Instant(_) => depth,
    })
}

#[test]
fn merged_polls_are_drawn_as_a_slice_on_both_tracks() {
    let runtime = runtime();
    let timeline = Timeline::of(&recorded(runtime, |runtime| runtime.block_on(yield_often(MANY))));
    let is_of_polls = |mark: &&Mark| matches!(mark.what, What::Begin(Name::Merged(Merged { polls: 2.., .. })));
    let marks = || timeline.threads.iter().flat_map(|thread| &thread.slices.marks);
    let on_threads: Vec<_> = marks().filter(is_of_polls).collect();
    let on_processor: Vec<_> = timeline.processors[0].slices.marks.iter().filter(is_of_polls).collect();
    assert!(!on_threads.is_empty());
    assert_eq!(on_threads.len(), on_processor.len());
    for (on_thread, on_processor) in on_threads.iter().zip(on_processor) {
        assert_eq!((on_thread.at, on_thread.what), (on_processor.at, on_processor.what));
    }
    let tracks =
        timeline.threads.iter().map(|thread| &thread.slices).map(|slices| &slices.marks).chain([&timeline.processors[0].slices.marks]);
    tracks.for_each(|marks| assert_eq!(depth_at_the_end(marks), 0));
    let What::Begin(name) = on_threads[0].what else { unreachable!() };
    assert!(name.text().ends_with(" quick polls"), "{}", name.text());
}

/// Rounds in which a poll waits, after many quick ones, until another task has run: the lines of all threads have `expected`, and at least once the poll began in silence.
fn overtaken(expected: &[&str], is_declared: bool) {
    let mut late = 0;
    for round in 0..20 {
        let recording = recorded(runtime(), |runtime| {
            runtime.block_on(async move {
                be_quick(1_000 + round).await;
                if is_declared {
                    crate::blocking(wait_for_another_task).hint(Hint::Short).await;
                } else {
                    wait_for_another_task();
                }
            });
        });
        late += usize::from(begins_late(&recording));
        let timeline = Timeline::of(&recording);
        let all: Vec<_> = timeline.threads.iter().map(|thread| slices(lines(&thread.slices.marks))).collect();
        assert!(all.iter().any(|lines| contains(lines, expected)), "{all:#?}");
    }
    assert!(late > 0, "in no round the overtaken poll began in silence");
}

#[test]
fn a_call_that_is_overtaken_is_whole_even_if_it_began_in_silence() {
    overtaken(&["  call", "    on its processor", "    <", "    handed off", "    <", "  <"], true);
}

#[test]
fn a_poll_that_is_overtaken_is_whole_even_if_it_began_in_silence() {
    overtaken(&["  without a processor", "  <", "<"], false);
}

/// What a poll does so that its processor is taken: it waits until another task has run.
fn wait_for_another_task() {
    let (run, has_run) = mpsc::channel();
    std::thread::sleep(LONGER_THAN_BATCH);
    drop(crate::spawn(async move { run.send(()).unwrap() }));
    wait(&has_run);
}

/// Recordings of `act`, in whose last poll the monitor takes the processor: the lines of the thread have `expected`, and at least once something was merged within that poll before.
fn overtaken_after_merging(act: fn(u64) -> BoxFuture<'static, ()>, expected: &[&str]) {
    let mut merged = 0;
    for round in 0..20 {
        let recording = recorded(runtime(), |runtime| runtime.block_on(act(round)));
        let taken = events(&recording).find(|event| event.kind == Kind::Retaken).expect("the monitor takes it");
        let track = recording.tracks.iter().position(|track| track.thread == taken.thread()).expect("its thread has a track");
        let events = &recording.tracks[track].events;
        let poll = events.iter().rposition(|event| event.kind == Kind::PollBegin && event.at <= taken.at).expect("it polls");
        merged += usize::from(events[poll..].iter().any(|event| event.kind == Kind::MergedEnd && event.at <= taken.at));
        let timeline = Timeline::of(&recording);
        let lines = slices(lines(&timeline.threads[track].slices.marks));
        assert!(contains(&lines, expected), "{lines:#?}");
    }
    assert!(merged > 0, "in no round anything was merged in the overtaken poll");
}

#[test]
fn a_poll_that_is_overtaken_after_quick_calls_is_not_one_of_them() {
    let act = |round| {
        let calls_and_blocks = async move {
            for _ in 0..1_000 + round {
                crate::blocking(|| ()).await;
            }
            wait_for_another_task();
        };
        calls_and_blocks.boxed()
    };
    overtaken_after_merging(act, &["  without a processor", "  <", "<"]);
}

#[test]
fn a_call_with_a_quick_one_in_it_is_whole() {
    let act = |round| {
        let calls = async move {
            for _ in 0..1_000 + round {
                crate::blocking(|| ()).await;
            }
            let outer = || {
                crate::block_in_place(|| ());
                wait_for_another_task();
            };
            crate::blocking(outer).hint(Hint::Short).await;
        };
        calls.boxed()
    };
    overtaken_after_merging(act, &["    on its processor", "      call", "      <", "    <", "    handed off", "    <"]);
}

/// Slices alone, without the places in the code.
fn slices(lines: Vec<String>) -> Vec<String> {
    let slices = lines.into_iter().filter(|line| !line.trim_start().starts_with('*'));
    slices.map(|line| line.split(" src/").next().unwrap_or_default().to_owned()).collect()
}

/// A poll begins when a stretch of merged ones ends, and the processor of its thread is taken next.
fn begins_late(recording: &Recording) -> bool {
    let Some(taken) = events(recording).find(|event| event.kind == Kind::Retaken) else { return false };
    let is_late = |track: &Track| {
        let before = track.events.iter().rposition(|event| event.kind == Kind::PollBegin && event.at <= taken.at);
        before.is_some_and(|at| at > 0 && track.events[at - 1].kind == Kind::MergedEnd && track.events[at - 1].at == track.events[at].at)
    };
    recording.tracks.iter().any(|track| track.thread == taken.thread() && is_late(track))
}

#[test]
fn a_call_that_is_out_in_silence_is_in_what_is_written_meanwhile() {
    let runtime = runtime();
    let recorder = Arc::clone(runtime.handle().shared().pool().recorder());
    let _on = recorder.switch_on();
    let mut late = 0;
    for round in 0..20 {
        let (out, is_out) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let task = runtime.spawn(async move {
            be_quick(1_000 + round).await;
            crate::blocking(move || {
                out.send(()).unwrap();
                released.recv_timeout(NEVER).unwrap();
            })
            .await;
        });
        is_out.recv_timeout(NEVER).unwrap();
        let mut reader = Reader::of_the_last(&recorder);
        reader.read();
        let last = reader.events();
        let recording = reader.finish();
        late += usize::from(events(&recording).count() > last);
        let out = events(&recording).any(|event| event.kind == Kind::CallBegin && event.at + 1_000_000_000 > recording.end);
        let folded = Trace { recording }.folded(Profile::Blocking);
        assert!(out && folded.contains(";call src/trace/merged.rs:"), "{folded}");
        release.send(()).unwrap();
        futures::executor::block_on(task).unwrap();
    }
    assert!(late > 0, "in no round the call was out in silence");
}

#[test]
fn a_call_that_is_out_as_the_recording_begins_is_one_of_those_that_are_merged() {
    let runtime = runtime();
    let pool = Arc::clone(runtime.handle().shared().pool());
    let _on = pool.recorder().switch_on();
    let own_pool = Arc::clone(&pool);
    let mut reader = runtime.block_on(async move {
        let mut reader = None;
        for n in 0..MANY {
            crate::blocking(|| {
                if n == MANY / 2 {
                    reader = Some(Reader::from_now(&own_pool));
                }
            })
            .await;
        }
        reader.expect("a reader was made on the way")
    });
    reader.read();
    drop(runtime);
    let timeline = Timeline::of(&reader.finish());
    let mut merged = 0;
    for marks in timeline.threads.iter().map(|thread| &thread.slices.marks).chain([&timeline.processors[0].slices.marks]) {
        let mut open = Vec::new();
        for mark in marks {
            match mark.what {
                What::Begin(name @ Name::Merged(_)) => {
                    assert!(!matches!(open.last(), Some(Name::Call(_))), "quick calls are drawn within a call");
                    merged += 1;
                    open.push(name);
                }
                What::Begin(name) => open.push(name),
                What::End => _ = open.pop(),
                What::Instant(_) => {}
            }
        }
    }
    assert!(merged > 0);
}

#[test]
fn arrows_skip_no_poll() {
    let runtime = runtime();
    let timeline = Timeline::of(&recorded(runtime, |runtime| {
        runtime.block_on(async {
            let (to_other, mut from_us) = futures::channel::mpsc::channel::<u64>(1);
            let (mut to_us, from_other) = futures::channel::mpsc::channel::<u64>(1);
            let other = crate::spawn(async move {
                while let Some(n) = from_us.next().await {
                    to_us.send(n).await.unwrap();
                }
            });
            let (mut to_other, mut from_other) = (to_other, from_other);
            for n in 0..MANY {
                to_other.send(n).await.unwrap();
                assert_eq!(from_other.next().await, Some(n));
            }
            drop(to_other);
            other.await.unwrap();
        });
    }));
    let mut arrows = 0;
    for thread in &timeline.threads {
        let marks = &thread.slices.marks;
        for (end, mark) in marks.iter().enumerate() {
            let Some(begin) = mark.to.and_then(|flow| marks.iter().position(|mark| mark.from == Some(flow))) else { continue };
            arrows += 1;
            // There are two tasks: in two polls each has had its turn.
            let skips = |mark: &Mark| matches!(mark.what, What::Begin(Name::Merged(Merged { polls: 2.., .. })));
            assert!(!marks[begin..end].iter().any(skips), "{:#?}", &marks[begin..=end]);
        }
    }
    assert!(arrows > 0);
}

#[test]
fn what_ran_while_nobody_recorded_is_not_counted() {
    let runtime = runtime();
    let pool = Arc::clone(runtime.handle().shared().pool());
    let own_pool = Arc::clone(&pool);
    // All in one task, so that a batch has begun when the recorder is switched off.
    let (_on, off, on_again) = runtime.block_on(async move {
        let on = own_pool.recorder().switch_on();
        yield_often(MANY).await;
        let off = now(&own_pool);
        drop(on);
        yield_often(MANY).await;
        let on = own_pool.recorder().switch_on();
        let on_again = now(&own_pool);
        yield_often(100).await;
        (on, off, on_again)
    });
    drop(runtime);
    let recording = Reader::of_the_last(pool.recorder()).finish();
    let counted = count(&recording, Kind::PollBegin) + merged(&recording).polls;
    // What was silent when the recorder was switched off goes on in silence, or is forgotten: a batch at most.
    assert!((MANY - 256..=MANY + 102 + 256).contains(&counted), "{counted}");
    for events in recording.tracks.iter().flat_map(|track| track.events.windows(2)) {
        let spans = events[0].kind == Kind::MergedBegin && events[0].at < off && events[1].at > on_again;
        assert!(!spans, "{events:?} is from before {off} to after {on_again}");
    }
}

/// As events have it.
fn now(pool: &Pool) -> u64 {
    Reader::from_now(pool).finish().begin
}
