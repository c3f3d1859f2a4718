//! How large is a page of memory?

use std::sync::OnceLock;

/// How many bytes a page of memory has: where a mapping may begin, and what `mlock` and the page cache count in.
///
/// The system is asked once. See sysconf(3).
///
/// # Panics
/// If the system does not say, which Linux always does.
#[inline]
pub fn page_size() -> usize {
    static PAGE_SIZE: OnceLock<usize> = OnceLock::new();
    // SAFETY: sysconf(3) takes a number and gives one.
    *PAGE_SIZE.get_or_init(|| unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.try_into().expect("Linux knows how large its pages are"))
}
