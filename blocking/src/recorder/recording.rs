//! How do the rings of many threads become one recording?

use std::sync::Arc;

use super::clock::{self, Scale};
use super::event::{Event, Kind, head, place};
use super::ring::WORDS;
use super::switch::{Recorder, Tape};
use crate::pool::Pool;
use crate::record::NO_PROCESSOR;
use crate::threads::Seen;

/// What one thread did.
#[derive(Clone, Debug)]
pub struct Track {
    /// The thread, as `gettid(2)` gives it; 0 for all threads together that are none of the runtime's.
    pub thread: i32,
    /// What it is called.
    pub name: String,
    /// The oldest first.
    pub events: Vec<Event>,
    /// How many were overwritten before they could be read.
    pub lost: u64,
}

/// What the threads of a runtime did. Times are nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Debug)]
pub struct Recording {
    /// When it begins.
    pub begin: u64,
    /// When it ends.
    pub end: u64,
    /// One for each thread that did anything.
    pub tracks: Vec<Track>,
}

/// Reads a recorder's rings, again and again, and keeps what it finds.
#[derive(Debug)]
pub struct Reader {
    recorder: Arc<Recorder>,
    /// Ticks; none for all that the rings hold.
    begin: Option<u64>,
    heard: Vec<Heard>,
    /// What threads were in as it began: it may last for the whole recording.
    before: Vec<(i32, [u64; WORDS])>,
}

/// What was read of one ring.
#[derive(Debug)]
struct Heard {
    tape: Arc<Tape>,
    next: u64,
    lost: u64,
    events: Vec<[u64; WORDS]>,
}

impl Heard {
    fn from(tape: Arc<Tape>, next: u64) -> Self {
        Self { tape, next, lost: 0, events: Vec::new() }
    }

    fn listen(&mut self) {
        let read = self.tape.ring.read(self.next);
        self.events.extend(read.events);
        self.lost += read.lost;
        self.next = read.next;
    }

    /// What the thread is in now, if no event has come since the last one that was read.
    fn look(&self) -> Option<Seen> {
        let seen = self.tape.owner.upgrade()?.look();
        seen.tape.as_ref().is_some_and(|(_, at)| *at == self.next).then_some(seen)
    }

    fn into_track(self, scale: &Scale, begin: u64) -> Track {
        // What began in silence may have begun before the recording.
        let at = |ticks| scale.nanos(ticks).max(begin);
        let events = self.events.into_iter().filter_map(|words| Event::read(words, at(words[0]))).collect();
        Track { thread: self.tape.thread, name: self.tape.name.clone(), events, lost: self.lost }
    }
}

impl Track {
    /// Adds the poll and the call that the thread is in, if they began in silence: after the last event.
    fn complete(&mut self, seen: &Seen, begin: u64) {
        let (mut in_poll, mut calls_out, mut processor) = (false, 0_usize, NO_PROCESSOR);
        for event in &self.events {
            match event.kind {
                Kind::PollBegin | Kind::PollEnd => (in_poll, calls_out) = (event.kind == Kind::PollBegin, 0),
                Kind::CallBegin => calls_out += 1,
                Kind::CallEnd => calls_out = calls_out.saturating_sub(1),
                _ => {}
            }
            processor = event.processor.map_or(processor, |processor| processor as u32);
        }
        let Some(running) = &seen.running else { return };
        let last = self.events.last().map_or(begin, |event| event.at);
        if !in_poll {
            self.events.extend(Event::read([0, head(Kind::PollBegin, processor, running.task), place(running.spawned_at)], last));
        }
        if let Some(call) = seen.call.filter(|_| calls_out == 0) {
            self.events.extend(Event::read([0, head(Kind::CallBegin, NO_PROCESSOR, running.task), place(call)], last));
        }
    }
}

impl Reader {
    /// For what happens from now on, and what is going on.
    pub fn from_now(pool: &Pool) -> Self {
        let recorder = Arc::clone(pool.recorder());
        let begin = clock::ticks();
        let mut heard: Vec<Heard> = recorder.tapes().into_iter().map(|tape| Heard::from(Arc::clone(&tape), tape.written())).collect();
        let mut before = Vec::new();
        for seen in pool.roster.look() {
            if let Some((tape, at)) = seen.tape {
                heard.retain(|heard| !Arc::ptr_eq(&heard.tape, &tape));
                heard.push(Heard::from(tape, at));
            }
            let Some(running) = seen.running else { continue };
            before.push((running.tid, [begin, head(Kind::PollBegin, seen.processor, running.task), place(running.spawned_at)]));
            if let Some(call) = seen.call {
                before.push((running.tid, [begin, head(Kind::CallBegin, seen.processor, running.task), place(call)]));
            }
        }
        Self { recorder, begin: Some(begin), heard, before }
    }

    /// For what the rings still hold.
    pub fn of_the_last(recorder: &Arc<Recorder>) -> Self {
        Self { recorder: Arc::clone(recorder), begin: None, heard: Vec::new(), before: Vec::new() }
    }

    /// Reads what is new.
    pub fn read(&mut self) {
        for tape in self.recorder.tapes() {
            if !self.heard.iter().any(|heard| Arc::ptr_eq(&heard.tape, &tape)) {
                self.heard.push(Heard::from(tape, 0));
            }
        }
        self.heard.iter_mut().for_each(Heard::listen);
    }

    /// How many events were read so far.
    pub fn events(&self) -> usize {
        self.heard.iter().map(|heard| heard.events.len()).sum()
    }

    /// What was read, up to now.
    pub fn finish(mut self) -> Recording {
        self.read();
        let seen: Vec<_> = self.heard.iter().map(Heard::look).collect();
        let scale = Scale::now();
        let begin = self.begin.map_or(0, |ticks| scale.nanos(ticks));
        let mut tracks: Vec<Track> = self.heard.into_iter().map(|heard| heard.into_track(&scale, begin)).collect();
        // Backwards, for each goes to the front of its track.
        for (thread, words) in self.before.into_iter().rev() {
            let at = tracks.iter().position(|track| track.thread == thread).unwrap_or_else(|| {
                tracks.push(Track { thread, name: "worker".to_owned(), events: Vec::new(), lost: 0 });
                tracks.len() - 1
            });
            let event = Event::read(words, scale.nanos(words[0]));
            tracks[at].events.splice(0..0, event);
        }
        for (track, seen) in tracks.iter_mut().zip(seen) {
            seen.into_iter().for_each(|seen| track.complete(&seen, begin));
        }
        tracks.retain(|track| !track.events.is_empty());
        let times = || tracks.iter().flat_map(|track| [track.events.first(), track.events.last()]).flatten().map(|event| event.at);
        let end = scale.nanos_now().max(times().max().unwrap_or(0));
        let begin = self.begin.map_or_else(|| times().min().unwrap_or(end), |_| begin);
        Recording { begin: begin.min(end), end, tracks }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_reader_gets_what_is_written_after_it_began() {
        let pool = Pool::new(Config::default());
        let recorder = pool.recorder();
        let _on = recorder.switch_on();
        let tape = recorder.tape(7, "a thread", Weak::new());
        tape.write(Kind::ThreadStart, 0, 0, 0);
        let mut reader = Reader::from_now(&pool);
        tape.write(Kind::PollEnd, 1, 42, 0);
        reader.read();
        tape.write(Kind::Released, 1, 0, 0);
        recorder.write_outside(Kind::Woke, 0, 42);
        let recording = reader.finish();
        let kinds = |track: &Track| track.events.iter().map(|event| event.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&recording.tracks[0]), [Kind::PollEnd, Kind::Released]);
        assert_eq!((recording.tracks[0].thread, recording.tracks[0].lost), (7, 0));
        assert_eq!((kinds(&recording.tracks[1]), recording.tracks[1].thread), (vec![Kind::Woke], 0));
        let times = recording.tracks.iter().flat_map(|track| &track.events).map(|event| event.at);
        times.for_each(|at| assert!((recording.begin..=recording.end).contains(&at)));
    }

    #[test]
    fn the_last_events_of_an_ended_thread_are_there() {
        let recorder = Arc::new(Recorder::default());
        let _on = recorder.switch_on();
        recorder.tape(7, "ended", Weak::new()).write(Kind::ThreadEnd, 0, 0, 0);
        let mut reader = Reader::of_the_last(&recorder);
        reader.read();
        assert_eq!(reader.events(), 1);
        assert_eq!(reader.finish().tracks[0].name, "ended");
    }

    #[test]
    fn a_recorder_that_is_off_writes_nothing() {
        let recorder = Arc::new(Recorder::default());
        recorder.write_outside(Kind::Woke, 0, 1);
        drop(recorder.switch_on());
        assert!(!recorder.is_on());
        recorder.write_outside(Kind::Woke, 0, 1);
        assert!(recorder.tapes().is_empty());
    }
}
