//! What may the kernel write to?

use std::ffi::c_int;
use std::mem::{self, MaybeUninit};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::AtomicU32;

/// A type of which any bytes are a value, so that the kernel may write it: integers, structures of them, arrays, memory that is not initialised yet.
///
/// # Safety
/// Zeros, and whatever the kernel writes over them, are a value of the type: no reference, no `bool`, no enum, nothing that is dropped. Its layout is the kernel's (`#[repr(C)]`).
#[diagnostic::on_unimplemented(
    message = "a system call can neither take nor write a `{Self}`",
    note = "text goes as `&CStr`; `unsafe impl Plain` makes a `#[repr(C)]` structure of integers one that the kernel may write"
)]
pub unsafe trait Plain: Sized {
    /// The value whose bytes are all zero.
    #[inline(always)]
    fn zeroed() -> Self {
        // SAFETY: zeros are a value, as who implemented this promised.
        unsafe { mem::zeroed() }
    }
}

// SAFETY: it promises nothing of its bytes.
unsafe impl<T> Plain for MaybeUninit<T> {}
// SAFETY: its bytes are its elements'.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

macro_rules! plain {
    ($($type:ty)*) => {
        // SAFETY: integers and structures of them in the kernel's layout, as libc has it for this architecture; pointers among them are raw.
        $(unsafe impl Plain for $type {})*
    };
}

plain! { AtomicU32 }
plain! { i8 i16 i32 i64 isize u8 u16 u32 u64 usize }
plain! {
    libc::flock
    libc::itimerspec
    libc::open_how
    libc::pollfd
    libc::rlimit
    libc::rusage
    libc::signalfd_siginfo
    libc::siginfo_t
    libc::sigset_t
    libc::statfs
    libc::statx
    libc::sysinfo
    libc::timespec
    libc::utsname
    libc::cpu_set_t
}

/// What a function of a [`syscalls!`](crate::syscalls!) table can answer from what the call wrote: any [`Plain`] type, and `(OwnedFd, OwnedFd)` from two new descriptors.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be what a system call writes",
    label = "expected a `Plain` type, or `(OwnedFd, OwnedFd)`"
)]
pub trait Written: Sized + sealed::Sealed {
    /// Where the call writes to.
    type Place: Plain;

    /// # Safety
    /// Descriptors in `place` are ones that nobody else owns.
    #[doc(hidden)]
    unsafe fn of(place: Self::Place) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

impl<T: Plain> sealed::Sealed for T {}
impl<T: Plain> Written for T {
    type Place = T;

    #[inline(always)]
    unsafe fn of(place: T) -> T {
        place
    }
}

impl sealed::Sealed for (OwnedFd, OwnedFd) {}
impl Written for (OwnedFd, OwnedFd) {
    type Place = [c_int; 2];

    #[inline(always)]
    unsafe fn of([first, second]: Self::Place) -> Self {
        // SAFETY: the caller's word.
        unsafe { (OwnedFd::from_raw_fd(first), OwnedFd::from_raw_fd(second)) }
    }
}
