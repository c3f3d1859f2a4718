//! What did the user ask for in the parentheses of the attribute?

use crate::mistake::Mistake;
use crate::text::{is_punct, placed};
use proc_macro::{Literal, Span, TokenStream, TokenTree};
use std::str::FromStr;

const KNOWN: &str = "`processors`, `handoff_after_ms`, `max_blocking_threads`, `thread_name`, `trace_tasks`, `crate`";

/// The arguments of an attribute, each checked and ready to be written into the expansion.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) processors: Option<TokenTree>,
    pub(crate) handoff_after_ms: Option<TokenTree>,
    pub(crate) max_blocking_threads: Option<TokenTree>,
    pub(crate) thread_name: Option<TokenTree>,
    pub(crate) trace_tasks: Option<TokenTree>,
    pub(crate) krate: Option<TokenStream>,
}

impl Arguments {
    /// Reads `key = value, ...`. What is right is kept, so that one mistake does not cause others downstream.
    pub(crate) fn read(stream: TokenStream) -> (Self, Vec<Mistake>) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut arguments = Self::default();
        let mut mistakes = Vec::new();
        let mut parts: Vec<&[TokenTree]> = tokens.split(|token| is_punct(Some(token), ',')).collect();
        if parts.last().is_some_and(|last| last.is_empty()) {
            parts.pop();
        }
        for part in parts {
            if let Err(mistake) = arguments.read_one(part) {
                mistakes.push(mistake);
            }
        }
        (arguments, mistakes)
    }

    fn read_one(&mut self, part: &[TokenTree]) -> Result<(), Mistake> {
        let argument = Argument::split(part)?;
        match argument.key.as_str() {
            "processors" => argument.store(&mut self.processors, Argument::count),
            "handoff_after_ms" => argument.store(&mut self.handoff_after_ms, Argument::count),
            "max_blocking_threads" => argument.store(&mut self.max_blocking_threads, Argument::count),
            "thread_name" => argument.store(&mut self.thread_name, Argument::name),
            "trace_tasks" => argument.store(&mut self.trace_tasks, Argument::flag),
            "crate" => argument.store(&mut self.krate, Argument::path),
            unknown => Err(Mistake::at(argument.key_span, unknown_key(unknown))),
        }
    }
}

/// Names that other runtimes use get the name that is meant here.
fn unknown_key(key: &str) -> String {
    let hint = match key {
        "worker_threads" | "threads" | "workers" => "; the number of workers is `processors`",
        "flavor" => "; there is one flavour of runtime, and `processors = 1` is a valid one",
        "handoff_after" => "; the time is given in milliseconds, as `handoff_after_ms`",
        _ => "",
    };
    format!("unknown argument `{key}`{hint}; expected one of {KNOWN}")
}

/// One `key = value`.
struct Argument<'a> {
    key: String,
    key_span: Span,
    value: &'a [TokenTree],
}

impl<'a> Argument<'a> {
    fn split(part: &'a [TokenTree]) -> Result<Self, Mistake> {
        let shape = || Mistake::over(part, Span::call_site(), format!("expected `argument = value`, where the argument is one of {KNOWN}"));
        let [TokenTree::Ident(key), rest @ ..] = part else {
            return Err(shape());
        };
        let argument = Self { key: key.to_string(), key_span: key.span(), value: rest.get(1..).unwrap_or_default() };
        if is_punct(rest.first(), '=') && !argument.value.is_empty() {
            return Ok(argument);
        }
        // An unknown name is the more helpful thing to hear about.
        if KNOWN.contains(&format!("`{}`", argument.key)) {
            Err(shape())
        } else {
            Err(Mistake::at(argument.key_span, unknown_key(&argument.key)))
        }
    }

    /// Puts the value into `slot`, which must be empty.
    fn store<T>(&self, slot: &mut Option<T>, read: fn(&Self) -> Result<T, Mistake>) -> Result<(), Mistake> {
        if slot.is_some() {
            return Err(Mistake::at(self.key_span, format!("`{}` is given twice", self.key)));
        }
        *slot = Some(read(self)?);
        Ok(())
    }

    fn wrong(&self, expected: &str) -> Mistake {
        let value: TokenStream = self.value.iter().cloned().collect();
        Mistake::over(self.value, self.key_span, format!("`{}` is `{value}`; expected {expected}", self.key))
    }

    /// An integer literal of at least 1, written anew without a suffix so that it takes the type of its place.
    fn count(&self) -> Result<TokenTree, Mistake> {
        let wrong = || self.wrong("an integer literal of at least 1, like `4`");
        let [TokenTree::Literal(literal)] = self.value else {
            return Err(wrong());
        };
        let number = integer(&literal.to_string()).filter(|number| *number > 0).ok_or_else(wrong)?;
        let mut number = Literal::u64_unsuffixed(number);
        number.set_span(literal.span());
        Ok(number.into())
    }

    /// `true` or `false`.
    fn flag(&self) -> Result<TokenTree, Mistake> {
        match self.value {
            [TokenTree::Ident(flag)] if matches!(flag.to_string().as_str(), "true" | "false") => Ok(flag.clone().into()),
            _ => Err(self.wrong("`true` or `false`")),
        }
    }

    /// A string literal that can be the name of a thread.
    fn name(&self) -> Result<TokenTree, Mistake> {
        let wrong = || self.wrong("a string literal that is not empty and has no NUL in it, like `\"worker\"`");
        let [TokenTree::Literal(literal)] = self.value else {
            return Err(wrong());
        };
        let text = literal.to_string();
        let content = string_content(&text).ok_or_else(wrong)?;
        let is_raw = text.starts_with('r');
        if content.is_empty() || content.contains('\0') || (!is_raw && escapes_nul(content)) {
            return Err(wrong());
        }
        Ok(literal.clone().into())
    }

    /// A path, bare or in a string literal.
    fn path(&self) -> Result<TokenStream, Mistake> {
        let wrong = || self.wrong("the path of the crate, like `::handover` or \"my_crate::handover\"");
        let path: Vec<TokenTree> = match self.value {
            [TokenTree::Literal(literal)] => {
                let text = literal.to_string();
                let stream = string_content(&text).and_then(|content| TokenStream::from_str(content).ok()).ok_or_else(wrong)?;
                placed(stream, literal.span()).into_iter().collect()
            }
            bare => bare.to_vec(),
        };
        if is_path(&path) { Ok(path.into_iter().collect()) } else { Err(wrong()) }
    }
}

/// `a::b`, with or without `::` in front.
fn is_path(tokens: &[TokenTree]) -> bool {
    let is_separator = |pair: &[TokenTree]| pair.iter().all(|token| is_punct(Some(token), ':'));
    let tokens = match tokens {
        [first, second, rest @ ..] if is_separator(&[first.clone(), second.clone()]) => rest,
        all => all,
    };
    tokens.len() % 3 == 1 && tokens.chunks(3).all(|chunk| matches!(chunk[0], TokenTree::Ident(_)) && is_separator(&chunk[1..]))
}

/// The value of an integer literal as it is written: `4`, `1_000`, `0x10`, `4usize`.
fn integer(literal: &str) -> Option<u64> {
    let digits = literal.replace('_', "");
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0o") => (&digits[2..], 8),
        Some("0b") => (&digits[2..], 2),
        _ => (digits.as_str(), 10),
    };
    let end = digits.find(['u', 'i']).unwrap_or(digits.len());
    u64::from_str_radix(&digits[..end], radix).ok()
}

/// Whether the content of a string literal that is not raw has an escape of NUL in it: `\0`, `\x00` or `\u{0}`.
fn escapes_nul(content: &str) -> bool {
    let mut rest = content;
    while let Some((_, escape)) = rest.split_once('\\') {
        let digits = escape.strip_prefix("u{").and_then(|digits| digits.split_once('}')).map(|(digits, _)| digits);
        if escape.starts_with('0')
            || escape.starts_with("x00")
            || digits.is_some_and(|digits| digits.chars().all(|digit| matches!(digit, '0' | '_')))
        {
            return true;
        }
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

/// What stands between the quotes of a string literal, escapes left as they are.
fn string_content(literal: &str) -> Option<&str> {
    let raw = literal.strip_prefix('r').unwrap_or(literal).trim_matches('#');
    raw.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_nul_are_told_from_those_that_look_like_one() {
        assert!([r"\0", r"a\0", r"\x00b", r"\u{0}", r"\\\u{00_0}"].iter().all(|content| escapes_nul(content)));
        assert!(!["0", r"\\0", r"\x01", r"\u{00e9}", r"\n0", r"\\u{0}"].iter().any(|content| escapes_nul(content)));
    }
}
