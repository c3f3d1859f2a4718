//! Whose is a descriptor's number now?
//!
//! Epoll knows a registration by the open file *and* the number of the descriptor; it is taken away by number alone. A descriptor that is closed while it is registered is forgotten by epoll, its
//! number is given out again, and the next owner may register it as well. A [`Source`](crate::Source) that then took "its" number out of epoll would take the new owner's registration, who
//! would wait for ever. So every number has one owner here: whoever registered it last. That a later registration succeeded proves that the earlier one was void, for epoll refuses a second one (`EEXIST`).

use std::array;
use std::collections::HashMap;
use std::os::fd::RawFd;

use mio::Token;

use crate::sync::Mutex;

/// Descriptors are numbered from zero without gaps, so that the lowest bits spread them well; threads that accept connections at once mostly take different locks.
const SHARDS: usize = 16;

/// The last registration of each number.
///
/// The call to epoll is made under the number's lock: otherwise the old owner could find itself in charge, then the new one register, and then the old one's call take that away.
#[derive(Debug)]
pub(crate) struct Numbers {
    shards: [Mutex<HashMap<RawFd, Token>>; SHARDS],
}

impl Numbers {
    pub(crate) fn new() -> Self {
        Self { shards: array::from_fn(|_| Mutex::new(HashMap::new())) }
    }

    /// Makes the call `register`; if it succeeds, `fd` belongs to `token`.
    pub(crate) fn claim<E>(&self, fd: RawFd, token: Token, register: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut owners = self.shard(fd).lock();
        register()?;
        owners.insert(fd, token);
        Ok(())
    }

    /// Makes the call `deregister`, unless `fd` belongs to another token by now.
    pub(crate) fn release(&self, fd: RawFd, token: Token, deregister: impl FnOnce()) {
        let mut owners = self.shard(fd).lock();
        if owners.get(&fd) == Some(&token) {
            owners.remove(&fd);
            deregister();
        }
    }

    fn shard(&self, fd: RawFd) -> &Mutex<HashMap<RawFd, Token>> {
        &self.shards[fd as usize % SHARDS]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_owner_of_a_number_takes_it_away() {
        let numbers = Numbers::new();
        let (old, new) = (Token(1), Token(2));
        numbers.claim(7, old, || Ok::<_, ()>(())).expect("it is free");
        // Closed behind the back of `old`, and registered anew.
        numbers.claim(7, new, || Ok::<_, ()>(())).expect("epoll took it");

        numbers.release(7, old, || panic!("it is the new owner's"));
        let mut is_gone = false;
        numbers.release(7, new, || is_gone = true);
        assert!(is_gone);
    }

    #[test]
    fn a_refused_registration_changes_no_owner() {
        let numbers = Numbers::new();
        numbers.claim(7, Token(1), || Ok(())).and_then(|()| numbers.claim(7, Token(2), || Err("EEXIST"))).expect_err("refused");
        let mut is_gone = false;
        numbers.release(7, Token(1), || is_gone = true);
        assert!(is_gone);
    }
}
