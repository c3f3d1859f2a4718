//! What does a user see who uses `#[main]` or `#[test]` wrongly?
//!
//! Each file in `tests/ui` must fail to compile with the messages in the `.stderr` file beside it. They are all this
//! crate's own: the wording of the compiler's messages changes with its version.
//! `TRYBUILD=overwrite cargo test -p handover-macros --test ui` writes these anew after a change.

#[test]
fn a_wrong_attribute_is_explained_where_it_stands() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
