//! In which order did the events of many threads happen?

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use handover_blocking::recorder::{Event, Recording};

/// The events of all threads, with the number of the thread's track, by time. Those of one thread stay in their order.
pub(super) fn in_order(recording: &Recording) -> impl Iterator<Item = (usize, &Event)> {
    let first = |(track, events): (usize, &Vec<Event>)| events.first().map(|event| Reverse((event.at, track, 0)));
    let mut heads: BinaryHeap<Reverse<(u64, usize, usize)>> =
        recording.tracks.iter().map(|track| &track.events).enumerate().filter_map(first).collect();
    std::iter::from_fn(move || {
        let Reverse((_, track, at)) = heads.pop()?;
        let events = &recording.tracks[track].events;
        if let Some(next) = events.get(at + 1) {
            // A CPU's clock may be some nanoseconds behind another's: a thread that moved must not seem to go back.
            heads.push(Reverse((next.at.max(events[at].at), track, at + 1)));
        }
        Some((track, &events[at]))
    })
}
