//! How does a timeline become a Perfetto trace?
//!
//! A sequence of `TracePacket`s, as <https://perfetto.dev/docs/reference/synthetic-track-event> describes them: descriptors of the tracks, then events by time. Names are written once each and then
//! referred to by number. tests/trace.rs has files of it read by Google's own definitions.

use std::collections::{HashMap, HashSet};

use handover_blocking::recorder::Merged;

use super::protobuf::Message;
use super::timeline::{Mark, Name, Timeline, What};

/// Numbers of the fields of `perfetto/trace/*.proto`.
mod field {
    pub(super) const TRACE_PACKET: u32 = 1;

    pub(super) const PACKET_TIMESTAMP: u32 = 8;
    pub(super) const PACKET_SEQUENCE: u32 = 10;
    pub(super) const PACKET_EVENT: u32 = 11;
    pub(super) const PACKET_INTERNED: u32 = 12;
    pub(super) const PACKET_FLAGS: u32 = 13;
    pub(super) const PACKET_DESCRIPTOR: u32 = 60;

    pub(super) const TRACK_UUID: u32 = 1;
    pub(super) const TRACK_NAME: u32 = 2;
    pub(super) const TRACK_PROCESS: u32 = 3;
    pub(super) const TRACK_THREAD: u32 = 4;
    pub(super) const TRACK_PARENT: u32 = 5;
    pub(super) const TRACK_COUNTER: u32 = 8;
    pub(super) const TRACK_CHILD_ORDER: u32 = 11;
    pub(super) const TRACK_RANK: u32 = 12;

    pub(super) const PROCESS_PID: u32 = 1;
    pub(super) const PROCESS_NAME: u32 = 6;
    pub(super) const THREAD_PID: u32 = 1;
    pub(super) const THREAD_TID: u32 = 2;
    pub(super) const THREAD_NAME: u32 = 5;
    pub(super) const COUNTER_UNIT: u32 = 3;

    pub(super) const EVENT_ANNOTATION: u32 = 4;
    pub(super) const EVENT_TYPE: u32 = 9;
    pub(super) const EVENT_NAME: u32 = 10;
    pub(super) const EVENT_TRACK: u32 = 11;
    pub(super) const EVENT_COUNTER_VALUE: u32 = 30;
    pub(super) const EVENT_FLOW: u32 = 47;
    pub(super) const EVENT_FLOW_ENDS: u32 = 48;

    pub(super) const ANNOTATION_UINT: u32 = 3;
    pub(super) const ANNOTATION_TEXT: u32 = 6;
    pub(super) const ANNOTATION_NAME: u32 = 10;

    pub(super) const INTERNED_EVENT_NAME: u32 = 2;
    pub(super) const NAME_NUMBER: u32 = 1;
    pub(super) const NAME_TEXT: u32 = 2;
}

const SLICE_BEGIN: u64 = 1;
const SLICE_END: u64 = 2;
const INSTANT: u64 = 3;
const COUNTER: u64 = 4;
const COUNT: u64 = 2;
const IN_EXPLICIT_ORDER: u64 = 3;
const STATE_CLEARED: u64 = 1;
const NEEDS_STATE: u64 = 2;
/// There is one sequence of packets.
const SEQUENCE: u64 = 1;

const LEVELS: [&str; 3] = ["threads", "calls out", "queued tasks"];

impl Name {
    pub(super) fn text(self) -> String {
        match self {
            Self::Text(text) => text.to_owned(),
            Self::Poll(None) => "poll".to_owned(),
            Self::Poll(Some(place)) => format!("poll {}:{}", place.file(), place.line()),
            Self::Call(None) => "call".to_owned(),
            Self::Call(Some(place)) => format!("call {}:{}", place.file(), place.line()),
            Self::Merged(merged) => merged_text(merged),
            Self::Thread(thread) => format!("thread {thread}"),
            Self::Takes(processor) => format!("takes processor {processor}"),
            Self::Gives(processor) => format!("gives processor {processor} away"),
            Self::Steals(count, from) => format!("steals {count} of processor {from}"),
            Self::StolenBy(count, by) => format!("{count} stolen by processor {by}"),
            Self::Lost(count) => format!("{count} events were overwritten"),
        }
    }
}

/// As in `31 quick polls, 2 calls, 1 wake-up`.
fn merged_text(Merged { polls, calls, wakes }: Merged) -> String {
    let parts = [(polls, "poll"), (calls, "call"), (wakes, "wake-up")].into_iter().filter(|(count, _)| *count > 0).enumerate();
    let part = |(at, (count, what)): (usize, (u64, &str))| {
        format!("{count} {}{what}{}", if at == 0 { "quick " } else { "" }, if count == 1 { "" } else { "s" })
    };
    parts.map(part).collect::<Vec<_>>().join(", ")
}

/// The file's bytes.
pub(super) fn encode(timeline: &Timeline) -> Vec<u8> {
    let mut file = File::new(timeline);
    file.describe(timeline);
    file.events(timeline);
    file.trace.into_bytes()
}

struct File {
    trace: Message,
    process: u64,
    /// Arrows with both ends.
    flows: HashSet<u64>,
    names: HashMap<Name, u64>,
}

impl File {
    fn new(timeline: &Timeline) -> Self {
        let marks = || {
            timeline.threads.iter().flat_map(|thread| &thread.slices.marks).chain(timeline.processors.iter().flat_map(|p| &p.slices.marks))
        };
        let begun: HashSet<u64> = marks().filter_map(|mark| mark.from).collect();
        let flows = marks().filter_map(|mark| mark.to).filter(|flow| begun.contains(flow)).collect();
        Self { trace: Message::new(), process: u64::from(std::process::id()), flows, names: HashMap::new() }
    }

    // ---- tracks -----------------------------------------------------------------------------------------------------

    /// Numbers that no other process's trace has, should files be merged.
    fn uuid(&self, track: u64) -> u64 {
        self.process << 32 | track
    }

    fn process_track(&self) -> u64 {
        self.uuid(1)
    }

    fn level_track(&self, level: usize) -> u64 {
        self.uuid(2 + level as u64)
    }

    fn processor_track(&self, processor: usize) -> u64 {
        self.uuid(0x1_0000 + processor as u64)
    }

    fn thread_track(&self, thread: usize) -> u64 {
        self.uuid(0x2_0000 + thread as u64)
    }

    fn packet(&mut self, flags: u64, write: impl FnOnce(&mut Message)) {
        self.trace.message(field::TRACE_PACKET, |packet| {
            packet.uint(field::PACKET_SEQUENCE, SEQUENCE).uint(field::PACKET_FLAGS, flags);
            write(packet);
        });
    }

    fn describe_track(&mut self, uuid: u64, write: impl FnOnce(&mut Message)) {
        self.packet(NEEDS_STATE, |packet| {
            packet.message(field::PACKET_DESCRIPTOR, |track| {
                track.uint(field::TRACK_UUID, uuid);
                write(track);
            });
        });
    }

    fn describe(&mut self, timeline: &Timeline) {
        let (parent, pid) = (self.process_track(), self.process);
        let program = std::env::current_exe().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        self.packet(STATE_CLEARED, |packet| {
            packet.message(field::PACKET_DESCRIPTOR, |track| {
                track.uint(field::TRACK_UUID, parent).uint(field::TRACK_CHILD_ORDER, IN_EXPLICIT_ORDER);
                track.message(field::TRACK_PROCESS, |process| {
                    process.uint(field::PROCESS_PID, pid).text(field::PROCESS_NAME, program.as_deref().unwrap_or("a program"));
                });
            });
        });
        let levels = (0..LEVELS.len()).map(|level| (self.level_track(level), LEVELS[level].to_owned(), true));
        let processors = (0..timeline.processors.len()).map(|n| (self.processor_track(n), format!("processor {n}"), false));
        let tracks: Vec<_> = levels.chain(processors).collect();
        for (rank, (uuid, name, counts)) in tracks.into_iter().enumerate() {
            self.describe_track(uuid, |track| {
                track.uint(field::TRACK_PARENT, parent).text(field::TRACK_NAME, &name).uint(field::TRACK_RANK, rank as u64);
                if counts {
                    track.message(field::TRACK_COUNTER, |counter| _ = counter.uint(field::COUNTER_UNIT, COUNT));
                }
            });
        }
        for (at, thread) in timeline.threads.iter().enumerate() {
            self.describe_track(self.thread_track(at), |track| {
                if thread.thread == 0 {
                    track.uint(field::TRACK_PARENT, parent).text(field::TRACK_NAME, &thread.name);
                    return;
                }
                track.message(field::TRACK_THREAD, |message| {
                    message
                        .uint(field::THREAD_PID, pid)
                        .uint(field::THREAD_TID, thread.thread as u64)
                        .text(field::THREAD_NAME, &thread.name);
                });
            });
        }
    }

    // ---- events -----------------------------------------------------------------------------------------------------

    /// All marks by time; on one track in their order, at one moment threads before processors: there the arrows begin.
    fn events(&mut self, timeline: &Timeline) {
        let threads = timeline.threads.iter().enumerate().map(|(at, thread)| (self.thread_track(at), &thread.slices.marks));
        let processors = timeline.processors.iter().enumerate().map(|(at, processor)| (self.processor_track(at), &processor.slices.marks));
        let mut marks: Vec<(u64, &Mark)> =
            threads.chain(processors).flat_map(|(track, marks)| marks.iter().map(move |mark| (track, mark))).collect();
        marks.sort_by_key(|(_, mark)| mark.at);
        for (track, mark) in marks {
            self.event(track, mark);
        }
        for (at, levels) in &timeline.levels {
            for (level, value) in levels.iter().enumerate() {
                let track = self.level_track(level);
                self.packet(NEEDS_STATE, |packet| {
                    packet.uint(field::PACKET_TIMESTAMP, *at).message(field::PACKET_EVENT, |event| {
                        event.uint(field::EVENT_TYPE, COUNTER).uint(field::EVENT_TRACK, track).uint(field::EVENT_COUNTER_VALUE, *value);
                    });
                });
            }
        }
    }

    fn event(&mut self, track: u64, mark: &Mark) {
        let (kind, name) = match mark.what {
            What::Begin(name) => (SLICE_BEGIN, Some(name)),
            What::Instant(name) => (INSTANT, Some(name)),
            What::End => (SLICE_END, None),
        };
        let (number, new) = name.map_or((0, None), |name| self.number(name));
        let complete = |flow: Option<u64>| flow.filter(|flow| self.flows.contains(flow)).map(|flow| self.uuid(flow));
        let (from, to) = (complete(mark.from), complete(mark.to));
        self.packet(NEEDS_STATE, |packet| {
            packet.uint(field::PACKET_TIMESTAMP, mark.at);
            if let Some(text) = new {
                packet.message(field::PACKET_INTERNED, |interned| {
                    interned.message(field::INTERNED_EVENT_NAME, |name| {
                        name.uint(field::NAME_NUMBER, number).text(field::NAME_TEXT, &text);
                    });
                });
            }
            packet.message(field::PACKET_EVENT, |event| {
                event.uint(field::EVENT_TYPE, kind).uint(field::EVENT_TRACK, track);
                if name.is_some() {
                    event.uint(field::EVENT_NAME, number);
                }
                from.into_iter().for_each(|flow| _ = event.fixed64(field::EVENT_FLOW, flow));
                to.into_iter().for_each(|flow| _ = event.fixed64(field::EVENT_FLOW_ENDS, flow));
                annotate(event, mark);
            });
        });
    }

    /// The name's number, and its text if it has not been written.
    fn number(&mut self, name: Name) -> (u64, Option<String>) {
        let next = self.names.len() as u64 + 1;
        let number = *self.names.entry(name).or_insert(next);
        (number, (number == next).then(|| name.text()))
    }
}

fn annotate(event: &mut Message, mark: &Mark) {
    if mark.task != 0 {
        event.message(field::EVENT_ANNOTATION, |note| {
            note.text(field::ANNOTATION_NAME, "task").uint(field::ANNOTATION_UINT, mark.task);
        });
    }
    if let Some(reason) = mark.reason {
        event.message(field::EVENT_ANNOTATION, |note| {
            note.text(field::ANNOTATION_NAME, "reason").text(field::ANNOTATION_TEXT, reason);
        });
    }
}
