//! How much of the machine has a process used?

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Sub;
use std::time::Duration;

/// What this process has used so far, all threads together, those that have ended included (getrusage(2)).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU time, in user and in kernel mode.
    pub(crate) cpu: Duration,
    /// Context switches, voluntary and not.
    pub(crate) switches: u64,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointer is valid for a write of one rusage, which is all that getrusage writes.
        let result = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
        assert_eq!(result, 0, "getrusage(RUSAGE_SELF) cannot fail");
        // SAFETY: zeroed at first, then filled by a successful getrusage; every bit pattern of its integers is valid.
        let usage = unsafe { usage.assume_init() };
        Self {
            cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
            switches: usage.ru_nvcsw.unsigned_abs() + usage.ru_nivcsw.unsigned_abs(),
        }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, switches: self.switches - before.switches }
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
}

/// The memory of this process that is in RAM, in bytes. Not from `VmRSS`, which the kernel only estimates.
pub(crate) fn resident_bytes() -> io::Result<u64> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
    field(&rollup, "Rss:").map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no Rss in /proc/self/smaps_rollup"))
}

/// How many threads process `id` has now; `None` once it is gone.
pub(crate) fn threads_of(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    field(&status, "Threads:")
}

/// Context switches so far of each thread of process `id`, as (thread id, switches).
pub(crate) fn switches_of(id: u32) -> io::Result<Vec<(String, u64)>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir(format!("/proc/{id}/task"))? {
        let entry = entry?;
        // A thread may end between the listing and the look; then it switches no more.
        if let Ok(status) = fs::read_to_string(entry.path().join("status")) {
            let voluntary = field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
            let forced = field(&status, "nonvoluntary_ctxt_switches:").unwrap_or(0);
            threads.push((entry.file_name().to_string_lossy().into_owned(), voluntary + forced));
        }
    }
    Ok(threads)
}

/// The first number after `name` at the start of a line of a /proc file.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_threads_memory_and_switches() {
        let id = std::process::id();
        assert!(threads_of(id).is_some_and(|threads| threads >= 1));
        assert!(resident_bytes().is_ok_and(|bytes| bytes > 4096));
        assert!(switches_of(id).is_ok_and(|threads| !threads.is_empty()));
    }

    #[test]
    fn a_field_is_found_at_the_start_of_a_line_only() {
        let status = "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t42\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), Some(42));
    }
}
