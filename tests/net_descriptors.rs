//! What does a server see that has run out of descriptors?
//!
//! The limit is the process's, so this test has a binary of its own.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use handover::net::{TcpListener, TcpStream};

fn limit_descriptors(limit: u64) -> u64 {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a whole rlimit for the kernel to write to.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut now) }, 0);
    let wanted = libc::rlimit { rlim_cur: limit, rlim_max: now.rlim_max };
    // SAFETY: `wanted` is a whole rlimit that outlives the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &wanted) }, 0);
    now.rlim_cur
}

/// The number that the next descriptor of this process would get.
fn next_descriptor() -> io::Result<u64> {
    let probe = std::fs::File::open("/dev/null")?;
    Ok(probe.as_raw_fd() as u64)
}

#[handover::test]
async fn no_descriptors_left_is_the_callers_error_and_no_end() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;

    let before = limit_descriptors(next_descriptor()?);
    let first = listener.accept().await;
    let second = listener.accept().await;
    limit_descriptors(before);
    for result in [first, second] {
        assert_eq!(result.expect_err("there is no room").raw_os_error(), Some(libc::EMFILE));
    }

    // The connection has waited in the queue, and no new edge is needed to find it there.
    let (_, peer) = listener.accept().await?;
    assert_eq!(peer, client.local_addr()?);
    Ok(())
}
