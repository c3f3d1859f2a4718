//! What does reading a file cost when it is in the page cache?

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::data::{self, PAGE, PAGES};
use crate::measurement::{Measurement, Metric};
use crate::random::Random;
use crate::runtimes::{Files, Runtime};

const WARM_UP: Duration = Duration::from_millis(100);
const MEASURED: Duration = Duration::from_millis(500);
/// Reads between two looks at the clock.
const CHUNK: u64 = 64;
/// How often the file is read from start to end.
const PASSES: u64 = 4;

/// `pread_4k`: reads of random pages by `tasks` tasks at a time.
pub(crate) async fn pread<R: Runtime>(tasks: u64) -> io::Result<Vec<Measurement>> {
    let file = Pages(Box::leak(Box::new(File::open(data::cached_pages()?)?)));
    preads::<R>(file, tasks, WARM_UP).await?;
    Ok(vec![preads::<R>(file, tasks, MEASURED).await?])
}

/// The file by reference: no runtime pays for counting its users.
#[derive(Clone, Copy)]
struct Pages(&'static File);

impl Pages {
    /// Fills `page` with the page of this number.
    fn read(self, number: u64, mut page: Box<[u8]>) -> io::Result<Box<[u8]>> {
        self.0.read_exact_at(&mut page, number * PAGE as u64)?;
        Ok(page)
    }
}

async fn preads<R: Runtime>(file: Pages, tasks: u64, time: Duration) -> io::Result<Measurement> {
    let start = Instant::now();
    let readers: Vec<_> = (0..tasks).map(|seed| R::spawn(reader::<R>(file, seed, time))).collect();
    let mut reads = 0;
    for reader in readers {
        reads += reader.await?;
    }
    Ok(Measurement::time_each(Metric::NsPerOp, start.elapsed(), reads))
}

/// Reads pages for `time` and says how many.
async fn reader<R: Runtime>(file: Pages, seed: u64, time: Duration) -> io::Result<u64> {
    let mut random = Random::new(seed);
    let mut page = vec![0; PAGE].into_boxed_slice();
    let start = Instant::now();
    let mut reads = 0;
    while start.elapsed() < time {
        for _ in 0..CHUNK {
            let number = random.below(PAGES);
            page = R::blocking(move || file.read(number, page)).await?;
            assert_eq!(data::stamp(&page), number, "another page has been read");
        }
        reads += CHUNK;
    }
    Ok(reads)
}

/// `file_read_seq`: the whole file through the runtime's file type.
pub(crate) async fn sequential<R: Files>(bytes_per_read: usize) -> io::Result<Vec<Measurement>> {
    let path = data::cached_pages()?;
    read_all::<R>(&path, bytes_per_read).await?;
    let start = Instant::now();
    let mut bytes = 0;
    for _ in 0..PASSES {
        bytes += read_all::<R>(&path, bytes_per_read).await?;
    }
    let megabytes_per_s = bytes as f64 / 1e6 / start.elapsed().as_secs_f64();
    Ok(vec![Measurement::new(Metric::Throughput, megabytes_per_s)])
}

async fn read_all<R: Files>(path: &Path, bytes_per_read: usize) -> io::Result<u64> {
    let mut file = R::open(path).await?;
    let mut buffer = vec![0; bytes_per_read];
    let mut position = 0;
    loop {
        let count = R::read(&mut file, &mut buffer).await?;
        if count == 0 {
            break;
        }
        check(position, &buffer[..count]);
        position += count as u64;
    }
    assert_eq!(position, PAGES * PAGE as u64, "the file has been read short");
    Ok(position)
}

/// Whether the bytes read at `position` are those of the file, as far as they start with a page.
fn check(position: u64, bytes: &[u8]) {
    if position.is_multiple_of(PAGE as u64) && bytes.len() >= PAGE {
        assert_eq!(data::stamp(bytes), position / PAGE as u64, "another page has been read");
    }
}
