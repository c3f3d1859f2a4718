//! A slow call, found on a timeline: records half a second of a small service in which one of three queries is slow.
//!
//! ```text
//! cargo run --release --example timeline                 # writes timeline.pftrace
//! cargo run --release --example timeline -- other.pftrace
//! ```
//!
//! Open the file in <https://ui.perfetto.dev>: docs/timeline.md says what is to be seen. The summary below it is from the same recording.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use handover::runtime::Builder;
use handover::trace::Profile;

/// How long is recorded.
const RECORDED: Duration = Duration::from_millis(500);
/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(2);
const CLIENTS: usize = 8;

fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_else(|| "timeline.pftrace".to_owned());
    match record(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timeline: {error}");
            ExitCode::FAILURE
        }
    }
}

fn record(path: &str) -> io::Result<()> {
    let runtime = Builder::new().processors(2).build()?;
    for client in 0..CLIENTS {
        runtime.spawn(serve(client));
    }
    let trace = runtime.record(RECORDED)?;
    trace.write_to(path)?;
    println!(
        "{path}: {} events in {:?}, {} lost; open it in https://ui.perfetto.dev",
        trace.events(),
        trace.duration(),
        trace.lost_events()
    );
    for (title, profile) in [
        ("time in blocking calls, by call site", Profile::Blocking),
        ("from the wake-up to the poll, by spawn site", Profile::SchedulingLatency),
        ("from the hand-off to the next holder", Profile::HandoffDelay),
    ] {
        println!("\n{title} (folded stacks, nanoseconds):\n{}", trace.folded(profile).trim_end());
    }
    Ok(())
}

/// One client's requests, for ever: a cached one, a quick one, and now and then a slow one.
async fn serve(client: usize) {
    for request in client.. {
        handover::time::sleep(PAUSE).await;
        let answer = match request % 3 {
            0 => request,
            1 => handover::blocking(|| quick_query(request)).await,
            _ => handover::blocking(|| slow_query(request)).await,
        };
        std::hint::black_box(answer);
    }
}

/// What an index answers.
fn quick_query(request: usize) -> usize {
    (0..2_000).fold(request, |sum, n| sum.wrapping_mul(31).wrapping_add(n))
}

/// The planted fault: a query without an index.
fn slow_query(request: usize) -> usize {
    std::thread::sleep(Duration::from_millis(30));
    request
}
