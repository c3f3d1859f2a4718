//! What can be read and written, and is neither a file of `fs` nor a socket of `net`?
//!
//! - [`Fd`] is a descriptor of any kind: it finds out by itself whether to wait in the reactor or to make declared calls. [`stdin`], [`stdout`] and [`stderr`] are built on it.
//! - [`AsyncFd`] waits for descriptors of types that do their own I/O.
//! - [`copy`], [`copy_bidirectional`] and [`Copier`] move bytes, by the kernel where it can.
//! - [`duplex`] is a pair of streams in memory.
//!
//! Traits and buffered adapters are those of `futures::io`. The module needs no feature: of the reactor it uses what is always there, and no socket types of `net`.

mod async_fd;
mod copy;
mod duplex;
mod fd;
mod fd_io;
#[cfg_attr(not(all(target_os = "linux", target_pointer_width = "64")), path = "kernel_without.rs")]
mod kernel;
mod ready_guard;
mod refusal;
mod stdio;
mod waiting;

pub use async_fd::AsyncFd;
pub use copy::{Copier, CopySink, CopySource, Endpoint, Plain, copy, copy_bidirectional};
pub use duplex::{DuplexStream, duplex};
pub use fd::Fd;
#[doc(inline)]
pub use handover_reactor::{Interest, Ready};
pub use ready_guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard, TryIoError};
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
