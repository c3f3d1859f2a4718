//! How does a program talk to an HTTP server? With the plain sockets of std: nothing of the runtime under test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer takes longer, unless something hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A line of the head for a request with a note.
pub(crate) const JSON: &str = "Content-Type: application/json\r\n";

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a header, "" if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the answer is text")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }

    /// The message of a refusal.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().expect("a refusal says why").to_owned()
    }
}

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the server accepts");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    stream.set_nodelay(true).expect("TCP_NODELAY can be set");
    stream
}

/// Sends one request on a connection of its own. `extra` is further lines of the head, each with its `\r\n`.
pub(crate) fn request(addr: SocketAddr, method: &str, target: &str, extra: &str, body: &[u8]) -> Response {
    let mut stream = connect(addr);
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: notes\r\nConnection: close\r\n{length}{extra}\r\n");
    stream.write_all(head.as_bytes()).expect("the head can be sent");
    stream.write_all(body).expect("the body can be sent");
    let response = read_response(&mut stream, method);
    let end = stream.read(&mut [0]).expect("the connection ends well");
    assert_eq!(end, 0, "nothing follows the answer to {method} {target}");
    response
}

/// Reads one answer to a request with `method`, and not one byte more.
pub(crate) fn read_response(stream: &mut TcpStream, method: &str) -> Response {
    let head = read_head(stream);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut response = Response { status: status.expect("a status line"), headers: headers.collect(), body: Vec::new() };
    if method != "HEAD" {
        response.body = vec![0; response.header("content-length").parse().unwrap_or(0)];
        stream.read_exact(&mut response.body).expect("the whole body arrives");
    }
    response
}

/// Byte by byte, so that nothing of the body is taken.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the whole head arrives");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("the head is text")
}
