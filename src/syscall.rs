//! How does a program make a system call that the standard library lacks?
//!
//! Those that most programs miss are functions here: [`preadv2`], [`copy_file_range`], [`statx`], [`flock`], [`pidfd_open`], .. Each gives an [`io::Result`](std::io::Result) and says whether it
//! may block; one that may is declared to the scheduler, in a task and anywhere else.
//!
//! ```
//! use std::fs::File;
//! use std::os::fd::AsFd;
//!
//! use handover::syscall;
//!
//! # #[handover::main]
//! # async fn main() -> std::io::Result<()> {
//! # let path = std::env::temp_dir().join(format!("handover-syscall-{}", std::process::id()));
//! let (source, copy) = (File::open("Cargo.toml")?, File::create(&path)?);
//! let len = source.metadata()?.len() as usize;
//! // Within the kernel, or by sharing the blocks.
//! let copied = syscall::copy_file_range(source.as_fd(), None, copy.as_fd(), None, len, 0)?;
//! assert_eq!(copied, len);
//! # std::fs::remove_file(path)?;
//! # Ok(())
//! # }
//! ```
//!
//! [`syscalls!`] makes more of them, from a table:
//!
//! ```
//! use std::os::fd::{AsFd, BorrowedFd};
//!
//! handover::syscalls! {
//!     /// Writes to `file`, waiting for room.
//!     pub blocking(hand_on) fn write(file: BorrowedFd<'_>, bytes: &[u8]) -> usize = unsafe libc::SYS_write;
//!
//!     /// The process's parent.
//!     pub nonblocking fn getppid() -> u32 = unsafe libc::SYS_getppid;
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let (_reader, writer) = std::io::pipe()?;
//! assert_eq!(write(writer.as_fd(), b"seven")?, 5);
//! assert_eq!(getppid()?, std::os::unix::process::parent_id());
//! # Ok(())
//! # }
//! ```
//!
//! # By number
//!
//! [`syscall!`] is for any calls that may block: the scheduler is told, and carries on with another thread if the call takes long. [`raw_syscall!`] is for calls that never
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
//! [`max_blocking_threads`](crate::runtime::Builder::max_blocking_threads). So does `blocking(|| flock(..)).await`, around a function that declares its call anyway: where many tasks may wait long,
//! it keeps them from taking a thread each. `blocking(`[`cancellable`](crate::cancellable)`(|| flock(..)))` ends, with `EINTR`, when its task is aborted.
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
//! Of a table's function, another number of arguments, or another type:
//!
//! ```compile_fail,E0061
//! handover::syscall::eventfd(0);
//! ```
//!
//! ```compile_fail,E0308
//! // The number of a descriptor may be anybody's: `file.as_fd()` is one that is open.
//! handover::syscall::syncfs(3);
//! ```
//!
//! In a table, more than six words, what is no parameter or answer, and what the kernel must not write to:
//!
//! ```compile_fail,E0277
//! handover::syscalls! {
//!     nonblocking fn seven(a: &[u8], b: &[u8], c: &[u8], d: u32) = unsafe libc::SYS_getpid;
//! }
//! ```
//!
//! ```compile_fail,E0277
//! handover::syscalls! { blocking(retry) fn unlink(path: &str) = unsafe libc::SYS_unlink; }
//! ```
//!
//! ```compile_fail,E0277
//! handover::syscalls! { nonblocking fn getppid() -> f64 = unsafe libc::SYS_getppid; }
//! ```
//!
//! ```compile_fail,E0277
//! handover::syscalls! { nonblocking fn sysinfo(info: &mut bool) = unsafe libc::SYS_sysinfo; }
//! ```
//!
//! ```compile_fail,E0277
//! handover::syscalls! { nonblocking fn sysinfo() -> String as info = unsafe libc::SYS_sysinfo(info); }
//! ```
//!
//! A call that says not whether it blocks, one that blocks and says not what a signal does, and a table without its promise:
//!
//! ```compile_fail
//! handover::syscalls! { fn getppid() -> u32 = unsafe libc::SYS_getppid; }
//! ```
//!
//! ```compile_fail
//! handover::syscalls! { blocking fn sync() = unsafe libc::SYS_sync; }
//! ```
//!
//! ```compile_fail
//! handover::syscalls! { nonblocking fn getppid() -> u32 = libc::SYS_getppid; }
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
//!
#![doc = include_str!("../docs/SYSCALLS.md")]

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"), target_pointer_width = "64"))]
#[doc(inline)]
pub use handover_blocking::sys::calls::*;
#[doc(inline)]
pub use handover_blocking::sys::{Answer, Argument, Arguments, Call, Class, Errno, Parameter, Plain, Written, page_size};
#[doc(inline)]
pub use handover_blocking::{raw_syscall, syscall, syscalls};
