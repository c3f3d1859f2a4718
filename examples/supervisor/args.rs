//! What did the user ask for on the command line?

use std::ffi::OsString;
use std::time::Duration;

use lexopt::prelude::*;

use crate::program::{Limits, Program};

pub(crate) const HELP: &str = "\
supervisor: runs commands, restarts them when they end, and ends all of them on Ctrl-C or SIGTERM

Usage: supervisor [OPTIONS] NAME=COMMAND...

Each COMMAND is run by `sh -c`; the lines that it writes are printed behind its NAME.

Options:
      --grace <SECONDS>   How long a command has to end after SIGTERM, before SIGKILL [default: 5]
      --pause <MS>        The pause before the first restart; doubled each time, up to 10 s [default: 100]
      --restarts <N>      How often each command is restarted at most [default: without end]
  -h, --help              Print this help

A second Ctrl-C ends the grace.
";

/// What to run, and how.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) programs: Vec<Program>,
    pub(crate) limits: Limits,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Request {
    Run(Args),
    Help,
}

/// Reads the arguments, without the program's name. An error is one line for the user.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut limits = Limits { grace: Duration::from_secs(5), first_pause: Duration::from_millis(100), restarts: None };
    let mut programs = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("grace") => limits.grace = Duration::from_secs(parser.value()?.parse()?),
            Long("pause") => limits.first_pause = Duration::from_millis(parser.value()?.parse()?),
            Long("restarts") => limits.restarts = Some(parser.value()?.parse()?),
            Short('h') | Long("help") => return Ok(Request::Help),
            Value(program) => programs.push(self::program(&program.string()?)?),
            _ => return Err(argument.unexpected()),
        }
    }
    if programs.is_empty() {
        return Err("nothing to run: expected NAME=COMMAND".into());
    }
    Ok(Request::Run(Args { programs, limits }))
}

fn program(text: &str) -> Result<Program, lexopt::Error> {
    match text.split_once('=') {
        Some((name, command)) if !name.is_empty() && !command.is_empty() => {
            Ok(Program { name: name.to_owned(), command: command.to_owned() })
        }
        _ => Err(format!("`{text}` is no program: expected NAME=COMMAND").into()),
    }
}
