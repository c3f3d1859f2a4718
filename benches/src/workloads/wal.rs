//! How well do many small writes to disk overlap?

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::data;
use crate::measurement::{Measurement, Metric};
use crate::runtimes::Runtime;
use crate::usage::Usage;

const TASKS: u64 = 32;
const MEASURED: Duration = Duration::from_secs(2);
const RECORD: [u8; 4096] = [b'w'; 4096];

/// `fsync_wal`: each task appends to its own file and syncs every record.
pub(crate) async fn measure<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let directory = Scratch::new()?;
    let logs: Vec<_> = (0..TASKS).map(|index| File::create(directory.0.join(index.to_string()))).collect();
    let (before, start) = (Usage::now(), Instant::now());
    let writers: Vec<_> = logs.into_iter().map(|log| R::spawn(write_log::<R>(log))).collect();
    let mut records = 0;
    for writer in writers {
        records += writer.await?;
    }
    let (elapsed, used) = (start.elapsed(), Usage::now() - before);
    directory.check(records)?;
    Ok(vec![
        Measurement::rate(Metric::OpsPerS, records, elapsed),
        Measurement::time_each(Metric::CpuPerCall, used.cpu, records),
        Measurement::new(Metric::Switches, used.switches as f64 / records as f64),
    ])
}

/// Appends records until the time is over; how many.
async fn write_log<R: Runtime>(log: io::Result<File>) -> io::Result<u64> {
    let mut log = log?;
    let start = Instant::now();
    let mut records = 0;
    while start.elapsed() < MEASURED {
        let (result, written) = R::blocking(move || (append(&mut log), log)).await;
        result?;
        log = written;
        records += 1;
    }
    Ok(records)
}

fn append(log: &mut File) -> io::Result<()> {
    log.write_all(&RECORD)?;
    log.sync_data()
}

/// A directory for this process, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = data::directory()?.join(format!("wal-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Whether the logs hold so many records together.
    fn check(&self, records: u64) -> io::Result<()> {
        let mut bytes = 0;
        for log in fs::read_dir(&self.0)? {
            bytes += log?.metadata()?.len();
        }
        assert_eq!(bytes, records * RECORD.len() as u64, "records are missing from the logs");
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}
