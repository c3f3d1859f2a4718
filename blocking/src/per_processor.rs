//! How does each processor keep a part of something for itself, while now and then somebody needs all of it?
//!
//! The holder of a processor enters its part without a locked instruction: a store, `fence::light`, a load. Who needs all parts shuts the gate, and pays for both (`fence::heavy`), as
//! the writer of Linux's `percpu_rw_semaphore` does. What belongs to no part, the reserve, lies under a mutex; and only who has that shuts the gate.
//!
//! **Why nobody is in a part while another has all.** The holder stores `busy`, fences, loads `shut`. Who needs all stores `shut`, fences, loads `busy`. Either the holder's fence comes first: then the
//! load of `busy` sees its store, and waits for its leaving. Or the other's comes first: then the holder sees the gate shut and turns back; or open again, and with it all that was done meanwhile.

use std::cell::UnsafeCell;

use crate::fence;
use crate::lease::Lease;
use crate::sync::{AtomicBool, Mutex, Ordering, pause, spin_hint};

/// A holder is in its part for some nanoseconds, unless its thread is preempted.
const SPINS: u32 = 100;

/// A part for each processor, and the reserve for all.
#[derive(Debug)]
pub struct PerProcessor<P, R> {
    /// Written under the mutex.
    shut: AtomicBool,
    parts: Box<[Part<P>]>,
    reserve: Mutex<R>,
}

/// On cache lines of its own, or holders would wait for each other all the same.
#[derive(Debug)]
#[repr(align(64))]
struct Part<P> {
    busy: AtomicBool,
    own: UnsafeCell<P>,
}

// SAFETY: a part is reached by one thread at a time: by its processor's holder, which the lease proves, through the gate or under the mutex; or by who has shut the gate, under the mutex (the module's text).
unsafe impl<P: Send, R: Send> Sync for PerProcessor<P, R> {}

/// What to do about a holder that does not leave its part at once.
#[derive(Clone, Copy, PartialEq)]
enum Patience {
    Some,
    Endless,
}

/// Leaves the part, also when it unwinds.
struct Leave<'a>(&'a AtomicBool);

impl Drop for Leave<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: what was done in the part comes before what those do who find it left; pairs with the Acquire in `is_left`.
        self.0.store(false, Ordering::Release);
    }
}

impl<P, R> PerProcessor<P, R> {
    /// With these parts, from processor 0 on.
    pub fn new(parts: impl IntoIterator<Item = P>, reserve: R) -> Self {
        let parts = parts.into_iter().map(|own| Part { busy: AtomicBool::new(false), own: UnsafeCell::new(own) }).collect();
        Self { shut: AtomicBool::new(false), parts, reserve: Mutex::new(reserve) }
    }

    /// Calls `act` with the part of the holder's processor; nothing while somebody has all of them. `act` must not wait for anybody.
    #[inline]
    pub fn with_own<T>(&self, lease: &mut Lease, act: impl FnOnce(&mut P) -> T) -> Option<T> {
        let part = &self.parts[lease.processor()];
        // Relaxed, for the fence orders it before the load: see the two cases in the module's text.
        part.busy.store(true, Ordering::Relaxed);
        let _leave = Leave(&part.busy);
        fence::light();
        // Acquire: what was done while the gate was shut comes before this; pairs with the Release in `shut_and`.
        if self.shut.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: the lease, which is borrowed, proves that no other holder is in the part, and the gate that nobody has all.
        Some(act(unsafe { &mut *part.own.get() }))
    }

    /// Calls `act` with the reserve, and with the part of the holder's processor if the caller is one. Waits for others that use the reserve or all.
    pub fn with_reserve<T>(&self, lease: Option<&mut Lease>, act: impl FnOnce(&mut R, Option<&mut P>) -> T) -> T {
        let mut reserve = self.reserve.lock();
        // SAFETY: the lease, which is borrowed, proves that no other holder is in the part. Nobody has all without the mutex.
        let own = lease.map(|lease| unsafe { &mut *self.parts[lease.processor()].own.get() });
        act(&mut reserve, own)
    }

    /// Calls `act` with everything, one at a time. Waits for holders that are in their parts, and for others that use the reserve or all.
    pub fn with_all<T>(&self, act: impl FnOnce(&mut R, &mut dyn Iterator<Item = &mut P>) -> T) -> T {
        self.shut_and(Patience::Endless, act).expect("who waits without end is let in")
    }

    /// [`with_all`](Self::with_all); nothing if a holder does not leave its part at once.
    pub fn try_with_all<T>(&self, act: impl FnOnce(&mut R, &mut dyn Iterator<Item = &mut P>) -> T) -> Option<T> {
        self.shut_and(Patience::Some, act)
    }

    fn shut_and<T>(&self, patience: Patience, act: impl FnOnce(&mut R, &mut dyn Iterator<Item = &mut P>) -> T) -> Option<T> {
        let mut reserve = self.reserve.lock();
        // Relaxed, for the fence orders it before the loads. If `act` unwinds, the gate stays shut: then all go through the mutex.
        self.shut.store(true, Ordering::Relaxed);
        fence::heavy();
        let result = self.parts.iter().all(|part| part.is_left(patience)).then(|| {
            // SAFETY: the gate is shut and all have left (the module's text), and this thread has the mutex; each part comes once.
            act(&mut reserve, &mut self.parts.iter().map(|part| unsafe { &mut *part.own.get() }))
        });
        // Release: what was done comes before what holders do who find the gate open; pairs with the Acquire in `with_own`.
        self.shut.store(false, Ordering::Release);
        result
    }
}

impl<P> Part<P> {
    /// Whether no holder is in it, or none any more.
    fn is_left(&self, patience: Patience) -> bool {
        let mut spins = 0;
        // Acquire: what the last holder did comes before what the caller does; pairs with the Release in `Leave`.
        while self.busy.load(Ordering::Acquire) {
            match patience {
                _ if spins < SPINS => {
                    spins += 1;
                    spin_hint();
                }
                Patience::Endless => pause(),
                Patience::Some => return false,
            }
        }
        true
    }
}
