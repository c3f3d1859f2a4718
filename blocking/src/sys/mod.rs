//! How is a system call made that nobody has wrapped, and what does its answer mean?
//!
//! [`syscall!`](crate::syscall!) tells the scheduler that the call may block, [`raw_syscall!`](crate::raw_syscall!) does not. Both enter the kernel with an instruction of their own
//! where the architecture is known: the answer holds the error, so errno stays as it is, and no function frame stands between the caller's loop and the kernel (`call.rs` says what one
//! costs). Elsewhere they go through `syscall(2)` of the C library, and put errno back.
//!
//! Arguments that are not given are zero: prctl(2) and others refuse anything else in them.

mod answer;
mod argument;
pub mod descriptor;
mod errno;
mod names;
mod page_size;
mod parameter;
mod plain;
mod table;

// Where the kernel's table is the generic one for 64 bits, or x86-64's. On 32-bit architectures 64-bit offsets come in two halves and several calls have one name (`fcntl64`, `statfs64`,
// `ppoll_time64`); others lack some, as powerpc64 `sync_file_range`.
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"), target_pointer_width = "64"))]
pub mod calls;

#[cfg_attr(all(target_arch = "x86_64", target_pointer_width = "64"), path = "x86_64.rs")]
#[cfg_attr(all(target_arch = "aarch64", target_pointer_width = "64"), path = "aarch64.rs")]
#[cfg_attr(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_pointer_width = "64")), path = "by_libc.rs")]
mod kernel_entry;

pub use answer::Answer;
pub use argument::{Argument, Arguments};
pub use errno::Errno;
pub use page_size::page_size;
pub use parameter::Parameter;
#[doc(hidden)]
pub use parameter::{Join, Registers, with};
pub use plain::{Plain, Written};
pub use table::{Call, Class};

use crate::call::block_in_place;

/// What [`syscall!`](crate::syscall!) expands to: the system call `number`, declared as one that may block.
///
/// # Errors
/// What the kernel answers.
///
/// # Safety
/// As for [`syscall!`](crate::syscall!).
#[track_caller]
#[inline(always)]
pub unsafe fn declared_call(number: libc::c_long, arguments: impl Arguments) -> Result<usize, Errno> {
    // Turned into words here, so that the call carries six of them and nothing of the caller's types.
    let words = arguments.words();
    // SAFETY: the caller answers for the call, and the words are its arguments.
    block_in_place(move || Errno::check(unsafe { kernel_entry::enter(number, words) }))
}

/// What a `blocking(retry)` of [`syscalls!`](crate::syscalls!) expands to: a [`declared_call`] that is made again for as long as a signal interrupts it (signal(7)).
///
/// # Errors
/// What the kernel answers, `EINTR` excepted.
///
/// # Safety
/// As for [`syscall!`](crate::syscall!).
#[track_caller]
#[inline(always)]
pub unsafe fn retried_call(number: libc::c_long, arguments: impl Arguments + Copy) -> Result<usize, Errno> {
    loop {
        // SAFETY: the caller answers for the call, as often as it takes.
        match unsafe { declared_call(number, arguments) } {
            Err(Errno::EINTR) => {}
            answer => return answer,
        }
    }
}

/// What [`raw_syscall!`](crate::raw_syscall!) expands to: the system call `number`, and nothing else.
///
/// # Errors
/// What the kernel answers.
///
/// # Safety
/// As for [`raw_syscall!`](crate::raw_syscall!).
#[inline(always)]
pub unsafe fn raw_call(number: libc::c_long, arguments: impl Arguments) -> Result<usize, Errno> {
    // SAFETY: the caller answers for the call, and the words are its arguments.
    Errno::check(unsafe { kernel_entry::enter(number, arguments.words()) })
}

/// Makes a system call that may block: `syscall!(number, arguments..)`, with 0 to 6 arguments.
///
/// The number is one of `libc`'s `SYS_` constants, an argument anything that is an [`Argument`](crate::sys::Argument). The call is declared as by
/// [`block_in_place`](crate::block_in_place): while it blocks, the monitor may hand this thread's processor to another thread. In a task or not, on any thread.
///
/// It is the kernel's call and not the C library's function of that name: some take other arguments or answer with something else (section "C library/kernel differences" of a call's man page).
///
/// # Errors
/// What the kernel answers, see the call's man page. `EINTR` is handed on as it is. errno says nothing about the call.
///
/// # Safety
/// - The call may do to memory and descriptors what its man page says: pointers must be valid for what the kernel reads and writes, and descriptors must be the caller's to use.
/// - It must return once and on the same stack: not vfork(2), not clone(2) with the memory shared, not rt_sigreturn(2).
/// - It must not pull anything away from under its thread or the runtime, as exit(2) of a thread, `close_range(2)` or `munmap(2)` of what belongs to others would.
#[macro_export]
macro_rules! syscall {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::sys::declared_call($number, ($($argument,)*))
    };
}

/// Makes a system call without a word to the scheduler: `raw_syscall!(number, arguments..)`, with 0 to 6 arguments.
///
/// For calls that never block, as getpid(2), and within a closure that is declared as a whole
/// ([`blocking`](crate::blocking), [`block_in_place`](crate::block_in_place)). One that blocks all the same is found by the monitor, as any undeclared call is, and warned of.
///
/// Number and arguments are as for [`syscall!`](crate::syscall!). errno stays as it is.
///
/// # Errors
/// As for [`syscall!`](crate::syscall!).
///
/// # Safety
/// As for [`syscall!`](crate::syscall!).
#[macro_export]
macro_rules! raw_syscall {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::sys::raw_call($number, ($($argument,)*))
    };
}
