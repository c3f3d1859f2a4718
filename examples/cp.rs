//! `cp` with a progress bar that can be stopped: Ctrl-C leaves the target as it was.
//!
//! ```text
//! cargo run --release --example cp -- FROM TO      # --progress shows the bar even if stderr is no terminal
//! ```
//!
//! FROM may be anything that can be read, a FIFO for example; TO is a file or a directory. The bytes go to a file beside TO, which takes TO's name when it is complete: nobody ever sees a half one. From file to
//! file they do not even enter this process: `io::Copier` has the kernel move them, 8 MiB at a time, with a look at the bar and at Ctrl-C in between.

#[path = "cp/bar.rs"]
mod bar;
#[path = "cp/part.rs"]
mod part;

use bar::Bar;
use futures::future::{Either, select};
use handover::fs::{self, OpenOptions};
use handover::io::{Copier, Fd};
use part::Part;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::ffi::OsString;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::pin;

const USAGE: &str = "Usage: cp [--progress] FROM TO";

/// What a shell expects of a program that Ctrl-C has ended: 128 and the signal's number.
const STOPPED: i32 = 128 + SIGINT;

#[handover::main]
async fn main() {
    let code = match run().await {
        Ok(()) => 0,
        Err(Failure::Usage(message)) => {
            eprintln!("cp: {message}\n{USAGE}");
            2
        }
        Err(Failure::Stopped) => {
            eprintln!("cp: stopped; the target is as it was");
            STOPPED
        }
        Err(Failure::Io(error)) => {
            eprintln!("cp: {error}");
            1
        }
    };
    // Not by returning: a FIFO that is being opened may never have a writer, and a runtime that ends waits a while for such calls.
    std::process::exit(code);
}

enum Failure {
    Usage(String),
    Stopped,
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

async fn run() -> Result<(), Failure> {
    let mut paths: Vec<OsString> = std::env::args_os().skip(1).collect();
    let arguments = paths.len();
    paths.retain(|argument| argument != "--progress");
    let is_shown = paths.len() < arguments || io::stderr().is_terminal();
    let [from, to] = &paths[..] else {
        return Err(Failure::Usage(format!("expected two paths, got {}", paths.len())));
    };
    let stop = Stop::on_signal()?;
    copy(Path::new(from), Path::new(to), is_shown, &stop).await
}

async fn copy(from: &Path, to: &Path, is_shown: bool, stop: &Stop) -> Result<(), Failure> {
    let mut target = PathBuf::from(to);
    if fs::metadata(to).await.is_ok_and(|to| to.is_dir()) {
        target.push(from.file_name().ok_or_else(|| Failure::Usage(format!("`{}` is not the name of a file", from.display())))?);
    }
    // A task of its own: a FIFO opens when it has a writer, and meanwhile its task is busy.
    let path = from.to_owned();
    let opening = handover::spawn(async move { Fd::open(&path, OpenOptions::new().read(true)).await });
    let mut source = stop.or(opening).await?.expect("opening a file does not panic")?;
    let about = fs::metadata(from).await?;
    let length = about.is_file().then_some(about.len());

    let mut part = Part::create(&target).await?;
    let mut bar = Bar::new(length, is_shown);
    let mut copier = Copier::new();
    loop {
        let count = stop.or(copier.step(&mut source, part.file())).await??;
        bar.show(copier.moved(), count == 0).await?;
        if count == 0 {
            break;
        }
    }
    part.complete(about.is_file().then(|| about.permissions())).await?;
    Ok(())
}

/// Ctrl-C, and the polite request to end. Each is a byte in a socket, which is waited for like any other: no thread is held for it.
struct Stop(Fd<UnixStream>);

impl Stop {
    fn on_signal() -> io::Result<Self> {
        let (seen, told) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGINT, told.try_clone()?)?;
        signal_hook::low_level::pipe::register(SIGTERM, told)?;
        Ok(Self(Fd::new(seen)?))
    }

    /// What `work` comes to, unless the end comes first. That is asked first: work that is always ready would never let it have its turn.
    async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        match select(pin!(self.0.readable()), pin!(work)).await {
            Either::Left((seen, _)) => Err(seen.map_or_else(Failure::Io, |()| Failure::Stopped)),
            Either::Right((done, _)) => Ok(done),
        }
    }
}
