//! What does a request ask for, and may it?

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longer requests are refused: a browser's has some 700 bytes.
const LONGEST_REQUEST: usize = 8 * 1024;
/// So long a client may take for its request, or for reading an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nothing is loaded but what is served here, and nobody else's page may frame it.
const SECURITY: &str = "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\nx-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n\
cross-origin-resource-policy: same-origin\r\ncross-origin-opener-policy: same-origin\r\ncache-control: no-store\r\nconnection: close\r\n";

/// What a client asks for.
#[derive(Debug)]
pub(super) struct Request {
    method: String,
    path: String,
    host: Option<String>,
    origin: Option<String>,
    fetch_site: Option<String>,
}

/// Why it does not get it: status and text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) &'static str, pub(super) &'static str);

impl Request {
    /// Reads a request's head; nothing that is served needs a body.
    pub(super) fn read(stream: &mut TcpStream) -> io::Result<Result<Self, Refusal>> {
        let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
        let deadline = Instant::now() + PATIENCE;
        loop {
            stream.set_read_timeout(Some(left_until(deadline)?))?;
            let read = match stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            head.extend_from_slice(&buffer[..read]);
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(Self::parse(&head[..end]));
            }
            if head.len() > LONGEST_REQUEST {
                return Ok(Err(Refusal("431 Request Header Fields Too Large", "the request is longer than 8 KiB\n")));
            }
        }
    }

    fn parse(head: &[u8]) -> Result<Self, Refusal> {
        const BAD: Refusal = Refusal("400 Bad Request", "this is no HTTP/1.1 request\n");
        let head = std::str::from_utf8(head).map_err(|_| BAD)?;
        let mut lines = head.split("\r\n");
        let words: Vec<_> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, path, "HTTP/1.1" | "HTTP/1.0"] = words[..] else { return Err(BAD) };
        let mut request = Self { method: method.to_owned(), path: path.to_owned(), host: None, origin: None, fetch_site: None };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(BAD)?;
            let slot = match name.to_ascii_lowercase().as_str() {
                "host" => &mut request.host,
                "origin" => &mut request.origin,
                "sec-fetch-site" => &mut request.fetch_site,
                _ => continue,
            };
            // Of two, the one that was not checked might be meant.
            if slot.replace(value.trim().to_owned()).is_some() {
                return Err(BAD);
            }
        }
        Ok(request)
    }

    /// The path, if the request comes from this server's own page or from the user, and asks to read.
    pub(super) fn checked_path(&self, local: SocketAddr, hosts: &[String]) -> Result<&str, Refusal> {
        const ELSEWHERE: Refusal = Refusal("403 Forbidden", "another site's page may not ask for this\n");
        let host = self.host.as_deref().unwrap_or_default();
        if !is_ours(host, local.ip(), hosts) {
            return Err(Refusal(
                "421 Misdirected Request",
                "this server is not known under that name; see `dashboard::Builder::allow_host`\n",
            ));
        }
        if self.origin.as_deref().is_some_and(|origin| origin.strip_prefix("http://") != Some(host)) {
            return Err(ELSEWHERE);
        }
        // A user who follows a link comes from there: the page may be opened so, but its data may not be asked for.
        let page = self.path == "/";
        if self.fetch_site.as_deref().is_some_and(|site| !page && site != "same-origin" && site != "none") {
            return Err(ELSEWHERE);
        }
        if self.method != "GET" {
            return Err(Refusal("405 Method Not Allowed", "there is nothing here but to GET\n"));
        }
        Ok(&self.path)
    }
}

/// Whether `host`, with or without a port, is the address that the connection was made to, or an allowed name. A name may be made to lead here by whoever owns it (DNS rebinding); an address may not.
fn is_ours(host: &str, local: IpAddr, hosts: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let local = local.to_canonical();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name).parse::<IpAddr>();
    match address {
        Ok(address) => address.to_canonical() == local,
        Err(_) => {
            (name.eq_ignore_ascii_case("localhost") && local.is_loopback()) || hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
        }
    }
}

/// Answers with a whole text.
pub(super) fn answer(stream: &mut TcpStream, status: &str, kind: &str, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {}\r\n{SECURITY}\r\n", body.len());
    write_in_time(stream, &[head.as_bytes(), body].concat())
}

/// Answers with a stream of events; they follow.
pub(super) fn answer_events(stream: &mut TcpStream) -> io::Result<()> {
    write_in_time(stream, format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{SECURITY}\r\n").as_bytes())
}

/// One event of the stream.
pub(super) fn send_event(stream: &mut TcpStream, data: &str) -> io::Result<()> {
    write_in_time(stream, format!("data: {data}\n\n").as_bytes())
}

/// Writes all of it, or fails: a client that reads a byte now and then holds its thread for no longer.
fn write_in_time(stream: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left_until(deadline)?))?;
        match stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str) -> Result<String, Refusal> {
        let local = SocketAddr::from(([127, 0, 0, 1], 80));
        Request::parse(head.as_bytes())?.checked_path(local, &["box.test".to_owned()]).map(str::to_owned)
    }

    #[test]
    fn only_who_names_this_server_is_answered() {
        for host in ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST", "box.test:80"] {
            assert_eq!(check(&format!("GET /events HTTP/1.1\r\nHost: {host}")).as_deref(), Ok("/events"), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "evil.test:80",
            "127.0.0.1.evil.test",
            "localhost.evil.test",
            "0.0.0.0:80",
            "127.0.0.2",
            "localhost:80:80",
            "[::1]:80",
        ] {
            assert!(check(&format!("GET / HTTP/1.1\r\nHost: {host}")).is_err(), "{host}");
        }
        assert!(check("GET / HTTP/1.1").is_err(), "no host");
        assert!(check("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.test").is_err(), "two hosts");
    }

    #[test]
    fn other_sites_pages_are_refused() {
        let with = |path: &str, header: &str| check(&format!("GET {path} HTTP/1.1\r\nHost: localhost:80\r\n{header}")).is_ok();
        assert!(with("/events", "Origin: http://localhost:80") && with("/events", "Sec-Fetch-Site: same-origin"));
        assert!(
            !with("/events", "Origin: http://evil.test")
                && !with("/events", "Origin: null")
                && !with("/events", "Origin: http://localhost:81")
        );
        assert!(!with("/events", "Sec-Fetch-Site: cross-site") && with("/", "Sec-Fetch-Site: cross-site"));
    }
}
