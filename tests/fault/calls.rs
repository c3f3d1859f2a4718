//! How does a system call fail as if a signal had come, or move less than it was asked for?
//!
//! The functions of the C library that make these calls stand here once more. The linker takes these for the whole program, std and mio included, as it would those of a library in `LD_PRELOAD`, and
//! no library has to be built and found. They do nothing of their own until [`interrupt`] or [`shorten`] is called; that is for the whole process, so it should be one of a test's own.

use std::ffi::{c_int, c_long};
use std::sync::atomic::{AtomicU64, Ordering};

use handover::raw_syscall;
use handover::syscall::Errno;

/// One in so many calls of a kind is disturbed; 0: none.
struct Fault {
    period: AtomicU64,
    calls: AtomicU64,
    disturbed: AtomicU64,
}

impl Fault {
    const fn none() -> Self {
        Self { period: AtomicU64::new(0), calls: AtomicU64::new(0), disturbed: AtomicU64::new(0) }
    }

    /// Whether this call is disturbed. SeqCst: a test has no reason to be clever.
    fn strikes(&self) -> bool {
        let period = self.period.load(Ordering::SeqCst);
        let strikes = period != 0 && self.calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(period);
        self.disturbed.fetch_add(u64::from(strikes), Ordering::SeqCst);
        strikes
    }
}

/// Makes one in `period` of these calls fail with `EINTR`, without having done anything, the first one among them.
pub(crate) fn interrupt(calls: &[Call], period: u64) {
    assert!(period > 1, "a call that never succeeds is made for ever");
    calls.iter().for_each(|&call| INTERRUPTED[call as usize].period.store(period, Ordering::SeqCst));
}

/// How many of these calls have failed so far.
pub(crate) fn interrupted(call: Call) -> u64 {
    INTERRUPTED[call as usize].disturbed.load(Ordering::SeqCst)
}

/// Makes one in `period` of the calls that read or write a *file* move a third of what they could. Sockets are left alone: a short count says there that no more is to be had, epoll(7), and the kernel keeps
/// to it.
pub(crate) fn shorten(period: u64) {
    SHORTENED.period.store(period, Ordering::SeqCst);
}

/// How many have been shortened so far.
pub(crate) fn shortened() -> u64 {
    SHORTENED.disturbed.load(Ordering::SeqCst)
}

static SHORTENED: Fault = Fault::none();

/// An eventfd takes eight bytes or none, so such a count stays.
fn less(len: usize) -> usize {
    if len > 8 && SHORTENED.strikes() { len / 3 } else { len }
}

/// What the C library's function of the call returns.
fn answer(call: Call, make: impl FnOnce() -> Result<usize, Errno>) -> isize {
    let result = if INTERRUPTED[call as usize].strikes() { Err(Errno::EINTR) } else { make() };
    result.map_or_else(fail, |value| value as isize)
}

fn fail(errno: Errno) -> isize {
    // SAFETY: the C library's errno of this thread, as its own function would set it.
    unsafe { *libc::__errno_location() = errno.code() };
    -1
}

/// The functions: `Call = name(arguments), number(what the kernel gets)`. All arguments are words, as the registers that they come in.
macro_rules! calls {
    ($($call:ident = $name:ident($($argument:ident),+), $number:ident($($given:expr),+);)+) => {
        /// A system call that can be disturbed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Call { $($call,)+ Futex, Ppoll }

        impl Call {
            pub(crate) const ALL: &[Self] = &[$(Self::$call,)+ Self::Futex, Self::Ppoll];
        }

        static INTERRUPTED: [Fault; Call::ALL.len()] = [const { Fault::none() }; Call::ALL.len()];

        $(
            // SAFETY of the name: it means what the C library's function of that name means.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: usize),+) -> isize {
                // SAFETY: the caller answers for the call, as to the C library.
                answer(Call::$call, || unsafe { raw_syscall!(libc::$number, $($given),+) })
            }
        )+
    };
}

calls! {
    // With a null signal mask it is epoll_wait, which not every architecture has.
    EpollWait = epoll_wait(epoll, events, max, timeout), SYS_epoll_pwait(epoll, events, max, timeout, 0, 8);
    Read = read(file, buffer, len), SYS_read(file, buffer, less(len));
    Write = write(file, buffer, len), SYS_write(file, buffer, less(len));
    Pread = pread64(file, buffer, len, offset), SYS_pread64(file, buffer, less(len), offset);
    Pwrite = pwrite64(file, buffer, len, offset), SYS_pwrite64(file, buffer, less(len), offset);
    Readv = readv(file, pieces, count), SYS_readv(file, pieces, count);
    Writev = writev(file, pieces, count), SYS_writev(file, pieces, count);
    Recv = recv(socket, buffer, len, flags), SYS_recvfrom(socket, buffer, len, flags, 0, 0);
    Send = send(socket, buffer, len, flags), SYS_sendto(socket, buffer, len, flags, 0, 0);
    Accept = accept4(socket, address, len, flags), SYS_accept4(socket, address, len, flags);
    Connect = connect(socket, address, len), SYS_connect(socket, address, len);
    Open = open64(path, flags, mode), SYS_openat(libc::AT_FDCWD, path, flags, mode);
    Fsync = fsync(file), SYS_fsync(file);
    Fdatasync = fdatasync(file), SYS_fdatasync(file);
    Ftruncate = ftruncate64(file, len), SYS_ftruncate(file, len);
    CopyFileRange = copy_file_range(from, from_offset, to, to_offset, len, flags), SYS_copy_file_range(from, from_offset, to, to_offset, len, flags);
}

/// The C library's keeps the timeout as it is; the kernel's writes what is left of it.
#[unsafe(no_mangle)]
unsafe extern "C" fn ppoll(files: usize, count: usize, timeout: *const libc::timespec, mask: usize) -> isize {
    // SAFETY: null or a timeout of the caller's.
    let mut own = unsafe { timeout.as_ref() }.copied();
    let timeout = own.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: the caller answers for the call; the timeout outlives it.
    answer(Call::Ppoll, || unsafe { raw_syscall!(libc::SYS_ppoll, files, count, timeout, mask, 8) })
}

/// By number: std waits on futexes in this way. Only waits are disturbed; nothing else of a futex's fails with `EINTR`.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    // SAFETY: the caller answers for the call. Arguments that it has not given are whatever stands in their place; the kernel does not look at them.
    let make = || unsafe { raw_syscall!(number, a, b, c, d, e, f) };
    let is_wait = number == libc::SYS_futex && matches!(b as c_int & libc::FUTEX_CMD_MASK, libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET);
    if is_wait { answer(Call::Futex, make) } else { make().map_or_else(fail, |value| value as isize) }
}
