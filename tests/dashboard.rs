//! What does the dashboard answer, to whom, and does it do so when the runtime is stuck or gone?
//!
//! Over plain TCP here; ci/dashboard.sh opens the page in a browser.

#[path = "support/latch.rs"]
mod latch;
#[path = "support/long_calls.rs"]
mod long_calls;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use handover::dashboard::{self, Dashboard};
use handover::runtime::{Builder, Runtime};
use latch::Latch;
use serde_json::Value;
use watchdog::Watchdog;

const LIMIT: Duration = Duration::from_secs(60);

fn served(builder: Builder) -> (Runtime, Dashboard, Watchdog) {
    let runtime = builder.build().unwrap();
    let watchdog = Watchdog::start(LIMIT, "dashboard", Some(runtime.metrics()));
    let dashboard = dashboard::serve_for(runtime.handle(), "127.0.0.1:0").unwrap();
    (runtime, dashboard, watchdog)
}

/// What is answered to a request with these lines.
fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}"))
}

/// The stream of events, parsed.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(format!("GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
        Self(BufReader::new(stream))
    }

    /// None when the connection ends.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }

    /// The first event in which `holds` holds; the watchdog ends a wait for one that never comes.
    fn when(&mut self, holds: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().expect("the stream goes on");
            if holds(&event) {
                return event;
            }
        }
    }
}

fn is_here(site: &Value, line: u32) -> bool {
    site.as_str().is_some_and(|site| site.starts_with(&format!("{}:{line}:", file!())))
}

#[test]
fn the_page_and_what_it_needs_are_served_under_a_policy_that_loads_nothing_else() {
    let (_runtime, dashboard, _watchdog) = served(Builder::new().processors(1));
    for (path, kind, part) in [
        ("/", "text/html", "<title>handover</title>"),
        ("/style.css", "text/css", "--running"),
        ("/script.js", "text/javascript", "EventSource"),
    ] {
        let answer = get(dashboard.local_addr(), path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(kind) && answer.contains(part), "{path}: {answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'"), "{path}: {answer}");
        for elsewhere in ["http://", "https://", "innerHTML", "style=\""] {
            assert!(!answer.contains(elsewhere), "{path} has {elsewhere}");
        }
    }
    assert!(get(dashboard.local_addr(), "/nothing").starts_with("HTTP/1.1 404 "));
    assert!(get(dashboard.local_addr(), "/dump").contains("handover: 0 tasks"));
}

#[test]
fn only_who_names_the_server_and_comes_from_its_own_page_is_answered() {
    let (_runtime, dashboard, _watchdog) = served(Builder::new().processors(1));
    let address = dashboard.local_addr();
    let status = |head: &str| ask(address, head).split(' ').nth(1).expect("a status").to_owned();
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: localhost:{}", address.port())), "200");
    assert_eq!(status("GET / HTTP/1.1\r\nHost: rebound.test"), "421");
    assert_eq!(status("GET / HTTP/1.1"), "421");
    assert_eq!(status(&format!("GET /dump HTTP/1.1\r\nHost: {address}\r\nOrigin: http://evil.test")), "403");
    assert_eq!(status(&format!("GET /dump HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}")), "200");
    assert_eq!(status(&format!("GET /dump HTTP/1.1\r\nHost: {address}\r\nSec-Fetch-Site: cross-site")), "403");
    assert_eq!(status(&format!("POST / HTTP/1.1\r\nHost: {address}")), "405");
    assert_eq!(status("nonsense"), "400");
}

#[test]
fn a_request_that_is_too_long_is_refused() {
    let (_runtime, dashboard, _watchdog) = served(Builder::new().processors(1));
    let mut stream = TcpStream::connect(dashboard.local_addr()).unwrap();
    // No more than is read before it is refused: what is left unread makes the end of the connection a reset.
    stream.write_all(&[b'a'; 8 * 1024 + 1]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn an_address_that_others_reach_needs_leave() {
    let runtime = Builder::new().processors(1).build().unwrap();
    let error = dashboard::serve_for(runtime.handle(), "0.0.0.0:0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("0.0.0.0:0") && error.to_string().contains("open_to_network"), "{error}");
    let open = dashboard::Builder::new(runtime.handle()).open_to_network().allow_host("box.test").serve("0.0.0.0:0").unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], open.local_addr().port()));
    assert!(ask(address, "GET / HTTP/1.1\r\nHost: box.test").starts_with("HTTP/1.1 200 "));
    assert!(ask(address, "GET / HTTP/1.1\r\nHost: 0.0.0.0").starts_with("HTTP/1.1 421 "));
}

#[test]
fn outside_a_runtime_there_is_none_to_serve() {
    assert_eq!(dashboard::serve("127.0.0.1:0").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_seventeenth_client_is_sent_away_until_another_one_goes() {
    let (_runtime, dashboard, _watchdog) = served(Builder::new().processors(1));
    let address = dashboard.local_addr();
    let mut clients: Vec<_> = (0..16).map(|_| Events::open(address)).collect();
    clients.iter_mut().for_each(|client| drop(client.next().expect("it is served")));
    let refused = |address| {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut answer = String::new();
        // A client that waits to be answered first is: nothing was read from it, so the answer is not lost in a reset.
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 503 ")
    };
    assert!(refused(address));
    clients.pop();
    while refused(address) {
        std::thread::yield_now();
    }
}

#[test]
fn an_event_tells_of_processors_calls_and_tasks() {
    let (runtime, dashboard, _watchdog) = served(Builder::new().processors(2));
    let release = Latch::default();
    let _calls = long_calls::long_calls(&runtime, 3, &release, LIMIT);
    let hostile = "<img src=x>\"\u{2028}";
    let sleeper = async { handover::time::sleep(Duration::from_secs(500)).await };
    let task = runtime.block_on(async { handover::task::Builder::new().name(hostile).spawn(sleeper) }).unwrap();
    let id = task.id().as_u64();
    let event = Events::open(dashboard.local_addr()).when(|event| event["held"].as_array().is_some_and(|held| held.len() == 3));
    assert_eq!(event["processors"].as_array().map(Vec::len), Some(2), "{event}");
    assert_eq!((&event["calls"]["out"], &event["calls"]["most"], &event["task_count"]), (&3.into(), &512.into(), &4.into()), "{event}");
    for held in event["held"].as_array().unwrap() {
        assert_eq!((&held["state"], &held["blocked"]), (&"call".into(), &true.into()), "{event}");
        assert!(
            held["call"].as_str().unwrap().starts_with("tests/support/long_calls.rs:") && held["millis"].as_f64().unwrap() > 10.0,
            "{event}"
        );
    }
    let shown = event["tasks"].as_array().unwrap().iter().find(|task| task["id"] == id).expect("the sleeper is listed");
    assert_eq!((&shown["name"], &shown["state"]), (&hostile.into(), &"waiting".into()), "{event}");
    assert!(shown["waits"][0].as_str().unwrap().starts_with("a timer due in "), "{event}");
    assert!(shown["millis"].as_f64().is_some_and(|millis| millis < LIMIT.as_secs_f64() * 1e3), "{event}");
    assert_eq!(event["sites"][0]["call"], 3, "{event}");
    assert!(event["totals"]["handoffs"].as_u64().unwrap() >= 3, "{event}");
    release.step();
}

#[test]
fn many_tasks_are_counted_and_two_hundred_are_listed() {
    let (runtime, dashboard, _watchdog) = served(Builder::new().processors(1));
    for _ in 0..3_000 {
        runtime.spawn(std::future::pending::<()>());
    }
    let event = Events::open(dashboard.local_addr()).when(|event| event["task_count"] == 3_000);
    let tasks = event["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 200);
    // Those that wait come last, the longest first.
    let waited: Vec<_> = tasks.iter().filter(|task| task["state"] == "waiting").map(|task| task["millis"].as_f64().unwrap()).collect();
    assert!(waited.is_sorted_by(|a, b| a >= b), "{event}");
    assert!(tasks.is_sorted_by_key(|task| task["state"] == "waiting"), "{event}");
    assert_eq!(event["sites"][0]["count"], 3_000);
}

#[test]
fn a_wedged_runtime_is_shown_with_its_culprits() {
    let (runtime, dashboard, _watchdog) = served(Builder::new().processors(2).max_blocking_threads(1));
    let release = Latch::default();
    let mut line = 0;
    for _ in 0..8 {
        let release = release.clone();
        line = line!() + 1;
        runtime.spawn(async move { assert!(release.wait_for(1, LIMIT)) });
    }
    let event = Events::open(dashboard.local_addr()).when(|event| event["wedged"] == true);
    let held = event["held"].as_array().unwrap();
    assert_eq!(held.len(), 3, "{event}");
    assert!(held.iter().all(|one| is_here(&one["spawned_at"], line) && one["blocked"] == true), "{event}");
    assert!(event["stalls"].as_array().unwrap().iter().all(|stall| is_here(&stall["spawned_at"], line)), "{event}");
    assert!(get(dashboard.local_addr(), "/dump").contains("WEDGED"));
    release.step();
}

#[test]
fn a_recording_is_a_trace_and_a_second_one_at_the_same_time_is_refused() {
    let (runtime, dashboard, _watchdog) = served(Builder::new().processors(1));
    let address = dashboard.local_addr();
    runtime.spawn(async {
        loop {
            handover::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let request = format!("GET /record HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut clients = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
    clients.iter_mut().for_each(|client| client.write_all(request.as_bytes()).unwrap());
    let mut answers = clients.map(|mut client| {
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        answer
    });
    answers.sort();
    assert!(answers[0].starts_with(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream"));
    assert!(answers[0].len() > 5_000, "{} bytes", answers[0].len());
    assert!(answers[1].starts_with(b"HTTP/1.1 429 "));
}

#[test]
fn the_runtime_ends_at_once_while_it_is_watched_and_the_page_is_told() {
    let (runtime, dashboard, _watchdog) = served(Builder::new().processors(2));
    let mut events = Events::open(dashboard.local_addr());
    events.next().expect("it is served");
    let before = Instant::now();
    drop(runtime);
    assert!(before.elapsed() < Duration::from_secs(4), "the shutdown took {:?}", before.elapsed());
    let event = events.when(|event| event["ended"] == true);
    assert_eq!((&event["closing"], &event["task_count"], &event["threads"]["alive"]), (&true.into(), &0.into(), &0.into()));
    assert!(get(dashboard.local_addr(), "/").starts_with("HTTP/1.1 200 "), "the page is still there");
}

#[test]
fn a_dashboard_that_is_dropped_lets_go_of_its_clients_and_its_port() {
    let (runtime, dashboard, _watchdog) = served(Builder::new().processors(1));
    let address = dashboard.local_addr();
    let mut events = Events::open(address);
    events.next().expect("it is served");
    let idle = TcpStream::connect(address).unwrap();
    let before = Instant::now();
    // Dropped in a task: it does not wait for anybody.
    runtime.block_on(async move { drop(dashboard) });
    while events.next().is_some() {}
    assert_eq!((&idle).read(&mut [0]).unwrap_or(0), 0);
    assert!(before.elapsed() < Duration::from_secs(4), "a client without a request is let go of after {:?}", before.elapsed());
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
}
