//! How is the kernel entered on an architecture whose instruction is not written down here? Through `syscall(2)` of the C library.
//!
//! It reports errors in errno. Here they are put back into the answer, as the kernel gave them, and errno gets the value it had.

/// # Safety
/// As for [`syscall!`](crate::syscall!).
#[inline]
pub(super) unsafe fn enter(number: libc::c_long, [a, b, c, d, e, f]: [usize; 6]) -> usize {
    // SAFETY: the calling thread's errno is a valid place as long as the thread lives; the caller answers for the call.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        let answer = libc::syscall(number, a, b, c, d, e, f);
        let answer = if answer == -1 { -*errno as usize } else { answer as usize };
        *errno = before;
        answer
    }
}
