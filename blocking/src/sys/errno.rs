//! Why did a system call fail? The kernel's error number, with its name and what it says.

use std::error::Error;
use std::fmt;
use std::io;
use std::num::NonZeroU16;

use super::names::Entry;

/// The largest error number. Linux keeps the answers -4095 to -1 for errors.
const LARGEST: i32 = 4095;

/// An error number of Linux's, 1 to 4095 (errno(3)).
///
/// Every name of Linux's is a constant, with the number that it has on this architecture: `Errno::EBADF`. Two names may be one number (`EWOULDBLOCK` is `EAGAIN`, `ENOTSUP` is `EOPNOTSUPP`, and `EDEADLOCK` mostly
/// `EDEADLK`); [`name`](Self::name) gives the first.
///
/// Neither the messages nor the conversions allocate, take a lock or ask the C library.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(NonZeroU16);

impl Errno {
    /// The error number `code`; `None` if it is not 1 to 4095. Numbers without a name are allowed: the kernel may be newer than this list.
    #[inline]
    pub const fn new(code: i32) -> Option<Self> {
        if code < 1 || code > LARGEST {
            return None;
        }
        match NonZeroU16::new(code as u16) {
            Some(code) => Some(Self(code)),
            None => None,
        }
    }

    /// What the system call failed with that `error` reports; `None` if it reports none.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.raw_os_error().and_then(Self::new)
    }

    /// A constant of `libc`'s.
    pub(super) const fn known(code: i32) -> Self {
        Self::new(code).expect("an error number of Linux's is 1 to 4095")
    }

    /// What a system call's answer means: a value, or, from -4095 to -1, an error.
    #[inline(always)]
    pub(super) fn check(answer: usize) -> Result<usize, Self> {
        let negated = answer.wrapping_neg();
        if negated > LARGEST as usize {
            return Ok(answer);
        }
        // An answer of zero is no error number.
        Self::new(negated as i32).map_or(Ok(answer), Err)
    }

    /// The number.
    #[inline]
    pub const fn code(self) -> i32 {
        self.0.get() as i32
    }

    /// Its name, as `EBADF`; `None` for a number that has none here.
    pub fn name(self) -> Option<&'static str> {
        Entry::of(self).map(|entry| entry.name)
    }

    /// What it says, in the words of glibc's strerror(3), in English; `None` for a number without a name.
    pub fn message(self) -> Option<&'static str> {
        Entry::of(self).map(|entry| entry.message)
    }
}

/// `EBADF: Bad file descriptor`, and `error number 4000` for one without a name.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Entry::of(*self) {
            Some(Entry { name, message }) => write!(f, "{name}: {message}"),
            None => write!(f, "error number {}", self.code()),
        }
    }
}

/// `EBADF`, and `Errno(4000)` for one without a name.
impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.code()),
        }
    }
}

impl Error for Errno {}

/// Keeps the number, so `kind` is as for an error of the standard library's.
impl From<Errno> for io::Error {
    #[inline]
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn only_1_to_4095_are_error_numbers() {
        for code in [i32::MIN, -1, 0, 4096, 65_536 + 9, i32::MAX] {
            assert_eq!(Errno::new(code), None, "{code}");
        }
        for code in [1, 133, 4095] {
            assert_eq!(Errno::new(code).map(Errno::code), Some(code));
        }
    }

    #[test]
    fn answers_from_minus_4095_to_minus_1_are_errors_and_no_others() {
        for answer in [0, 1, 4095, isize::MAX as usize, isize::MIN as usize, (-4096isize) as usize, 0usize.wrapping_sub(1 << 31)] {
            assert_eq!(Errno::check(answer), Ok(answer));
        }
        assert_eq!(Errno::check((-9isize) as usize), Err(Errno::EBADF));
        assert_eq!(Errno::check(usize::MAX).unwrap_err().code(), 1);
        assert_eq!(Errno::check((-4095isize) as usize).unwrap_err().code(), 4095);
    }

    /// What the C library says of `code`, without what the standard library adds.
    #[cfg(target_env = "gnu")]
    fn strerror(code: i32) -> String {
        let text = io::Error::from_raw_os_error(code).to_string();
        text.strip_suffix(&format!(" (os error {code})")).expect("the standard library's form").to_owned()
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn every_number_says_what_the_c_library_says() {
        for code in 1..=4095 {
            let says = strerror(code);
            let known = (!says.starts_with("Unknown error")).then_some(says);
            assert_eq!(Errno::new(code).unwrap().message(), known.as_deref(), "{code}");
        }
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn all_of_1_to_133_have_a_name_but_two() {
        let nameless: Vec<i32> = (1..=133).filter(|&code| Errno::new(code).unwrap().name().is_none()).collect();
        assert_eq!(nameless, [41, 58]);
        let names: HashSet<_> = (1..=133).filter_map(|code| Errno::new(code).unwrap().name()).collect();
        assert_eq!(names.len(), 131);
    }

    #[test]
    fn constants_have_their_numbers() {
        let some = [
            (Errno::EPERM, libc::EPERM, "EPERM"),
            (Errno::EINTR, 4, "EINTR"),
            (Errno::EBADF, 9, "EBADF"),
            (Errno::EINVAL, 22, "EINVAL"),
            (Errno::ERFKILL, libc::ERFKILL, "ERFKILL"),
            (Errno::EHWPOISON, libc::EHWPOISON, "EHWPOISON"),
        ];
        for (errno, code, name) in some {
            assert_eq!((errno.code(), errno.name()), (code, Some(name)));
        }
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn aliases_are_the_same_number_under_its_first_name() {
        let aliases = [
            (Errno::EWOULDBLOCK, Errno::EAGAIN, "EAGAIN"),
            (Errno::EDEADLOCK, Errno::EDEADLK, "EDEADLK"),
            (Errno::ENOTSUP, Errno::EOPNOTSUPP, "EOPNOTSUPP"),
        ];
        for (alias, errno, name) in aliases {
            assert_eq!((alias, alias.name()), (errno, Some(name)));
        }
    }

    #[test]
    fn it_shows_its_name_and_message() {
        assert_eq!(Errno::EBADF.to_string(), "EBADF: Bad file descriptor");
        assert_eq!(format!("{:?}", Errno::EBADF), "EBADF");
        let nameless = Errno::new(4000).unwrap();
        assert_eq!((nameless.to_string(), format!("{nameless:?}")), ("error number 4000".into(), "Errno(4000)".into()));
        assert_eq!((nameless.name(), nameless.message()), (None, None));
    }

    #[test]
    fn it_goes_into_an_io_error_and_comes_back() {
        let error = io::Error::from(Errno::ENOENT);
        assert_eq!((error.kind(), error.raw_os_error()), (io::ErrorKind::NotFound, Some(2)));
        for code in 1..=LARGEST {
            let errno = Errno::new(code).unwrap();
            assert_eq!(Errno::of(&errno.into()), Some(errno));
        }
        assert_eq!(Errno::of(&io::Error::other("no system call")), None);
        assert_eq!(Errno::of(&io::Error::from_raw_os_error(-9)), None);
    }

    #[test]
    fn it_is_ordered_by_number_and_takes_two_bytes() {
        assert!(Errno::EPERM < Errno::EBADF && Errno::EBADF < Errno::EINVAL);
        assert_eq!(size_of::<Option<Errno>>(), 2);
    }
}
