//! How does a profile become a file for pprof?
//!
//! A `perftools.profiles.Profile`: <https://github.com/google/pprof/blob/main/proto/profile.proto>. Text is referred to by number, and so are functions and locations; a frame is one of each.

use std::collections::HashMap;
use std::time::Duration;

use super::profile::Samples;
use super::protobuf::Message;

/// Numbers of the format's fields.
mod field {
    pub(super) const SAMPLE_TYPE: u32 = 1;
    pub(super) const SAMPLE: u32 = 2;
    pub(super) const LOCATION: u32 = 4;
    pub(super) const FUNCTION: u32 = 5;
    pub(super) const STRING: u32 = 6;
    pub(super) const DURATION: u32 = 10;

    pub(super) const TYPE_NAME: u32 = 1;
    pub(super) const TYPE_UNIT: u32 = 2;
    pub(super) const SAMPLE_LOCATIONS: u32 = 1;
    pub(super) const SAMPLE_VALUES: u32 = 2;
    pub(super) const LOCATION_NUMBER: u32 = 1;
    pub(super) const LOCATION_LINE: u32 = 4;
    pub(super) const LINE_FUNCTION: u32 = 1;
    pub(super) const FUNCTION_NUMBER: u32 = 1;
    pub(super) const FUNCTION_NAME: u32 = 2;
}

/// The texts of a file; the first is empty, as the format wants it.
struct Texts<'a> {
    numbers: HashMap<&'a str, u64>,
    all: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn number(&mut self, text: &'a str) -> u64 {
        *self.numbers.entry(text).or_insert_with(|| {
            self.all.push(text);
            self.all.len() as u64 - 1
        })
    }
}

/// The file's bytes. A frame's number is that of its text.
pub(super) fn encode(samples: &Samples, duration: Duration) -> Vec<u8> {
    let mut texts = Texts { numbers: HashMap::new(), all: Vec::new() };
    let mut profile = Message::new();
    texts.number("");
    for (name, unit) in [("times", "count"), ("time", "nanoseconds")] {
        let (name, unit) = (texts.number(name), texts.number(unit));
        profile.message(field::SAMPLE_TYPE, |kind| _ = kind.uint(field::TYPE_NAME, name).uint(field::TYPE_UNIT, unit));
    }
    let first_frame = texts.all.len() as u64;
    for (stack, sum) in &samples.sums {
        // The innermost frame first.
        let frames: Vec<u64> = stack.iter().rev().map(|frame| texts.number(frame)).collect();
        profile.message(field::SAMPLE, |sample| {
            sample.packed(field::SAMPLE_LOCATIONS, frames).packed(field::SAMPLE_VALUES, [sum.count, sum.nanos]);
        });
    }
    for frame in first_frame..texts.all.len() as u64 {
        profile.message(field::LOCATION, |location| {
            location.uint(field::LOCATION_NUMBER, frame);
            location.message(field::LOCATION_LINE, |line| _ = line.uint(field::LINE_FUNCTION, frame));
        });
        profile.message(field::FUNCTION, |function| _ = function.uint(field::FUNCTION_NUMBER, frame).uint(field::FUNCTION_NAME, frame));
    }
    texts.all.iter().for_each(|text| _ = profile.text(field::STRING, text));
    profile.uint(field::DURATION, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    profile.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_written_from_the_innermost_frame_with_its_count_and_time() {
        let mut samples = Samples::default();
        samples.add(vec!["outer".to_owned(), "inner".to_owned()], 300);
        samples.add(vec!["outer".to_owned(), "inner".to_owned()], 7);
        let mut expected = Message::new();
        // Texts: "", times, count, time, nanoseconds, inner, outer.
        expected.message(1, |kind| _ = kind.uint(1, 1).uint(2, 2)).message(1, |kind| _ = kind.uint(1, 3).uint(2, 4));
        expected.message(2, |sample| _ = sample.packed(1, [5, 6]).packed(2, [2, 307]));
        for frame in [5, 6] {
            expected.message(4, |location| _ = location.uint(1, frame).message(4, |line| _ = line.uint(1, frame)));
            expected.message(5, |function| _ = function.uint(1, frame).uint(2, frame));
        }
        for text in ["", "times", "count", "time", "nanoseconds", "inner", "outer"] {
            expected.text(6, text);
        }
        expected.uint(10, 1_000_000);
        assert_eq!(encode(&samples, Duration::from_millis(1)), expected.into_bytes());
    }
}
