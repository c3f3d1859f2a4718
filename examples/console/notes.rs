//! The service of `examples/notes`, as it is, shown by tokio-console.
//!
//! ```text
//! cd examples/console && cargo run --release --bin notes -- --db notes.db
//! tokio-console                                       # in another terminal
//! curl '127.0.0.1:8080/slow?ms=1500'                  # and in a third
//! ```

#[path = "../notes/args.rs"]
mod args;
#[path = "../notes/body.rs"]
mod body;
#[path = "../notes/content.rs"]
mod content;
#[path = "../notes/failure.rs"]
mod failure;
#[path = "../notes/files.rs"]
mod files;
#[path = "../notes/metrics.rs"]
mod metrics;
#[path = "../notes/page.rs"]
mod page;
#[path = "../notes/parameters.rs"]
mod parameters;
#[path = "../notes/percent.rs"]
mod percent;
#[path = "../notes/program.rs"]
mod program;
#[path = "../notes/range.rs"]
mod range;
#[path = "../notes/refusal.rs"]
mod refusal;
#[path = "../notes/route.rs"]
mod route;
#[path = "../notes/server.rs"]
mod server;
#[path = "../notes/service.rs"]
mod service;
#[path = "../notes/stop.rs"]
mod stop;
#[path = "../notes/store.rs"]
mod store;

use args::Args;
use handover::runtime::Builder;
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    program::main(show)
}

/// All that `examples/notes` lacks: the console's layer, and a runtime that tells of its tasks. What it writes with `--log` is the same.
fn show(args: &Args, builder: Builder) -> Builder {
    let events = Targets::new().with_target("handover", tracing::Level::DEBUG);
    let log = args.log.then(|| tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(events));
    // With the default of 1 s the console would see new tasks late: docs/console.md, "When it lags".
    let console = console_subscriber::Builder::default().publish_interval(Duration::from_millis(100)).with_default_env();
    tracing_subscriber::registry().with(console.spawn()).with(log).init();
    builder.trace_tasks(true)
}
