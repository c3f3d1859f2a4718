//! How does x86-64 enter the kernel? By `syscall`: the number and the answer in rax, arguments in rdi, rsi, rdx, r10, r8, r9 (syscall(2)).

use std::arch::asm;

/// # Safety
/// As for [`syscall!`](crate::syscall!).
#[inline(always)]
pub(super) unsafe fn enter(number: libc::c_long, [a, b, c, d, e, f]: [usize; 6]) -> usize {
    let answer;
    // SAFETY: the caller answers for what the kernel does. The instruction keeps the return address in rcx and the flags in r11, from where the kernel restores them; it leaves the stack alone.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as usize => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    answer
}
