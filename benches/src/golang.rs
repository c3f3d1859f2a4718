//! How does Go take part?
//!
//! By a program of its own, from the sources in `benches/go`, which is built when a Go toolchain is there. It speaks the
//! same lines as a child process of this one.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the program and says where it is. What go needs to build stays in the directory of this program.
///
/// # Errors
///
/// A message for the user if there is no toolchain or it fails.
pub(crate) fn build() -> Result<PathBuf, String> {
    let directory = output_directory().map_err(|error| format!("no place for the Go program: {error}"))?;
    let program = directory.join("handover-benches-go");
    let go = env::var_os("HANDOVER_GO").unwrap_or_else(|| "go".into());
    let output = Command::new(&go)
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go"))
        .env("GOCACHE", directory.join("cache"))
        .env("GOFLAGS", "-mod=mod")
        // The program needs nothing but the standard library: nothing is to be fetched.
        .env("GOPROXY", "off")
        .env("GOTOOLCHAIN", "local")
        .output()
        .map_err(|error| format!("cannot run {}: {error}", Path::new(&go).display()))?;
    if output.status.success() {
        Ok(program)
    } else {
        Err(format!("go build failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn output_directory() -> io::Result<PathBuf> {
    let directory = env::current_exe()?.with_file_name("handover-benches-go-build");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}
