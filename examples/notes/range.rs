//! Which bytes of a file does a `Range` header ask for? RFC 9110, section 14.

use std::ops::Range;

/// What to send of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: nothing was asked for, or nothing that has to be understood (several ranges, another unit).
    Whole,
    /// These bytes; never none.
    Bytes(Range<u64>),
    /// A range was asked for that the file does not have.
    Unsatisfiable,
}

/// Reads the value of a `Range` header for a file of `length` bytes.
pub(crate) fn parse(header: &str, length: u64) -> Part {
    let Some((unit, ranges)) = header.split_once('=') else { return Part::Whole };
    let Some((first, last)) = ranges.trim().split_once('-') else { return Part::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Part::Whole;
    }
    match (number(first), number(last)) {
        (Number::Is(first), Number::Is(last)) if first > last => Part::Whole,
        (Number::Is(first), Number::Is(last)) => satisfiable(first, last.saturating_add(1).min(length)),
        (Number::Is(first), Number::Absent) => satisfiable(first, length),
        (Number::Absent, Number::Is(count)) => satisfiable(length.saturating_sub(count), length),
        _ => Part::Whole,
    }
}

fn satisfiable(start: u64, end: u64) -> Part {
    if start < end { Part::Bytes(start..end) } else { Part::Unsatisfiable }
}

enum Number {
    Is(u64),
    Absent,
    Malformed,
}

/// Only digits are a number: `+5` is not. One that is too large for any file is as good as the largest.
fn number(text: &str) -> Number {
    match text.trim() {
        "" => Number::Absent,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Number::Is(digits.parse().unwrap_or(u64::MAX)),
        _ => Number::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_file() {
        for (header, expected) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("bytes=2-", 2..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("bytes=9-99999999999999999999999", 9..10),
            ("Bytes = 1 - 2", 1..3),
        ] {
            assert_eq!(parse(header, 10), Part::Bytes(expected), "{header}");
        }
    }

    #[test]
    fn a_range_beyond_the_file_is_unsatisfiable() {
        for (header, length) in [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)] {
            assert_eq!(parse(header, length), Part::Unsatisfiable, "{header} of {length}");
        }
    }

    #[test]
    fn what_need_not_be_understood_is_the_whole_file() {
        for header in ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=+1-2", "lines=1-2", "bytes=0-1,3-4"] {
            assert_eq!(parse(header, 10), Part::Whole, "{header}");
        }
    }
}
