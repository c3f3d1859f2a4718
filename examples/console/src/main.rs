//! What does tokio-console show of an application? A few tasks, each with a behaviour that can be told from its row.
//!
//! ```text
//! cd examples/console && cargo run --release          # here: the flag that console-subscriber needs is in .cargo/config.toml
//! tokio-console                                       # in another terminal: cargo install tokio-console --locked
//! ```
//!
//! It ends by itself after an hour, or after as many seconds as its argument says.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::io::{AsyncReadExt, AsyncWriteExt};
use handover::net::{TcpListener, TcpStream};
use handover::process::Command;
use handover::signal::unix::{SignalKind, signal};
use handover::task::Builder;
use handover::time;

fn main() -> io::Result<()> {
    // Before the runtime, or its first tasks have nobody to tell.
    // With the default of 1 s the console would see new tasks late: docs/console.md, "When it lags".
    console_subscriber::Builder::default().publish_interval(Duration::from_millis(100)).with_default_env().init();
    run()
}

#[handover::main(processors = 2, trace_tasks = true)]
async fn run() -> io::Result<()> {
    let seconds = std::env::args().nth(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(3_600);
    start("ticker", ticker())?;
    start("self-waker", self_waker())?;
    start("lost-waker", lost_waker())?;
    start("slow-query", slow_query())?;
    start("surprise", surprise())?;
    start("computes", computes())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    start("echo-server", echo_server(listener))?;
    start("echo-client", echo_client(address))?;
    start("listens", listens())?;
    start("asks-cat", asks_cat())?;
    start("signals", signals())?;
    start("gives-up", gives_up())?;
    time::sleep(Duration::from_secs(seconds)).await;
    Ok(())
}

/// A task with a name, spawned where this is called.
#[track_caller]
fn start<F>(name: &str, future: F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    Builder::new().name(name).spawn(future).map(drop)
}

/// Mostly idle: a timer is all that it waits for.
async fn ticker() {
    let mut ticks = time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
    }
}

/// Wakes itself more often than others wake it, which the console warns of.
async fn self_waker() {
    loop {
        for _ in 0..20 {
            handover::yield_now().await;
        }
        time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits, and has given its waker to nobody: nothing will ever wake it. The console warns of that, too.
async fn lost_waker() {
    poll_fn(|_| Poll::<()>::Pending).await;
}

/// A blocking call that is slow each time: it is handed off before it starts, and has a row of its own while it is out.
async fn slow_query() {
    loop {
        handover::blocking(|| std::thread::sleep(Duration::from_millis(1_500))).await;
        time::sleep(Duration::from_millis(500)).await;
    }
}

/// Blocks without saying so. Its own row is busy all the time; there is a warning in the log.
async fn surprise() {
    loop {
        std::thread::sleep(Duration::from_millis(30));
        time::sleep(Duration::from_secs(2)).await;
    }
}

/// Busy: 5 ms of computing in each poll.
async fn computes() {
    loop {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits for somebody to say something: a row for the standard input, if that is a terminal or a pipe.
async fn listens() {
    let mut said = [0; 64];
    while let Ok(1..) = handover::io::stdin().read(&mut said).await {}
}

/// Talks to another program, by a pipe each way, once a second.
async fn asks_cat() {
    if let Err(error) = ask_cat().await {
        eprintln!("cat does not answer: {error}");
    }
}

async fn ask_cat() -> io::Result<()> {
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let (mut input, mut output) = (cat.stdin.take().expect("it is a pipe"), cat.stdout.take().expect("it is a pipe"));
    loop {
        input.write_all(b"meow").await?;
        output.read_exact(&mut [0; 4]).await?;
        time::sleep(Duration::from_secs(1)).await;
    }
}

/// Waits for a signal that nobody sends, unless you do: `kill -USR1`.
async fn signals() {
    match signal(SignalKind::user_defined1()) {
        Ok(mut signals) => while signals.recv().await.is_some() {},
        Err(error) => eprintln!("no signals will be heard: {error}"),
    }
}

/// Waits for what never comes, but not for long.
async fn gives_up() {
    loop {
        let _elapsed = time::timeout(Duration::from_secs(5), pending::<()>()).await;
    }
}

/// A task for each connection.
async fn echo_server(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let echo = async move {
            // The client has gone: that is how each connection ends.
            let _copied = futures::io::copy(&stream, &mut &stream).await;
        };
        if start("echo", echo).is_err() {
            return;
        }
    }
}

/// Says something twice a second, on a new connection every ten times.
async fn echo_client(server: SocketAddr) {
    loop {
        if let Err(error) = converse(server).await {
            eprintln!("the echo server does not answer: {error}");
            time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn converse(server: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    for _ in 0..10 {
        stream.write_all(b"ping").await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
