//! An async runtime in which a blocking call is an ordinary call.
//!
//! A task may run `read(2)`, `fsync`, `getaddrinfo`, SQLite or any C library right where it stands. A fast call costs about two
//! nanoseconds more than it costs anyway; a slow one is overtaken: the scheduler carries on with another thread, as Go's does. Nothing has to be
//! `'static`, nothing hops threads, and one stuck worker never stops the runtime.
//!
//! ```
//! #[handover::main]
//! async fn main() -> std::io::Result<()> {
//!     let path = String::from("Cargo.toml");
//!     // Inline, borrowing `path`: no pool, no `'static`, no second task.
//!     let text = handover::blocking(|| std::fs::read_to_string(&path)).await?;
//!     println!("{path} has {} lines", text.lines().count());
//!     Ok(())
//! }
//! ```
//!
//! - [`blocking`] declares a call that may block; [`block_in_place`] is its sync form, for anywhere; [`spawn_blocking`] makes it a task of its own;
//!   [`cancellable`] makes it end early when its task is aborted.
//! - [`syscall!`] makes a system call that nobody has wrapped; [`syscall`](mod@syscall) has its errors.
//! - [`io`] has descriptors of any kind, the standard streams, and copies that the kernel makes.
//! - [`spawn`], [`task`], [`time`], [`net`], [`fs`], [`process`], [`signal`] mean what they mean in tokio, with the I/O traits of `futures`.
//! - A task that blocks *without* declaring it does not stop the others either: the monitor notices, hands its processor to another thread, and says so in a `warn!`.

#![deny(unsafe_code)]

mod by_reference;
#[cfg(feature = "dashboard")]
pub mod dashboard;
pub mod dump;
pub mod env;
#[cfg(feature = "fs")]
pub mod fs;
#[cfg(feature = "hyper")]
pub mod integrations;
pub mod io;
pub mod metrics;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
mod named_error;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "process")]
pub mod process;
mod resource;
pub mod runtime;
#[cfg(feature = "signal")]
pub mod signal;
mod source;
pub mod syscall;
pub mod task;
#[cfg(feature = "time")]
pub mod time;
pub mod trace;
mod wiring;

pub use handover_blocking::{Blocking, Hint, block_in_place, blocking};
#[cfg(feature = "macros")]
pub use handover_macros::{main, test};
pub use metrics::RuntimeMetrics;
pub use runtime::block_on;
#[doc(inline)]
pub use syscall::{raw_syscall, syscall, syscalls};
pub use task::{cancellable, spawn, spawn_blocking, yield_now};
