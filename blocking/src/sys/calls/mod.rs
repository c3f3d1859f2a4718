//! Which system calls does a Rust program miss in std, and which of them may block?
//!
//! A call is `blocking` if anything that it was asked to do may wait, for a disk, for a server behind a network file system, or for somebody else: the scheduler is told, which costs three
//! nanoseconds. So every call with a path is, for a path may lead through a network or FUSE mount. A call is `nonblocking` if it only touches memory of the kernel's and
//! the caller's own. (That may have to be brought in from a disk, as for any instruction.)
//!
//! Of the blocking ones, those that end by themselves (a disk's work, a look-up) are made again after a signal (`retry`). Those that may wait for ever (for a lock, an event, a process, room in a pipe) hand
//! `EINTR` on (`hand_on`), so that who cancels can end them.
//!
//! Why the functions are safe: pointers come from references and lengths from the same slices; what the kernel writes is [`Plain`](crate::sys::Plain); no call keeps a pointer; descriptors are borrowed, and a new one is
//! owned. Where the types cannot say it, the function is unsafe.

mod attributes;
mod descriptors;
mod events;
mod files;
mod io_moves;
mod locks;
mod memory;
mod paths;
mod processes;
mod scheduling;
mod system;

pub use attributes::*;
pub use descriptors::*;
pub use events::*;
pub use files::*;
pub use io_moves::*;
pub use locks::*;
pub use memory::*;
pub use paths::*;
pub use processes::*;
pub use scheduling::*;
pub use system::*;

use std::os::fd::BorrowedFd;

use super::Call;

/// The working directory, for calls that take a directory: `AT_FDCWD`, see openat(2).
// SAFETY: -100 is not -1, and no call takes it for a descriptor that could be closed.
pub const CWD: BorrowedFd<'static> = unsafe { BorrowedFd::borrow_raw(libc::AT_FDCWD) };

/// How many bytes of a `sigset_t` the kernel knows: a bit for each of its signals.
const SIGNAL_SET_LEN: usize = if cfg!(any(target_arch = "mips64", target_arch = "mips64r6")) { 16 } else { 8 };

/// Every call of the tables, table by table.
pub const TABLES: &[(&str, &[Call])] = &[
    ("Moving bytes", io_moves::CALLS),
    ("Files", files::CALLS),
    ("Paths", paths::CALLS),
    ("Extended attributes", attributes::CALLS),
    ("Locks", locks::CALLS),
    ("Events", events::CALLS),
    ("Descriptors", descriptors::CALLS),
    ("Memory", memory::CALLS),
    ("Processes", processes::CALLS),
    ("CPUs and limits", scheduling::CALLS),
    ("The system", system::CALLS),
];
