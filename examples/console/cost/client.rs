//! Who is attached? A process that reads what tokio-console reads, and draws nothing.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use console_api::instrument::InstrumentRequest;
use console_api::instrument::instrument_client::InstrumentClient;

/// The line that says that the first update has come.
const ATTACHED: &str = "attached";

/// How long the layer may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// An attached client, until it is dropped.
pub(crate) struct Client {
    process: Child,
    /// Closed, it ends the client, which then says what it has seen.
    stdin: Option<ChildStdin>,
}

/// Starts one, and waits until it is attached.
pub(crate) fn start(address: SocketAddr) -> io::Result<Client> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(["--attach", &address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (stdin, stdout) = (process.stdin.take(), process.stdout.take().expect("it is a pipe"));
    let client = Client { process, stdin };
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    if line.trim_end() == ATTACHED { Ok(client) } else { Err(io::Error::other("the client could not attach; see above")) }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if let Err(error) = self.process.wait() {
            eprintln!("cost: cannot wait for the client: {error}");
        }
    }
}

/// The client's process: attaches to the application at `address`, and reads all that it is told until stdin ends.
pub(crate) fn attach(address: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut updates = connect(address).await?.watch_updates(InstrumentRequest {}).await.map_err(io::Error::other)?.into_inner();
        let (end, mut ended) = tokio::sync::oneshot::channel();
        thread::spawn(move || end.send(io::stdin().read_to_end(&mut Vec::new())));
        let (mut tasks, mut dropped, mut is_first) = (0, 0, true);
        loop {
            let update = tokio::select! {
                update = updates.message() => update.map_err(io::Error::other)?,
                _ = &mut ended => None,
            };
            let Some(update) = update else { break };
            if std::mem::take(&mut is_first) {
                println!("{ATTACHED}");
            }
            let told = update.task_update.unwrap_or_default();
            tasks += told.new_tasks.len();
            dropped += told.dropped_events;
        }
        eprintln!("cost: the client was told of {tasks} tasks; the layer dropped {dropped} events");
        Ok(())
    })
}

async fn connect(address: SocketAddr) -> io::Result<InstrumentClient<tonic::transport::Channel>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match InstrumentClient::connect(format!("http://{address}")).await {
            // A burst of tasks is told in one message.
            Ok(client) => return Ok(client.max_decoding_message_size(usize::MAX)),
            Err(error) if Instant::now() > deadline => return Err(io::Error::other(error)),
            // It does not listen yet.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
