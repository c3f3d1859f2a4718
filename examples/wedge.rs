//! Wedge: a runtime that is stuck on purpose, and its dump, which names who is to blame.
//!
//! ```text
//! cargo run --example wedge
//! ```
//!
//! There may be three threads here, and each is put into a poll that blocks without saying so. Nothing of the runtime is left to run a task, but the dump needs none of it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use handover::runtime::Builder;

/// A lock that somebody holds and forgets.
#[derive(Default)]
struct Account {
    busy: Mutex<bool>,
    freed: Condvar,
}

impl Account {
    /// What should have been `handover::blocking(|| account.wait()).await`.
    fn wait(&self) {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.freed.wait_while(busy, |busy| *busy));
    }
}

fn main() -> io::Result<()> {
    let runtime = Builder::new().processors(2).max_blocking_threads(1).build()?;
    let account = Arc::new(Account { busy: Mutex::new(true), ..Account::default() });
    for _ in 0..3 {
        let account = Arc::clone(&account);
        runtime.spawn(async move { account.wait() });
    }
    let held_up = || runtime.handle().dump().held_up().len();
    while held_up() < runtime.handle().dump().max_threads {
        thread::sleep(Duration::from_millis(10));
    }
    runtime.spawn(async { println!("not before the lock is free") });
    println!("{}", runtime.handle().dump());

    *account.busy.lock().unwrap_or_else(PoisonError::into_inner) = false;
    account.freed.notify_all();
    Ok(())
}
