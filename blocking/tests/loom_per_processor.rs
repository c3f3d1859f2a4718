//! Is anybody ever in a processor's part while another has all of them, or without having seen what that one did?
//!
//! loom's cells find two threads in one part, and one that comes after another without order. The twin is the gate with one fault.

#![cfg(loom)]

use std::cell::UnsafeCell as Unchecked;

use handover_blocking::idle_set::IdleSet;
use handover_blocking::lease::Lease;
use handover_blocking::per_processor::PerProcessor;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A number that nobody may touch beside another.
#[derive(Default)]
struct Number(UnsafeCell<u32>);

impl Number {
    fn add(&self, more: u32) {
        // SAFETY: loom fails if another thread has it too.
        self.0.with_mut(|number| unsafe { *number += more });
    }
    fn take(&self) -> u32 {
        // SAFETY: as above.
        self.0.with_mut(|number| unsafe { std::mem::take(&mut *number) })
    }
}

/// Numbers of two processors, and one in reserve; real or twin.
trait Gate: Send + Sync + 'static {
    fn new() -> Self;
    /// Adds one to the own number; false if somebody has all.
    fn add_own(&self, lease: &mut Lease) -> bool;
    /// Adds one to the own number, or without a lease to the reserve, under the mutex.
    fn add_in_reserve(&self, lease: Option<&mut Lease>);
    /// Moves all numbers to the reserve; what there is then. With `patience`, else it may come to nothing.
    fn collect(&self, patience: bool) -> Option<u32>;
}

type Real = PerProcessor<Number, u32>;

impl Gate for Real {
    fn new() -> Self {
        PerProcessor::new([Number::default(), Number::default()], 0)
    }
    fn add_own(&self, lease: &mut Lease) -> bool {
        self.with_own(lease, |own| own.add(1)).is_some()
    }
    fn add_in_reserve(&self, lease: Option<&mut Lease>) {
        self.with_reserve(lease, |reserve, own| match own {
            Some(own) => own.add(1),
            None => *reserve += 1,
        });
    }
    fn collect(&self, patience: bool) -> Option<u32> {
        let act = |reserve: &mut u32, parts: &mut dyn Iterator<Item = &mut Number>| {
            *reserve += parts.map(|own| own.take()).sum::<u32>();
            *reserve
        };
        if patience { Some(self.with_all(act)) } else { self.try_with_all(act) }
    }
}

/// What may be wrong with a twin.
mod fault {
    pub(super) const NONE: u8 = 0;
    pub(super) const OWN_WITHOUT_FENCE: u8 = 1;
    pub(super) const ALL_WITHOUT_FENCE: u8 = 2;
    /// Who needs all does not wait for those that are in their parts.
    pub(super) const DOES_NOT_WAIT: u8 = 3;
    /// A holder looks at the gate before it says that it is in.
    pub(super) const LOOKS_FIRST: u8 = 4;
    pub(super) const LEAVES_WITHOUT_RELEASE: u8 = 5;
    pub(super) const WAITS_WITHOUT_ACQUIRE: u8 = 6;
    pub(super) const OPENS_WITHOUT_RELEASE: u8 = 7;
    pub(super) const ENTERS_WITHOUT_ACQUIRE: u8 = 8;
    /// The gate is shut after the mutex is given back.
    pub(super) const RESERVE_DOES_NOT_EXCLUDE: u8 = 9;
}

struct Twin<const FAULT: u8> {
    shut: AtomicBool,
    parts: [(AtomicBool, Unchecked<Number>); 2],
    reserve: Mutex<u32>,
}

// SAFETY: loom's cells check what this promises.
unsafe impl<const FAULT: u8> Sync for Twin<FAULT> {}

impl<const FAULT: u8> Twin<FAULT> {
    fn own(&self, processor: usize) -> &Number {
        // SAFETY: a shared reference, and never another; what is within, loom checks.
        unsafe { &*self.parts[processor].1.get() }
    }

    fn unless(fault: u8, order: Ordering) -> Ordering {
        if FAULT == fault { Ordering::Relaxed } else { order }
    }

    fn collect_all(&self, reserve: &mut u32) -> u32 {
        self.shut.store(true, Ordering::Relaxed);
        if FAULT != fault::ALL_WITHOUT_FENCE {
            fence(Ordering::SeqCst);
        }
        for (busy, _) in &self.parts {
            while FAULT != fault::DOES_NOT_WAIT && busy.load(Self::unless(fault::WAITS_WITHOUT_ACQUIRE, Ordering::Acquire)) {
                thread::yield_now();
            }
        }
        *reserve += (0..2).map(|processor| self.own(processor).take()).sum::<u32>();
        self.shut.store(false, Self::unless(fault::OPENS_WITHOUT_RELEASE, Ordering::Release));
        *reserve
    }
}

impl<const FAULT: u8> Gate for Twin<FAULT> {
    fn new() -> Self {
        let part = || (AtomicBool::new(false), Unchecked::new(Number::default()));
        Self { shut: AtomicBool::new(false), parts: [part(), part()], reserve: Mutex::new(0) }
    }
    fn add_own(&self, lease: &mut Lease) -> bool {
        let is_shut = || self.shut.load(Self::unless(fault::ENTERS_WITHOUT_ACQUIRE, Ordering::Acquire));
        let early = (FAULT == fault::LOOKS_FIRST).then(is_shut);
        let busy = &self.parts[lease.processor()].0;
        busy.store(true, Ordering::Relaxed);
        if FAULT != fault::OWN_WITHOUT_FENCE {
            fence(Ordering::SeqCst);
        }
        let enters = !early.unwrap_or_else(is_shut);
        if enters {
            self.own(lease.processor()).add(1);
        }
        busy.store(false, Self::unless(fault::LEAVES_WITHOUT_RELEASE, Ordering::Release));
        enters
    }
    fn add_in_reserve(&self, lease: Option<&mut Lease>) {
        let mut reserve = self.reserve.lock().expect("nobody panics with it");
        match lease {
            Some(lease) => self.own(lease.processor()).add(1),
            None => *reserve += 1,
        }
    }
    fn collect(&self, _patience: bool) -> Option<u32> {
        if FAULT == fault::RESERVE_DOES_NOT_EXCLUDE {
            let mut reserve = *self.reserve.lock().expect("nobody panics with it");
            let all = self.collect_all(&mut reserve);
            *self.reserve.lock().expect("nobody panics with it") = reserve;
            return Some(all);
        }
        Some(self.collect_all(&mut self.reserve.lock().expect("nobody panics with it")))
    }
}

/// Leases of two processors.
fn leases() -> [Lease; 2] {
    let idle = IdleSet::new(2);
    idle.fill();
    [0, 1].map(|processor| idle.take(processor).expect("a full set"))
}

/// Adds `times` one, wherever it may.
fn add<G: Gate>(gate: &G, lease: &mut Lease, times: u32) {
    for _ in 0..times {
        if !gate.add_own(lease) {
            gate.add_in_reserve(Some(lease));
        }
    }
}

/// Given a holder that uses its part again and again; when another thread needs all parts, and once more; then they are never in it together, and nothing is lost.
fn own_against_all<G: Gate>(patience: bool) {
    loom::model(move || {
        let gate = Arc::new(G::new());
        let [mut lease, _other] = leases();
        let holder = thread::spawn({
            let gate = Arc::clone(&gate);
            move || add(&*gate, &mut lease, 2)
        });
        let seen = gate.collect(patience);
        assert!(seen.is_none_or(|seen| seen <= 2) && (seen.is_some() || !patience));
        holder.join().expect("the holder");
        assert_eq!(gate.collect(true), Some(2), "something is lost");
    });
}

#[test]
fn entering_races_shutting() {
    own_against_all::<Real>(true);
    own_against_all::<Twin<{ fault::NONE }>>(true);
}

#[test]
fn entering_races_a_try() {
    own_against_all::<Real>(false);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_holder_without_fence() {
    own_against_all::<Twin<{ fault::OWN_WITHOUT_FENCE }>>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_all_without_fence() {
    own_against_all::<Twin<{ fault::ALL_WITHOUT_FENCE }>>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_all_that_does_not_wait() {
    own_against_all::<Twin<{ fault::DOES_NOT_WAIT }>>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_holder_that_looks_first() {
    own_against_all::<Twin<{ fault::LOOKS_FIRST }>>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_leaving_without_release() {
    own_against_all::<Twin<{ fault::LEAVES_WITHOUT_RELEASE }>>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_waiting_without_acquire() {
    own_against_all::<Twin<{ fault::WAITS_WITHOUT_ACQUIRE }>>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_opening_without_release() {
    own_against_all::<Twin<{ fault::OPENS_WITHOUT_RELEASE }>>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_entering_without_acquire() {
    own_against_all::<Twin<{ fault::ENTERS_WITHOUT_ACQUIRE }>>(true);
}

/// Given a holder that uses its part under the mutex, and then the reserve; when another thread needs all; then they come one after the other.
fn reserve_against_all<G: Gate>() {
    loom::model(|| {
        let gate = Arc::new(G::new());
        let [mut lease, _other] = leases();
        let holder = thread::spawn({
            let gate = Arc::clone(&gate);
            move || {
                gate.add_in_reserve(Some(&mut lease));
                gate.add_in_reserve(None);
            }
        });
        gate.collect(true);
        holder.join().expect("the holder");
        assert_eq!(gate.collect(true), Some(2), "something is lost");
    });
}

#[test]
fn reserve_races_all() {
    reserve_against_all::<Real>();
    reserve_against_all::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn canary_all_without_the_mutex() {
    reserve_against_all::<Twin<{ fault::RESERVE_DOES_NOT_EXCLUDE }>>();
}

/// Given two holders; when both use their parts and a third thread needs all; then nothing is lost.
#[test]
fn two_holders_race_one_who_needs_all() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let gate = Arc::new(<Real as Gate>::new());
        let holders = leases().map(|mut lease| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || add(&*gate, &mut lease, 1))
        });
        gate.collect(true);
        holders.into_iter().for_each(|holder| holder.join().expect("a holder"));
        assert_eq!(gate.collect(true), Some(2), "something is lost");
    });
}
