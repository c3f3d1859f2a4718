//! How does AArch64 enter the kernel? By `svc 0`: the number in x8, arguments in x0 to x5, the answer in x0 (syscall(2)).

use std::arch::asm;

/// # Safety
/// As for [`syscall!`](crate::syscall!).
#[inline(always)]
pub(super) unsafe fn enter(number: libc::c_long, [a, b, c, d, e, f]: [usize; 6]) -> usize {
    let answer;
    // SAFETY: the caller answers for what the kernel does. It keeps all other registers, the flags and the stack.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number as usize,
            inlateout("x0") a => answer,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack, preserves_flags),
        );
    }
    answer
}
