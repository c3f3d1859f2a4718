//! How is a blocking call ended whose task has been aborted?
//!
//! By a signal that does nothing, installed without `SA_RESTART`: the system call that the thread is blocked in returns EINTR (`signal(7)`). One signal would not do, since it may come
//! just before the thread enters the kernel: so the monitor sends it again while the same call is out. And none must come later, or it would interrupt somebody else: that is the [`word`]'s part.
//!
//! ```text
//!   the task's thread               whoever aborts                  the monitor
//!   note the call at the desk       CANCELLED
//!   CANCELLED? then report it       at the desk? then report it     takes what was reported
//!   f                                                               sends, sends again
//!   off the desk, word: OVER                                        word OVER: forgets it
//! ```

pub mod desk;
pub mod word;

#[cfg(not(loom))]
mod call;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "system calls on signals")]
mod signal;

#[cfg(not(loom))]
pub(crate) use call::OutCall;
#[cfg(not(loom))]
pub use call::{interrupt, interruptible};
