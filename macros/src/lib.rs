//! How does an `async fn` become a program or a test? `#[main]` and `#[test]`, re-exported by `handover`.
//!
//! The way of an attribute through this crate: `arguments` reads what stands in its parentheses, `function`
//! takes the item below it apart, `expand` writes what stands in its place, and `mistake` says what was wrong.
//!
//! It parses by hand. An attribute needs to know where a function's name, arguments and body are, and no more;
//! a full parser would be the largest dependency of every program that uses the runtime.

#![deny(unsafe_code)]

mod arguments;
mod expand;
mod function;
mod mistake;
mod text;

use expand::Attribute;
use proc_macro::TokenStream;

/// Runs an `async fn main` on a runtime of its own.
///
/// The function becomes an ordinary `fn main` that builds a `Runtime`, runs the body on it as a task on a
/// processor, and ends the runtime when the body has ended.
///
/// # Arguments
///
/// All are optional; without one, the default of the method of `handover::runtime::Builder` holds.
///
/// | argument | value | sets |
/// |---|---|---|
/// | `processors` | integer, at least 1 | `Builder::processors` |
/// | `handoff_after_ms` | integer, milliseconds, at least 1 | `Builder::handoff_after` |
/// | `max_blocking_threads` | integer, at least 1 | `Builder::max_blocking_threads` |
/// | `thread_name` | string, not empty | `Builder::thread_name` |
/// | `trace_tasks` | `true` or `false` | `Builder::trace_tasks` |
/// | `crate` | path, or the same as a string | where the crate `handover` is found, `::handover` by default |
///
/// # Examples
///
/// ```
/// #[handover::main]
/// async fn main() -> std::io::Result<()> {
///     let text = handover::blocking(|| std::fs::read_to_string("Cargo.toml")).await?;
///     println!("{} bytes", text.len());
///     Ok(())
/// }
/// ```
///
/// With arguments:
///
/// ```
/// #[handover::main(processors = 2, handoff_after_ms = 5, thread_name = "notes")]
/// async fn main() {
///     let answer = handover::spawn(async { 6 * 7 }).await;
///     assert_eq!(answer.ok(), Some(42));
/// }
/// ```
///
/// Through a crate that re-exports the runtime:
///
/// ```
/// mod platform {
///     pub use handover;
/// }
///
/// #[handover::main(crate = crate::platform::handover)]
/// async fn main() {}
/// ```
///
/// # What the function may be
///
/// It takes no arguments, is not generic, and may return what `fn main` may return. What `main` returns is turned
/// into an `ExitCode` inside the task, so that it need not be [`Send`]: `Result<(), Box<dyn std::error::Error>>`
/// is fine. A function with another name than `main` keeps its return type, which must then be [`Send`].
///
/// The body must be a [`Send`] future, because another thread may go on with it after an `.await`:
///
/// ```compile_fail
/// #[handover::main]
/// async fn main() {
///     let counter = std::rc::Rc::new(1);
///     handover::yield_now().await;
///     println!("{counter}");
/// }
/// ```
///
/// # Panics
///
/// The function panics if the runtime cannot be built, with the error of `Builder::build` in the message.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Main, arguments, item)
}

/// Runs an `async fn` as a test, on a runtime of its own.
///
/// The arguments are those of [`macro@main`]. The test may return what an ordinary test may return; a value that
/// is an error is turned into an `ExitCode` inside the task, so that it need not be [`Send`]. Other attributes
/// (`#[should_panic]`, `#[cfg(..)]`) stay on the test.
///
/// # Examples
///
/// ```
/// #[handover::test(processors = 1)]
/// async fn a_call_returns_its_value() {
///     assert_eq!(handover::blocking(|| 1 + 1).await, 2);
/// }
/// ```
///
/// # Panics
///
/// The test panics, and so fails, if the runtime cannot be built.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Test, arguments, item)
}
