//! Where are the parts of the function that the attribute stands on?

use crate::mistake::Mistake;
use crate::text::{is_punct, is_word};
use proc_macro::{Delimiter, Ident, Span, TokenStream, TokenTree};

/// A function, taken apart just as far as the expansion needs. All tokens are the user's own.
pub(crate) struct Function {
    /// `#[..]` and doc comments.
    pub(crate) attributes: Vec<TokenTree>,
    pub(crate) visibility: Vec<TokenTree>,
    /// `const`, `async`, `unsafe`, `extern "C"`.
    pub(crate) qualifiers: Vec<TokenTree>,
    pub(crate) name: Ident,
    /// `<..>` with its angle brackets.
    pub(crate) generics: Vec<TokenTree>,
    /// The parentheses and what is in them.
    pub(crate) parameters: TokenTree,
    /// From behind the parentheses to the body: the return type and a `where` clause.
    pub(crate) output: Vec<TokenTree>,
    pub(crate) body: TokenTree,
}

impl Function {
    /// Takes `item` apart.
    pub(crate) fn read(item: TokenStream) -> Result<Self, Mistake> {
        let mut tokens = Cursor { tokens: item.into_iter().collect(), next: 0 };
        let attributes = tokens.take_attributes();
        let visibility = tokens.take_visibility();
        let qualifiers = tokens.take_while(is_qualifier);
        let not_a_function = |token: Option<&TokenTree>| {
            Mistake::at(
                token.map_or_else(Span::call_site, TokenTree::span),
                "this attribute stands on an `async fn`, and here is no function",
            )
        };
        if !is_word(tokens.peek(), "fn") {
            return Err(not_a_function(tokens.peek()));
        }
        let keyword = tokens.take();
        let Some(TokenTree::Ident(name)) = tokens.take() else {
            return Err(not_a_function(keyword.as_ref()));
        };
        let generics = tokens.take_generics();
        let Some(parameters) = tokens.take() else {
            return Err(not_a_function(keyword.as_ref()));
        };
        let mut output = tokens.rest();
        match output.pop() {
            Some(body) if is_block(&body) => Ok(Self { attributes, visibility, qualifiers, name, generics, parameters, output, body }),
            _ => Err(Mistake::at(name.span(), format!("`{name}` has no body to run"))),
        }
    }

    pub(crate) fn is_async(&self) -> bool {
        self.qualifiers.iter().any(|token| is_word(Some(token), "async"))
    }

    /// Does the function say what it returns?
    pub(crate) fn has_output(&self) -> bool {
        is_punct(self.output.first(), '-')
    }

    /// Is there an attribute whose path is just `name`?
    pub(crate) fn attribute(&self, name: &str) -> Option<&TokenTree> {
        self.attributes.iter().find(|token| {
            let TokenTree::Group(group) = token else {
                return false;
            };
            let mut inside = group.stream().into_iter();
            is_word(inside.next().as_ref(), name) && inside.next().is_none()
        })
    }

    /// What of this function cannot be run as a root task.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let name = &self.name;
        let mut mistakes = Vec::new();
        if !self.is_async() {
            mistakes.push(Mistake::at(name.span(), format!("`{name}` is not async; expected `async fn {name}`")));
        }
        for qualifier in self.qualifiers.iter().filter(|token| !is_word(Some(token), "async")) {
            mistakes.push(Mistake::at(qualifier.span(), format!("`{name}` is `{qualifier}`; expected a plain `async fn {name}`")));
        }
        if !self.generics.is_empty() {
            let message = format!("`{name}` is generic; nobody would say which types are meant, so expected `async fn {name}()`");
            mistakes.push(Mistake::over(&self.generics, name.span(), message));
        }
        if self.has_parameters() {
            let message = format!("`{name}` takes arguments; nobody would pass them, so expected `async fn {name}()`");
            mistakes.push(Mistake::at(self.parameters.span(), message));
        }
        mistakes
    }

    fn has_parameters(&self) -> bool {
        !matches!(&self.parameters, TokenTree::Group(group) if group.stream().is_empty())
    }
}

fn is_qualifier(token: &TokenTree) -> bool {
    let is_keyword = ["const", "async", "unsafe", "safe", "extern"].iter().any(|word| is_word(Some(token), word));
    is_keyword || matches!(token, TokenTree::Literal(_))
}

/// `{..}`, also when a `macro_rules!` macro passed it on as one `$body:block`.
fn is_block(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else {
        return false;
    };
    match group.delimiter() {
        Delimiter::Brace => true,
        Delimiter::None => group.stream().into_iter().last().is_some_and(|last| is_block(&last)),
        Delimiter::Parenthesis | Delimiter::Bracket => false,
    }
}

/// A place in a row of tokens.
struct Cursor {
    tokens: Vec<TokenTree>,
    next: usize,
}

impl Cursor {
    fn peek(&self) -> Option<&TokenTree> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<TokenTree> {
        let token = self.peek().cloned();
        self.next += usize::from(token.is_some());
        token
    }

    fn take_many(&mut self, count: usize) -> Vec<TokenTree> {
        let end = (self.next + count).min(self.tokens.len());
        let taken = self.tokens[self.next..end].to_vec();
        self.next = end;
        taken
    }

    fn take_while(&mut self, belongs: fn(&TokenTree) -> bool) -> Vec<TokenTree> {
        let count = self.tokens[self.next..].iter().take_while(|token| belongs(token)).count();
        self.take_many(count)
    }

    fn rest(&mut self) -> Vec<TokenTree> {
        self.take_while(|_| true)
    }

    fn take_attributes(&mut self) -> Vec<TokenTree> {
        let mut attributes = Vec::new();
        while is_punct(self.peek(), '#') {
            attributes.extend(self.take_many(2));
        }
        attributes
    }

    /// `pub`, `pub(crate)`, or what a `macro_rules!` macro passed on as `$vis:vis`.
    fn take_visibility(&mut self) -> Vec<TokenTree> {
        let is_group = |token: Option<&TokenTree>, delimiter: Delimiter| matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter);
        if is_word(self.peek(), "pub") {
            let is_restricted = is_group(self.tokens.get(self.next + 1), Delimiter::Parenthesis);
            return self.take_many(1 + usize::from(is_restricted));
        }
        let is_passed_on = is_group(self.peek(), Delimiter::None);
        self.take_many(usize::from(is_passed_on))
    }

    /// `<..>`; the `>` of an arrow closes nothing.
    fn take_generics(&mut self) -> Vec<TokenTree> {
        let mut depth = 0;
        let mut after_minus = false;
        let mut count = 0;
        for token in &self.tokens[self.next..] {
            let closes = is_punct(Some(token), '>') && !after_minus;
            depth += i32::from(is_punct(Some(token), '<')) - i32::from(closes);
            if depth == 0 && !closes {
                break;
            }
            count += 1;
            if depth == 0 {
                break;
            }
            after_minus = is_punct(Some(token), '-');
        }
        self.take_many(count)
    }
}
