//! Which slices of a track have begun, one within the other?

use super::timeline::{Mark, Name, What};

/// A track's marks, with what is open of them.
#[derive(Debug)]
pub(super) struct Slices<K> {
    pub(super) marks: Vec<Mark>,
    open: Vec<K>,
}

impl<K> Default for Slices<K> {
    /// Nothing has begun.
    fn default() -> Self {
        Self { marks: Vec::new(), open: Vec::new() }
    }
}

impl<K: Copy> Slices<K> {
    /// The innermost slice.
    pub(super) fn innermost(&self) -> Option<K> {
        self.open.last().copied()
    }

    /// All slices, from the outermost in.
    pub(super) fn open(&self) -> &[K] {
        &self.open
    }

    pub(super) fn begin(&mut self, kind: K, mark: Mark) {
        self.open.push(kind);
        self.marks.push(mark);
    }

    /// Ends the innermost.
    pub(super) fn end(&mut self, now: u64) {
        if self.open.pop().is_some() {
            self.marks.push(Mark::new(now, What::End));
        }
    }

    /// Ends the innermost, which began with the mark of this number, and of which only now is known what it is.
    pub(super) fn end_as(&mut self, now: u64, mark: usize, name: Name) {
        self.marks[mark].what = What::Begin(name);
        self.end(now);
    }

    /// Ends whatever has begun.
    pub(super) fn close(&mut self, now: u64) {
        while !self.open.is_empty() {
            self.end(now);
        }
    }

    /// Ends all slices of this kind, and those within them.
    pub(super) fn end_all(&mut self, now: u64, is_it: impl Fn(K) -> bool) {
        while self.open.iter().any(|kind| is_it(*kind)) {
            self.end(now);
        }
    }

    /// Ends the innermost slice of this kind, and those within it.
    pub(super) fn end_innermost(&mut self, now: u64, is_it: impl Fn(K) -> bool) {
        if let Some(depth) = self.open.iter().rposition(|kind| is_it(*kind)) {
            while self.open.len() > depth {
                self.end(now);
            }
        }
    }
}
