//! Where is the program of an example?

use std::path::PathBuf;

/// The example `name`, as `cargo test` has built it beside the tests.
pub(crate) fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/<profile>/deps/<test> and target/<profile>/examples/<name>
    let profile = test.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
    let example = profile.join("examples").join(name);
    assert!(
        example.exists(),
        "the example is not built: there is no {}. `cargo test` builds it unless it is told which targets to test; then run `cargo build --example {name}` first",
        example.display()
    );
    example
}
