//! Notes: an HTTP service over a SQLite file and a directory, without a thread pool.
//!
//! ```text
//! cargo run --release --example notes -- --dir .
//! ```
//!
//! Every query, every file read and the wait for Ctrl-C is a blocking call that is made where it is needed, inline in an
//! async function and with borrowed arguments. Look at `store.rs` and `files.rs` first.

#[path = "notes/args.rs"]
mod args;
#[path = "notes/body.rs"]
mod body;
#[path = "notes/content.rs"]
mod content;
#[path = "notes/failure.rs"]
mod failure;
#[path = "notes/files.rs"]
mod files;
#[path = "notes/metrics.rs"]
mod metrics;
#[path = "notes/page.rs"]
mod page;
#[path = "notes/parameters.rs"]
mod parameters;
#[path = "notes/percent.rs"]
mod percent;
#[path = "notes/program.rs"]
mod program;
#[path = "notes/range.rs"]
mod range;
#[path = "notes/refusal.rs"]
mod refusal;
#[path = "notes/route.rs"]
mod route;
#[path = "notes/server.rs"]
mod server;
#[path = "notes/service.rs"]
mod service;
#[path = "notes/stop.rs"]
mod stop;
#[path = "notes/store.rs"]
mod store;

use args::Args;
use handover::runtime::Builder;
use std::process::ExitCode;

fn main() -> ExitCode {
    program::main(log)
}

/// Writes what the runtime tells to stderr, if it was asked for.
fn log(args: &Args, builder: Builder) -> Builder {
    if args.log {
        tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(std::io::stderr).init();
    }
    builder
}
