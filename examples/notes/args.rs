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
      --processors <N>    How many tasks run at once [default: the CPUs available]
  -h, --help              Print this help

Routes:
  GET    /                  a page: the notes, a form, live counters of the runtime
  GET    /notes             the newest notes as JSON; ?limit=N (1 to 1000), ?before=ID
  POST   /notes             {\"title\": \"..\", \"body\": \"..\"}
  GET    /notes/{id}        one note
  DELETE /notes/{id}        removes it
  GET    /search?q=WORDS    the notes that have all of these words, the last one by its beginning
  GET    /files/{path}      a file below --dir, streamed; byte ranges
  GET    /slow?ms=N         a blocking nanosleep(2) of N milliseconds (at most 60000)
  GET    /metrics           counters in the text format of Prometheus
";

/// What to serve, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) addr: String,
    pub(crate) db: PathBuf,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) processors: Option<NonZeroUsize>,
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
    let mut args = Args { addr: "127.0.0.1:8080".into(), db: "notes.db".into(), dir: None, processors: None };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("addr") => args.addr = parser.value()?.string()?,
            Long("db") => args.db = parser.value()?.into(),
            Long("dir") => args.dir = Some(parser.value()?.into()),
            Long("processors") => args.processors = Some(processors(&parser.value()?.string()?)?),
            Short('h') | Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Serve(args))
}

fn processors(value: &str) -> Result<NonZeroUsize, String> {
    value.parse().map_err(|_| format!("--processors is '{value}'; expected a whole number of at least 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_read_in_both_spellings() {
        let expected = Args { addr: "[::1]:0".into(), db: "a.db".into(), dir: Some("files".into()), processors: NonZeroUsize::new(3) };
        let line = "--addr [::1]:0 --db=a.db --dir files --processors=3";
        assert_eq!(parsed(line), Ok(Command::Serve(expected)));
        assert_eq!(parsed("--db x --help"), Ok(Command::Help));
    }

    #[test]
    fn a_wrong_value_is_named() {
        for value in ["0", "-1", "two", ""] {
            let error = parsed(&format!("--processors={value}")).unwrap_err();
            assert!(error.contains(&format!("--processors is '{value}'")), "{error}");
        }
        assert!(parsed("--port 1").unwrap_err().contains("--port"));
        assert!(parsed("--db").unwrap_err().contains("--db"));
    }
}
