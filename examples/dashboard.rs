//! Dashboard: a runtime with something to see, and the page that shows it.
//!
//! ```text
//! cargo run --release --example dashboard -- 127.0.0.1:9090
//! ```
//!
//! Tasks that compute, wait and make calls of all lengths; and now and then one that blocks without saying so.

use std::env;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use handover::runtime::Builder;

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9090".to_owned());
    let runtime = Builder::new().build()?;
    let dashboard = handover::dashboard::serve_for(runtime.handle(), address)?;
    println!("dashboard: see http://{}", dashboard.local_addr());
    runtime.block_on(work())
}

async fn work() -> io::Result<()> {
    for n in 0..40 {
        handover::spawn(medium_calls(Duration::from_millis(1 + n % 7)));
    }
    for n in 0..60 {
        handover::spawn(ticker(Duration::from_millis(20 + n)));
    }
    for _ in 0..2 {
        handover::spawn(compute());
    }
    handover::task::Builder::new().name("compute").spawn(compute())?;
    handover::task::Builder::new().name("slow query").spawn(slow_query())?;
    handover::task::Builder::new().name("forgot blocking()").spawn(undeclared())?;
    std::future::pending().await
}

async fn medium_calls(length: Duration) {
    loop {
        handover::blocking(|| thread::sleep(length)).await;
        handover::time::sleep(length * 40).await;
    }
}

async fn ticker(every: Duration) {
    loop {
        handover::time::sleep(every).await;
    }
}

async fn compute() {
    loop {
        let until = Instant::now() + Duration::from_millis(14);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        handover::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn slow_query() {
    loop {
        handover::blocking(|| thread::sleep(Duration::from_secs(8))).await;
        handover::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn undeclared() {
    loop {
        handover::time::sleep(Duration::from_secs(3)).await;
        thread::sleep(Duration::from_millis(700));
    }
}
