//! How far is it? A line that is written over again, ten times a second at most.

use futures::io::AsyncWriteExt;
use handover::io::{Stderr, stderr};
use std::io;
use std::time::{Duration, Instant};

const WIDTH: usize = 40;
const PAUSE: Duration = Duration::from_millis(100);
const MIB: f64 = (1 << 20) as f64;

pub(crate) struct Bar {
    /// None: there is nothing that could show it.
    screen: Option<Stderr>,
    /// In bytes; unknown for what is no file.
    length: Option<u64>,
    start: Instant,
    shown_at: Option<Instant>,
}

impl Bar {
    pub(crate) fn new(length: Option<u64>, is_shown: bool) -> Self {
        Self { screen: is_shown.then(stderr), length, start: Instant::now(), shown_at: None }
    }

    /// Shows that `moved` bytes have arrived, if it is time, or if that is all.
    pub(crate) async fn show(&mut self, moved: u64, is_all: bool) -> io::Result<()> {
        let is_early = self.shown_at.is_some_and(|shown_at| shown_at.elapsed() < PAUSE);
        let Some(screen) = self.screen.as_mut().filter(|_| is_all || !is_early) else { return Ok(()) };
        self.shown_at = Some(Instant::now());
        let rate = moved as f64 / MIB / self.start.elapsed().as_secs_f64().max(1e-6);
        let end = if is_all { "\n" } else { "" };
        let line = match self.length {
            Some(length) => {
                // A file may grow while it is copied.
                let part = if length == 0 { 1.0 } else { (moved as f64 / length as f64).min(1.0) };
                let full = (part * WIDTH as f64) as usize;
                format!("\r[{}{}] {:3.0} % {rate:.0} MiB/s {end}", "#".repeat(full), ".".repeat(WIDTH - full), part * 100.0)
            }
            None => format!("\r{moved} bytes {rate:.0} MiB/s {end}"),
        };
        screen.write_all(line.as_bytes()).await
    }
}
