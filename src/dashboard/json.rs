//! How is JSON written? See RFC 8259.

use std::fmt::{Display, Write};

/// A text that grows by one value after the other. Commas come by themselves; that what is opened is closed is the caller's business.
#[derive(Debug, Default)]
pub(super) struct Json {
    text: String,
    needs_comma: bool,
}

impl Json {
    /// A member's name; its value is next.
    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.text.push(':');
        self.needs_comma = false;
        self
    }

    fn value(&mut self, text: impl Display) {
        if std::mem::replace(&mut self.needs_comma, true) {
            self.text.push(',');
        }
        // A String takes every write.
        let _ = write!(self.text, "{text}");
    }

    pub(super) fn number(&mut self, number: u64) {
        self.value(number);
    }

    /// Milliseconds, with microseconds behind the point.
    pub(super) fn millis(&mut self, time: std::time::Duration) {
        self.value(format_args!("{:.3}", time.as_secs_f64() * 1e3));
    }

    pub(super) fn bool(&mut self, bool: bool) {
        self.value(bool);
    }

    /// Any text: it is escaped.
    pub(super) fn string(&mut self, text: &str) {
        self.value('"');
        for c in text.chars() {
            let _ = match c {
                '"' | '\\' => write!(self.text, "\\{c}"),
                // Not only control characters: these two end a line in JavaScript, and this one begins a tag in HTML.
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '<') => write!(self.text, "\\u{:04x}", u32::from(c)),
                c => write!(self.text, "{c}"),
            };
        }
        self.text.push('"');
    }

    pub(super) fn text(&mut self, text: impl Display) {
        self.string(&text.to_string());
    }

    /// `{ ... }`
    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.nest('{', '}', fill);
    }

    /// `[ ... ]`
    pub(super) fn array<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.nest('[', ']', |json| items.into_iter().for_each(|item| each(json, item)));
    }

    fn nest(&mut self, open: char, close: char, fill: impl FnOnce(&mut Self)) {
        self.value(open);
        self.needs_comma = false;
        fill(self);
        self.text.push(close);
        self.needs_comma = true;
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let hostile = "</script>\"\\\n\u{0}\u{2028}\u{9f}é";
        let mut json = Json::default();
        json.object(|json| {
            json.key("a").array([1, 2], |json, n| json.number(n));
            json.key("b").object(|_| ());
            json.key(hostile).string(hostile);
            json.key("c").millis(std::time::Duration::from_micros(1_500));
            json.key("d").bool(true);
        });
        let read: serde_json::Value = serde_json::from_str(&json.finish()).unwrap();
        assert_eq!(read, serde_json::json!({"a": [1, 2], "b": {}, hostile: hostile, "c": 1.5, "d": true}));
    }
}
