//! What can be handed to the kernel? What fits into one register, and how it is widened to one.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use sealed::{Word, Words};

/// One argument of a system call: an integer, a thin raw pointer, a C string or a descriptor.
///
/// Integers are widened as C does it: signed ones keep their value, so `libc::AT_FDCWD` (-100) arrives as -100; unsigned ones are filled up with zeros. Where a register has 32 bits, `i64` and `u64` are
/// no arguments: the kernel takes them there in two halves, in an order that depends on the architecture.
///
/// A pointer does not keep alive what it points to: the call must be over before that goes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a system call",
    label = "expected an integer, a thin raw pointer, `&CStr`, `BorrowedFd` or `&OwnedFd`",
    note = "a slice goes as two arguments: `slice.as_ptr()` and `slice.len()`"
)]
pub trait Argument: Word {}

/// The arguments of a system call: a tuple of 0 to 6 [`Argument`]s.
#[diagnostic::on_unimplemented(message = "a system call takes 0 to 6 arguments", label = "more than 6 arguments")]
pub trait Arguments: Words {}

pub(super) mod sealed {
    pub trait Word: Copy {
        fn word(self) -> usize;
    }

    pub trait Words {
        fn words(self) -> [usize; 6];
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {
        $(
            impl Argument for $integer {}
            impl Word for $integer {
                #[inline(always)]
                fn word(self) -> usize {
                    self as usize
                }
            }
        )*
    };
}

integers!(i8 i16 i32 isize u8 u16 u32 usize);
#[cfg(target_pointer_width = "64")]
integers!(i64 u64);

impl<T> Argument for *const T {}
impl<T> Word for *const T {
    #[inline(always)]
    fn word(self) -> usize {
        // The kernel uses the address on the caller's behalf, beyond what the compiler sees.
        self.expose_provenance()
    }
}

impl<T> Argument for *mut T {}
impl<T> Word for *mut T {
    #[inline(always)]
    fn word(self) -> usize {
        self.expose_provenance()
    }
}

impl<T> Argument for NonNull<T> {}
impl<T> Word for NonNull<T> {
    #[inline(always)]
    fn word(self) -> usize {
        self.as_ptr().word()
    }
}

impl Argument for &CStr {}
impl Word for &CStr {
    #[inline(always)]
    fn word(self) -> usize {
        self.as_ptr().word()
    }
}

impl Argument for BorrowedFd<'_> {}
impl Word for BorrowedFd<'_> {
    #[inline(always)]
    fn word(self) -> usize {
        self.as_raw_fd().word()
    }
}

impl Argument for &OwnedFd {}
impl Word for &OwnedFd {
    #[inline(always)]
    fn word(self) -> usize {
        self.as_raw_fd().word()
    }
}

macro_rules! tuples {
    ($(($($name:ident: $type:ident),*) and $($zero:literal)*;)*) => {
        $(
            impl<$($type: Argument),*> Arguments for ($($type,)*) {}
            impl<$($type: Argument),*> Words for ($($type,)*) {
                #[inline(always)]
                fn words(self) -> [usize; 6] {
                    let ($($name,)*) = self;
                    [$($name.word(),)* $($zero),*]
                }
            }
        )*
    };
}

tuples! {
    () and 0 0 0 0 0 0;
    (a: A) and 0 0 0 0 0;
    (a: A, b: B) and 0 0 0 0;
    (a: A, b: B, c: C) and 0 0 0;
    (a: A, b: B, c: C, d: D) and 0 0;
    (a: A, b: B, c: C, d: D, e: E) and 0;
    (a: A, b: B, c: C, d: D, e: E, f: F) and;
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn signed_integers_keep_their_value() {
        assert_eq!(libc::AT_FDCWD.word() as isize, -100);
        assert_eq!([(-1i8).word(), (-1i16).word(), (-1i32).word(), (-1isize).word()], [usize::MAX; 4]);
        assert_eq!(i32::MIN.word() as isize, i32::MIN as isize);
    }

    #[test]
    fn unsigned_integers_are_filled_up_with_zeros() {
        assert_eq!((u8::MAX.word(), u16::MAX.word(), usize::MAX.word()), (0xff, 0xffff, usize::MAX));
        assert_eq!(u32::MAX.word(), 0xffff_ffff);
    }

    #[test]
    fn pointers_go_as_their_address() {
        let byte = 1u8;
        let pointer = &raw const byte;
        assert_eq!(pointer.word(), pointer.addr());
        assert_eq!(NonNull::from(&byte).word(), pointer.addr());
        let name = c"a name";
        assert_eq!(name.word(), name.as_ptr().addr());
        assert_eq!(std::ptr::null_mut::<u64>().word(), 0);
    }

    #[test]
    fn descriptors_go_as_their_number() {
        let (reader, _writer) = io::pipe().unwrap();
        let number = reader.as_raw_fd() as usize;
        assert_eq!(reader.as_fd().word(), number);
        assert_eq!((&OwnedFd::from(reader)).word(), number);
    }

    #[test]
    fn arguments_keep_their_order_and_the_rest_is_zero() {
        assert_eq!(().words(), [0; 6]);
        assert_eq!((1, 2u8).words(), [1, 2, 0, 0, 0, 0]);
        assert_eq!((1, 2, 3, 4, 5, 6).words(), [1, 2, 3, 4, 5, 6]);
    }
}
