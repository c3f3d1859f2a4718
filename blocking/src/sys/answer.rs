//! What does the number that a system call answers with become?

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// What a function of a [`syscalls!`](crate::syscalls!) table can answer: what becomes of the number that the kernel returns.
///
/// `usize` keeps all of it, the other integers as many of its low bits as they have, `()` none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer of a system call",
    label = "expected an integer, `OwnedFd` or `()`",
    note = "what the call writes somewhere is `-> T as name`"
)]
pub trait Answer: Sized + sealed::Sealed {
    /// # Safety
    /// For an `OwnedFd`, the number is one that nobody else owns.
    #[doc(hidden)]
    unsafe fn of(answer: usize) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! integers {
    ($($integer:ty)*) => {
        $(
            impl sealed::Sealed for $integer {}
            impl Answer for $integer {
                #[inline(always)]
                unsafe fn of(answer: usize) -> Self {
                    answer as Self
                }
            }
        )*
    };
}

integers!(i32 u32 isize usize);
#[cfg(target_pointer_width = "64")]
integers!(i64 u64);

impl sealed::Sealed for () {}
impl Answer for () {
    #[inline(always)]
    unsafe fn of(_: usize) -> Self {}
}

impl sealed::Sealed for OwnedFd {}
impl Answer for OwnedFd {
    #[inline(always)]
    unsafe fn of(answer: usize) -> Self {
        // SAFETY: the caller's word.
        unsafe { Self::from_raw_fd(answer as RawFd) }
    }
}
