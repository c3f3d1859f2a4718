//! Supervisor: runs commands, restarts them with a growing pause when they end, and ends all of them on Ctrl-C or SIGTERM.
//!
//! ```text
//! cargo run --release --example supervisor -- 'web=python3 -m http.server 8080' 'clock=while :; do date; sleep 1; done'
//! ```
//!
//! Each command is a task that starts it, waits for its end or for the order to stop, and sleeps between two starts. Look at `supervisor/program.rs` first.

#[path = "supervisor/args.rs"]
mod args;
#[path = "supervisor/lines.rs"]
mod lines;
#[path = "supervisor/program.rs"]
mod program;
#[path = "supervisor/stop.rs"]
mod stop;

use std::process::ExitCode;

use args::{Args, Request};

/// The exit code for a command line that cannot be understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Request::Run(args)) => handover::block_on(run(args)),
        Ok(Request::Help) => {
            print!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("supervisor: {error}\n\n{}", args::HELP);
            ExitCode::from(USAGE)
        }
    }
}

/// Ends when all commands have: because they were told to, or because they may not be restarted any more, which is a failure.
async fn run(args: Args) -> ExitCode {
    let stop = match stop::on_signal() {
        Ok(stop) => stop,
        Err(error) => {
            eprintln!("supervisor: {error}");
            return ExitCode::FAILURE;
        }
    };
    let limits = args.limits;
    let programs = args.programs.into_iter().map(|program| handover::spawn(program.supervise(limits, stop.clone())));
    let mut all_well = true;
    for program in programs.collect::<Vec<_>>() {
        all_well &= program.await.is_ok_and(|was_stopped| was_stopped);
    }
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
