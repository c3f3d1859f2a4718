//! What is drawn: which slices on which track, and which arrows between them?
//!
//! A track for each thread, one for each processor. All events, in the order of time, go to the thread's track ([`thread_track`](super::thread_track)) and, if they are about a processor, to its track
//! ([`processor_track`](super::processor_track)). Arrows are numbers that two or more marks share.

use std::collections::HashMap;
use std::panic::Location;

use handover_blocking::recorder::{Event, Kind, Recording};

use super::merge;
use super::processor_track::ProcessorTrack;
use super::thread_track::ThreadTrack;

/// What a slice or an instant is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// As it stands.
    Text(&'static str),
    /// A poll of a task that was spawned there.
    Poll(Option<&'static Location<'static>>),
    /// A call that stands there.
    Call(Option<&'static Location<'static>>),
    /// What a thread does on a processor's track.
    Thread(i32),
    /// A thread takes a processor.
    Takes(usize),
    /// A thread gives a processor away.
    Gives(usize),
    /// How many tasks were taken from which processor.
    Steals(u64, usize),
    /// How many tasks were taken by which processor.
    StolenBy(u64, usize),
    /// So many events are missing.
    Lost(u64),
}

/// What a mark does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Begin(Name),
    End,
    Instant(Name),
}

/// One point on a track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) at: u64,
    pub(super) what: What,
    /// The arrow that begins here, or goes on.
    pub(super) from: Option<u64>,
    /// The arrow that ends here.
    pub(super) to: Option<u64>,
    /// The task that this is about; 0 for none.
    pub(super) task: u64,
    /// Why, if there is a reason.
    pub(super) reason: Option<&'static str>,
}

impl Mark {
    pub(super) fn new(at: u64, what: What) -> Self {
        Self { at, what, from: None, to: None, task: 0, reason: None }
    }

    pub(super) fn task(self, task: u64) -> Self {
        Self { task, ..self }
    }

    pub(super) fn from(self, flow: Option<u64>) -> Self {
        Self { from: flow, ..self }
    }

    pub(super) fn to(self, flow: Option<u64>) -> Self {
        Self { to: flow, ..self }
    }

    pub(super) fn reason(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

/// All that is drawn.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) threads: Vec<ThreadTrack>,
    pub(super) processors: Vec<ProcessorTrack>,
    /// At a moment: threads alive, calls out, tasks in queues.
    pub(super) levels: Vec<(u64, [u64; 3])>,
}

struct Drawing {
    timeline: Timeline,
    /// Arrows that have begun at a wake-up, by the task that they lead to.
    woken: HashMap<u64, u64>,
    /// The thread's track by the number of the thread.
    by_thread: HashMap<i32, usize>,
    flows: u64,
    /// The last moment: no mark lies before it.
    now: u64,
}

impl Timeline {
    pub(super) fn of(recording: &Recording) -> Self {
        let threads = recording.tracks.iter().map(|track| ThreadTrack::new(track, recording.begin)).collect();
        let timeline = Self { threads, processors: Vec::new(), levels: Vec::new() };
        let by_thread = recording.tracks.iter().enumerate().map(|(at, track)| (track.thread, at)).collect();
        let mut drawing = Drawing { timeline, woken: HashMap::new(), by_thread, flows: 0, now: recording.begin };
        for (track, event) in merge::in_order(recording) {
            drawing.now = event.at.clamp(drawing.now, recording.end.max(drawing.now));
            drawing.draw(track, event);
        }
        let mut timeline = drawing.timeline;
        timeline.threads.iter_mut().for_each(|thread| thread.close(recording.end));
        timeline.processors.iter_mut().for_each(|processor| processor.close(recording.end));
        timeline
    }
}

impl Drawing {
    fn processor(&mut self, number: usize) -> &mut ProcessorTrack {
        let processors = &mut self.timeline.processors;
        while processors.len() <= number {
            processors.push(ProcessorTrack::default());
        }
        &mut processors[number]
    }

    fn new_flow(&mut self) -> u64 {
        self.flows += 1;
        self.flows
    }

    fn draw(&mut self, track: usize, event: &Event) {
        match event.kind {
            Kind::PollBegin | Kind::PollEnd => self.draw_poll(track, event),
            Kind::CallBegin | Kind::CallEnd => self.draw_call(track, event),
            Kind::Acquired => self.draw_acquired(track, event),
            Kind::Released => self.draw_released(track, event),
            Kind::GaveAway => self.draw_given_away(track, event),
            Kind::Retaken => self.draw_retaken(event),
            Kind::Stole => self.draw_theft(event),
            Kind::Woke | Kind::Spawned => self.draw_wake(track, event),
            Kind::Levels => self.timeline.levels.push((self.now, event.levels())),
            Kind::Stalled => self.draw_stall(event),
            Kind::WaitBegin => {
                let name = if event.waits_as_poller() { "waits for events" } else { "parked" };
                self.timeline.threads[track].wait_begins(self.now, name);
            }
            Kind::WaitEnd => self.timeline.threads[track].wait_ends(self.now),
            Kind::ThreadStart => self.timeline.threads[track].instant(Mark::new(self.now, What::Instant(Name::Text("thread starts")))),
            Kind::ThreadEnd => self.timeline.threads[track].close(self.now),
            _ => {}
        }
    }

    fn draw_poll(&mut self, track: usize, event: &Event) {
        let now = self.now;
        if event.kind == Kind::PollBegin {
            let flow = self.woken.remove(&event.task);
            let tid = self.timeline.threads[track].thread;
            self.timeline.threads[track].poll_begins(now, event.task, event.location(), event.processor, flow);
            if let Some(processor) = event.processor {
                self.processor(processor).poll_begins(now, tid, event.task, event.location());
            }
        } else {
            let held = self.timeline.threads[track].processor;
            self.timeline.threads[track].poll_ends(now);
            if let Some(processor) = held {
                self.processor(processor).poll_ends(now);
            }
        }
    }

    fn draw_call(&mut self, track: usize, event: &Event) {
        let now = self.now;
        let held = self.timeline.threads[track].processor;
        if event.kind == Kind::CallBegin {
            self.timeline.threads[track].call_begins(now, event.task, event.location());
            if let Some(processor) = held {
                self.processor(processor).call_begins(now, event.location());
            }
        } else {
            self.timeline.threads[track].call_ends(now);
            if let Some(processor) = held {
                self.processor(processor).call_ends(now);
            }
        }
    }

    fn draw_acquired(&mut self, track: usize, event: &Event) {
        let (now, Some(number)) = (self.now, event.processor) else { return };
        let thread = &self.timeline.threads[track];
        let (tid, poll) = (thread.thread, thread.poll);
        let waited = event.handoff_delay().is_some();
        let flow = self.processor(number).acquired(now, tid, waited);
        if let Some((task, location)) = poll {
            self.processor(number).poll_begins(now, tid, task, location);
        }
        self.timeline.threads[track].acquired(now, number, flow);
    }

    fn draw_released(&mut self, track: usize, event: &Event) {
        let (now, Some(number)) = (self.now, event.processor) else { return };
        self.timeline.threads[track].processor = None;
        self.processor(number).close(now);
    }

    fn draw_given_away(&mut self, track: usize, event: &Event) {
        let (now, Some(number)) = (self.now, event.processor) else { return };
        let flow = self.new_flow();
        self.timeline.threads[track].gave_away(now, number, flow);
        self.processor(number).handed_off(now, flow, "long_call");
    }

    fn draw_retaken(&mut self, event: &Event) {
        let (now, Some(number)) = (self.now, event.processor) else { return };
        let flow = self.new_flow();
        if let Some(&track) = self.by_thread.get(&event.thread()) {
            self.timeline.threads[track].retaken(now, flow, event.reason());
        }
        self.processor(number).handed_off(now, flow, event.reason());
    }

    fn draw_theft(&mut self, event: &Event) {
        let (now, Some(thief)) = (self.now, event.processor) else { return };
        let (victim, count) = event.stolen();
        let flow = Some(self.new_flow());
        self.processor(victim).marks.push(Mark::new(now, What::Instant(Name::StolenBy(count, thief))).from(flow));
        self.processor(thief).marks.push(Mark::new(now, What::Instant(Name::Steals(count, victim))).to(flow));
    }

    fn draw_wake(&mut self, track: usize, event: &Event) {
        let flow = self.new_flow();
        self.woken.insert(event.other_task(), flow);
        let name = if event.kind == Kind::Spawned { "spawns" } else { "wakes" };
        self.timeline.threads[track]
            .instant(Mark::new(self.now, What::Instant(Name::Text(name))).from(Some(flow)).task(event.other_task()));
    }

    fn draw_stall(&mut self, event: &Event) {
        if let Some(&track) = self.by_thread.get(&event.thread()) {
            let mark = Mark::new(self.now, What::Instant(Name::Text("stall: blocks without saying so"))).task(event.task);
            self.timeline.threads[track].instant(mark);
        }
    }
}
