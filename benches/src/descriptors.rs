//! May this process hold as many sockets as its connections need?
//!
//! Processes start with a soft limit that may be as low as 1,024 file descriptors and may raise it up to the hard one
//! (getrlimit(2)). Go's runtime does so by itself.

use std::io;

/// Descriptors beside the connections: standard streams, listener, epoll, what a runtime opens for itself.
const SPARE: u64 = 100;

/// Raises the soft limit to the hard one if `connections` need it.
///
/// # Errors
///
/// If the hard limit does not suffice: that is for the user to raise.
pub(crate) fn allow(connections: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is valid for a write of one rlimit, which is all that getrlimit writes.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let Some(soft) = soft_limit(connections, limit.rlim_cur, limit.rlim_max).map_err(io::Error::other)? else {
        return Ok(());
    };
    limit.rlim_cur = soft;
    // SAFETY: the pointer is valid for a read of one rlimit, which is all that setrlimit reads.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// What the soft limit must become, if it is to change; or a message for the user.
fn soft_limit(connections: u64, soft: u64, hard: u64) -> Result<Option<u64>, String> {
    let needed = connections + SPARE;
    if soft >= needed {
        Ok(None)
    } else if hard >= needed {
        Ok(Some(hard))
    } else {
        Err(format!(
            "{connections} connections need {needed} file descriptors, but the hard limit is {hard}; raise it (`ulimit -Hn {needed}`, as root)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_when_it_has_to_be() {
        assert_eq!(soft_limit(64, 1024, 4096), Ok(None));
        assert_eq!(soft_limit(1_000, 1024, 4096), Ok(Some(4096)));
    }

    #[test]
    fn a_hard_limit_that_is_too_low_is_named_with_what_is_needed() {
        let error = soft_limit(10_000, 1024, 4096).expect_err("too few");
        assert!(error.contains("need 10100 file descriptors, but the hard limit is 4096"), "{error}");
    }
}
