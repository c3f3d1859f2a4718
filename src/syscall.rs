//! How does a program make a system call that nobody has wrapped?
//!
//! [`syscall!`] is for calls that may block: the scheduler is told, and carries on with another thread if the call takes long. [`raw_syscall!`] is for calls that never
//! block, and tells nobody. Both take the call's number and 0 to 6 arguments, and give `Result<usize, Errno>`. They are at the crate's root as well, so `use handover::syscall;` brings the macro and
//! this module.
//!
//! ```
//! use std::io;
//! use std::os::fd::AsFd;
//!
//! use handover::syscall::{Errno, raw_syscall, syscall};
//!
//! # #[handover::main]
//! # async fn main() -> io::Result<()> {
//! let (reader, _writer) = io::pipe()?;
//! let mut bytes = [0u8; 16];
//!
//! // SAFETY: read(2) writes at most as many bytes as `bytes` has.
//! let read = unsafe { syscall!(libc::SYS_read, reader.as_fd(), bytes.as_mut_ptr(), 0) }?;
//! assert_eq!(read, 0);
//!
//! // SAFETY: fsync(2) takes a descriptor and nothing else; a pipe cannot be written to a disk.
//! assert_eq!(unsafe { syscall!(libc::SYS_fsync, reader.as_fd()) }, Err(Errno::EINVAL));
//!
//! // SAFETY: getpid(2) takes nothing.
//! let pid = unsafe { raw_syscall!(libc::SYS_getpid) }?;
//! assert_eq!(pid, std::process::id() as usize);
//! # Ok(())
//! # }
//! ```
//!
//! In async code, `blocking(|| unsafe { raw_syscall!(..) }).await` makes a declared call, too; unlike [`syscall!`] it lets other tasks go first, and waits for its turn under
//! [`max_blocking_threads`](crate::runtime::Builder::max_blocking_threads).
//!
//! # What does not compile
//!
//! More than six arguments:
//!
//! ```compile_fail,E0277
//! unsafe { handover::raw_syscall!(libc::SYS_getpid, 1, 2, 3, 4, 5, 6, 7) };
//! ```
//!
//! ```compile_fail,E0277
//! unsafe { handover::syscall!(libc::SYS_getpid, 1, 2, 3, 4, 5, 6, 7) };
//! ```
//!
//! An argument that does not fit into one register, or is no number to the kernel:
//!
//! ```compile_fail,E0277
//! // A `str` does not end with a zero byte: `c"/etc/hosts"` does.
//! unsafe { handover::syscall!(libc::SYS_openat, libc::AT_FDCWD, "/etc/hosts", libc::O_RDONLY) };
//! ```
//!
//! ```compile_fail,E0277
//! unsafe { handover::raw_syscall!(libc::SYS_alarm, 0.5) };
//! ```
//!
//! ```compile_fail,E0277
//! // A pointer to a slice has two words.
//! let bytes: *const [u8] = b"bytes";
//! unsafe { handover::syscall!(libc::SYS_write, 1, bytes, 5) };
//! ```
//!
//! No number, and a call without `unsafe`:
//!
//! ```compile_fail
//! unsafe { handover::raw_syscall!() };
//! ```
//!
//! ```compile_fail,E0133
//! handover::raw_syscall!(libc::SYS_getpid);
//! ```

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"), target_pointer_width = "64"))]
#[doc(inline)]
pub use handover_blocking::sys::calls::*;
#[doc(inline)]
pub use handover_blocking::sys::{Answer, Argument, Arguments, Call, Class, Errno, Parameter, Plain, Written, page_size};
#[doc(inline)]
pub use handover_blocking::{raw_syscall, syscall, syscalls};
