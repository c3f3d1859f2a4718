//! Where did the time go, summed over a recording?

use std::collections::{BTreeMap, HashMap};
use std::panic::Location;

use handover_blocking::recorder::{Event, Kind, Recording};

use super::merge;

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
        let sum = self.sums.entry(stack).or_default();
        sum.count += 1;
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

fn follow(inside: &mut Inside, event: &Event) {
    match event.kind {
        Kind::PollBegin => *inside = Inside { poll: event.location(), calls: Vec::new() },
        Kind::CallBegin => inside.calls.push(Call { site: event.location(), began: event.at, nested: 0 }),
        Kind::CallEnd => _ = inside.calls.pop(),
        Kind::PollEnd => *inside = Inside::default(),
        _ => {}
    }
}

fn scheduling(recording: &Recording) -> Samples {
    let mut samples = Samples::default();
    // When each task was woken, and by which.
    let mut woken: HashMap<u64, (u64, u64)> = HashMap::new();
    let mut spawned_at: HashMap<u64, Place> = HashMap::new();
    for (_, event) in merge::in_order(recording) {
        match event.kind {
            Kind::Woke | Kind::Spawned => _ = woken.insert(event.other_task(), (event.at, event.task)),
            Kind::PollBegin => {
                spawned_at.insert(event.task, event.location());
                if let Some((at, by)) = woken.remove(&event.task) {
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
