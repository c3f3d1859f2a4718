//! `tail -F` of files and FIFOs, all at once: the last lines of each, and then what is written to them.
//!
//! ```text
//! mkfifo events
//! cargo run --release --example tail -- /var/log/syslog events     # ends with Ctrl-C
//! ```
//!
//! Each path has a task. No thread waits for a FIFO, or for a file to change: their descriptors ([`Fd`]) and those of inotify(7) wait in the reactor. The reads of a file, and the writes to the screen, are ordinary calls.
//! A file that is cut is read from its start on, one that is moved or deleted is left for the next of its name, and one that is not there is waited for.

use std::ffi::CString;
use std::io::{self, ErrorKind, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use futures::future::try_join_all;
use futures::io::{AsyncReadExt, AsyncSeekExt};
use handover::fs::{self, File, OpenOptions};
use handover::io::Fd;
use handover::syscall::{inotify_add_watch, inotify_init1};
use std::os::fd::AsFd;

/// Lines of a file that are shown at the start, as far as they lie within its last [`CHUNK`] bytes.
const LINES: usize = 10;
/// Bytes of one read.
const CHUNK: usize = 64 << 10;

#[handover::main]
async fn main() -> ExitCode {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if paths.is_empty() {
        eprintln!("Usage: tail PATH ...");
        return ExitCode::from(2);
    }
    let Err(error) = try_join_all(paths.into_iter().map(async |path| handover::spawn(follow(path)).await?)).await else {
        return ExitCode::SUCCESS;
    };
    eprintln!("tail: {error}");
    ExitCode::FAILURE
}

async fn follow(path: PathBuf) -> io::Result<()> {
    match fs::metadata(&path).await {
        Ok(metadata) if metadata.file_type().is_fifo() => follow_fifo(&path).await,
        Ok(metadata) if metadata.is_dir() => {
            Err(io::Error::other(format!("`{}` is a directory; expected a file or a FIFO", path.display())))
        }
        _ => Follower::new(path)?.run().await,
    }
}

async fn follow_fifo(path: &Path) -> io::Result<()> {
    // Open for writing as well (fifo(7)): opening does not wait for a writer, and when the last one leaves this is not the end.
    let mut fifo = Fd::open(path, OpenOptions::new().read(true).write(true)).await?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = fifo.read(&mut buffer).await?;
        show(path, &buffer[..count]).await?;
    }
}

/// Who follows a file by its name.
struct Follower {
    path: PathBuf,
    inotify: Fd,
    /// The file that had the name last, and which one that is (device and inode).
    open: Option<(File, (u64, u64))>,
}

impl Follower {
    fn new(path: PathBuf) -> io::Result<Self> {
        let inotify = Fd::new(inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK)?)?;
        let this = Self { path, inotify, open: None };
        let directory = this.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        this.watch(directory, libc::IN_CREATE | libc::IN_MOVED_TO)?;
        Ok(this)
    }

    fn watch(&self, path: &Path, events: u32) -> io::Result<()> {
        let name = CString::new(path.as_os_str().as_bytes())?;
        let watched = inotify_add_watch(self.inotify.as_fd(), &name, events);
        watched.map(drop).map_err(|error| io::Error::new(error.kind(), format!("cannot watch `{}`: {error}", path.display())))
    }

    async fn run(mut self) -> io::Result<()> {
        self.reopen(true).await?;
        let mut events = vec![0; 4096];
        loop {
            self.show_rest().await?;
            if self.reopen(false).await? {
                continue;
            }
            // What has happened is seen by looking, whatever the events say: some are dropped when there are too many.
            self.inotify.read(&mut events).await.map(drop)?;
        }
    }

    /// Shows what came since the last time.
    async fn show_rest(&mut self) -> io::Result<()> {
        let Some((file, _)) = &mut self.open else { return Ok(()) };
        if file.metadata().await?.len() < file.stream_position().await? {
            eprintln!("tail: `{}` was cut; from its start again", self.path.display());
            file.seek(SeekFrom::Start(0)).await?;
        }
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = file.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            show(&self.path, &buffer[..count]).await?;
        }
    }

    /// Opens the file that has the name now, if it is another one than before. The `first` is shown from its last lines on, later ones from their start.
    async fn reopen(&mut self, first: bool) -> io::Result<bool> {
        let mut file = match File::open(&self.path).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            result => result?,
        };
        let metadata = file.metadata().await?;
        let identity = (metadata.dev(), metadata.ino());
        if self.open.as_ref().is_some_and(|(_, known)| *known == identity) {
            return Ok(false);
        }
        // Should the name have passed on to yet another file by now, the directory's watch tells, and this is done again.
        match self.watch(&self.path, libc::IN_MODIFY) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            result => result?,
        }
        // The old one may have got its last lines after they were looked for.
        self.show_rest().await?;
        if first {
            seek_last_lines(&mut file, metadata.len()).await?;
        }
        self.open = Some((file, identity));
        Ok(true)
    }
}

/// Moves to where the last lines begin.
async fn seek_last_lines(file: &mut File, len: u64) -> io::Result<()> {
    let start = len.saturating_sub(CHUNK as u64);
    let mut end = vec![0; (len - start) as usize];
    file.read_exact_at(&mut end, start).await?;
    let before_last = end.len().saturating_sub(1);
    let line_ends = end[..before_last].iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let skipped = line_ends.map(|(index, _)| index + 1).nth(LINES - 1).unwrap_or(0);
    file.seek(SeekFrom::Start(start + skipped as u64)).await.map(drop)
}

/// Prints `bytes`, under the path's name if it was another one's turn before.
async fn show(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static LAST: Mutex<Option<PathBuf>> = Mutex::new(None);
    handover::blocking(|| {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let mut screen = io::stdout().lock();
        if last.as_deref() != Some(path) {
            writeln!(screen, "==> {} <==", path.display())?;
            *last = Some(path.to_owned());
        }
        screen.write_all(bytes)?;
        screen.flush()
    })
    .await
}
