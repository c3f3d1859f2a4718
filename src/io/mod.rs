//! What can be read and written, and is neither a file of `fs` nor a socket of `net`?
//!
//! The module is always there, for it needs of the reactor what timers need, too, and no socket types of `net`.
//!
//! Traits and buffered adapters are those of `futures::io`.

mod async_fd;
mod ready_guard;
mod refusal;

pub use async_fd::AsyncFd;
#[doc(inline)]
pub use handover_reactor::{Interest, Ready};
pub use ready_guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard, TryIoError};
