//! What does a part of a URL say in plain text?

/// Undoes percent-encoding; `None` if a `%` is not followed by two hexadecimal digits.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { 16 * hex_digit(bytes.next()?)? + hex_digit(bytes.next()?)? } else { byte });
    }
    Some(decoded)
}

fn hex_digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// The value of `name` in a query like `a=1&b=two+words`: the first one if there are several.
///
/// `None` if it is not there, `Some(None)` if it is not well-formed UTF-8 in percent-encoding.
pub(crate) fn query_value(query: &str, name: &str) -> Option<Option<String>> {
    let plain = |text: &str| decode(&text.replace('+', " ")).and_then(|bytes| String::from_utf8(bytes).ok());
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(key, _)| plain(key).as_deref() == Some(name))
        .map(|(_, value)| plain(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_once() {
        assert_eq!(decode("a%20b").as_deref(), Some(&b"a b"[..]));
        assert_eq!(decode("%2e%2E/%252e").as_deref(), Some(&b"../%2e"[..]));
        assert_eq!(decode("%c3%a9").as_deref(), Some("é".as_bytes()));
    }

    #[test]
    fn half_a_code_is_refused() {
        for text in ["%", "%4", "a%zz", "%+1", "%-1"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_query_gives_its_values() {
        let query = "q=two+words%21&empty=&bare&%71%32=x&q=second&bad=%ff";
        let value = |name| query_value(query, name);
        assert_eq!(value("q"), Some(Some("two words!".into())));
        assert_eq!(value("empty"), Some(Some(String::new())));
        assert_eq!(value("bare"), Some(Some(String::new())));
        assert_eq!(value("q2"), Some(Some("x".into())));
        assert_eq!(value("bad"), Some(None));
        assert_eq!(value("none"), None);
    }
}
