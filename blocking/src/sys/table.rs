//! How do system calls become functions? One line of a table each: what they take, what they answer, and whether they may block.

/// Makes functions of system calls: a table in which each stands with its types and with whether it may block.
///
/// ```
/// use std::ffi::{CStr, c_int, c_uint};
/// use std::os::fd::{BorrowedFd, OwnedFd};
///
/// # use handover_blocking::syscalls;
/// syscalls! {
///     /// Every call of this table.
///     pub const CALLS;
///
///     /// The process's parent.
///     pub nonblocking fn getppid() -> u32 = unsafe libc::SYS_getppid;
///
///     /// Waits until what was written to `file` is on the disk.
///     pub blocking(retry) fn fdatasync(file: BorrowedFd<'_>) = unsafe libc::SYS_fdatasync;
///
///     /// Opens for reading.
///     pub blocking(hand_on) fn open_relative(directory: BorrowedFd<'_>, path: &CStr) -> OwnedFd
///         = unsafe libc::SYS_openat(directory, path, libc::O_RDONLY | libc::O_CLOEXEC) see openat(2);
///
///     /// What the kernel calls itself.
///     pub nonblocking fn uname() -> libc::utsname as names = unsafe libc::SYS_uname(names);
///
///     /// # Safety
///     /// None of these descriptors is anybody's.
///     blocking(hand_on) unsafe fn close_range(first: c_uint, last: c_uint, flags: c_int) = unsafe libc::SYS_close_range;
/// }
///
/// assert_ne!(getppid()?, 0);
/// assert_eq!(uname()?.sysname[0] as u8, b'L');
/// assert_eq!(CALLS.iter().map(|call| call.name).collect::<Vec<_>>(), ["getppid", "fdatasync", "open_relative", "uname", "close_range"]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// From left to right:
///
/// - Doc comments and other attributes (`#[cfg]` belongs around a table), visibility. Behind the doc comment the macro adds whether the call blocks, what a signal
///   does to it, and its man page.
/// - **`blocking(retry)`** and **`blocking(hand_on)`** declare the call to the scheduler, as [`syscall!`](crate::syscall!) does. A signal's `EINTR` makes the first start again, and is an error of the second. Retry what ends
///   by itself, as a disk's work does; hand on what waits for somebody else, so that a [cancellation](crate::interrupt) can end it.
/// - **`nonblocking`** makes it without a word to the scheduler, as [`raw_syscall!`](crate::raw_syscall!) does.
/// - `unsafe fn` where the caller must answer for something. What it takes: a [`Parameter`](crate::sys::Parameter) each.
/// - `-> T`, what it answers: an [`Answer`](crate::sys::Answer), `()` if nothing is said. `-> T as name` is for a call that writes its answer somewhere: `name` is a `&mut`
///   to zeros among the arguments, `T` is [`Written`](crate::sys::Written), and the number that the kernel returns is dropped.
/// - `= unsafe libc::SYS_name`, with the parameters in their order, or with what stands in the brackets: up to six words, of which a slice takes two. The `unsafe` is the table's promise.
/// - `see name(section)` if the man page is not that of the function's name in section 2.
///
/// `const NAME;` in front of all makes a list of the table's [`Call`](crate::sys::Call)s.
///
/// The functions give [`io::Result`](std::io::Result). They are the kernel's calls and not the C library's, as those of [`syscall!`](crate::syscall!) are.
///
/// # Safety
/// Each `unsafe` behind a `=` promises that the function can do no harm with any arguments of its types (and, if it is an `unsafe fn`, within what its documentation demands), as
/// [`syscall!`](crate::syscall!) asks it. In particular: what the kernel writes is behind a `&mut` and fits there, nothing is kept for later, and an `OwnedFd` in the answer is a new one.
#[macro_export]
macro_rules! syscalls {
    ($(#[$list_attribute:meta])* $list_vis:vis const $list:ident; $($calls:tt)*) => {
        $crate::__syscalls! { @table [$(#[$list_attribute])* $list_vis $list] $($calls)* }
    };
    ($($calls:tt)*) => {
        $crate::__syscalls! { @table [] $($calls)* }
    };
}

/// What [`syscalls!`](crate::syscalls!) is made of; apart from it, so that what is no table is an error at the first word that does not fit.
#[doc(hidden)]
#[macro_export]
macro_rules! __syscalls {
    (@type) => { () };
    (@type $answer:ty) => { $answer };

    (@make blocking(retry)) => { $crate::sys::retried_call };
    (@make blocking(hand_on)) => { $crate::sys::declared_call };
    (@make nonblocking) => { $crate::sys::raw_call };
    (@make $($other:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "`", ::std::stringify!($($other)*), "` says not how a system call is made: `blocking(retry)`, `blocking(hand_on)` or `nonblocking`"
        ))
    };

    (@class blocking(retry)) => { $crate::sys::Class::Retried };
    (@class blocking(hand_on)) => { $crate::sys::Class::Interruptible };
    (@class nonblocking) => { $crate::sys::Class::Nonblocking };
    // `@make` says what is wrong.
    (@class $($other:tt)*) => { $crate::sys::Class::Nonblocking };

    (@says blocking(retry)) => { "It may block, and is declared to the scheduler. If a signal interrupts it, it starts again." };
    (@says blocking(hand_on)) => {
        "It may block, and is declared to the scheduler. A signal that interrupts it is handed on, as [`Interrupted`](::std::io::ErrorKind::Interrupted) (`EINTR`)."
    };
    (@says nonblocking) => { "It never blocks: the scheduler is not told." };
    (@says $($other:tt)*) => { "" };

    (@page $name:ident) => { ::std::concat!(::std::stringify!($name), "(2)") };
    (@page $name:ident $page:ident($section:literal)) => { ::std::concat!(::std::stringify!($page), "(", ::std::stringify!($section), ")") };

    (@link $name:ident) => { $crate::__syscalls!(@link $name $name(2)) };
    (@link $name:ident $page:ident($section:literal)) => {
        ::std::concat!(
            "\n\n# Errors\n\nThose of [", ::std::stringify!($page), "(", ::std::stringify!($section), ")](https://man7.org/linux/man-pages/man",
            ::std::stringify!($section), "/", ::std::stringify!($page), ".", ::std::stringify!($section), ".html)."
        )
    };

    (@registers [] $($parameter:ident)*) => { $crate::__syscalls!(@gather $crate::sys::Registers::none(); $($parameter),*) };
    (@registers [($($argument:expr),*)] $($parameter:ident)*) => { $crate::__syscalls!(@gather $crate::sys::Registers::none(); $($argument),*) };

    // Functions and not methods, for which the type of a plain `0` would have to be known too early.
    (@gather $before:expr;) => { $before };
    (@gather $before:expr; $first:expr $(, $rest:expr)*) => { $crate::__syscalls!(@gather $crate::sys::with($before, $first); $($rest),*) };

    // What is written to a place of its own, and what is returned.
    (@answer [$answer:ty as $out:ident] $call:expr) => {{
        let mut place = <<$answer as $crate::sys::Written>::Place as $crate::sys::Plain>::zeroed();
        let $out = &mut place;
        match $call {
            // SAFETY: what the table promises with its `unsafe`.
            ::std::result::Result::Ok(_) => ::std::result::Result::Ok(unsafe { <$answer as $crate::sys::Written>::of(place) }),
            ::std::result::Result::Err(errno) => ::std::result::Result::Err(::std::convert::From::from(errno)),
        }
    }};
    (@answer [$($answer:ty)?] $call:expr) => {
        match $call {
            // SAFETY: what the table promises with its `unsafe`.
            ::std::result::Result::Ok(answer) => ::std::result::Result::Ok(unsafe {
                <$crate::__syscalls!(@type $($answer)?) as $crate::sys::Answer>::of(answer)
            }),
            ::std::result::Result::Err(errno) => ::std::result::Result::Err(::std::convert::From::from(errno)),
        }
    };

    (@list [] $($call:expr,)*) => {};
    (@list [$(#[$attribute:meta])* $vis:vis $list:ident] $($call:expr,)*) => {
        $(#[$attribute])*
        $vis const $list: &[$crate::sys::Call] = &[$($call),*];
    };

    (@table [$($list:tt)*]
        $(
            $(#[$attribute:meta])*
            $vis:vis $class:ident $(($policy:ident))? $(unsafe $($never:lifetime)?)? fn $name:ident(
                $($parameter:ident: $type:ty),* $(,)?
            ) $(-> $answer:ty $(as $out:ident)?)? = unsafe $($number:ident)::+ $(($($argument:expr),* $(,)?))? $(see $page:ident($section:literal))?;
        )*
    ) => {
        $crate::__syscalls!(@list [$($list)*] $(
            $crate::sys::Call {
                name: ::std::stringify!($name),
                man_page: $crate::__syscalls!(@page $name $($page($section))?),
                class: $crate::__syscalls!(@class $class $(($policy))?),
            },
        )*);
        $(
            $(#[$attribute])*
            #[doc = ""]
            #[doc = "# Blocking"]
            #[doc = ""]
            #[doc = $crate::__syscalls!(@says $class $(($policy))?)]
            #[doc = $crate::__syscalls!(@link $name $($page($section))?)]
            // No frame between the kernel and the caller's loop (`call.rs`), and a prediction for each caller.
            #[inline(always)]
            #[track_caller]
            $vis $(unsafe $($never)?)? fn $name($($parameter: $type),*) -> ::std::io::Result<$crate::__syscalls!(@type $($answer)?)> {
                $crate::__syscalls!(@answer [$($answer $(as $out)?)?]
                    // SAFETY: what the table promises with its `unsafe`. What an argument points to lives until the call is over, as it is part of the same expression.
                    unsafe {
                        $crate::__syscalls!(@make $class $(($policy))?)(
                            $($number)::+,
                            $crate::__syscalls!(@registers [$(($($argument),*))?] $($parameter)*),
                        )
                    }
                )
            }
        )*
    };
}

/// A line of a [`syscalls!`](crate::syscalls!) table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function's name.
    pub name: &'static str,
    /// The man page, as `poll(2)`.
    pub man_page: &'static str,
    /// Whether it may block.
    pub class: Class,
}

/// Whether a system call may block, and what becomes of `EINTR` if so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It never blocks: the scheduler is not told.
    Nonblocking,
    /// It may block, and starts again if a signal interrupts it.
    Retried,
    /// It may block, and a signal that interrupts it is handed on.
    Interruptible,
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use super::{Call, Class};

    syscalls! {
        /// All three classes.
        const CALLS;

        /// Writes, waiting for room.
        blocking(hand_on) fn write(file: BorrowedFd<'_>, bytes: &[u8]) -> usize = unsafe libc::SYS_write;

        blocking(retry) fn read(file: BorrowedFd<'_>, bytes: &mut [u8]) -> usize = unsafe libc::SYS_read;

        nonblocking fn copy_fd(file: BorrowedFd<'_>) -> OwnedFd = unsafe libc::SYS_dup(file,) see dup(2);

        nonblocking fn limits() -> libc::rlimit as limits
            = unsafe libc::SYS_prlimit64(0, libc::RLIMIT_NOFILE, std::ptr::null::<libc::rlimit>(), limits) see getrlimit(2);

        /// # Safety
        /// Nobody's descriptor.
        nonblocking unsafe fn close(file: i32) = unsafe libc::SYS_close;
    }

    #[test]
    fn a_slice_goes_as_its_address_and_its_length() {
        let (reader, writer) = io::pipe().unwrap();
        assert_eq!(write(writer.as_fd(), b"seven").unwrap(), 5);
        let mut bytes = [0; 16];
        assert_eq!((read(reader.as_fd(), &mut bytes).unwrap(), &bytes[..6]), (5, &b"seven\0"[..]));
    }

    #[test]
    fn the_answer_is_a_new_descriptor_or_what_was_written_or_nothing() {
        let (reader, _writer) = io::pipe().unwrap();
        let copy = copy_fd(reader.as_fd()).unwrap();
        assert_eq!(write(copy.as_fd(), b"seven").unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert_ne!(limits().unwrap().rlim_cur, 0);
        // SAFETY: -1 is no descriptor.
        assert_eq!(unsafe { close(-1) }.unwrap_err().raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn the_list_says_what_the_table_says() {
        let call = |name, man_page, class| Call { name, man_page, class };
        assert_eq!(
            CALLS,
            [
                call("write", "write(2)", Class::Interruptible),
                call("read", "read(2)", Class::Retried),
                call("copy_fd", "dup(2)", Class::Nonblocking),
                call("limits", "getrlimit(2)", Class::Nonblocking),
                call("close", "close(2)", Class::Nonblocking),
            ]
        );
    }
}
