//! How does program text become tokens that point at a place of the user's?

use proc_macro::{Group, Span, TokenStream, TokenTree};

/// The tokens of `code`, all of them at `span`.
///
/// # Panics
///
/// If `code` is not made of Rust tokens; it is always text of this crate.
pub(crate) fn tokens(code: &str, span: Span) -> TokenStream {
    let stream: TokenStream = code.parse().expect("this crate writes only valid tokens");
    placed(stream, span)
}

/// `stream`, with all of its tokens at `span`.
pub(crate) fn placed(stream: TokenStream, span: Span) -> TokenStream {
    stream.into_iter().map(|token| token_at(token, span)).collect()
}

fn token_at(token: TokenTree, span: Span) -> TokenTree {
    let mut token = match token {
        TokenTree::Group(group) => TokenTree::Group(Group::new(group.delimiter(), placed(group.stream(), span))),
        other => other,
    };
    token.set_span(span);
    token
}

/// Is this token the punctuation mark `mark`?
pub(crate) fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Is this token the identifier or keyword `word`?
pub(crate) fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident.to_string() == word)
}
