//! Where did the time go, summed over a recording?

use std::collections::{BTreeMap, HashMap};
use std::panic::Location;

use handover_blocking::recorder::{Event, Kind, Recording};

use super::merge;
use super::wakes::Wakes;

/// What is summed, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// How long declared calls took: spawn site of the task, then the call's site. A call within a call is below it, and its time counts there alone.
    Blocking,
    /// How long tasks waited between being woken (or spawned) and their next poll: spawn site of the waiting task, then of the one that woke it.
    SchedulingLatency,
    /// How long processors that were given up while tasks waited had no holder: why, spawn site of the task whose call or poll it was, and the call's site.
    HandoffDelay,
}

/// How often, and how many nanoseconds in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) nanos: u64,
}

/// Sums by stack; the outermost frame first.
#[derive(Debug, Default)]
pub(super) struct Samples {
    pub(super) sums: BTreeMap<Vec<String>, Sum>,
}

type Place = Option<&'static Location<'static>>;

impl Samples {
    pub(super) fn of(recording: &Recording, profile: Profile) -> Self {
        match profile {
            Profile::Blocking => blocking(recording),
            Profile::SchedulingLatency => scheduling(recording),
            Profile::HandoffDelay => handing_off(recording),
        }
    }

    pub(super) fn add(&mut self, stack: Vec<String>, nanos: u64) {
        self.add_many(stack, 1, nanos);
    }

    fn add_many(&mut self, stack: Vec<String>, count: u64, nanos: u64) {
        let sum = self.sums.entry(stack).or_default();
        sum.count += count;
        sum.nanos += nanos;
    }

    pub(super) fn folded(&self) -> String {
        self.sums.iter().map(|(stack, sum)| format!("{} {}\n", stack.join(";"), sum.nanos)).collect()
    }
}

/// As a frame. A `;` would be read as the end of it.
fn frame(what: &str, place: Place) -> String {
    match place {
        Some(place) => format!("{what} {}:{}", place.file().replace(';', ","), place.line()),
        None => format!("{what} unknown"),
    }
}

/// What a thread is in.
#[derive(Debug, Default)]
struct Inside {
    poll: Place,
    calls: Vec<Call>,
    /// When a stretch of merged ones began, and whether it is of polls.
    merging: Option<(u64, bool)>,
}

#[derive(Debug)]
struct Call {
    site: Place,
    began: u64,
    /// Of calls within it.
    nested: u64,
}

impl Inside {
    fn stack(&self) -> Vec<String> {
        let calls = self.calls.iter().map(|call| frame("call", call.site));
        [frame("task", self.poll)].into_iter().chain(calls).collect()
    }
}

fn blocking(recording: &Recording) -> Samples {
    let mut samples = Samples::default();
    for track in &recording.tracks {
        let mut inside = Inside::default();
        for event in &track.events {
            end_of_call(&mut samples, &mut inside, event);
            end_of_merging(&mut samples, &inside, event);
            follow(&mut inside, event);
        }
        // Those that are out still.
        while let Some(call) = inside.calls.last() {
            let took = recording.end.saturating_sub(call.began).saturating_sub(call.nested);
            samples.add(inside.stack(), took);
            inside.calls.pop();
        }
    }
    samples
}

fn end_of_call(samples: &mut Samples, inside: &mut Inside, event: &Event) {
    if event.kind != Kind::CallEnd {
        return;
    }
    let stack = inside.stack();
    let Some(call) = inside.calls.last() else { return };
    let took = event.at.saturating_sub(call.began);
    samples.add(stack, took.saturating_sub(call.nested));
    if let [.., outer, _] = &mut inside.calls[..] {
        outer.nested += took;
    }
}

/// Each of the units in the stretch is taken to have had its equal share of the time.
fn end_of_merging(samples: &mut Samples, inside: &Inside, event: &Event) {
    let (Kind::MergedEnd, Some((began, of_polls))) = (event.kind, inside.merging) else { return };
    let merged = event.merged();
    if merged.calls > 0 {
        let outer = if of_polls { "quick polls".to_owned() } else { frame("task", inside.poll) };
        let nanos = event.at.saturating_sub(began) * merged.calls / merged.units();
        samples.add_many(vec![outer, "quick calls".to_owned()], merged.calls, nanos);
    }
}

fn follow(inside: &mut Inside, event: &Event) {
    match event.kind {
        Kind::PollBegin => *inside = Inside { poll: event.location(), ..Inside::default() },
        Kind::CallBegin => inside.calls.push(Call { site: event.location(), began: event.at, nested: 0 }),
        Kind::CallEnd => _ = inside.calls.pop(),
        Kind::PollEnd => *inside = Inside::default(),
        Kind::MergedBegin if event.task == 0 => *inside = Inside { merging: Some((event.at, true)), ..Inside::default() },
        Kind::MergedBegin => {
            // One that was open as the recording began is among those that are merged.
            inside.calls.clear();
            inside.merging = Some((event.at, false));
        }
        Kind::MergedEnd => inside.merging = None,
        _ => {}
    }
}

/// How long the tasks of merged polls waited is not known, only how many there were.
const NOT_TIMED: &str = "quick polls, not timed";

fn scheduling(recording: &Recording) -> Samples {
    let mut samples = Samples::default();
    // When each task was woken, and by which.
    let mut wakes: Wakes<'_, (u64, u64)> = Wakes::new();
    let mut spawned_at: HashMap<u64, Place> = HashMap::new();
    for (track, event) in merge::in_order(recording) {
        match event.kind {
            Kind::Woke | Kind::Spawned => wakes.woken(event.other_task(), (event.at, event.task)),
            Kind::MergedBegin => wakes.merging_begins(track, event),
            Kind::MergedEnd => {
                wakes.merging_ends(track);
                let polls = event.merged().polls;
                if polls > 0 {
                    samples.add_many(vec![NOT_TIMED.to_owned()], polls, 0);
                }
            }
            Kind::PollBegin => {
                spawned_at.insert(event.task, event.location());
                if let Some((at, by)) = wakes.polled(event.task) {
                    let waker = match by {
                        0 => "woken from outside or by the reactor".to_owned(),
                        by => frame("woken by", spawned_at.get(&by).copied().flatten()),
                    };
                    samples.add(vec![frame("task", event.location()), waker], event.at.saturating_sub(at));
                }
            }
            _ => {}
        }
    }
    samples
}

fn handing_off(recording: &Recording) -> Samples {
    let mut samples = Samples::default();
    let mut inside: Vec<Inside> = recording.tracks.iter().map(|_| Inside::default()).collect();
    let by_thread: HashMap<i32, usize> = recording.tracks.iter().enumerate().map(|(at, track)| (track.thread, at)).collect();
    // What each processor was given up for.
    let mut given_up: HashMap<usize, Vec<String>> = HashMap::new();
    for (track, event) in merge::in_order(recording) {
        let why = |thread: usize, reason: &str, inside: &[Inside]| [vec![reason.to_owned()], inside[thread].stack()].concat();
        match (event.kind, event.processor) {
            (Kind::GaveAway, Some(processor)) => _ = given_up.insert(processor, why(track, "long_call", &inside)),
            (Kind::Retaken, Some(processor)) => {
                let stack = by_thread.get(&event.thread()).map_or_else(Vec::new, |&thread| why(thread, event.reason(), &inside));
                given_up.insert(processor, stack);
            }
            (Kind::Acquired, Some(processor)) => {
                let stack = given_up.remove(&processor);
                if let (Some(stack), Some(delay)) = (stack, event.handoff_delay()) {
                    samples.add(stack, delay);
                }
            }
            _ => {}
        }
        follow(&mut inside[track], event);
    }
    samples
}
