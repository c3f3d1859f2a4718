//! What can a function of a `syscalls!` table take, and how does it get into the six registers?

use std::ffi::CStr;
use std::io::IoSliceMut;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use super::argument::Arguments;
use super::argument::sealed::{Word, Words};
use super::plain::Plain;
use sealed::Widen;

/// What a function of a [`syscalls!`](crate::syscalls!) table can take.
///
/// - An [`Argument`](super::Argument): integers, thin raw pointers, C strings, descriptors.
/// - `&[T]` and `&mut [T]`, which become two words: the address, and how many `T` there are.
/// - `&T` and `&mut T`, and `Option`s of them, `None` being the null pointer.
///
/// What the kernel may write, behind a `&mut`, is [`Plain`]. (`&mut [IoSliceMut]` is not written itself, but what its elements point to.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a system call",
    label = "expected an integer, a pointer, `&CStr`, a descriptor, a slice, or a reference to a `Plain` type"
)]
pub trait Parameter: Widen {}

pub(super) mod sealed {
    pub trait Widen {
        /// `[usize; 1]` or `[usize; 2]`.
        type Words;

        fn widen(self) -> Self::Words;
    }
}

macro_rules! parameters {
    ($(impl[$($generics:tt)*] for $type:ty, $count:literal words: |$value:ident| $words:expr;)*) => {
        $(
            impl<$($generics)*> Parameter for $type {}
            impl<$($generics)*> Widen for $type {
                type Words = [usize; $count];

                #[inline(always)]
                fn widen(self) -> Self::Words {
                    let $value = self;
                    $words
                }
            }
        )*
    };
}

parameters! {
    impl[T] for *const T, 1 words: |pointer| [pointer.word()];
    impl[T] for *mut T, 1 words: |pointer| [pointer.word()];
    impl[T] for NonNull<T>, 1 words: |pointer| [pointer.word()];
    impl[] for &CStr, 1 words: |text| [text.word()];
    impl[] for BorrowedFd<'_>, 1 words: |descriptor| [descriptor.word()];
    impl[] for &OwnedFd, 1 words: |descriptor| [descriptor.word()];
    impl[T] for &[T], 2 words: |slice| [slice.as_ptr().word(), slice.len()];
    impl[T: Plain] for &mut [T], 2 words: |slice| [slice.as_mut_ptr().word(), slice.len()];
    impl[] for &mut [IoSliceMut<'_>], 2 words: |slice| [slice.as_mut_ptr().word(), slice.len()];
    impl[T: Plain] for &T, 1 words: |value| [ptr::from_ref(value).word()];
    impl[T: Plain] for &mut T, 1 words: |value| [ptr::from_mut(value).word()];
    impl[T: Plain] for Option<&T>, 1 words: |value| [value.map_or(ptr::null(), ptr::from_ref).word()];
    impl[T: Plain] for Option<&mut T>, 1 words: |value| [value.map_or(ptr::null_mut(), ptr::from_mut).word()];
    impl[] for Option<&CStr>, 1 words: |value| [value.map_or(ptr::null(), CStr::as_ptr).word()];
}

// Each by itself: an `impl` for all that is an `Argument` would overlap with those for references, which other crates could make arguments.
macro_rules! integers {
    ($($integer:ty)*) => {
        parameters! { $(impl[] for $integer, 1 words: |integer| [integer.word()];)* }
    };
}

integers!(i8 i16 i32 isize u8 u16 u32 usize);
#[cfg(target_pointer_width = "64")]
integers!(i64 u64);

/// The first `N` registers of a call. What [`syscalls!`](crate::syscalls!) gathers the arguments in.
#[derive(Clone, Copy, Debug)]
pub struct Registers<const N: usize>([usize; N]);

impl Registers<0> {
    /// A call without arguments.
    #[inline(always)]
    pub fn none() -> Self {
        Self([])
    }
}

/// `registers` with one argument more behind them.
#[inline(always)]
pub fn with<R: Join<P::Words>, P: Parameter>(registers: R, parameter: P) -> R::Joined {
    registers.join(parameter.widen())
}

impl<const N: usize> Arguments for Registers<N> {}
impl<const N: usize> Words for Registers<N> {
    #[inline(always)]
    fn words(self) -> [usize; 6] {
        // `Join` does not go beyond six.
        let mut words = [0; 6];
        words[..N].copy_from_slice(&self.0);
        words
    }
}

/// Registers that `Words` more fit behind.
#[diagnostic::on_unimplemented(message = "a system call takes up to 6 words, and a slice is two", label = "more than 6 words")]
pub trait Join<Words> {
    /// All of them.
    type Joined;

    /// Both, in their order.
    fn join(self, words: Words) -> Self::Joined;
}

macro_rules! join {
    ($($before:literal and $more:literal are $all:literal;)*) => {
        $(
            impl Join<[usize; $more]> for Registers<$before> {
                type Joined = Registers<$all>;

                #[inline(always)]
                fn join(self, words: [usize; $more]) -> Self::Joined {
                    let mut all = [0; $all];
                    all[..$before].copy_from_slice(&self.0);
                    all[$before..].copy_from_slice(&words);
                    Registers(all)
                }
            }
        )*
    };
}

join! {
    0 and 1 are 1;
    1 and 1 are 2;
    2 and 1 are 3;
    3 and 1 are 4;
    4 and 1 are 5;
    5 and 1 are 6;
    0 and 2 are 2;
    1 and 2 are 3;
    2 and 2 are 4;
    3 and 2 are 5;
    4 and 2 are 6;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a call with these arguments.
    macro_rules! words {
        ($($argument:expr),*) => { Words::words(crate::__syscalls!(@registers [($($argument),*)])) };
    }

    #[test]
    fn registers_keep_the_order_and_the_rest_is_zero() {
        let bytes = [1u8, 2, 3];
        let start = bytes.as_ptr().addr();
        assert_eq!(words!(), [0; 6]);
        assert_eq!(words!(7, &bytes[..], -1), [7, start, 3, usize::MAX, 0, 0]);
        assert_eq!(words!(&bytes[..], &bytes[1..], &bytes[2..]), [start, 3, start + 1, 2, start + 2, 1]);
        assert_eq!(words!(1, 2, 3, 4, 5, 6), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn nothing_is_the_null_pointer() {
        let mut number = 5u64;
        let place = (&raw const number).addr();
        assert_eq!(words!(None::<&u64>, None::<&mut u64>, None::<&CStr>, Some(&mut number)), [0, 0, 0, place, 0, 0]);
        assert_eq!(words!(&number, Some(&number), c"", Some(c"")).iter().filter(|&&word| word == 0).count(), 2);
        assert_eq!(words!(&number, Some(&number))[..2], [place; 2]);
    }
}
