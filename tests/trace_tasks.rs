//! What does a subscriber hear of tasks, calls, timers and sockets, and is it what tokio-console reads? The console itself is driven in `examples/console/tests`.
//!
//! A binary of its own: the subscriber is the whole process's.

#[path = "support/alone.rs"]
mod alone;
#[path = "support/latch.rs"]
mod latch;
#[path = "support/recorder.rs"]
mod recorder;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::future::{pending, poll_fn};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::process::Stdio;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use alone::alone;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use handover::Hint;
use handover::io::{AsyncFd, Fd};
use handover::net::{TcpListener, TcpStream};
use handover::process::Command;
use handover::runtime::{Builder, Runtime};
use handover::signal::unix::{SignalKind, signal};
use handover::task;
use latch::Latch;
use recorder::{EventSeen, Recorder, SpanSeen, Value};
use watchdog::Watchdog;

const LONG: Duration = Duration::from_secs(20);

fn runtime(processors: usize, traces: bool) -> (Runtime, Watchdog) {
    Recorder::install();
    let runtime = Builder::new().processors(processors).trace_tasks(traces).build().unwrap();
    let watchdog = Watchdog::start(3 * LONG, "traced tasks", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// The wakers' events of one task, by their names.
fn wakes(of: &SpanSeen) -> Vec<(String, EventSeen)> {
    let of = Value::U64(of.id);
    let events = Recorder::events(|event| event.target == "runtime::waker" && event.fields.get("task.id") == Some(&of));
    let name = |event: &EventSeen| match &event.fields["op"] {
        Value::Str(op) => op.clone(),
        other => panic!("`op` is {other:?}, and not a str"),
    };
    events.into_iter().map(|event| (name(&event), event)).collect()
}

/// The rows of the calls that the task has made.
fn calls(of: task::Id) -> Vec<SpanSeen> {
    Recorder::spans(|span| {
        span.fields.get("task.id") == Some(&Value::U64(of.as_u64())) && span.fields.get("kind") == Some(&Value::Str("blocking".into()))
    })
}

/// A resource of the `type` that was shown since the span `since`, with its operations and what was told of their polls.
fn resource(since: u64, of_type: &str) -> (SpanSeen, Vec<SpanSeen>, Vec<EventSeen>) {
    let resources = Recorder::spans(|span| {
        span.id > since && span.name == "runtime.resource" && span.fields["concrete_type"] == Value::Str(of_type.to_owned())
    });
    let resource = resources.into_iter().next().unwrap_or_else(|| panic!("there is no {of_type}"));
    let operations = Recorder::spans(|span| span.name == "runtime.resource.async_op" && span.around.last() == Some(&resource.id));
    let polls = Recorder::events(|event| event.target == "runtime::resource::poll_op" && event.around.contains(&resource.id));
    (resource, operations, polls)
}

fn last_span() -> u64 {
    Recorder::spans(|_| true).last().map_or(0, |span| span.id)
}

#[test]
fn a_task_is_a_span_with_its_name_its_size_and_where_it_was_spawned() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(2, true);
    // Given a task with a name and one without,
    let held = [7_u8; 300];
    let (named, plain) = runtime.block_on(async move {
        let named = task::Builder::new().name("reader").spawn(async move { held[0] }).unwrap();
        let plain = handover::spawn(async {});
        (named, plain)
    });
    let (named_id, plain_id) = (named.id(), plain.id());
    // when they are over,
    assert_eq!(block_on(named).unwrap(), 7);
    block_on(plain).unwrap();
    // then all that the console wants to know was said, in the types that it reads.
    let span = Recorder::task(named_id);
    assert_eq!((span.name, span.is_root), ("runtime.spawn", true));
    assert_eq!((span.text("kind"), span.text("task.name")), ("task", "reader"));
    assert!((300..1_000).contains(&span.number("size.bytes")), "{span:?}");
    assert!(span.text("loc.file").ends_with("tests/trace_tasks.rs"), "{span:?}");
    assert!(span.number("loc.line") > 0 && span.number("loc.col") > 0);
    let plain = Recorder::task(plain_id);
    assert!(!plain.fields.contains_key("task.name") && plain.number("loc.line") == span.number("loc.line") + 1, "{plain:?}");
}

#[test]
fn each_poll_enters_the_span_once_and_the_end_closes_it() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(2, true);
    let release = Latch::default();
    let (task, waits) = (
        runtime.spawn(async {
            for _ in 0..3 {
                handover::yield_now().await;
            }
        }),
        runtime.spawn({
            let release = release.clone();
            async move { handover::block_in_place(|| release.wait_for(1, LONG)) }
        }),
    );
    let (id, waiting) = (task.id(), waits.id());
    block_on(task).unwrap();
    let span = Recorder::task(id);
    assert_eq!((span.enters, span.exits, span.is_torn), (4, 4, false), "{span:?}");
    assert!(span.is_closed());
    assert!(!Recorder::task(waiting).is_closed(), "a task that is not over");
    release.step();
    assert!(block_on(waits).unwrap());
    assert!(Recorder::task(waiting).is_closed());
}

#[test]
fn a_task_that_wakes_itself_does_so_within_its_own_span() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let task = runtime.spawn(async {
        for _ in 0..5 {
            handover::yield_now().await;
        }
    });
    let id = task.id();
    block_on(task).unwrap();
    let span = Recorder::task(id);
    let wakes = wakes(&span);
    assert_eq!(wakes.len(), 5, "{wakes:?}");
    assert!(wakes.iter().all(|(op, event)| op == "waker.wake_by_ref" && event.around == [span.id]), "{wakes:?}");
}

#[test]
fn wakers_that_are_given_away_are_counted_and_their_wakes_come_from_outside() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    // Given a task that gives away two clones of its waker, and then waits,
    let (give, given) = mpsc::channel::<Waker>();
    let task = runtime.spawn(async move {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            if polls > 2 {
                return Poll::Ready(());
            }
            give.send(cx.waker().clone()).unwrap();
            Poll::Pending
        })
        .await;
    });
    let id = task.id();
    // when a thread wakes it, first by reference, dropping that waker, then by value,
    let first = given.recv_timeout(LONG).unwrap();
    first.wake_by_ref();
    drop(first);
    let second = given.recv_timeout(LONG).unwrap();
    second.wake();
    block_on(task).unwrap();
    // then each step was told, in order, with the id of the task's span, and not within it.
    let span = Recorder::task(id);
    let wakes = wakes(&span);
    let mut told: Vec<_> = wakes.iter().map(|(op, event)| (op.as_str(), event.around == [span.id])).collect();
    // The second poll may be over before the thread has dropped its waker.
    told.sort_unstable();
    let expected =
        [("waker.clone", true), ("waker.clone", true), ("waker.drop", false), ("waker.wake", false), ("waker.wake_by_ref", false)];
    assert_eq!(told, expected);
}

#[test]
fn a_task_that_is_aborted_refused_or_left_behind_is_closed_too() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let (aborted, left) = (runtime.spawn(pending::<()>()), runtime.spawn(pending::<()>()));
    let (aborted_id, left_id, handle) = (aborted.id(), left.id(), runtime.handle().clone());
    aborted.abort();
    assert!(block_on(aborted).unwrap_err().is_cancelled());
    assert!(Recorder::task(aborted_id).is_closed());
    assert!(!Recorder::task(left_id).is_closed());
    drop(runtime);
    assert!(block_on(left).unwrap_err().is_cancelled());
    assert!(Recorder::task(left_id).is_closed());
    let refused = handle.spawn(async {});
    assert!(Recorder::task(refused.id()).is_closed());
    assert_eq!(Recorder::task(refused.id()).enters, 0);
}

#[test]
fn a_root_future_is_a_task_of_its_own_kind() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let borrowed = String::from("from the caller's stack");
    let id = runtime.block_on(async { (borrowed.len() > 3).then(task::id) });
    let span = Recorder::task(id.unwrap());
    assert_eq!((span.text("kind"), span.enters, span.is_closed()), ("block_on", 1, true));
}

#[handover::main(processors = 1, trace_tasks = true)]
async fn program() -> task::Id {
    task::id()
}

#[test]
fn a_program_is_traced_if_its_attribute_says_so() {
    let _alone = alone();
    Recorder::install();
    let id = program();
    assert_eq!(Recorder::task(id).text("kind"), "block_on");
}

#[test]
fn a_call_that_is_handed_off_before_it_starts_has_a_row_that_is_busy_while_it_is_out() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let task = runtime.spawn(async {
        let id = task::id();
        handover::blocking(|| calls(id)).hint(Hint::Long).await
    });
    let id = task.id();
    // The call itself looks at its row.
    let during = block_on(task).unwrap();
    let [row] = &*during else { panic!("one call has one row: {during:?}") };
    assert_eq!((row.name, row.is_root, row.enters, row.exits, row.is_closed()), ("runtime.spawn", true, 1, 0, false));
    assert!(row.text("loc.file").ends_with("tests/trace_tasks.rs") && row.number("loc.line") > 0 && row.number("loc.col") > 0);
    let after = calls(id);
    assert!(matches!(&*after, [row] if row.exits == 1 && !row.is_torn && row.is_closed()), "{after:?}");
}

#[test]
fn a_call_that_is_overtaken_has_a_row_from_then_on_and_a_short_one_has_none() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let task = runtime.spawn(async {
        let id = task::id();
        let until_it_is_shown = || {
            let deadline = Instant::now() + LONG;
            while calls(id).is_empty() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
            calls(id)
        };
        handover::blocking(until_it_is_shown).hint(Hint::Short).await
    });
    let id = task.id();
    let during = block_on(task).unwrap();
    assert!(matches!(&*during, [row] if !row.is_closed()), "one call has one row: {during:?}");
    let short = runtime.spawn(async { handover::blocking(task::id).hint(Hint::Short).await });
    let short = block_on(short).unwrap();
    drop(runtime);
    // The monitor may have been the one to close it: it is over, too.
    assert!(matches!(&*calls(id), [row] if row.is_closed() && row.enters == row.exits), "{:?}", calls(id));
    assert_eq!(calls(short).len(), 0);
}

#[test]
fn a_sleep_is_a_timer_with_its_duration_and_the_polls_of_its_task() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let since = last_span();
    let (id, line) = runtime.block_on(async {
        let line = u64::from(line!()) + 1;
        handover::time::sleep(Duration::from_millis(20)).await;
        (task::id(), line)
    });
    let (timer, operations, polls) = resource(since, "Sleep");
    assert_eq!((timer.text("kind"), timer.number("loc.line")), ("timer", line));
    assert_eq!((&timer.fields["is_internal"], &timer.fields["inherits_child_attrs"]), (&Value::Bool(false), &Value::Bool(false)));
    assert!(timer.is_closed());
    let [operation] = &*operations else { panic!("one operation: {operations:?}") };
    assert_eq!((operation.text("source"), operation.is_closed(), operation.is_torn), ("Sleep::poll", true, false));
    let task = Recorder::task(id);
    let ready: Vec<_> = polls.iter().map(|poll| poll.fields["is_ready"] == Value::Bool(true)).collect();
    assert!(ready.len() >= 2 && ready.iter().filter(|ready| **ready).count() == 1 && ready.ends_with(&[true]), "{polls:?}");
    for poll in &polls {
        assert_eq!(poll.fields["op_name"], Value::Str("poll_elapsed".to_owned()));
        assert_eq!(poll.around[..3], [task.id, timer.id, operation.id], "{poll:?}");
    }
    let updates = Recorder::events(|event| event.target == "runtime::resource::state_update" && event.around.ends_with(&[timer.id]));
    let [update] = &*updates else { panic!("one update: {updates:?}") };
    assert!(matches!(update.fields["duration"], Value::U64(10..=20)), "{update:?}");
    assert_eq!(update.fields["duration.unit"], Value::Str("ms".to_owned()));
    assert_eq!(update.fields["duration.op"], Value::Str("override".to_owned()));
}

#[test]
fn a_timer_that_is_set_anew_says_so() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let since = last_span();
    runtime.block_on(async {
        let mut sleep = pin!(handover::time::sleep(LONG));
        assert!(futures::poll!(sleep.as_mut()).is_pending());
        sleep.as_mut().reset(Instant::now());
        sleep.await;
    });
    let (timer, _, _) = resource(since, "Sleep");
    let updates = Recorder::events(|event| event.target == "runtime::resource::state_update" && event.around.ends_with(&[timer.id]));
    let durations: Vec<_> = updates.iter().map(|update| &update.fields["duration"]).collect();
    assert!(matches!(*durations, [Value::U64(19_000..=20_000), Value::U64(0)]), "{durations:?}");
}

#[test]
fn sockets_are_resources_whose_operations_are_those_of_the_task_that_waits() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(2, true);
    let since = last_span();
    let (server_id, client_id) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = handover::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = [0; 4];
            stream.read_exact(&mut text).await.unwrap();
            stream.write_all(&text).await.unwrap();
            task::id()
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"echo").await.unwrap();
        let mut text = [0; 4];
        stream.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"echo");
        (server.await.unwrap(), task::id())
    });
    let (listener, operations, _) = resource(since, "TcpListener");
    assert_eq!((listener.text("kind"), operations.len(), listener.is_closed()), ("socket", 1, true));
    let streams = Recorder::spans(|span| {
        span.id > since && span.name == "runtime.resource" && span.fields["concrete_type"] == Value::Str("TcpStream".to_owned())
    });
    assert_eq!(streams.len(), 2, "each end is a resource: {streams:?}");
    for (task, operation) in [(server_id, "read"), (server_id, "write"), (client_id, "read"), (client_id, "write")] {
        let task = Recorder::task(task);
        let polls = Recorder::events(|event| event.target == "runtime::resource::poll_op" && event.around.first() == Some(&task.id));
        let done = |poll: &&EventSeen| {
            let source = Recorder::spans(|span| span.id == poll.around[2]).remove(0);
            streams.iter().any(|stream| stream.id == poll.around[1]) && source.text("source") == operation
        };
        let ready = polls.iter().filter(done).any(|poll| poll.fields["is_ready"] == Value::Bool(true));
        assert!(ready, "{operation} of {task:?}: {polls:?}");
    }
    let updates = Recorder::events(|event| event.target == "runtime::resource::state_update" && event.around.ends_with(&[streams[0].id]));
    assert!(matches!(&*updates, [update] if matches!(update.fields["fd"], Value::U64(1..))), "{updates:?}");
}

/// What was told of the polls of one operation of a resource by the task.
fn polls_by(task: task::Id, operation: &SpanSeen) -> Vec<bool> {
    let task = Recorder::task(task);
    let told = Recorder::events(|event| {
        event.target == "runtime::resource::poll_op" && event.around.first() == Some(&task.id) && event.around.contains(&operation.id)
    });
    told.iter().map(|poll| poll.fields["is_ready"] == Value::Bool(true)).collect()
}

#[test]
fn a_descriptor_of_any_kind_is_a_resource_that_says_its_kind_and_where_it_was_made() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let since = last_span();
    // Given a pipe that nobody has written yet, and a socket of somebody else's type,
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (id, line) = runtime.block_on(async {
        let line = u64::from(line!()) + 1;
        let mut reader = Fd::new(reader).unwrap();
        let socket = AsyncFd::new(ours).unwrap();
        let mut byte = [0];
        let mut read = pin!(reader.read_exact(&mut byte));
        let mut readable = pin!(socket.readable());
        // when a task waits for both, until they are ready,
        assert!(futures::poll!(read.as_mut()).is_pending() && futures::poll!(readable.as_mut()).is_pending());
        writer.write_all(b"!").unwrap();
        theirs.write_all(b"!").unwrap();
        read.await.unwrap();
        readable.await.unwrap().retain_ready();
        (task::id(), line)
    });
    // then each is a resource, and the task was seen to wait in it.
    for (of_type, kind, line, operations_expected) in [("Fd", "pipe", line, 1), ("AsyncFd", "socket", line + 1, 2)] {
        let (resource, operations, _) = resource(since, of_type);
        assert_eq!((resource.text("kind"), resource.number("loc.line"), resource.is_closed()), (kind, line, true), "{resource:?}");
        assert!(resource.text("loc.file").ends_with("tests/trace_tasks.rs"), "{resource:?}");
        assert_eq!(operations.len(), operations_expected, "{operations:?}");
        assert_eq!(operations[0].text("source"), "read");
        let polls = polls_by(id, &operations[0]);
        assert!(polls.first() == Some(&false) && polls.last() == Some(&true), "{of_type}: {polls:?}");
    }
}

#[test]
fn a_child_and_its_pipes_are_resources() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let since = last_span();
    let id = runtime.block_on(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Nothing was written yet, so neither has the child.
        let mut text = String::new();
        let mut output = child.stdout.take().unwrap();
        let mut read = pin!(output.read_to_string(&mut text));
        assert!(futures::poll!(read.as_mut()).is_pending());
        let mut ended = pin!(async {
            let mut input = child.stdin.take().unwrap();
            input.write_all(b"meow").await.unwrap();
            // It is open, and so the child lives.
            let mut wait = pin!(child.wait());
            assert!(futures::poll!(wait.as_mut()).is_pending());
            drop(input);
            wait.await.unwrap()
        });
        let (_, status) = futures::join!(read, ended.as_mut());
        assert!(status.success());
        task::id()
    });
    for (of_type, kind, operation) in [("ChildStdin", "pipe", "write"), ("ChildStdout", "pipe", "read"), ("Child", "pidfd", "read")] {
        let (resource, operations, _) = resource(since, of_type);
        assert_eq!((resource.text("kind"), resource.is_closed()), (kind, true), "{resource:?}");
        let [one] = &*operations else { panic!("one operation: {operations:?}") };
        assert_eq!(one.text("source"), operation);
        let polls = polls_by(id, one);
        assert!(polls.last() == Some(&true) && (!polls[0] || operation == "write"), "{of_type}: {polls:?}");
    }
}

#[test]
fn a_listener_for_signals_is_a_resource_that_names_its_signal() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let since = last_span();
    let (id, line) = runtime.block_on(async {
        let line = u64::from(line!()) + 1;
        let mut hangups = signal(SignalKind::hangup()).unwrap();
        let mut recv = pin!(hangups.recv());
        assert!(futures::poll!(recv.as_mut()).is_pending());
        // SAFETY: it has a handler by now.
        unsafe { libc::raise(libc::SIGHUP) };
        recv.await.unwrap();
        (task::id(), line)
    });
    let (resource, operations, _) = resource(since, "Signal");
    assert_eq!((resource.text("kind"), resource.number("loc.line"), resource.is_closed()), ("signal", line, true), "{resource:?}");
    let [recv] = &*operations else { panic!("one operation: {operations:?}") };
    let polls = polls_by(id, recv);
    assert!(recv.text("source") == "recv" && polls.first() == Some(&false) && polls.last() == Some(&true), "{polls:?}");
    let updates = Recorder::events(|event| event.target == "runtime::resource::state_update" && event.around.ends_with(&[resource.id]));
    assert!(matches!(&*updates, [update] if update.fields["signal"] == Value::Str("SIGHUP (1)".to_owned())), "{updates:?}");
}

#[test]
fn a_copy_by_the_kernel_waits_in_the_row_of_its_socket() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let since = last_span();
    let (_reader, writer) = std::io::pipe().unwrap();
    let (id, copied) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, accepted) = futures::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (mut client, (server, _)) = (client.unwrap(), accepted.unwrap());
        // Into a pipe: by splice(2).
        let copy = handover::spawn(async move {
            let mut pipe = Fd::new(writer).unwrap();
            (task::id(), handover::io::copy(&mut &server, &mut pipe).await.unwrap())
        });
        handover::yield_now().await;
        client.write_all(b"spliced").await.unwrap();
        drop(client);
        copy.await.unwrap()
    });
    assert_eq!(copied, 7);
    let copier = Recorder::task(id);
    let told = Recorder::events(|event| event.target == "runtime::resource::poll_op" && event.around.first() == Some(&copier.id));
    let sockets = Recorder::spans(|span| span.id > since && span.name == "runtime.resource" && span.text("concrete_type") == "TcpStream");
    // What is told first of the socket is that, and no ordinary read.
    let first = told.iter().find(|poll| sockets.iter().any(|socket| poll.around.contains(&socket.id)));
    assert!(first.is_some_and(|poll| poll.fields["op_name"] == Value::Str("poll_ready".to_owned())), "{told:?}");
}

#[test]
fn a_thousand_polls_of_a_socket_are_told_as_few() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let since = last_span();
    runtime.block_on(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (Fd::new(ours).unwrap(), Fd::new(theirs).unwrap());
        let mut byte = [0];
        for _ in 0..1_000 {
            ours.write_all(b"?").await.unwrap();
            theirs.read_exact(&mut byte).await.unwrap();
        }
    });
    let (socket, _, told) = resource(since, "Fd");
    let polled = Recorder::spans(|span| span.name == "runtime.resource.async_op.poll" && span.around.contains(&socket.id));
    assert_eq!(polled.iter().map(|operation| operation.enters).max(), Some(1_000), "{polled:?}");
    assert!((1..=2).contains(&told.len()), "{told:?}");
}

#[test]
fn intervals_and_timeouts_are_timers_by_their_own_names() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, true);
    let since = last_span();
    let line = runtime.block_on(async {
        let line = u64::from(line!()) + 1;
        let mut ticks = handover::time::interval(Duration::from_millis(5));
        let _elapsed = handover::time::timeout(Duration::from_millis(1), pending::<()>()).await.unwrap_err();
        ticks.tick().await;
        ticks.tick().await;
        line
    });
    for (of_type, operation, line) in [("Interval", "Interval::poll_tick", line), ("Timeout", "Timeout::poll", line + 1)] {
        let (timer, operations, polls) = resource(since, of_type);
        assert_eq!((timer.text("kind"), timer.number("loc.line"), timer.is_closed()), ("timer", line, true), "{timer:?}");
        assert_eq!(operations[0].text("source"), operation);
        assert!(polls.last().is_some_and(|poll| poll.fields["is_ready"] == Value::Bool(true)), "{polls:?}");
    }
}

#[test]
fn a_runtime_that_does_not_trace_tells_nothing() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1, false);
    let (spans, events) = (last_span(), Recorder::events(|_| true).len());
    runtime.block_on(async {
        let task = task::Builder::new().name("quiet").spawn(async {
            handover::time::sleep(Duration::from_millis(1)).await;
            handover::blocking(|| ()).hint(Hint::Long).await;
            let _hangups = signal(SignalKind::hangup())?;
            let _pipe = Fd::new(std::io::pipe()?.0)?;
            Command::new("true").stdin(Stdio::piped()).status().await?;
            TcpListener::bind("127.0.0.1:0").await.map(drop)
        });
        task.unwrap().await.unwrap().unwrap();
    });
    drop(runtime);
    assert_eq!((last_span(), Recorder::events(|_| true).len()), (spans, events));
}

#[test]
fn a_sleep_goes_with_its_row_to_another_runtime() {
    let _alone = alone();
    let ((first, _first_watchdog), (second, _watchdog)) = (runtime(1, true), runtime(1, true));
    let since = last_span();
    let mut sleep = Box::pin(handover::time::sleep(Duration::from_millis(200)));
    first.block_on(async { assert!(futures::poll!(sleep.as_mut()).is_pending()) });
    drop(first);
    let id = second.block_on(async {
        sleep.await;
        task::id()
    });
    let (timer, operations, polls) = resource(since, "Sleep");
    assert_eq!(operations.len(), 1);
    let task = Recorder::task(id);
    let moved: Vec<_> = polls.iter().filter(|poll| poll.around.first() == Some(&task.id)).collect();
    assert!(moved.last().is_some_and(|poll| poll.fields["is_ready"] == Value::Bool(true)), "{polls:?}");
    // There: one. Here: the poll that finds the first runtime gone, one that waits, and the last.
    let spans = Recorder::spans(|span| span.name == "runtime.resource.async_op.poll" && span.around.contains(&timer.id));
    assert!(matches!(&*spans, [polled] if polled.enters >= 4 && polled.enters == polled.exits), "{spans:?}");
    assert!(timer.is_closed());
}

#[test]
fn a_subscriber_that_panics_hurts_nobody() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(2, true);
    // Given tasks, a timer and a call that are shown already,
    let release = Latch::default();
    let begun = Latch::default();
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (begun, release) = (begun.clone(), release.clone());
            runtime.spawn(async move {
                let mut sleep = pin!(handover::time::sleep(Duration::from_millis(n)));
                let _polled = futures::poll!(sleep.as_mut());
                begun.step();
                handover::blocking(|| release.wait_for(1, LONG)).hint(Hint::Long).await;
                sleep.await;
                handover::yield_now().await;
                handover::spawn(async move { n }).await.unwrap()
            })
        })
        .collect();
    assert!(begun.wait_for(8, LONG), "{} have begun", begun.steps());
    // when the subscriber panics whenever it is called,
    Recorder::panic_always(true);
    release.step();
    // then they end as they would have.
    let results: Vec<_> = tasks.into_iter().map(|task| block_on(task).unwrap()).collect();
    assert_eq!(results, (0..8).collect::<Vec<_>>());
    let panics = runtime.spawn(async { panic!("the task's own") });
    let error = block_on(panics).unwrap_err();
    assert_eq!(error.into_panic().downcast_ref::<&str>(), Some(&"the task's own"));
    drop(runtime);
    Recorder::panic_always(false);
}

#[test]
fn a_subscriber_that_waits_for_another_task_while_a_timer_wakes_one_does_not_stop_that_task() {
    let _alone = alone();
    // Given one processor, and a subscriber that waits, without declaring it, until a new task has run there,
    let (runtime, _watchdog) = runtime(1, true);
    let (ran, waits) = (Latch::default(), Latch::default());
    let (handle, hook_ran, hook_waits) = (runtime.handle().clone(), ran.clone(), waits.clone());
    Recorder::on_event(move |event| {
        if event.fields.get("op") != Some(&Value::Str("waker.wake".to_owned())) || hook_waits.steps() > hook_ran.steps() {
            return;
        }
        hook_waits.step();
        let ran = hook_ran.clone();
        drop(handle.spawn(async move { ran.step() }));
        assert!(hook_ran.wait_for(hook_waits.steps(), LONG), "the task did not run");
    });
    // when timers wake a task,
    runtime.block_on(async {
        for _ in 0..10 {
            handover::time::sleep(Duration::from_millis(1)).await;
        }
    });
    Recorder::on_event(|_| {});
    // then all those tasks have run.
    assert!(waits.steps() >= 10, "it has waited {} times", waits.steps());
    assert_eq!(ran.steps(), waits.steps());
}

#[test]
fn there_are_no_more_callsites_than_the_console_has_room_for() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(2, true);
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stream, accepted) = futures::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        drop((stream.unwrap(), accepted.unwrap()));
        handover::time::sleep(Duration::from_millis(1)).await;
        let call = handover::spawn(async { handover::blocking(|| ()).hint(Hint::Long).await });
        task::Builder::new().spawn_blocking(|| ()).unwrap().await.unwrap();
        call.await.unwrap();
        let _hangups = signal(SignalKind::hangup()).unwrap();
    });
    let room = [
        ("runtime.spawn", 2, 8),
        ("runtime::waker", 1, 16),
        ("runtime.resource", 1, 32),
        ("runtime.resource.async_op", 1, 32),
        ("runtime.resource.async_op.poll", 1, 32),
        ("runtime::resource::poll_op", 1, 32),
        ("runtime::resource::state_update", 3, 32),
    ];
    for (callsite, expected, room) in room {
        let found = Recorder::callsites(callsite);
        assert!(expected <= room && found == expected, "{callsite}: {found} callsites, expected {expected}");
    }
}
