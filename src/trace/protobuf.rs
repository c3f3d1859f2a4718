//! How is a protocol buffer written? As much of the format as a trace and a profile need: <https://protobuf.dev/programming-guides/encoding/>.

/// A message that is being written, field by field.
#[derive(Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;

impl Message {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn tag(&mut self, field: u32, wire_type: u64) {
        self.varint(u64::from(field) << 3 | wire_type);
    }

    /// `uint64`, `uint32`, `bool`, an enum, or an `int64` that is not negative.
    pub(super) fn uint(&mut self, field: u32, value: u64) -> &mut Self {
        self.tag(field, VARINT);
        self.varint(value);
        self
    }

    /// `fixed64`.
    pub(super) fn fixed64(&mut self, field: u32, value: u64) -> &mut Self {
        self.tag(field, FIXED_64);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// `string`.
    pub(super) fn text(&mut self, field: u32, value: &str) -> &mut Self {
        self.delimited(field, value.as_bytes())
    }

    /// A repeated `uint64` or `int64`, packed.
    pub(super) fn packed(&mut self, field: u32, values: impl IntoIterator<Item = u64>) -> &mut Self {
        let mut packed = Self::new();
        values.into_iter().for_each(|value| packed.varint(value));
        self.delimited(field, &packed.bytes)
    }

    /// A message within this one.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Message)) -> &mut Self {
        let mut inner = Self::new();
        write(&mut inner);
        self.delimited(field, &inner.bytes)
    }

    fn delimited(&mut self, field: u32, bytes: &[u8]) -> &mut Self {
        self.tag(field, LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.bytes.extend(bytes);
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the format's own description.
    #[test]
    fn fields_are_encoded_as_the_format_describes() {
        let bytes = |write: fn(&mut Message)| {
            let mut message = Message::new();
            write(&mut message);
            message.into_bytes()
        };
        assert_eq!(bytes(|message| _ = message.uint(1, 150)), [0x08, 0x96, 0x01]);
        assert_eq!(bytes(|message| _ = message.uint(1, 0)), [0x08, 0x00]);
        assert_eq!(bytes(|message| _ = message.text(2, "testing")), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        assert_eq!(bytes(|message| _ = message.message(3, |inner| _ = inner.uint(1, 150))), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(bytes(|message| _ = message.packed(6, [3, 270, 86_942])), [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]);
        assert_eq!(bytes(|message| _ = message.fixed64(1, 1)), [0x09, 1, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn the_largest_number_and_a_high_field_fit() {
        let mut message = Message::new();
        message.uint(60, u64::MAX);
        assert_eq!(message.into_bytes(), [0xe0, 0x03, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    }
}
