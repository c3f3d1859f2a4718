//! What did the user ask for on the command line?

use lexopt::prelude::*;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
notes: an HTTP service over a SQLite file and a directory, without a thread pool

Usage: notes [OPTIONS]

Options:
      --addr <HOST:PORT>  Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
      --db <FILE>         The SQLite file, made if it is not there [default: notes.db]
      --dir <DIRECTORY>   What GET /files/... serves [default: nothing]
      --processors <N>    How many tasks run at once, 1 to 4096 [default: the CPUs available]
      --dashboard <ADDR>  Where to show the runtime live; loopback only [default: nowhere]
      --trace <DIRECTORY> Records all the time; SIGUSR2 writes the last seconds there, for ui.perfetto.dev
      --log               Writes what the runtime tells to stderr
  -h, --help              Print this help

SIGUSR1 writes what every task is doing to stderr. Ctrl-C ends it: requests in flight get 5 s to finish. A second Ctrl-C ends it at once.

Routes:
  GET    /                  a page: the notes, a form, live counters of the runtime
  GET    /notes             the newest notes as JSON, shortened; ?limit=N (1 to 1000), ?before=ID
  POST   /notes             {\"title\": \"..\", \"body\": \"..\"} as application/json
  GET    /notes/{id}        one note in full
  DELETE /notes/{id}        removes it
  GET    /search?q=WORDS    the notes that have all of these words, the last one by its beginning; shortened
  GET    /files/{path}      a file below --dir, streamed; byte ranges; no dotfiles, not the database
  GET    /slow?ms=N         a blocking nanosleep(2) of N milliseconds (at most 60000)
  GET    /metrics           counters in the text format of Prometheus
";

/// More than any machine has CPUs; a larger number is a slip, and would only cost memory.
const PROCESSORS_MAX: usize = 4096;

/// What to serve, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) addr: String,
    pub(crate) db: PathBuf,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) processors: Option<NonZeroUsize>,
    pub(crate) dashboard: Option<String>,
    pub(crate) trace: Option<PathBuf>,
    pub(crate) log: bool,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Serve(Args),
    Help,
}

/// Reads the arguments, without the program's name. An error is one line for the user.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut args = Args {
        addr: "127.0.0.1:8080".into(),
        db: "notes.db".into(),
        dir: None,
        processors: None,
        dashboard: None,
        trace: None,
        log: false,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("addr") => args.addr = addr("--addr", parser.value()?.string()?)?,
            Long("db") => args.db = path("--db", "file", parser.value()?)?,
            Long("dir") => args.dir = Some(path("--dir", "directory", parser.value()?)?),
            Long("processors") => args.processors = Some(processors(&parser.value()?.string()?)?),
            Long("dashboard") => args.dashboard = Some(addr("--dashboard", parser.value()?.string()?)?),
            Long("trace") => args.trace = Some(path("--trace", "directory", parser.value()?)?),
            Long("log") => args.log = true,
            Short('h') | Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Serve(args))
}

/// Only the shape is looked at; whether there is such a host shows when it is listened on.
fn addr(option: &str, value: String) -> Result<String, String> {
    let has_shape = value.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if has_shape { Ok(value) } else { Err(format!("{option} is '{value}'; expected HOST:PORT, like 127.0.0.1:8080")) }
}

fn path(option: &str, kind: &str, value: OsString) -> Result<PathBuf, String> {
    if value.is_empty() { Err(format!("{option} is ''; expected the path of a {kind}")) } else { Ok(value.into()) }
}

fn processors(value: &str) -> Result<NonZeroUsize, String> {
    let number = value.parse().ok().filter(|number: &NonZeroUsize| number.get() <= PROCESSORS_MAX);
    number.ok_or_else(|| format!("--processors is '{value}'; expected a whole number from 1 to {PROCESSORS_MAX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_read_in_both_spellings() {
        let expected = Args {
            addr: "[::1]:0".into(),
            db: "a.db".into(),
            dir: Some("files".into()),
            processors: NonZeroUsize::new(3),
            dashboard: Some("[::1]:1".into()),
            trace: Some("traces".into()),
            log: true,
        };
        let line = "--addr [::1]:0 --db=a.db --dir files --processors=3 --dashboard=[::1]:1 --trace traces --log";
        assert_eq!(parsed(line), Ok(Command::Serve(expected)));
        assert_eq!(parsed("--db x --help"), Ok(Command::Help));
    }

    #[test]
    fn a_wrong_value_is_named() {
        for value in ["0", "-1", "two", "", "4097"] {
            let error = parsed(&format!("--processors={value}")).unwrap_err();
            assert!(error.contains(&format!("--processors is '{value}'")), "{error}");
        }
        assert!(parsed("--dashboard here").unwrap_err().contains("--dashboard is 'here'"));
        assert!(parsed("--port 1").unwrap_err().contains("--port"));
        assert!(parsed("--db").unwrap_err().contains("--db"));
    }
}
