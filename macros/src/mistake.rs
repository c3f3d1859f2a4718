//! How does a user see what is wrong? As a `compile_error!` on the very tokens that are.

use crate::text;
use proc_macro::{Delimiter, Group, Literal, Span, TokenStream, TokenTree};

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Mistake {
    first: Span,
    last: Span,
    message: String,
}

impl Mistake {
    /// A mistake in one token.
    pub(crate) fn at(span: Span, message: impl Into<String>) -> Self {
        Self { first: span, last: span, message: message.into() }
    }

    /// A mistake in a row of tokens; `fallback` is the place of an empty row.
    pub(crate) fn over(tokens: &[TokenTree], fallback: Span, message: impl Into<String>) -> Self {
        let place = |token: Option<&TokenTree>| token.map_or(fallback, TokenTree::span);
        Self { first: place(tokens.first()), last: place(tokens.last()), message: message.into() }
    }

    /// `::core::compile_error! { "message" }`.
    ///
    /// The compiler underlines from the first token of the call to its last: these two carry the place.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut message = Literal::string(&self.message);
        message.set_span(self.last);
        let mut call = Group::new(Delimiter::Brace, TokenTree::from(message).into());
        call.set_span(self.last);
        let mut tokens = text::tokens("::core::compile_error!", self.first);
        tokens.extend([TokenTree::from(call)]);
        tokens
    }
}
