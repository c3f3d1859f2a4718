//! How fast does a server answer?
//!
//! One load generator for all: a single thread, one epoll, every connection sends, waits for the answer, checks it and
//! sends again. It is closed-loop, so latency and throughput belong together.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::epoll::{Epoll, Events};
use crate::measurement::{Measurement, Metric};
use crate::sample::Sample;

/// Until then answers are not counted: connections are accepted, caches and tables fill.
const WARM_UP: Duration = Duration::from_millis(500);
/// For so long they are.
const MEASURED: Duration = Duration::from_secs(2);
/// A server that says nothing for so long is stuck.
const SILENCE: Duration = Duration::from_secs(5);

const ECHO_BYTES: usize = 64;
const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
/// What a server of [`Protocol::Http`] answers.
pub(crate) const HTTP_BODY: &str = "Hello, World!";

/// What is said on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// 64 bytes come back as they are.
    Echo,
    /// `GET /` on HTTP/1.1 connections that are kept.
    Http,
}

/// Loads the server at `address` and says what it bore.
pub(crate) fn run(protocol: Protocol, address: SocketAddr, connections: usize) -> io::Result<[Measurement; 3]> {
    let epoll = Epoll::new()?;
    let mut clients = connect(protocol, address, connections)?;
    for (key, client) in clients.iter_mut().enumerate() {
        epoll.add(&client.stream, key as u64)?;
        client.ask()?;
    }
    let begin = Instant::now() + WARM_UP;
    answers(&epoll, &mut clients, begin)?;
    let latencies = answers(&epoll, &mut clients, begin + MEASURED)?;
    let served = latencies.len() as u64;
    let latencies = latencies.into_iter().collect::<Sample>().sort();
    Ok([
        Measurement::rate(Metric::ReqsPerS, served, MEASURED),
        Measurement::time(Metric::LatP50, latencies.percentile(50)),
        Measurement::time(Metric::LatP99, latencies.percentile(99)),
    ])
}

fn connect(protocol: Protocol, address: SocketAddr, connections: usize) -> io::Result<Vec<Client>> {
    (0..connections).map(|_| Client::connect(protocol, address)).collect()
}

/// Answers and asks again until `end`; gives how long each answer took.
fn answers(epoll: &Epoll, clients: &mut [Client], end: Instant) -> io::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let mut events = Events::new();
    loop {
        let ready = epoll.wait(&mut events, SILENCE)?;
        let now = Instant::now();
        if now >= end {
            // What became ready is seen again by the next round, the epoll being level-triggered.
            return Ok(latencies);
        }
        if ready.len() == 0 {
            return Err(silent());
        }
        for key in ready {
            let client = &mut clients[key as usize];
            if client.receive()? {
                latencies.push(client.asked.elapsed());
                client.ask()?;
            }
        }
    }
}

/// One connection with its question under way.
struct Client {
    stream: TcpStream,
    protocol: Protocol,
    asked: Instant,
    number: u64,
    answer: Vec<u8>,
}

impl Client {
    /// Connects and waits for a first answer, so that the server has accepted this connection before the next one comes.
    /// A listener's queue holds no more than about 128, and one that finds it full tries again a second later.
    fn connect(protocol: Protocol, address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let mut client = Self { stream, protocol, asked: Instant::now(), number: 0, answer: Vec::with_capacity(1024) };
        client.ask()?;
        while !client.receive()? {
            if client.asked.elapsed() >= SILENCE {
                return Err(silent());
            }
        }
        client.stream.set_nonblocking(true)?;
        Ok(client)
    }

    fn ask(&mut self) -> io::Result<()> {
        self.number += 1;
        self.answer.clear();
        self.asked = Instant::now();
        match self.protocol {
            Protocol::Echo => self.stream.write_all(&echo_message(self.number)),
            Protocol::Http => self.stream.write_all(HTTP_REQUEST),
        }
    }

    /// Takes in what has come; whether the answer is complete.
    ///
    /// # Errors
    ///
    /// Those of the socket; also if the answer is wrong or the server has closed the connection.
    fn receive(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed a connection"));
            }
            Ok(count) => self.answer.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        match self.protocol {
            Protocol::Echo => self.is_echo(),
            Protocol::Http => is_hello(&self.answer),
        }
    }

    fn is_echo(&self) -> io::Result<bool> {
        let sent = echo_message(self.number);
        if self.answer.len() > sent.len() || !sent.starts_with(&self.answer) {
            return Err(wrong_answer(&self.answer));
        }
        Ok(self.answer.len() == sent.len())
    }
}

/// Every message differs, so that a late or doubled echo is noticed.
fn echo_message(number: u64) -> [u8; ECHO_BYTES] {
    let mut message = [b'.'; ECHO_BYTES];
    message[..8].copy_from_slice(&number.to_le_bytes());
    message
}

/// Whether `answer` is a whole HTTP response with the right body.
fn is_hello(answer: &[u8]) -> io::Result<bool> {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(false);
    };
    let (head, body) = answer.split_at(head + 4);
    let body_is_right = HTTP_BODY.as_bytes().starts_with(body);
    if !head.starts_with(b"HTTP/1.1 200 ") || content_length(head) != Some(HTTP_BODY.len()) || !body_is_right {
        return Err(wrong_answer(answer));
    }
    Ok(body.len() == HTTP_BODY.len())
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = str::from_utf8(head).ok()?;
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    })?;
    value.trim().parse().ok()
}

fn silent() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("the server has been silent for {} s", SILENCE.as_secs()))
}

fn wrong_answer(answer: &[u8]) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the server's answer is wrong: {:?}", String::from_utf8_lossy(answer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_answer_is_taken_whole_or_not_at_all() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!";
        for end in 0..answer.len() {
            assert!(matches!(is_hello(&answer[..end]), Ok(false)), "{end} bytes");
        }
        assert!(matches!(is_hello(answer), Ok(true)));
    }

    #[test]
    fn a_wrong_http_answer_is_an_error() {
        for answer in [
            "HTTP/1.1 404 Not Found\r\ncontent-length: 13\r\n\r\nHello, World!",
            "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, Moon!!",
            "HTTP/1.1 200 OK\r\n\r\nHello, World!",
            "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, World! ",
        ] {
            assert!(is_hello(answer.as_bytes()).is_err(), "{answer:?}");
        }
    }
}
