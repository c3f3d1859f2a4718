//! Where are bytes that were taken from the source and not yet given to the sink, when the kernel moves them?

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};

use crate::io::kernel;

/// More than a pipe ever holds: it takes 16 pieces, each as large as the socket has them, 4 KiB or 32 of one.
const CAPACITY: usize = 1 << 20;

/// A pipe of the copy's own, filled only when it is empty: so a call on it never finds it full, and `EAGAIN` is always the other side's.
#[derive(Debug)]
pub(super) struct Conduit {
    reader: PipeReader,
    writer: PipeWriter,
    held: usize,
}

impl Conduit {
    /// # Errors
    ///
    /// Those of pipe2(2).
    pub(super) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self { reader, writer, held: 0 })
    }

    /// How many bytes are in it.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes what `from` has.
    ///
    /// # Errors
    ///
    /// Those of splice(2); nothing was taken then.
    pub(super) fn fill(&mut self, from: BorrowedFd<'_>) -> io::Result<usize> {
        debug_assert_eq!(self.held, 0, "a conduit is filled when it is empty");
        self.held = kernel::splice(from, self.writer.as_fd(), CAPACITY)?;
        Ok(self.held)
    }

    /// Gives `to` what it takes.
    ///
    /// # Errors
    ///
    /// Those of splice(2); all is still here then.
    pub(super) fn pour(&mut self, to: BorrowedFd<'_>) -> io::Result<usize> {
        let poured = kernel::splice(self.reader.as_fd(), to, self.held)?;
        self.held -= poured;
        Ok(poured)
    }

    /// Takes the bytes out, for them to be written.
    ///
    /// # Errors
    ///
    /// Those of read(2).
    pub(super) fn empty_into(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let start = bytes.len();
        bytes.resize(start + self.held, 0);
        // They are there: it does not wait.
        self.reader.read_exact(&mut bytes[start..])?;
        self.held = 0;
        Ok(())
    }
}
