//! What does a socket server give without a runtime?
//!
//! `epoll`: one thread, one loop, read and answer in place. The floor of `tcp_echo` and `http`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::epoll::{Epoll, Events};
use crate::load::{HTTP_BODY, Protocol};

/// The key of the listener; connections have those below.
const LISTENER: u64 = u64::MAX;
/// The loop ends with the process.
const FOR_EVER: Duration = Duration::MAX;

/// Serves `protocol` until the process ends, after it has told `announce` where.
pub(crate) fn serve(protocol: Protocol, announce: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    announce(listener.local_addr()?);
    let epoll = Epoll::new()?;
    epoll.add(&listener, LISTENER)?;
    let mut connections = Connections { epoll: &epoll, slots: Vec::new(), answer: Answer::of(protocol) };
    let mut events = Events::new();
    loop {
        for key in epoll.wait(&mut events, FOR_EVER)? {
            match key {
                LISTENER => connections.accept(&listener)?,
                _ => connections.answer(key as usize)?,
            }
        }
    }
}

struct Connections<'a> {
    epoll: &'a Epoll,
    /// A closed connection leaves its slot empty; the load generator opens no more than it needs.
    slots: Vec<Option<TcpStream>>,
    answer: Answer,
}

impl Connections<'_> {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            match listener.accept() {
                Ok((stream, _)) => self.add(stream)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn add(&mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        self.epoll.add(&stream, self.slots.len() as u64)?;
        self.slots.push(Some(stream));
        Ok(())
    }

    /// Reads once and answers. A question is one small packet, and the next follows its answer; so it is never cut,
    /// and the answer always fits into the socket's buffer.
    fn answer(&mut self, key: usize) -> io::Result<()> {
        let Some(stream) = &mut self.slots[key] else {
            return Ok(());
        };
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer) {
            Ok(0) => self.slots[key] = None,
            Ok(count) => stream.write_all(self.answer.to(&buffer[..count])?)?,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.slots[key] = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// What is said to a question.
enum Answer {
    Echo,
    Hello(String),
}

impl Answer {
    fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Echo => Self::Echo,
            Protocol::Http => Self::Hello(hello()),
        }
    }

    fn to<'a>(&'a self, question: &'a [u8]) -> io::Result<&'a [u8]> {
        match self {
            Self::Echo => Ok(question),
            Self::Hello(answer) if question.starts_with(b"GET / ") && question.ends_with(b"\r\n\r\n") => Ok(answer.as_bytes()),
            Self::Hello(_) => Err(io::Error::new(ErrorKind::InvalidData, "the question is not `GET /`, or not whole")),
        }
    }
}

/// As long as hyper's: status, length, date.
fn hello() -> String {
    let length = HTTP_BODY.len();
    let date = "Thu, 01 Jan 1970 00:00:00 GMT";
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ndate: {date}\r\n\r\n{HTTP_BODY}")
}
