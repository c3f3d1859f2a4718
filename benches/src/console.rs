//! How does handover take part with a tokio-console attached?
//!
//! By a program of its own, `examples/console/cost`: console-subscriber needs tonic and a flag of the compiler, which nothing else here should be built with. It runs the workloads of this one, from the
//! same sources, and speaks the same lines as a child process.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What console-subscriber asks for; see docs/console.md.
const FLAG: &str = "--cfg console_without_tokio_unstable";

/// Builds the program and says where it is. It is kept in the directory of this one: the first time takes minutes.
///
/// # Errors
///
/// A message for the user if it cannot be built, for want of a network for example.
pub(crate) fn build() -> Result<PathBuf, String> {
    let directory =
        env::current_exe().map_err(|error| format!("no place for the program: {error}"))?.with_file_name("handover-benches-console");
    // The environment's flags take the place of the package's own.
    let flags = env::var("RUSTFLAGS").map_or_else(|_| FLAG.to_owned(), |flags| format!("{flags} {FLAG}"));
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--locked", "--bin", "cost"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/console"))
        .env("CARGO_TARGET_DIR", &directory)
        .env("RUSTFLAGS", flags)
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(directory.join("release/cost")) } else { Err(format!("cargo build failed ({status})")) }
}
