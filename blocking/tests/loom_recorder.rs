//! Does a reader beside the writer of a ring ever see an event that is half another?
//!
//! The model's first thread is the writer. The other way round loom finds nothing: it remembers one last access of each atomic, and the writer's own look at its count would hide the reader's.
//! Event `n` has the words `n`, `n`, `n`. Run with `RUSTFLAGS="--cfg loom"`; the canaries are twins with one fault, which must fail.

#![cfg(loom)]

use handover_blocking::recorder::ring::{Ring, WORDS};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::thread;

const CAPACITY: u64 = 2;

/// What may be wrong with a twin.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// The writer's words may be seen before the count that announces them.
    WriterWithoutFence,
    /// The reader's second look may come before its copy.
    ReaderWithoutFence,
    /// The reader does not look again.
    ReaderLooksOnce,
    /// The reader takes the event for whole that the next one is about to overwrite.
    ReaderForgetsTheNext,
    /// The count may be seen before the words.
    PublishesTooEarly,
}

/// `Ring`, with a fault.
struct Twin {
    written: AtomicU64,
    words: Vec<AtomicU64>,
    fault: Fault,
}

impl Twin {
    fn new(fault: Fault) -> Self {
        Self { written: AtomicU64::new(0), words: (0..CAPACITY as usize * WORDS).map(|_| AtomicU64::new(0)).collect(), fault }
    }

    fn slot(&self, n: u64) -> &[AtomicU64] {
        &self.words[(n % CAPACITY) as usize * WORDS..][..WORDS]
    }

    fn write(&self, event: [u64; WORDS]) {
        let n = self.written.load(Ordering::Relaxed);
        if self.fault != Fault::WriterWithoutFence {
            fence(Ordering::Release);
        }
        for (word, value) in self.slot(n).iter().zip(event) {
            word.store(value, Ordering::Relaxed);
        }
        let order = if self.fault == Fault::PublishesTooEarly { Ordering::Relaxed } else { Ordering::Release };
        self.written.store(n + 1, order);
    }

    fn read(&self) -> (u64, Vec<[u64; WORDS]>) {
        let end = self.written.load(Ordering::Acquire);
        let begin = end.saturating_sub(CAPACITY);
        let copy = |n| std::array::from_fn(|word| self.slot(n)[word].load(Ordering::Relaxed));
        let mut events: Vec<[u64; WORDS]> = (begin..end).map(copy).collect();
        if self.fault != Fault::ReaderWithoutFence {
            fence(Ordering::Acquire);
        }
        let now = if self.fault == Fault::ReaderLooksOnce { end } else { self.written.load(Ordering::Relaxed) };
        let under_the_hand = u64::from(self.fault != Fault::ReaderForgetsTheNext);
        let torn = (now + under_the_hand).saturating_sub(CAPACITY).clamp(begin, end) - begin;
        events.drain(..torn as usize);
        (begin + torn, events)
    }
}

/// Events are whole, in order, and numbered from `first`.
fn are_whole(first: u64, events: &[[u64; WORDS]]) {
    for (at, event) in events.iter().enumerate() {
        assert_eq!(*event, [first + at as u64 + 1; WORDS], "a torn event");
    }
}

const EVENTS: u64 = 4;

#[test]
fn reading_races_writing() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(CAPACITY as usize));
        let reader = thread::spawn({
            let ring = Arc::clone(&ring);
            move || {
                let first = ring.read(0);
                are_whole(first.lost, &first.events);
                let second = ring.read(first.next);
                are_whole(first.next + second.lost, &second.events);
                (first, second)
            }
        });
        (0..EVENTS).for_each(|n| ring.write([n + 1; WORDS]));
        let (first, second) = reader.join().expect("the reader");
        let last = ring.read(second.next);
        are_whole(second.next + last.lost, &last.events);
        let read = [&first, &second, &last].map(|read| read.events.len() as u64 + read.lost);
        assert_eq!(read.iter().sum::<u64>(), EVENTS, "an event is neither read nor counted as lost");
    });
}

/// Given a ring that is written, when it is read with this fault, then a torn event is seen.
fn twin(fault: Fault) {
    loom::model(move || {
        let ring = Arc::new(Twin::new(fault));
        let reader = thread::spawn({
            let ring = Arc::clone(&ring);
            move || {
                let (first, events) = ring.read();
                are_whole(first, &events);
            }
        });
        (0..EVENTS).for_each(|n| ring.write([n + 1; WORDS]));
        reader.join().expect("the reader");
    });
}

#[test]
#[should_panic(expected = "a torn event")]
fn canary_writer_without_fence() {
    twin(Fault::WriterWithoutFence);
}

#[test]
#[should_panic(expected = "a torn event")]
fn canary_reader_without_fence() {
    twin(Fault::ReaderWithoutFence);
}

#[test]
#[should_panic(expected = "a torn event")]
fn canary_reader_looks_once() {
    twin(Fault::ReaderLooksOnce);
}

#[test]
#[should_panic(expected = "a torn event")]
fn canary_reader_forgets_the_next() {
    twin(Fault::ReaderForgetsTheNext);
}

#[test]
#[should_panic(expected = "a torn event")]
fn canary_publishes_too_early() {
    twin(Fault::PublishesTooEarly);
}
