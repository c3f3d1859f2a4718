//! What stands in the place of the user's function?
//!
//! ```text
//! #[attributes] pub fn main() -> ::std::process::ExitCode {
//!     async fn main() -> Result<(), Error> { body }             // the user's own tokens, and so the compiler's own messages
//!     match ::handover::runtime::Builder::new().processors(4).build() {
//!         Ok(runtime) => runtime.block_on(async { ::std::process::Termination::report(main().await) }),
//!         Err(error) => panic!("..."),
//!     }
//! }
//! ```
//!
//! `report` runs inside the task because a `Box<dyn Error>` must not travel to the thread that waits in `block_on`,
//! and an `ExitCode` may. Where nobody but the caller can judge the value (no `main`, no test), it is returned as it is.

use crate::arguments::Arguments;
use crate::function::Function;
use crate::mistake::Mistake;
use crate::text::tokens;
use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

/// Which of the two attributes is being expanded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Main,
    Test,
}

/// The item that replaces `item`, with a `compile_error!` for each mistake in front.
pub(crate) fn expand(attribute: Attribute, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let (arguments, mut mistakes) = Arguments::read(arguments);
    let replacement = match Function::read(item.clone()) {
        // Not a function: it stays as it is, for the sake of everything that names it.
        Err(mistake) => {
            mistakes.push(mistake);
            item
        }
        Ok(function) => {
            let unfit = function_mistakes(attribute, &function);
            let replacement = if unfit.is_empty() { runnable(attribute, &arguments, &function) } else { unrunnable(&function) };
            mistakes.extend(unfit);
            replacement
        }
    };
    mistakes.into_iter().map(Mistake::into_tokens).chain([replacement]).collect()
}

fn function_mistakes(attribute: Attribute, function: &Function) -> Vec<Mistake> {
    let mut mistakes = function.mistakes();
    if attribute == Attribute::Test
        && let Some(second) = function.attribute("test")
    {
        mistakes.push(Mistake::at(second.span(), "this makes it a test a second time; remove this attribute"));
    }
    mistakes
}

/// The function that builds a runtime and runs the user's on it.
fn runnable(attribute: Attribute, arguments: &Arguments, function: &Function) -> TokenStream {
    // Messages about code of this crate point at the function's name; lints know that it is not the user's.
    let place = Span::mixed_site().located_at(function.name.span());
    let reports = function.has_output() && (attribute == Attribute::Test || function.name.to_string() == "main");
    let output = if reports { tokens("-> ::std::process::ExitCode", place) } else { function.output.iter().cloned().collect() };

    let mut outer = TokenStream::new();
    if attribute == Attribute::Test {
        outer.extend(tokens("#[::core::prelude::v1::test]", place));
    }
    outer.extend(function.attributes.iter().chain(&function.visibility).cloned());
    outer.extend(tokens("fn", place));
    outer.extend([TokenTree::from(function.name.clone()), empty_parentheses(place)]);
    outer.extend(output);
    let mut body = users(function);
    body.extend(launch(arguments, function, reports, place));
    outer.extend([braces(body, place)]);
    outer
}

/// The user's function, as it was written but for what belongs to the outside.
fn users(function: &Function) -> TokenStream {
    let mut inner: TokenStream = function.qualifiers.iter().cloned().collect();
    inner.extend(tokens("fn", function.name.span()));
    inner.extend([TokenTree::from(function.name.clone())]);
    inner.extend(function.generics.iter().cloned());
    inner.extend([function.parameters.clone()]);
    inner.extend(function.output.iter().cloned());
    inner.extend([function.body.clone()]);
    inner
}

/// The expression that builds the runtime and waits for the root task.
fn launch(arguments: &Arguments, function: &Function, reports: bool, place: Span) -> TokenStream {
    let krate = arguments.krate.clone().unwrap_or_else(|| tokens("::handover", place));
    let mut builder = krate;
    builder.extend(tokens("::runtime::Builder::new()", place));
    for (method, value) in [
        ("processors", &arguments.processors),
        ("max_blocking_threads", &arguments.max_blocking_threads),
        ("thread_name", &arguments.thread_name),
        ("trace_tasks", &arguments.trace_tasks),
    ] {
        builder.extend(value.iter().flat_map(|value| method_call(method, value.clone().into(), place)));
    }
    if let Some(milliseconds) = &arguments.handoff_after_ms {
        let mut time = tokens("::core::time::Duration::from_millis", place);
        time.extend([group(Delimiter::Parenthesis, milliseconds.clone().into(), place)]);
        builder.extend(method_call("handoff_after", time, place));
    }
    builder.extend(tokens(".build()", place));

    let name = TokenTree::from(function.name.clone());
    let mut root = TokenStream::from_iter([name, empty_parentheses(place)]);
    if reports {
        root.extend(tokens(".await", place));
        let mut report = tokens("::std::process::Termination::report", place);
        report.extend([group(Delimiter::Parenthesis, root, place)]);
        root = tokens("async", place);
        root.extend([braces(report, place)]);
    }
    let mut arms = tokens("::core::result::Result::Ok(runtime) => runtime.block_on", place);
    arms.extend([group(Delimiter::Parenthesis, root, place)]);
    arms.extend(tokens(
        ", ::core::result::Result::Err(error) => ::core::panic!(\"the handover runtime could not be built: {}\", error),",
        place,
    ));
    let mut launch = tokens("match", place);
    launch.extend(builder);
    launch.extend([braces(arms, place)]);
    launch
}

/// Something that compiles in the place of a function that cannot be run, and still shows its body to editors.
fn unrunnable(function: &Function) -> TokenStream {
    let place = Span::mixed_site().located_at(function.name.span());
    let mut outer: TokenStream = function.visibility.iter().cloned().collect();
    outer.extend(tokens("fn", place));
    outer.extend([TokenTree::from(function.name.clone()), empty_parentheses(place)]);
    let mut body = tokens("#[allow(dead_code, unused_qualifications)]", place);
    body.extend(users(function));
    outer.extend([braces(body, place)]);
    outer
}

fn method_call(method: &str, argument: TokenStream, place: Span) -> TokenStream {
    let mut call = tokens(&format!(".{method}"), place);
    call.extend([group(Delimiter::Parenthesis, argument, place)]);
    call
}

fn empty_parentheses(place: Span) -> TokenTree {
    group(Delimiter::Parenthesis, TokenStream::new(), place)
}

fn braces(stream: TokenStream, place: Span) -> TokenTree {
    group(Delimiter::Brace, stream, place)
}

fn group(delimiter: Delimiter, stream: TokenStream, place: Span) -> TokenTree {
    let mut group = Group::new(delimiter, stream);
    group.set_span(place);
    group.into()
}
