//! How does one thread write events while others read them, without a lock and without a torn event?
//!
//! ```text
//! written    how many events were written so far; event n lies in slot n % capacity. written by the ring's own thread only
//! words      the slots, [`WORDS`] words each
//!
//!   writer, event n:   fence(Release)             reader:   end = written (Acquire)
//!                      words of slot n                      copies the words of begin..end
//!                      written = n + 1 (Release)            fence(Acquire)
//!                                                           now = written; drops what event `now` or an earlier one has overwritten
//! ```
//!
//! **No torn event is shown.** Event `n` overwrites event `n - capacity`. If a reader's copy has a word of event `n`, then by the two fences its second look at `written` finds at
//! least `n` (stored before the writer's fence), and it drops every event up to `n - capacity`: the torn one. Without the writer's fence the words of event `n` may become visible
//! before `written = n` does. If the copy has none of them, it is whole: the first look (Acquire) pairs with the Release after the words. `tests/loom_recorder.rs` holds the model and its canaries.

use std::sync::OnceLock;

use crate::sync::{AtomicU64, Ordering, fence};

/// Words in an event.
pub const WORDS: usize = 3;

/// One thread's latest events.
#[derive(Debug)]
pub struct Ring {
    written: AtomicU64,
    capacity: u64,
    /// Each is made as the first event comes to it, so that a thread that does little has a small ring.
    chunks: Box<[OnceLock<Chunk>]>,
}

/// The words of [`CHUNK`] events, or of all if the ring is smaller.
type Chunk = Box<[AtomicU64]>;

/// 24 KiB.
const CHUNK: u64 = 1024;

/// What a reader got.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Whole events, the oldest first.
    pub events: Vec<[u64; WORDS]>,
    /// How many were overwritten before they could be read.
    pub lost: u64,
    /// Where the next read goes on.
    pub next: u64,
}

impl Ring {
    /// An empty ring for `capacity` events, a power of two. Its memory is made as it is written.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity.is_power_of_two(), "the capacity of a ring is {capacity}; expected a power of two");
        let capacity = capacity as u64;
        Self { written: AtomicU64::new(0), capacity, chunks: (0..capacity.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect() }
    }

    fn new_chunk(&self) -> Chunk {
        (0..self.capacity.min(CHUNK) as usize * WORDS).map(|_| AtomicU64::new(0)).collect()
    }

    /// In which chunk event `n` lies, and where.
    #[inline]
    fn place(&self, n: u64) -> (&OnceLock<Chunk>, usize) {
        let slot = n & (self.capacity - 1);
        (&self.chunks[(slot / CHUNK) as usize], (slot % CHUNK) as usize * WORDS)
    }

    /// Appends an event. Only the ring's own thread may call it: two writers would make events of both their words.
    #[inline]
    pub fn write(&self, event: [u64; WORDS]) {
        let n = self.written.load(Ordering::Relaxed);
        // Release: whoever reads one of the words below comes to see `written = n`; pairs with the fence in `read`. See the module's text.
        fence(Ordering::Release);
        let (chunk, first) = self.place(n);
        let chunk = chunk.get_or_init(|| self.new_chunk());
        for (word, value) in chunk[first..][..WORDS].iter().zip(event) {
            word.store(value, Ordering::Relaxed);
        }
        // Release: publishes the words; pairs with the Acquire in `read`.
        self.written.store(n + 1, Ordering::Release);
    }

    /// How many events were written so far.
    pub fn written(&self) -> u64 {
        // Acquire: what is looked at after it is not older than these events.
        self.written.load(Ordering::Acquire)
    }

    /// Copies the events from number `from` on that are still there. Any thread may, while the ring is written.
    pub fn read(&self, from: u64) -> Read {
        // Acquire: pairs with the Release at the end of `write`.
        let end = self.written.load(Ordering::Acquire);
        let begin = from.max(end.saturating_sub(self.capacity)).min(end);
        let copy = |n| {
            let (chunk, first) = self.place(n);
            let chunk = chunk.get().expect("the chunk of an event that was written");
            std::array::from_fn(|word| chunk[first + word].load(Ordering::Relaxed))
        };
        let mut events: Vec<[u64; WORDS]> = (begin..end).map(copy).collect();
        // Acquire: pairs with the Release fence in `write`.
        fence(Ordering::Acquire);
        let now = self.written.load(Ordering::Relaxed);
        // Event `now` may be half written, over the event of this number.
        let torn_below = (now + 1).saturating_sub(self.capacity);
        let torn = torn_below.clamp(begin, end) - begin;
        events.drain(..torn as usize);
        Read { events, lost: (begin + torn).saturating_sub(from), next: end.max(from) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn event(n: u64) -> [u64; WORDS] {
        [n, n + 1, n + 2]
    }

    #[test]
    fn events_are_read_once_in_their_order() {
        let ring = Ring::new(8);
        assert_eq!(ring.read(0), Read::default());
        (0..3).for_each(|n| ring.write(event(n)));
        let first = ring.read(0);
        assert_eq!((first.events, first.lost, first.next), (vec![event(0), event(1), event(2)], 0, 3));
        ring.write(event(3));
        let second = ring.read(first.next);
        assert_eq!((second.events, second.lost, second.next), (vec![event(3)], 0, 4));
    }

    #[test]
    fn what_was_overwritten_is_counted() {
        let ring = Ring::new(4);
        (0..10).for_each(|n| ring.write(event(n)));
        let read = ring.read(1);
        // The oldest of the four may be under the writer's hand.
        assert_eq!((read.events, read.lost, read.next), (vec![event(7), event(8), event(9)], 6, 10));
    }

    #[test]
    fn a_reader_beside_a_writer_never_sees_a_torn_event() {
        let ring = Ring::new(64);
        let total = 2_000_000;
        std::thread::scope(|scope| {
            scope.spawn(|| (0..total).for_each(|n| ring.write(event(n))));
            let (mut from, mut seen) = (0, 0);
            while from < total {
                let read = ring.read(from);
                let first = from + read.lost;
                for (at, found) in read.events.iter().enumerate() {
                    assert_eq!(*found, event(first + at as u64));
                }
                seen += read.lost + read.events.len() as u64;
                from = read.next;
            }
            assert_eq!(seen, total);
        });
    }
}
