//! What was a descriptor last seen to be?
//!
//! One word per registered descriptor. The poller sets bits as epoll reports edges; whoever meets `EAGAIN` clears them.
//!
//! | bits | name | meaning | cleared by |
//! |---|---|---|---|
//! | 0 | `READABLE` | a read would not block | `exhaust`, `drain` |
//! | 1 | `WRITABLE` | a write would not block | `exhaust`, `drain` |
//! | 2 | `READ_CLOSED` | no more will come | `exhaust` |
//! | 3 | `WRITE_CLOSED` | no more can be sent | `exhaust` |
//! | 4 | `ERROR` | an error waits to be picked up | `exhaust` |
//! | 5 | `URGENT` | urgent data came at some time | nobody |
//! | 6 | `SHUT_DOWN` | the runtime has ended | nobody |
//! | 8..64 | tick | number of `set`s so far | counts up |
//!
//! ```text
//!             set (epoll saw an edge)
//!     idle  -------------------------->  ready
//!           <--------------------------
//!             exhaust (EAGAIN), drain (short count); neither does anything if a `set` came in between
//!
//!     shut_down: any -> shut down, for good
//! ```
//!
//! **No edge is lost.** Epoll reports an edge once. A task that reads until `EAGAIN` and then clears the bit races the poller, which
//! may just have set it for data that came after the `EAGAIN`. So a clear names the tick it saw. If the `set` comes first in the
//! word's order, the tick has moved and the clear does nothing; if the clear comes first, the `set` follows and the bit stands. A
//! 56-bit tick does not wrap in the life of a machine (tokio's has 15 bits, enough in practice; here the room was free).

use std::fmt;
use std::ops::BitOr;

use crate::interest::Interest;
use crate::sync::{AtomicU64, Ordering};

const TICK: u64 = 1 << 8;
const BITS: u64 = TICK - 1;

/// What a descriptor was seen to be, and at which tick.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    bits: u64,
    tick: u64,
}

impl Ready {
    /// Nothing.
    pub const NOTHING: Self = Self::bit(0);
    /// A read would not block.
    pub const READABLE: Self = Self::bit(1 << 0);
    /// A write would not block.
    pub const WRITABLE: Self = Self::bit(1 << 1);
    /// The other side has ended its stream.
    pub const READ_CLOSED: Self = Self::bit(1 << 2);
    /// The other side takes no more.
    pub const WRITE_CLOSED: Self = Self::bit(1 << 3);
    /// An error waits to be picked up.
    pub const ERROR: Self = Self::bit(1 << 4);
    pub(crate) const URGENT: Self = Self::bit(1 << 5);
    const SHUT_DOWN: Self = Self::bit(1 << 6);
    const CLOSED: Self = Self::bit(Self::READ_CLOSED.bits | Self::WRITE_CLOSED.bits | Self::ERROR.bits);

    const fn bit(bits: u64) -> Self {
        Self { bits, tick: 0 }
    }

    fn unpack(word: u64) -> Self {
        Self { bits: word & BITS, tick: word / TICK }
    }

    /// A read would not block: there is data, the end of the stream or an error.
    pub fn is_readable(self) -> bool {
        self.answers(Interest::READABLE)
    }

    /// A write would not block: there is room, or an error.
    pub fn is_writable(self) -> bool {
        self.answers(Interest::WRITABLE)
    }

    /// The other side has ended its stream; what it sent before may still be there to read.
    pub fn is_read_closed(self) -> bool {
        self.has(Self::READ_CLOSED)
    }

    /// The other side takes no more.
    pub fn is_write_closed(self) -> bool {
        self.has(Self::WRITE_CLOSED)
    }

    /// An error waits to be picked up.
    pub fn is_error(self) -> bool {
        self.has(Self::ERROR)
    }

    /// Nothing was seen.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The runtime has ended; nothing else will be seen.
    pub fn is_shut_down(self) -> bool {
        self.has(Self::SHUT_DOWN)
    }

    /// Whether somebody with `interest` may go ahead.
    pub fn answers(self, interest: Interest) -> bool {
        self.has(interest.mask())
    }

    /// The part of it that `interest` asks about, at the same tick.
    pub fn only(self, interest: Interest) -> Self {
        Self { bits: self.bits & interest.mask().bits, tick: self.tick }
    }

    fn has(self, any: Self) -> bool {
        self.bits & any.bits != 0
    }

    fn without(self, other: Self) -> Self {
        Self { bits: self.bits & !other.bits, tick: self.tick }
    }
}

impl BitOr for Ready {
    type Output = Self;

    /// Both; the later tick of the two.
    fn bitor(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits, tick: self.tick.max(other.tick) }
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Ready, &str); 7] = [
            (Ready::READABLE, "readable"),
            (Ready::WRITABLE, "writable"),
            (Ready::READ_CLOSED, "read closed"),
            (Ready::WRITE_CLOSED, "write closed"),
            (Ready::ERROR, "error"),
            (Ready::URGENT, "urgent"),
            (Ready::SHUT_DOWN, "shut down"),
        ];
        f.debug_set().entries(NAMES.iter().filter(|(bit, _)| self.has(*bit)).map(|(_, name)| name)).finish()
    }
}

/// The word itself.
#[derive(Debug)]
pub struct Readiness(AtomicU64);

impl Readiness {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// What is known now.
    pub fn get(&self) -> Ready {
        // Acquire: pairs with the Release in `change`, so that what the setter saw before (an accepted peer, a written pipe in
        // this process) is seen by who acts on the bit.
        Ready::unpack(self.0.load(Ordering::Acquire))
    }

    /// An edge was reported. The caller then looks for waiters, under their lock.
    pub fn set(&self, ready: Ready) {
        self.change(|now| Some(Ready { bits: now.bits | ready.bits, tick: now.tick + 1 }));
    }

    /// Ends it for good. The caller then looks for waiters, under their lock.
    pub fn shut_down(&self) {
        self.set(Ready::SHUT_DOWN);
    }

    /// The system call said `EAGAIN`: what was `seen` no longer holds.
    ///
    /// Closed bits go too. A true end never says `EAGAIN`; but a FIFO whose writer left gets a next one, and a bit that stays
    /// would turn its reader into a busy loop.
    pub fn exhaust(&self, seen: Ready) {
        self.change(|now| (now.tick == seen.tick).then(|| now.without(seen).or_sticky(now)));
    }

    /// The system call moved less than it was asked for: on a stream the buffer is now empty (or full), says epoll(7), and the next
    /// change is a new edge. This saves the call that would only say `EAGAIN`.
    ///
    /// Closed bits stay: the end of the stream follows the data without another edge. Nothing happens once urgent data was seen, for
    /// a read stops short at its mark with data behind it. If the mark comes with an edge that the poller has not yet delivered, that
    /// edge carries `READABLE` and follows this clear.
    pub fn drain(&self, seen: Ready) {
        let seen = seen.without(Ready::CLOSED);
        self.change(|now| (now.tick == seen.tick && !now.has(Ready::URGENT)).then(|| now.without(seen).or_sticky(now)));
    }

    /// Release and Acquire as in `get`; a failed comparison only tries again.
    fn change(&self, next: impl Fn(Ready) -> Option<Ready>) {
        let mut word = self.0.load(Ordering::Relaxed);
        while let Some(ready) = next(Ready::unpack(word)) {
            match self.0.compare_exchange_weak(word, ready.pack(), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(found) => word = found,
            }
        }
    }
}

impl Ready {
    fn pack(self) -> u64 {
        (self.tick * TICK) | self.bits
    }

    /// Keeps the bits that nobody clears.
    fn or_sticky(self, now: Ready) -> Ready {
        Ready { bits: self.bits | (now.bits & (Ready::URGENT.bits | Ready::SHUT_DOWN.bits)), tick: self.tick }
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_clear_does_nothing_after_a_later_edge() {
        let readiness = Readiness::new();
        readiness.set(Ready::READABLE);
        let seen = readiness.get();
        readiness.set(Ready::READABLE);

        readiness.exhaust(seen);
        assert!(readiness.get().is_readable());

        readiness.exhaust(readiness.get());
        assert!(!readiness.get().is_readable());
    }

    #[test]
    fn the_reader_leaves_the_writers_bits_alone() {
        let readiness = Readiness::new();
        readiness.set(Ready::READABLE | Ready::WRITABLE);
        readiness.exhaust(readiness.get().only(Interest::READABLE));
        assert!(!readiness.get().is_readable());
        assert!(readiness.get().is_writable());
    }

    #[test]
    fn an_end_outlives_a_short_count_and_not_eagain() {
        let readiness = Readiness::new();
        readiness.set(Ready::READABLE | Ready::READ_CLOSED);
        readiness.drain(readiness.get());
        assert!(readiness.get().is_readable(), "the end of the stream is still to be read");
        readiness.exhaust(readiness.get());
        assert!(!readiness.get().is_readable());
    }

    #[test]
    fn urgent_data_turns_the_short_cut_off() {
        let readiness = Readiness::new();
        readiness.set(Ready::READABLE | Ready::URGENT);
        readiness.drain(readiness.get());
        assert!(readiness.get().is_readable(), "data may lie behind the urgent mark");
        readiness.exhaust(readiness.get());
        assert!(!readiness.get().is_readable());
        readiness.set(Ready::READABLE);
        readiness.drain(readiness.get());
        assert!(readiness.get().is_readable());
    }

    #[test]
    fn shut_down_is_for_good() {
        let readiness = Readiness::new();
        readiness.shut_down();
        readiness.exhaust(readiness.get());
        assert!(readiness.get().is_shut_down());
    }
}
