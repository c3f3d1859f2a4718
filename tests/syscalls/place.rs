//! Where do the tests have their files, and what do they say when a call was refused?

use std::ffi::CString;
use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use handover::syscall::Errno;

use crate::scratch::scratch;

/// A path as the kernel takes it.
pub(crate) fn c(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("the tests' paths have no zero in them")
}

/// A file with these contents, open for reading and writing, in a directory of its own that nobody else takes the `name` of.
pub(crate) fn file(name: &str, contents: &[u8]) -> File {
    let path = scratch(&format!("syscalls-{name}")).join("file");
    std::fs::write(&path, contents).unwrap();
    File::options().read(true).write(true).open(path).unwrap()
}

/// Panics unless the kernel has refused with `errno`.
#[track_caller]
pub(crate) fn assert_refused<T: Debug>(result: io::Result<T>, errno: Errno) {
    let error = result.expect_err("refused");
    assert_eq!(Errno::of(&error), Some(errno), "{error}");
}

/// Says that this machine does not let a test show what it is for.
pub(crate) fn skipped(what: &str) {
    eprintln!("SKIPPED: {what}");
}
