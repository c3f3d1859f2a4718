//! What is drawn: which slices on which track, and which arrows between them?
//!
//! A track for each thread, one for each processor. All events, in the order of time, go to the thread's track ([`thread_track`](super::thread_track)) and, if they are about a processor, to its track
//! ([`processor_track`](super::processor_track)). Arrows are numbers that two or more marks share.

use std::collections::HashMap;
use std::panic::Location;

use handover_blocking::recorder::{Event, Kind, Merged, Recording};

use super::merge;
use super::processor_track::ProcessorTrack;
use super::thread_track::ThreadTrack;
use super::wakes::Wakes;

/// What a slice or an instant is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// As it stands.
    Text(&'static str),
    /// A poll of a task that was spawned there.
    Poll(Option<&'static Location<'static>>),
    /// A call that stands there.
    Call(Option<&'static Location<'static>>),
    /// What was not recorded one by one.
    Merged(Merged),
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

struct Drawing<'a> {
    timeline: Timeline,
    /// Arrows that have begun at a wake-up.
    wakes: Wakes<'a, u64>,
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
        let mut drawing = Drawing { timeline, wakes: Wakes::new(), by_thread, flows: 0, now: recording.begin };
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

impl<'a> Drawing<'a> {
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

    fn draw(&mut self, track: usize, event: &'a Event) {
        match event.kind {
            Kind::PollBegin | Kind::PollEnd => self.draw_poll(track, event),
            Kind::CallBegin | Kind::CallEnd => self.draw_call(track, event),
            Kind::MergedBegin => self.draw_merging(track, event),
            Kind::MergedEnd => self.draw_merged(track, event.merged()),
            Kind::Acquired => self.draw_acquired(track, event),
            Kind::Released => self.draw_released(track, event),
            Kind::GaveAway => self.draw_given_away(track, event),
            Kind::Retaken => self.draw_retaken(event),
            Kind::Stole => self.draw_theft(event),
            Kind::Woke | Kind::Spawned => self.draw_wake(track, event),
            Kind::Levels => self.draw_levels(event.levels()),
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
            let flow = self.wakes.polled(event.task);
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

    fn draw_merging(&mut self, track: usize, event: &'a Event) {
        let now = self.now;
        self.wakes.merging_begins(track, event);
        let thread = &mut self.timeline.threads[track];
        let tid = thread.thread;
        thread.merging_begins(now, event.task, event.processor);
        if let Some(processor) = thread.processor {
            self.processor(processor).merging_begins(now, tid, event.task);
        }
    }

    fn draw_merged(&mut self, track: usize, merged: Merged) {
        let now = self.now;
        self.wakes.merging_ends(track);
        let thread = &mut self.timeline.threads[track];
        thread.merging_ends(now, merged);
        if let Some(processor) = thread.processor {
            self.processor(processor).merging_ends(now, merged);
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
        self.processor(victim).slices.marks.push(Mark::new(now, What::Instant(Name::StolenBy(count, thief))).from(flow));
        self.processor(thief).slices.marks.push(Mark::new(now, What::Instant(Name::Steals(count, victim))).to(flow));
    }

    fn draw_wake(&mut self, track: usize, event: &Event) {
        let flow = self.new_flow();
        self.wakes.woken(event.other_task(), flow);
        let name = if event.kind == Kind::Spawned { "spawns" } else { "wakes" };
        self.timeline.threads[track]
            .instant(Mark::new(self.now, What::Instant(Name::Text(name))).from(Some(flow)).task(event.other_task()));
    }

    /// The monitor says so in each of its rounds, be anything new or not.
    fn draw_levels(&mut self, levels: [u64; 3]) {
        if self.timeline.levels.last().is_none_or(|(_, last)| *last != levels) {
            self.timeline.levels.push((self.now, levels));
        }
    }

    fn draw_stall(&mut self, event: &Event) {
        if let Some(&track) = self.by_thread.get(&event.thread()) {
            let mark = Mark::new(self.now, What::Instant(Name::Text("stall: blocks without saying so"))).task(event.task);
            self.timeline.threads[track].instant(mark);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
    use std::time::Duration;

    use handover_blocking::Hint;
    use handover_blocking::recorder::Reader;

    use super::*;
    use crate::runtime::{Builder, Runtime};

    const NEVER: Duration = Duration::from_secs(30);

    /// What happened while `act` ran on a runtime with one processor.
    fn drawn(act: impl FnOnce(&Runtime)) -> Timeline {
        let runtime = Builder::new().processors(1).build().unwrap();
        let pool = runtime.handle().shared().pool();
        let _on = pool.recorder().switch_on();
        let reader = Reader::from_now(pool);
        act(&runtime);
        Timeline::of(&reader.finish())
    }

    /// A call that ends when another task has run.
    fn overtaken(runtime: &Runtime, hint: Option<Hint>) {
        runtime.block_on(async move {
            let (run, has_run) = mpsc::channel();
            let other = crate::spawn(async move { run.send(()).unwrap() });
            let call = crate::blocking(move || wait(&has_run));
            match hint {
                Some(hint) => call.hint(hint).await,
                None => call.await,
            }
            other.await.unwrap();
        });
    }

    pub(in crate::trace) fn wait(has_run: &Receiver<()>) {
        assert_ne!(has_run.recv_timeout(NEVER), Err(RecvTimeoutError::Timeout), "nobody overtook the call");
    }

    /// As text, a line for each mark, with `<` for an end; without numbers.
    pub(in crate::trace) fn lines(marks: &[Mark]) -> Vec<String> {
        let mut depth = 0;
        let line = |mark: &Mark| {
            let (sign, name) = match mark.what {
                What::Begin(name) => ("", Some(name)),
                What::Instant(name) => ("* ", Some(name)),
                What::End => ("<", None),
            };
            depth -= usize::from(mark.what == What::End);
            let name =
                name.map_or(String::new(), |name| name.text().split(char::is_numeric).next().unwrap_or_default().trim_end().to_owned());
            let line = format!("{}{sign}{}", "  ".repeat(depth), name.trim_end_matches(" src/trace/timeline.rs:"));
            depth += usize::from(matches!(mark.what, What::Begin(_)));
            line
        };
        marks.iter().map(line).collect()
    }

    /// The lines from the first to the last mark of the only thread that makes a call.
    fn calling_thread(timeline: &Timeline) -> (Vec<Mark>, Vec<String>) {
        let calls = |mark: &&Mark| matches!(mark.what, What::Begin(Name::Call(_)));
        let mut threads = timeline.threads.iter().filter(|thread| thread.slices.marks.iter().any(|mark| calls(&mark)));
        let thread = threads.next().expect("a thread makes a call");
        assert!(threads.next().is_none());
        (thread.slices.marks.clone(), lines(&thread.slices.marks))
    }

    fn lines_of_processor(timeline: &Timeline) -> Vec<String> {
        lines(&timeline.processors[0].slices.marks)
    }

    pub(in crate::trace) fn contains(lines: &[String], expected: &[&str]) -> bool {
        lines.windows(expected.len()).any(|window| window == expected)
    }

    #[test]
    fn a_call_that_is_overtaken_is_split_where_its_processor_goes() {
        let timeline = drawn(|runtime| overtaken(runtime, None));
        let (marks, lines) = calling_thread(&timeline);
        assert!(contains(&lines, &["  call", "    on its processor", "    <", "    handed off", "    <", "  <"]), "{lines:#?}");
        let handed_off = marks.iter().find(|mark| mark.what == What::Begin(Name::Text("handed off"))).unwrap();
        assert_eq!(handed_off.reason, Some("work_waits"));
        // The arrow goes on over the processor and ends at the thread that takes it.
        let flow = handed_off.from;
        let processor = &timeline.processors[0].slices.marks;
        let waits = processor.iter().find(|mark| mark.from == flow).expect("the arrow goes over the processor");
        assert_eq!((waits.what, waits.at), (What::Begin(Name::Text("waits for a thread")), handed_off.at));
        let takers: Vec<_> = timeline.threads.iter().flat_map(|thread| &thread.slices.marks).filter(|mark| mark.to == flow).collect();
        assert!(takers.len() == 1 && takers[0].what == What::Instant(Name::Takes(0)) && takers[0].at >= handed_off.at, "{takers:?}");
    }

    #[test]
    fn a_call_that_is_known_to_be_long_gives_its_processor_away_first() {
        let timeline = drawn(|runtime| overtaken(runtime, Some(Hint::Long)));
        let (_, lines) = calling_thread(&timeline);
        assert!(contains(&lines, &["  * gives processor", "  call", "    handed off", "    <", "  <"]), "{lines:#?}");
    }

    #[test]
    fn a_short_call_is_on_the_thread_and_on_the_processor() {
        let timeline = drawn(|runtime| runtime.block_on(async { crate::blocking(|| ()).await }));
        let (_, lines) = calling_thread(&timeline);
        assert!(contains(&lines, &["  call", "  <", "<"]), "{lines:#?}");
        let lines = lines_of_processor(&timeline);
        assert!(contains(&lines, &["thread", "  poll", "    call", "    <", "  <"]), "{lines:#?}");
    }

    #[test]
    fn a_poll_that_blocks_goes_on_without_its_processor() {
        let timeline = drawn(|runtime| {
            runtime.block_on(async {
                let (run, has_run) = mpsc::channel();
                let other = crate::spawn(async move { run.send(()).unwrap() });
                // Undeclared.
                wait(&has_run);
                other.await.unwrap();
            });
        });
        let all: Vec<_> = timeline.threads.iter().flat_map(|thread| lines(&thread.slices.marks)).collect();
        // Within the poll; a stall may be reported in it.
        assert!(contains(&all, &["  without a processor"]), "{all:#?}");
    }

    #[test]
    fn a_wake_up_points_to_the_poll_that_follows() {
        let timeline = drawn(|runtime| runtime.block_on(async { crate::spawn(async {}).await.unwrap() }));
        let marks = || timeline.threads.iter().flat_map(|thread| &thread.slices.marks);
        let is_spawn = |mark: &&Mark| mark.what == What::Instant(Name::Text("spawns"));
        // The first is the root task, spawned by this thread.
        let spawns = marks().filter(is_spawn).max_by_key(|mark| mark.at).expect("a task spawns another");
        let poll = marks().find(|mark| mark.to == spawns.from).expect("it is polled");
        assert!(matches!(poll.what, What::Begin(Name::Poll(Some(_)))) && poll.task == spawns.task && poll.at >= spawns.at, "{poll:?}");
    }
}
