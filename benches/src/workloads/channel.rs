//! What does a message through a channel cost?

use std::io;
use std::time::Instant;

use async_channel::Sender;

use crate::measurement::{Measurement, Metric};
use crate::runtimes::Runtime;

const PRODUCERS: u64 = 5;
const MESSAGES: u64 = 100_000;
/// Small enough that producers have to wait for the consumer.
const CAPACITY: usize = 100;

/// `mpsc`: every runtime uses the same channel (Go: its own), so the difference is in the waking.
pub(crate) async fn mpsc<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let (sender, messages) = async_channel::bounded(CAPACITY);
    let start = Instant::now();
    for _ in 0..PRODUCERS {
        R::detach(produce(sender.clone()));
    }
    drop(sender);
    let consumer = R::spawn(async move {
        let mut sum = 0;
        while let Ok(message) = messages.recv().await {
            sum += message;
        }
        sum
    });
    let sum = consumer.await;
    let elapsed = start.elapsed();
    assert_eq!(sum, PRODUCERS * MESSAGES * (MESSAGES - 1) / 2, "messages are missing");
    Ok(vec![Measurement::time_each(Metric::NsPerMsg, elapsed, PRODUCERS * MESSAGES)])
}

async fn produce(sender: Sender<u64>) {
    for message in 0..MESSAGES {
        sender.send(message).await.expect("the consumer takes all messages");
    }
}
