//! What can be read and written, and is neither a file of `fs` nor a socket of `net`?
//!
//! The module is always there, for it needs of the reactor what timers need, too, and no socket types of `net`.
//!
//! Traits and buffered adapters are those of `futures::io`.

mod async_fd;
mod copy;
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
pub use fd::Fd;
#[doc(inline)]
pub use handover_reactor::{Interest, Ready};
pub use ready_guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard, TryIoError};
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
