//! Who accepts clients, how many, and until when?
//!
//! One thread accepts; each client has a thread of its own, so a slow one holds up nobody. None is joined: at the end their sockets are shut down, and they find out.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use handover_blocking::replace;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::feed::Feed;
use super::http::{self, Refusal, Request};

/// So many clients at a time; each has a thread.
const MOST_CLIENTS: usize = 16;
/// With no descriptors left, accept(2) is tried again after this.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// How long a recording lasts.
const RECORD_FOR: Duration = Duration::from_secs(5);

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);

/// The end of the server that its owner has.
pub(super) struct Server {
    waker: mio::Waker,
    clients: Arc<Clients>,
}

/// What all threads of it share.
struct Clients {
    feed: Arc<Feed>,
    hosts: Vec<String>,
    ended: AtomicBool,
    /// A recording is being made. One at a time: it may be large.
    records: AtomicBool,
    open: Mutex<Open>,
}

/// The sockets of those that are served now.
#[derive(Default)]
struct Open {
    next: u64,
    sockets: HashMap<u64, TcpStream>,
}

impl Server {
    pub(super) fn start(listener: TcpListener, feed: Arc<Feed>, hosts: Vec<String>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut SourceFd(&listener.as_raw_fd()), LISTENER, Interest::READABLE)?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let clients =
            Arc::new(Clients { feed, hosts, ended: AtomicBool::new(false), records: AtomicBool::new(false), open: Mutex::default() });
        let accepts = Arc::clone(&clients);
        let thread = thread::Builder::new().name("handover-dash".to_owned());
        replace::starting_thread(|| thread.spawn(move || accepts.accept_until_end(poll, &listener)))?;
        Ok(Self { waker, clients })
    }

    /// Returns at once; the threads end by themselves.
    pub(super) fn end(&self) {
        self.clients.ended.store(true, Ordering::SeqCst);
        // It could fail only for a descriptor that somebody else has closed; then there is nobody to wake.
        let _ = self.waker.wake();
        for socket in self.clients.open().sockets.values() {
            // It fails for a client that has gone already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Clients {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept_until_end(self: Arc<Self>, mut poll: Poll, listener: &TcpListener) {
        let mut events = Events::with_capacity(4);
        let mut wait = None;
        while !self.ended.load(Ordering::SeqCst) {
            match poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    tracing::warn!(%error, "the dashboard ends: it cannot wait for clients");
                    return;
                }
                _ => wait = self.accept_all(listener),
            }
        }
    }

    /// Takes those that wait; says after how long to try again, if there may be more.
    fn accept_all(self: &Arc<Self>, listener: &TcpListener) -> Option<Duration> {
        loop {
            match listener.accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(_) => return Some(RETRY_AFTER),
            }
        }
    }

    /// Gives the client a thread, if there is room. Who is refused one sees the connection end.
    fn admit(self: &Arc<Self>, mut stream: TcpStream) {
        let Ok(socket) = stream.set_nonblocking(false).and_then(|()| stream.try_clone()) else { return };
        let mut open = self.open();
        if open.sockets.len() >= MOST_CLIENTS {
            drop(open);
            // Into an empty send buffer: it does not wait.
            let _ = http::answer(&mut stream, "503 Service Unavailable", "text/plain", b"there are too many clients already\n");
            return;
        }
        let number = open.next;
        open.next += 1;
        open.sockets.insert(number, socket);
        drop(open);
        let serves = Arc::clone(self);
        let serve = move || {
            // A client that goes away is no error of anybody's.
            let _ = serves.serve(&mut stream);
            serves.open().sockets.remove(&number);
        };
        let thread = replace::starting_thread(|| thread::Builder::new().name("handover-dash".to_owned()).spawn(serve));
        if thread.is_err() {
            self.open().sockets.remove(&number);
        } else if self.ended.load(Ordering::SeqCst) {
            // It came in while the end looked at the others.
            self.open().sockets.values().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
        }
    }

    fn serve(&self, stream: &mut TcpStream) -> io::Result<()> {
        let local = stream.local_addr()?;
        let request = match Request::read(stream)? {
            Ok(request) => request,
            Err(refusal) => return refuse(stream, &refusal),
        };
        match request.checked_path(local, &self.hosts) {
            Ok("/") => http::answer(stream, "200 OK", "text/html", include_bytes!("page.html")),
            Ok("/style.css") => http::answer(stream, "200 OK", "text/css", include_bytes!("style.css")),
            Ok("/script.js") => http::answer(stream, "200 OK", "text/javascript", include_bytes!("script.js")),
            Ok("/dump") => http::answer(stream, "200 OK", "text/plain", self.feed.handle().dump().to_string().as_bytes()),
            Ok("/record") => self.record(stream),
            Ok("/events") => self.stream_events(stream),
            Ok(_) => refuse(stream, &Refusal("404 Not Found", "there is no such page\n")),
            Err(refusal) => refuse(stream, &refusal),
        }
    }

    /// The timeline of the next seconds.
    fn record(&self, stream: &mut TcpStream) -> io::Result<()> {
        if self.records.swap(true, Ordering::AcqRel) {
            return refuse(stream, &Refusal("429 Too Many Requests", "a recording is being made already\n"));
        }
        let trace = self.feed.handle().record(RECORD_FOR);
        self.records.store(false, Ordering::Release);
        http::answer(stream, "200 OK", "application/octet-stream", &trace?.into_bytes())
    }

    fn stream_events(&self, stream: &mut TcpStream) -> io::Result<()> {
        http::answer_events(stream)?;
        let mut watching = self.feed.watch();
        while let Some(event) = watching.next() {
            http::send_event(stream, &event)?;
        }
        Ok(())
    }
}

fn refuse(stream: &mut TcpStream, Refusal(status, text): &Refusal) -> io::Result<()> {
    http::answer(stream, status, "text/plain", text.as_bytes())
}
