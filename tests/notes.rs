//! Does the example `notes` do its job? The real program, asked by a real client.

#[path = "notes/client.rs"]
mod client;
#[path = "support/example.rs"]
mod example;
#[path = "../examples/notes/percent.rs"]
mod percent;
#[path = "../examples/notes/range.rs"]
mod range;
#[path = "notes/server.rs"]
mod server;

use client::{JSON, connect, read_response};
use server::{Server, directory, run_to_end};
use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;

#[test]
fn a_note_is_added_found_and_removed() {
    let server = Server::start(&directory("life"));
    let added = server.post("Groceries", "café, \"bread\"\nand <butter>");
    assert_eq!((added.status, added.header("location")), (201, "/notes/1"));
    let note = added.json();
    assert_eq!(note["body"], "café, \"bread\"\nand <butter>");
    server.post("Second", "nothing");

    assert_eq!(server.get("/notes/1").json(), note);
    let list = server.get("/notes").json();
    assert_eq!((list.as_array().map(Vec::len), &list[1]), (Some(2), &note), "the newest comes first");
    assert_eq!(server.get("/notes?limit=1").json()[0]["id"], 2);
    assert_eq!(server.get("/notes?limit=1&before=2").json()[0], note);
    for words in ["cafe", "GROC", "butter+bread", "%22bread%22"] {
        assert_eq!(server.get(&format!("/search?q={words}")).json(), serde_json::json!([note]), "{words}");
    }
    assert_eq!(server.get("/search?q=cheese").json(), serde_json::json!([]));

    assert_eq!(server.request("DELETE", "/notes/1", "", b"").status, 204);
    assert_eq!(server.request("DELETE", "/notes/1", "", b"").status, 404);
    assert_eq!(server.get("/notes/1").status, 404);
    assert_eq!(server.get("/search?q=cafe").json(), serde_json::json!([]));
    assert_eq!(server.post("Third", "").json()["id"], 3, "a number is not used again");
}

#[test]
fn bad_input_gets_a_clear_error_and_loses_nothing() {
    let server = Server::start(&directory("bad-input"));
    server.post("Kept", "as it is");
    let before = server.get("/notes").json();
    let large = "9".repeat(40);
    const OBJECT: &str = "expected {\"title\": \"..\", \"body\": \"..\"}";
    for (method, target, body, status, error) in [
        ("POST", "/notes", "{\"title\": \"x\"", 400, "EOF while parsing"),
        ("POST", "/notes", "{\"title\": \"x\"", 400, OBJECT),
        ("POST", "/notes", "", 400, OBJECT),
        ("POST", "/notes", "[\"x\", \"y\"]", 400, OBJECT),
        ("POST", "/notes", "\"x\"", 400, "not a JSON object"),
        ("POST", "/notes", "{}", 400, OBJECT),
        ("POST", "/notes", "{\"title\": \"x\"}", 400, "missing field `body`"),
        ("POST", "/notes", "{\"title\": \"x\"}", 400, OBJECT),
        ("POST", "/notes", "{\"title\": 1, \"body\": \"\"}", 400, "expected a string"),
        ("POST", "/notes", "{\"title\": \" \", \"body\": \"\"}", 400, "the title is empty"),
        ("POST", "/notes", "{\"title\": \"x\", \"body\": \"\", \"bdoy\": \"\"}", 400, "unknown field `bdoy`"),
        ("GET", "/notes?limit=0", "", 400, "'limit' is 0; expected 1 to 1000"),
        ("GET", "/notes?limit=many", "", 400, "'limit' is 'many'"),
        ("GET", "/notes?before=%ff", "", 400, "'before' is not UTF-8"),
        ("GET", "/search", "", 400, "the parameter 'q' is missing"),
        ("GET", "/slow", "", 400, "the parameter 'ms' is missing"),
        ("GET", "/slow?ms=-1", "", 400, "'ms' is '-1'; expected a whole number"),
        ("GET", "/slow?ms=60001", "", 400, "expected at most 60000"),
        ("GET", &format!("/slow?ms={large}"), "", 400, &large),
        ("GET", "/nowhere", "", 404, "there is no '/nowhere'"),
        ("GET", "/notes/2", "", 404, "there is no note '2'"),
        ("GET", "/notes/one", "", 404, "there is no note 'one'"),
        ("GET", "/notes/", "", 404, "there is no note ''"),
        ("GET", &format!("/notes/{large}"), "", 404, "there is no note"),
        ("GET", "/notes/01", "", 404, "there is no note '01'"),
        ("GET", "/notes/+1", "", 404, "there is no note '+1'"),
        ("DELETE", "/notes/01", "", 404, "there is no note '01'"),
        ("DELETE", "/notes/2", "", 404, "there is no note '2'"),
    ] {
        let answer = server.request(method, target, JSON, body.as_bytes());
        assert_eq!(answer.status, status, "{method} {target} {body}");
        assert!(answer.error().contains(error), "{method} {target} {body}: {}", answer.error());
    }
    assert_eq!(server.get("/notes").json(), before);
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start(&directory("methods"));
    for (method, target, allowed) in [
        ("PUT", "/notes", "GET, HEAD, POST"),
        ("DELETE", "/notes", "GET, HEAD, POST"),
        ("POST", "/notes/1", "GET, HEAD, DELETE"),
        ("POST", "/", "GET, HEAD"),
        ("POST", "/search?q=x", "GET, HEAD"),
        ("DELETE", "/files/x", "GET, HEAD"),
        ("POST", "/slow?ms=1", "GET, HEAD"),
        ("OPTIONS", "/metrics", "GET, HEAD"),
    ] {
        let answer = server.request(method, target, "", b"");
        assert_eq!((answer.status, answer.header("allow")), (405, allowed), "{method} {target}");
        assert!(answer.error().contains(allowed), "{}", answer.error());
    }
    let head = server.request("HEAD", "/notes", "", b"");
    assert_eq!((head.status, head.header("content-length")), (200, "3"), "the length of `[]` and a newline");
}

#[test]
fn a_list_has_the_beginning_of_a_note() {
    let server = Server::start(&directory("long"));
    let (long, exact) = ("é".repeat(201), "é".repeat(200));
    assert_eq!(server.post("Exact", &exact).status, 201);
    assert_eq!(server.post("Long", &long).json().get("more"), None);
    assert_eq!(server.post(&long, "short").status, 201);
    assert_eq!(server.post("Nul", "a\0b").status, 201);

    for target in ["/notes", "/search?q=%C3%A9"] {
        for note in server.get(target).json().as_array().expect("a list") {
            let whole = server.get(&format!("/notes/{}", note["id"])).json();
            let beginning = |field: &str| whole[field].as_str().map(|text| text.chars().take(200).collect::<String>());
            for field in ["title", "body"] {
                assert_eq!(note[field].as_str(), beginning(field).as_deref(), "{target}");
            }
            let is_short = note["title"] == whole["title"] && note["body"] == whole["body"];
            assert_eq!((note["more"] == true, whole.get("more")), (!is_short, None), "{target}: {note}");
        }
    }
    assert_eq!(server.get("/notes/2").json()["body"], long.as_str());
    let page = server.get("/");
    assert!(page.text().contains(&exact) && !page.text().contains(&long));
    assert!(page.text().contains("<a href=\"/notes/2\">… all of it</a>") && !page.text().contains("<a href=\"/notes/1\">…"));
}

#[test]
fn a_note_has_to_be_sent_as_json() {
    let server = Server::start(&directory("content-type"));
    let post = |extra: &str| server.request("POST", "/notes", extra, b"{\"title\": \"x\", \"body\": \"\"}");
    for given in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/plain; application/json"] {
        let answer = post(&format!("Content-Type: {given}\r\n"));
        let error = format!("the Content-Type is '{given}'; expected application/json");
        assert_eq!((answer.status, answer.error()), (415, error));
    }
    assert_eq!(post("").error(), "the Content-Type is ''; expected application/json");
    assert_eq!(server.get("/notes").json(), serde_json::json!([]));
    for given in ["application/json", "Application/JSON; charset=utf-8", "application/json;charset=utf-8"] {
        assert_eq!(post(&format!("Content-Type: {given}\r\n")).status, 201, "{given}");
    }
}

#[test]
fn a_body_may_be_one_mebibyte_and_no_more() {
    let server = Server::start(&directory("large"));
    let note_of = |length: usize| {
        let frame = "{\"title\":\"large\",\"body\":\"\"}".len();
        format!("{{\"title\":\"large\",\"body\":\"{}\"}}", "x".repeat(length - frame))
    };
    assert_eq!(server.request("POST", "/notes", JSON, note_of(MIB).as_bytes()).status, 201);
    for length in [MIB + 1, 3 * MIB, 20 * MIB] {
        let answer = server.request("POST", "/notes", JSON, note_of(length).as_bytes());
        assert_eq!((answer.status, answer.error().as_str()), (413, "the body is larger than 1 MiB"), "{length} bytes");
    }
    // In chunks, where nobody has said how long it will be.
    let chunks = format!("{:x}\r\n{}\r\n", MIB, "x".repeat(MIB)).repeat(2) + "0\r\n\r\n";
    let mut stream = connect(server.addr);
    write!(stream, "POST /notes HTTP/1.1\r\nHost: notes\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n{chunks}").expect("it can be sent");
    assert_eq!(read_response(&mut stream, "POST").status, 413);
    // A client that asks first hears it before it sends anything.
    let mut stream = connect(server.addr);
    write!(stream, "POST /notes HTTP/1.1\r\nHost: notes\r\n{JSON}Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n")
        .expect("it can be sent");
    assert_eq!(read_response(&mut stream, "POST").status, 413);
    assert_eq!(server.metric("notes_stored"), 1);
}

#[test]
fn a_search_takes_any_text() {
    let server = Server::start(&directory("search"));
    server.post("All of it", "\" * ( ) NOT AND OR NEAR/2 : ^ - + {x}");
    for words in
        ["%22", "*", "(", "NOT", "AND+OR", "a+NEAR/2+b", "title:x", "%00", "%27;+DROP+TABLE+notes", "^", "-", "", "+", "{x}", "a%22b*"]
    {
        let answer = server.get(&format!("/search?q={words}"));
        assert_eq!(answer.status, 200, "{words}: {}", answer.text());
    }
    assert_eq!(server.get("/search?q=not+near").json()[0]["title"], "All of it", "operators are words");
}

const TEXT: &str = "text/plain; charset=utf-8";
const BINARY: &str = "application/octet-stream";

#[test]
fn a_file_is_streamed_whole_or_in_part() {
    let directory = directory("files");
    let content: Vec<u8> = (0..3 * MIB + 17).map(|index| (index % 251) as u8).collect();
    std::fs::write(directory.join("files/data.bin"), &content).expect("a file can be written");
    std::fs::write(directory.join("files/empty.txt"), "").expect("a file can be written");
    // What a file without a known extension is, its first 4 KiB say; in "cut" they end in the middle of a character.
    let cut = "x".repeat(4095) + "é and more";
    let texts: [(&str, &[u8]); 6] = [
        ("README", "café".as_bytes()),
        ("cut", cut.as_bytes()),
        ("nul", b"a\0b"),
        ("latin", b"caf\xe9 au lait"),
        ("half", b"caf\xc3"),
        ("zip.zip", b"text"),
    ];
    for (file, content) in texts {
        std::fs::write(directory.join("files").join(file), content).expect("a file can be written");
    }
    std::fs::create_dir(directory.join("files/sub")).expect("a directory can be made");
    std::fs::write(directory.join("files/sub/a b.html"), "<p>").expect("a file can be written");
    let server = Server::start(&directory);
    let length = content.len();
    let ranged = |range: &str, extra: &str| server.request("GET", "/files/data.bin", &format!("Range: {range}\r\n{extra}"), b"");

    let whole = server.get("/files/data.bin");
    assert_eq!((whole.status, whole.header("content-type")), (200, "application/octet-stream"));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert!(whole.body == content, "the file arrives as it is");
    let head = server.request("HEAD", "/files/data.bin", "Range: bytes=0-1\r\n", b"");
    assert_eq!((head.status, head.header("content-length")), (200, length.to_string().as_str()));
    let html = server.get("/files/sub/a%20b.html");
    assert_eq!((html.text(), html.header("content-type")), ("<p>", "text/html; charset=utf-8"));
    assert_eq!(server.get("/files/empty.txt").body, b"");
    for (file, content_type) in
        [("README", TEXT), ("cut", TEXT), ("nul", BINARY), ("latin", BINARY), ("half", BINARY), ("zip.zip", "application/zip")]
    {
        assert_eq!(server.get(&format!("/files/{file}")).header("content-type"), content_type, "{file}");
    }

    for (range, expected) in
        [("bytes=0-0", 0..1), ("bytes=70000-140000", 70_000..140_001), ("bytes=100-", 100..length), ("bytes=-5", length - 5..length)]
    {
        let part = ranged(range, "");
        let place = format!("bytes {}-{}/{length}", expected.start, expected.end - 1);
        assert_eq!((part.status, part.header("content-range")), (206, place.as_str()));
        assert!(part.body == content[expected], "{range}");
    }
    let beyond = ranged(&format!("bytes={length}-"), "");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, format!("bytes */{length}").as_str()));
    assert!(beyond.error().contains("no such bytes"));
    assert_eq!(ranged("lines=1-2", "").status, 200);

    let etag = whole.header("etag");
    assert_eq!(server.request("GET", "/files/data.bin", &format!("If-None-Match: {etag}\r\n"), b"").status, 304);
    assert_eq!(ranged("bytes=0-1", &format!("If-Range: {etag}\r\n")).status, 206);
    assert_eq!(ranged("bytes=0-1", "If-Range: \"older\"\r\n").status, 200);
}

#[test]
fn a_path_that_leads_out_is_refused() {
    let directory = directory("paths");
    let files = directory.join("files");
    std::fs::write(directory.join("secret"), "secret").expect("a file can be written");
    for folder in ["sub", ".git"] {
        std::fs::create_dir(files.join(folder)).expect("a directory can be made");
    }
    for file in [".hidden", ".git/config", "sub/.key"] {
        std::fs::write(files.join(file), "secret").expect("a file can be written");
    }
    std::fs::write(files.join("inside"), "inside").expect("a file can be written");
    std::os::unix::fs::symlink(directory.join("secret"), files.join("out")).expect("a link can be made");
    std::os::unix::fs::symlink("..", files.join("up")).expect("a link can be made");
    std::os::unix::fs::symlink("inside", files.join("in")).expect("a link can be made");
    let fifo = std::process::Command::new("mkfifo").arg(files.join("fifo")).status().expect("mkfifo runs");
    assert!(fifo.success());
    let server = Server::start(&directory);

    for target in [
        "/files/../secret",
        "/files/%2e%2e/secret",
        "/files/..%2fsecret",
        "/files/x/../../secret",
        "/files//etc/passwd",
        "/files/%2Fetc/passwd",
        "/files/out",
        "/files/up/secret",
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, 403, "{target}");
        assert!(answer.error().contains("leads out of the directory"), "{target}: {}", answer.error());
    }
    for target in ["/files/", "/files/missing", "/files/inside/below", "/files/fifo", "/files/%00", "/files/..secret"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
    for target in ["/files/.hidden", "/files/%2ehidden", "/files/.git/config", "/files/./.git/config", "/files/sub/.key"] {
        let answer = server.get(target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.error().starts_with("there is no '"), "{target}: {}", answer.error());
    }
    for target in ["/files/", "/files/sub", "/files/sub/"] {
        assert_eq!(server.get(target).error(), format!("'{target}' is a directory; name a file"));
    }
    assert_eq!(server.get(&format!("/files/{}", "n".repeat(300))).status, 404);
    assert_eq!(server.get("/files/%zz").status, 400);
    assert_eq!(server.get("/files/in").text(), "inside");
    assert_eq!(server.get("/files/./inside").text(), "inside");
}

#[test]
fn the_database_is_not_a_file_to_serve() {
    // Given a database that lies in the directory that is served, under several names ...
    let directory = directory("database");
    let files = directory.join("files");
    let db = files.join("notes.db");
    let server = Server::start_with(&db, &files);
    assert_eq!(server.post("First", "").status, 201);
    std::fs::hard_link(&db, files.join("hard")).expect("a link can be made");
    std::os::unix::fs::symlink("notes.db", files.join("soft")).expect("a link can be made");
    std::fs::hard_link(files.join("notes.db-shm"), files.join("hard-shm")).expect("a link can be made");
    std::fs::write(files.join("notes.db-other"), "served").expect("a file can be written");

    // ... when it is asked for, then that is refused ...
    for file in ["notes.db", "notes.db-wal", "notes.db-shm", "hard", "soft", "hard-shm", "./notes.db", "notes%2edb"] {
        let target = format!("/files/{file}");
        let get = server.get(&target);
        assert_eq!(get.status, 403, "{target}");
        assert!(get.error().contains("belongs to the database"), "{}", get.error());
        assert_eq!(server.request("HEAD", &target, "", b"").status, 403, "{target}");
    }
    assert_eq!(server.get("/files/notes.db-other").text(), "served");

    // ... and the locks are still there: another process that comes and goes does not take the log away.
    let other = rusqlite::Connection::open(&db).expect("the database can be opened");
    let count: i64 = other.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).expect("it can be read");
    other.close().expect("it can be closed");
    assert_eq!(count, 1);
    assert!(files.join("notes.db-wal").exists(), "the log is still there");
    assert_eq!(server.post("Second", "").status, 201);
    let list = server.get("/notes");
    assert_eq!((list.status, &list.json()[0]["title"]), (200, &"Second".into()));
    let other = rusqlite::Connection::open(&db).expect("the database can be opened");
    let count: i64 = other.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).expect("it can be read");
    assert_eq!(count, 2, "what was answered is where others find it");
}

#[test]
fn a_database_behind_a_link_is_known_by_its_log_as_well() {
    let directory = directory("database-link");
    let files = directory.join("files");
    std::os::unix::fs::symlink("files/real.db", directory.join("link.db")).expect("a link can be made");
    let server = Server::start_with(&directory.join("link.db"), &files);
    assert_eq!(server.post("First", "").status, 201);
    for file in ["real.db", "real.db-wal", "real.db-shm"] {
        assert!(files.join(file).exists(), "{file}");
        assert_eq!(server.get(&format!("/files/{file}")).status, 403, "{file}");
    }
}

#[test]
fn the_page_shows_the_notes_and_takes_none_for_markup() {
    let server = Server::start(&directory("page"));
    assert!(server.get("/").text().contains("Nothing here yet."));
    server.post("<script>alert(1)</script>", "a & b 'c' \"d\" </p><img src=x onerror=y>");
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text().contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.text().contains("a &amp; b &#39;c&#39; &quot;d&quot; &lt;/p&gt;"));
    assert!(!page.text().contains("<img") && !page.text().contains("<script>alert"));
    let place = |part: &str| page.text().find(part).unwrap_or_else(|| panic!("there is no {part} on the page"));
    assert!(place("id=\"counters\"") < place("id=\"notes\""), "the counters stand above the list, which may be long");
}

#[test]
fn the_metrics_are_in_the_format_of_prometheus() {
    let server = Server::start(&directory("metrics"));
    server.post("One", "");
    server.get("/nowhere");
    assert_eq!(server.metric("handover_processors"), 2);
    assert_eq!(server.metric("notes_stored"), 1);
    assert_eq!(server.metric("notes_requests_in_flight"), 1, "the one that asks");
    assert_eq!(server.metric("notes_answers_total{status=\"4xx\"}"), 1);
    assert!(server.metric("handover_polls_total") > 0);

    let metrics = server.get("/metrics");
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in metrics.text().lines() {
        let is_comment = line.starts_with("# HELP ") || line.starts_with("# TYPE ");
        let is_sample = line.split_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok());
        assert!(is_comment || is_sample, "{line}");
    }
}

#[test]
fn slow_calls_in_flight_do_not_slow_the_others() {
    const CALLS: u64 = 64;
    let directory = directory("slow");
    std::fs::write(directory.join("files/file"), "content").expect("a file can be written");
    let server = Server::start(&directory);
    server.post("One", "");

    // Given 64 calls of half a second on 2 processors, which one after another would take 16 s ...
    let start = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..CALLS).map(|_| scope.spawn(|| server.get("/slow?ms=500").json())).collect();
        // ... when others ask meanwhile ...
        let mut latencies = Vec::new();
        while calls.iter().any(|call| !call.is_finished()) {
            for target in ["/notes", "/files/file", "/search?q=one", "/"] {
                let asked = Instant::now();
                assert_eq!(server.get(target).status, 200);
                latencies.push(asked.elapsed());
            }
        }
        for call in calls {
            assert_eq!(call.join().expect("every call is answered")["slept_ms"], 500);
        }
        latencies
    });

    // ... then the calls overlap, and the others do not wait for them.
    let (all, median) = (start.elapsed(), median(latencies));
    assert!(all < Duration::from_secs(5), "{CALLS} calls took {all:?}");
    assert!(median < Duration::from_millis(50), "the others took {median:?}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn what_was_answered_survives_a_kill() {
    // Given writers on several connections at once ...
    let directory = directory("kill");
    let server = Server::start(&directory);
    let ids: BTreeSet<u64> = std::thread::scope(|scope| {
        let write = || (0..10).map(|index| server.post("Note", &index.to_string()).json()["id"].as_u64()).collect::<Vec<_>>();
        let writers: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("every note is taken")).flatten().collect()
    });
    assert_eq!(ids.len(), 80, "each note has a number of its own");

    // ... when the process is killed and started again, then every note is there.
    server.signal(libc::SIGKILL);
    server.ended();
    let server = Server::start(&directory);
    let list = server.get("/notes?limit=1000").json();
    let kept = list.as_array().into_iter().flatten().filter_map(|note| note["id"].as_u64());
    assert_eq!(kept.collect::<BTreeSet<_>>(), ids);
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let server = Server::start(&directory("keep-alive"));
    let mut stream = connect(server.addr);
    // Three at once, then one more.
    let get = "GET /notes HTTP/1.1\r\nHost: notes\r\n\r\n";
    stream.write_all(get.repeat(3).as_bytes()).expect("it can be sent");
    for _ in 0..3 {
        assert_eq!(read_response(&mut stream, "GET").status, 200);
    }
    stream.write_all(get.as_bytes()).expect("it can be sent");
    assert_eq!(read_response(&mut stream, "GET").json(), serde_json::json!([]));
}

#[test]
fn a_client_that_goes_away_disturbs_nobody() {
    let directory = directory("gone");
    std::fs::write(directory.join("files/large"), vec![7; 8 * MIB]).expect("a file can be written");
    let server = Server::start(&directory);
    for text in [
        "",
        "GET / HT",
        &format!("POST /notes HTTP/1.1\r\nHost: notes\r\n{JSON}Content-Length: 99\r\n\r\n{{"),
        "GET /files/large HTTP/1.1\r\nHost: notes\r\n\r\n",
    ] {
        connect(server.addr).write_all(text.as_bytes()).expect("it can be sent");
    }
    assert_eq!(server.post("Still", "here").status, 201);
    server.signal(libc::SIGTERM);
    let (status, _) = server.ended();
    assert_eq!(status.code(), Some(0));
}

/// Said as soon as the end has come.
const STOPPING: &str = "notes: stopping; requests in flight get 5 s, a second Ctrl-C ends at once\n";

#[test]
fn ctrl_c_lets_the_requests_in_flight_finish() {
    let directory = directory("ctrl-c");
    let server = Server::start(&directory);
    server.post("One", "");
    // Given a request in flight and an idle connection ...
    let mut slow = connect(server.addr);
    write!(slow, "GET /slow?ms=800 HTTP/1.1\r\nHost: notes\r\n\r\n").expect("it can be sent");
    let _idle = connect(server.addr);
    server.wait_for_requests_in_flight(1);

    // ... when Ctrl-C comes, then the request is answered, and the end is clean.
    let start = Instant::now();
    server.signal(libc::SIGINT);
    assert_eq!(read_response(&mut slow, "GET").json()["slept_ms"], 800);
    let (status, stderr) = server.ended();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), STOPPING));
    assert!(start.elapsed() < Duration::from_secs(4), "an idle connection is not waited for: {:?}", start.elapsed());
    assert!(!directory.join("notes.db-wal").exists(), "the log is written back into the database");
}

#[test]
fn the_end_waits_five_seconds_at_most_and_not_at_all_when_asked_twice() {
    let directory = directory("patience");
    let start_with_call = || {
        let server = Server::start(&directory);
        let mut slow = connect(server.addr);
        write!(slow, "GET /slow?ms=60000 HTTP/1.1\r\nHost: notes\r\n\r\n").expect("it can be sent");
        server.wait_for_requests_in_flight(1);
        server.signal(libc::SIGTERM);
        (server, slow)
    };

    let (server, _slow) = start_with_call();
    let (status, stderr) = server.ended();
    assert_eq!((status.code(), stderr), (Some(0), format!("{STOPPING}notes: cut off the requests that were still running\n")));

    let (server, _slow) = start_with_call();
    let start = Instant::now();
    while std::net::TcpStream::connect(server.addr).is_ok() {}
    server.signal(libc::SIGTERM);
    assert_eq!(server.ended().0.code(), Some(1));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn what_hinders_the_start_is_said_in_one_line() {
    let directory = directory("start");
    let path = |name: &str| directory.join(name).to_str().expect("the path is text").to_owned();
    let (db, text, missing) = (path("notes.db"), path("text"), path("missing"));
    std::fs::write(&text, "This is no database.".repeat(100)).expect("a file can be written");
    let other = Server::start(&directory);
    let addr = other.addr.to_string();

    for (arguments, code, parts) in [
        (vec!["--addr", &addr, "--db", &db], 1, vec!["cannot listen on", &addr, "in use"]),
        (vec!["--addr", "host.invalid:1", "--db", &db], 1, vec!["cannot listen on 'host.invalid:1'"]),
        (vec!["--addr", "foo"], 2, vec!["--addr is 'foo'; expected HOST:PORT, like 127.0.0.1:8080"]),
        (vec!["--addr", ":80"], 2, vec!["--addr is ':80'; expected HOST:PORT"]),
        (vec!["--addr", "127.0.0.1:65536"], 2, vec!["--addr is '127.0.0.1:65536'; expected HOST:PORT"]),
        (vec!["--db", ""], 2, vec!["--db is ''; expected the path of a file"]),
        (vec!["--dir", ""], 2, vec!["--dir is ''; expected the path of a directory"]),
        (vec!["--db", &text], 1, vec!["cannot open the database", &text, "not a database"]),
        (vec!["--db", &format!("{missing}/notes.db")], 1, vec!["cannot open the database", &missing]),
        (vec!["--db", &path("files")], 1, vec!["cannot open the database", &path("files")]),
        (vec!["--db", &db, "--dir", &missing], 1, vec!["cannot serve the directory", &missing, "No such file"]),
        (vec!["--db", &db, "--dir", &text], 1, vec!["cannot serve the directory", &text, "Not a directory"]),
        (vec!["--processors", "0"], 2, vec!["--processors is '0'", "from 1 to 4096"]),
        (vec!["--processors", "4097"], 2, vec!["--processors is '4097'", "from 1 to 4096"]),
        (vec!["--port", "80"], 2, vec!["--port", "--help"]),
        (vec!["--db"], 2, vec!["--db"]),
    ] {
        let output = run_to_end(&arguments);
        let stderr = String::from_utf8(output.stderr).expect("stderr is text");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert_eq!((stderr.lines().count(), output.stdout.len()), (1, 0), "{arguments:?}: {stderr}");
        assert!(parts.iter().all(|part| stderr.contains(*part)), "{arguments:?}: {stderr}");
    }
    let help = run_to_end(&["--help"]);
    assert!(help.status.success() && help.stderr.is_empty());
    let help = String::from_utf8(help.stdout).expect("the help is text");
    assert!(
        ["--addr", "--db", "--dir", "--processors", "127.0.0.1:8080", "requests in flight get 5 s"].iter().all(|part| help.contains(part)),
        "{help}"
    );
}
