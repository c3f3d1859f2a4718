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

use args::{Args, Command};
use failure::Failure;
use files::Files;
use handover::dashboard::Dashboard;
use handover::net::TcpListener;
use handover::runtime::{Builder, Runtime};
use service::Service;
use std::process::ExitCode;
use std::sync::Arc;
use store::Store;

/// The exit code for a command line that cannot be understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Serve(args)) => args,
        Ok(Command::Help) => {
            print!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("notes: {error} (see --help)");
            return ExitCode::from(USAGE);
        }
    };
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("notes: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let mut builder = Builder::new();
    if let Some(processors) = args.processors {
        builder = builder.processors(processors.get());
    }
    if let Some(directory) = &args.trace {
        builder = builder.trace_on_signal(directory);
    }
    if args.log {
        tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(std::io::stderr).init();
    }
    let runtime = builder.build().map_err(Failure::Runtime)?;
    let _dumps = runtime.handle().dump_on_signal(libc::SIGUSR1).map_err(Failure::Signals)?;
    let _dashboard = args.dashboard.clone().map(|addr| dashboard(&runtime, addr)).transpose()?;
    let ended = runtime.block_on(start(args));
    // Not a drop, which waits for calls: the requests have had their time, and one task waits for a second Ctrl-C.
    runtime.shutdown_background();
    ended
}

/// Shows the runtime live, and says where.
fn dashboard(runtime: &Runtime, addr: String) -> Result<Dashboard, Failure> {
    let dashboard = handover::dashboard::serve_for(runtime.handle(), &addr).map_err(|error| Failure::Dashboard(addr, error))?;
    println!("notes: dashboard on http://{}", dashboard.local_addr());
    Ok(dashboard)
}

/// Opens everything, says where, and serves.
async fn start(args: Args) -> Result<(), Failure> {
    let stop = stop::on_signal().map_err(Failure::Signals)?;
    let store = handover::blocking(|| Store::open(&args.db)).await.map_err(|error| Failure::Database(args.db.clone(), error))?;
    let files = match &args.dir {
        Some(dir) => {
            Some(handover::blocking(|| Files::open(dir, store.files())).await.map_err(|error| Failure::Directory(dir.clone(), error))?)
        }
        None => None,
    };
    let listen = |error| Failure::Listen(args.addr.clone(), error);
    let listener = TcpListener::bind(&args.addr).await.map_err(listen)?;
    println!("notes: listening on http://{}", listener.local_addr().map_err(listen)?);

    let service = Arc::new(Service { store, files, counters: metrics::Counters::default() });
    if !server::serve(listener, Arc::clone(&service), stop).await {
        eprintln!("notes: cut off the requests that were still running");
    }
    // The last one to close a database writes its log back into the file: a blocking call as well.
    handover::blocking(|| drop(service)).await;
    Ok(())
}
