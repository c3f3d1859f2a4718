//! What does the program do, from its command line to its exit code?

use crate::args::{self, Args, Command};
use crate::failure::Failure;
use crate::files::Files;
use crate::metrics::Counters;
use crate::server;
use crate::service::Service;
use crate::stop;
use crate::store::Store;
use handover::dashboard::Dashboard;
use handover::net::TcpListener;
use handover::runtime::{Builder, Runtime};
use std::process::ExitCode;
use std::sync::Arc;

/// The exit code for a command line that cannot be understood.
const USAGE: u8 = 2;

/// All of it. `watch` is called before there is a runtime: it installs who listens to it, and may change how it is built.
pub(crate) fn main(watch: impl FnOnce(&Args, Builder) -> Builder) -> ExitCode {
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
    match run(args, watch) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("notes: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args, watch: impl FnOnce(&Args, Builder) -> Builder) -> Result<(), Failure> {
    let mut builder = watch(&args, Builder::new());
    if let Some(processors) = args.processors {
        builder = builder.processors(processors.get());
    }
    if let Some(directory) = &args.trace {
        builder = builder.trace_on_signal(directory);
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

    let service = Arc::new(Service { store, files, counters: Counters::default() });
    if !server::serve(listener, Arc::clone(&service), stop).await {
        eprintln!("notes: cut off the requests that were still running");
    }
    // The last one to close a database writes its log back into the file: a blocking call as well.
    handover::blocking(|| drop(service)).await;
    Ok(())
}
