//! What does reading a file cost when it is in the page cache?

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::data::{self, PAGE, PAGES};
use crate::measurement::{Measurement, Metric};
use crate::random::Random;
use crate::runtimes::{Files, Runtime};
use crate::sample::Sample;

const WARM_UP: Duration = Duration::from_millis(100);
const MEASURED: Duration = Duration::from_millis(500);
/// Reads between two looks at the clock.
const CHUNK: u64 = 64;
const READERS: u64 = 8;
/// How often the file is read from start to end.
const PASSES: usize = 4;

/// `pread_4k_1`: reads of random pages by one task. Chunks of plain calls alternate with them: where a process has its buffer and the page cache makes a third of a
/// call's time, so that two processes cannot be compared.
pub(crate) async fn pread<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let file = Pages::open()?;
    R::spawn(alternate::<R>(file, WARM_UP)).await?;
    R::spawn(alternate::<R>(file, MEASURED)).await
}

/// The file by reference: no runtime pays for counting its users.
#[derive(Clone, Copy)]
struct Pages(&'static File);

impl Pages {
    fn open() -> io::Result<Self> {
        Ok(Self(Box::leak(Box::new(File::open(data::cached_pages()?)?))))
    }

    /// Fills `page` with the page of this number.
    fn read(self, number: u64, mut page: Box<[u8]>) -> io::Result<Box<[u8]>> {
        self.0.read_exact_at(&mut page, number * PAGE as u64)?;
        Ok(page)
    }
}

async fn alternate<R: Runtime>(file: Pages, time: Duration) -> io::Result<Vec<Measurement>> {
    let mut random = Random::new(1);
    let mut page = vec![0; PAGE].into_boxed_slice();
    let (mut declared, mut raw) = (Sample::default(), Sample::default());
    let start = Instant::now();
    while start.elapsed() < time {
        let before = Instant::now();
        page = declared_reads::<R>(file, &mut random, page).await?;
        let between = Instant::now();
        page = raw_reads(file, &mut random, page)?;
        declared.push(between - before);
        raw.push(between.elapsed());
    }
    let mean = Measurement::time_each(Metric::NsPerOp, declared.mean(), CHUNK);
    Ok(vec![mean, of_raw(declared, raw)])
}

/// The speed of one way beside that of the other.
fn of_raw(ours: Sample, raw: Sample) -> Measurement {
    Measurement::new(Metric::OfRaw, 100.0 * raw.sort().median().as_secs_f64() / ours.sort().median().as_secs_f64())
}

async fn declared_reads<R: Runtime>(file: Pages, random: &mut Random, mut page: Box<[u8]>) -> io::Result<Box<[u8]>> {
    for _ in 0..CHUNK {
        let number = random.below(PAGES);
        page = R::blocking(move || file.read(number, page)).await?;
        assert_eq!(data::stamp(&page), number, "another page has been read");
    }
    Ok(page)
}

fn raw_reads(file: Pages, random: &mut Random, mut page: Box<[u8]>) -> io::Result<Box<[u8]>> {
    for _ in 0..CHUNK {
        let number = random.below(PAGES);
        page = file.read(number, page)?;
        assert_eq!(data::stamp(&page), number, "another page has been read");
    }
    Ok(page)
}

/// `pread_4k_8`: reads of random pages by 8 tasks at a time.
pub(crate) async fn preads<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let file = Pages::open()?;
    readers::<R>(file, WARM_UP).await?;
    Ok(vec![readers::<R>(file, MEASURED).await?])
}

async fn readers<R: Runtime>(file: Pages, time: Duration) -> io::Result<Measurement> {
    let start = Instant::now();
    let readers: Vec<_> = (0..READERS).map(|seed| R::spawn(reader::<R>(file, seed, time))).collect();
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
        page = declared_reads::<R>(file, &mut random, page).await?;
        reads += CHUNK;
    }
    Ok(reads)
}

/// `file_read_seq`: the whole file through the runtime's file type, in turns with the standard library's.
pub(crate) async fn sequential<R: Files>(bytes_per_read: usize) -> io::Result<Vec<Measurement>> {
    let path = data::cached_pages()?;
    R::spawn(async move {
        passes::<R>(&path, bytes_per_read, 1).await?;
        let (ours, raw) = passes::<R>(&path, bytes_per_read, PASSES).await?;
        let megabytes_per_s = CHUNK as f64 * bytes_per_read as f64 / 1e6 / ours.mean().as_secs_f64();
        Ok(vec![Measurement::new(Metric::Throughput, megabytes_per_s), of_raw(ours, raw)])
    })
    .await
}

/// How long each chunk of reads took, by the runtime and by the standard library. The same bytes are read twice; the second reader finds them in the CPU's cache, so the
/// two take turns at being the first.
async fn passes<R: Files>(path: &Path, bytes_per_read: usize, count: usize) -> io::Result<(Sample, Sample)> {
    let (mut ours, mut raw) = (Sample::default(), Sample::default());
    let mut buffer = vec![0; bytes_per_read];
    for _ in 0..count {
        let mut file = R::open(path).await?;
        let mut raw_file = File::open(path)?;
        let chunk_bytes = CHUNK * bytes_per_read as u64;
        for (turn, position) in (0..PAGES * PAGE as u64).step_by(chunk_bytes as usize).enumerate() {
            if turn.is_multiple_of(2) {
                ours.push(read_chunk::<R>(&mut file, &mut buffer, position).await?);
                raw.push(read_chunk_raw(&mut raw_file, &mut buffer, position)?);
            } else {
                raw.push(read_chunk_raw(&mut raw_file, &mut buffer, position)?);
                ours.push(read_chunk::<R>(&mut file, &mut buffer, position).await?);
            }
        }
        assert_eq!(R::read(&mut file, &mut buffer).await?, 0, "the file goes on");
    }
    Ok((ours, raw))
}

async fn read_chunk<R: Files>(file: &mut R::File, buffer: &mut Vec<u8>, mut position: u64) -> io::Result<Duration> {
    let start = Instant::now();
    for _ in 0..CHUNK {
        let count = R::read(file, buffer).await?;
        check(position, &buffer[..count]);
        position += count as u64;
    }
    Ok(start.elapsed())
}

fn read_chunk_raw(file: &mut File, buffer: &mut [u8], mut position: u64) -> io::Result<Duration> {
    let start = Instant::now();
    for _ in 0..CHUNK {
        let count = file.read(buffer)?;
        check(position, &buffer[..count]);
        position += count as u64;
    }
    Ok(start.elapsed())
}

/// Whether the bytes read at `position`, the start of a page, are those of the file.
fn check(position: u64, bytes: &[u8]) {
    assert!(bytes.len() >= PAGE && position.is_multiple_of(PAGE as u64), "the file has been read short");
    assert_eq!(data::stamp(bytes), position / PAGE as u64, "another page has been read");
}
