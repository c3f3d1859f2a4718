//! What does it cost to send a file?

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::data::{self, PAGE, PAGES};
use crate::measurement::{Measurement, Metric};
use crate::runtimes::Copies;
use crate::sample::Sample;

/// How often the file is sent in each way, unless one takes longer than [`LIMIT`].
const ROUNDS: usize = 8;
/// After so long no further round is begun.
const LIMIT: Duration = Duration::from_secs(2);
/// Bytes that the loop reads and writes at a time: as many as the copying functions of std, futures and tokio.
const PIECE: usize = 8 << 10;
const BYTES: u64 = PAGES * PAGE as u64;

/// `io_copy`: the file by the runtime's way of copying, in turns with a loop that reads and writes.
pub(crate) async fn measure<R: Copies>() -> io::Result<Vec<Measurement>> {
    let path = data::cached_pages()?;
    R::spawn(async move {
        let (mut ours, mut raw) = (Sample::default(), Sample::default());
        let start = Instant::now();
        for round in 0..ROUNDS {
            if round > 0 && start.elapsed() > LIMIT {
                break;
            }
            let (socket, sink) = connect()?;
            let before = Instant::now();
            let sent = R::copy(&path, socket).await?;
            let received = R::blocking(move || received_by(sink)).await?;
            ours.push(before.elapsed());
            assert_eq!((sent, received), (BYTES, BYTES), "bytes are missing");

            let (socket, sink) = connect()?;
            let before = Instant::now();
            copy_by_pieces(&path, socket)?;
            received_by(sink)?;
            raw.push(before.elapsed());
        }
        let throughput = Measurement::new(Metric::Throughput, BYTES as f64 / 1e6 / ours.mean().as_secs_f64());
        let of_raw = 100.0 * raw.sort().median().as_secs_f64() / ours.sort().median().as_secs_f64();
        Ok(vec![throughput, Measurement::new(Metric::OfRaw, of_raw)])
    })
    .await
}

fn copy_by_pieces(path: &Path, mut socket: TcpStream) -> io::Result<()> {
    let (mut file, mut piece) = (File::open(path)?, vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            count => socket.write_all(&piece[..count])?,
        }
    }
}

/// A thread that counts the bytes which it throws away.
type Sink = JoinHandle<io::Result<u64>>;

/// A connection whose other end is read until it is closed.
fn connect() -> io::Result<(TcpStream, Sink)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let socket = TcpStream::connect(listener.local_addr()?)?;
    let (peer, _) = listener.accept()?;
    Ok((socket, thread::spawn(move || throw_away(&peer))))
}

fn received_by(sink: Sink) -> io::Result<u64> {
    sink.join().expect("the sink does not panic")
}

/// tcp(7): with `MSG_TRUNC` the bytes are thrown away instead of being copied.
fn throw_away(socket: &TcpStream) -> io::Result<u64> {
    let mut total = 0;
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        // SAFETY: the buffer has as many bytes as are asked for.
        let count = unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_TRUNC) };
        match count {
            0 => return Ok(total),
            1.. => total += count as u64,
            _ => return Err(io::Error::last_os_error()),
        }
    }
}
