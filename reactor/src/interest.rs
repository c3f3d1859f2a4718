//! What does somebody wait for?

use std::ops::BitOr;

use crate::readiness::Ready;

/// Reading, writing or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest {
    readable: bool,
    writable: bool,
}

impl Interest {
    /// Data to read, a connection to accept, or the end of either.
    pub const READABLE: Self = Self { readable: true, writable: false };
    /// Room to write, a connection made, or the end of either.
    pub const WRITABLE: Self = Self { readable: false, writable: true };
    /// Both.
    pub const BOTH: Self = Self { readable: true, writable: true };

    /// Whether reading is part of it.
    pub fn is_readable(self) -> bool {
        self.readable
    }

    /// Whether writing is part of it.
    pub fn is_writable(self) -> bool {
        self.writable
    }

    /// The readiness that answers it. An error answers both sides: either may be the one that picks it up.
    pub(crate) fn mask(self) -> Ready {
        let read = if self.readable { Ready::READABLE | Ready::READ_CLOSED } else { Ready::NOTHING };
        let write = if self.writable { Ready::WRITABLE | Ready::WRITE_CLOSED } else { Ready::NOTHING };
        read | write | Ready::ERROR
    }

    /// The least that answers it.
    pub(crate) fn assumed(self) -> Ready {
        let readable = if self.readable { Ready::READABLE } else { Ready::NOTHING };
        let writable = if self.writable { Ready::WRITABLE } else { Ready::NOTHING };
        readable | writable
    }

    /// What epoll is asked for. Urgent data is watched beside ordinary data because it ends a read early; see
    /// [`Readiness::drain`](crate::readiness::Readiness::drain).
    pub(crate) fn to_mio(self) -> mio::Interest {
        match (self.readable, self.writable) {
            (true, true) => READ.add(mio::Interest::WRITABLE),
            (true, false) => READ,
            (false, _) => mio::Interest::WRITABLE,
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const READ: mio::Interest = mio::Interest::READABLE.add(mio::Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const READ: mio::Interest = mio::Interest::READABLE;

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { readable: self.readable || other.readable, writable: self.writable || other.writable }
    }
}

/// One side of a descriptor; each has one slot for a waiting `poll_*` call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `read`, `recv`, `accept`.
    Read,
    /// `write`, `send`, `connect`.
    Write,
}

impl Direction {
    /// The interest in this side alone.
    pub fn interest(self) -> Interest {
        match self {
            Self::Read => Interest::READABLE,
            Self::Write => Interest::WRITABLE,
        }
    }
}
