//! Where may a test make files?

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// An empty directory that is this test's alone, if no other test takes the same `name`.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scratch-{name}"));
    match std::fs::remove_dir_all(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => panic!("{}: {error}", path.display()),
        _ => std::fs::create_dir(&path).expect("the tests' directory takes another one"),
    }
    path
}
