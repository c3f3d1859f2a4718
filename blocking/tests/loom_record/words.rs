//! What do the models ask of a thread's record: of the real one, and of a twin that may have a fault?

use std::panic::Location;

use handover_blocking::record::{NO_PROCESSOR, Reclaim, Record, Retake, Seq};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};
use loom::thread;

/// A record, real or twin.
pub(crate) trait Words: Send + Sync + 'static {
    type Seq: Copy;
    fn new() -> Self;
    /// The record of another thread that will hold the same processor.
    fn beside(other: &Self) -> Self;
    fn is_lent(seq: Self::Seq) -> bool;
    fn bind(&self, processor: u32);
    fn unbind(&self);
    fn lend(&self);
    /// A declared call, from declare to settle.
    fn call(&self);
    fn reclaim(&self) -> Reclaim;
    fn enter_without(&self);
    fn observe(&self) -> Self::Seq;
    fn processor(&self) -> u32;
    fn retake(&self, seq: Self::Seq, processor: u32) -> Retake;
}

impl Words for Record {
    type Seq = Seq;
    fn new() -> Self {
        Record::new()
    }
    fn beside(_other: &Self) -> Self {
        Record::new()
    }
    fn is_lent(seq: Seq) -> bool {
        seq.is_lent()
    }
    fn bind(&self, processor: u32) {
        Record::bind(self, processor);
    }
    fn unbind(&self) {
        Record::unbind(self);
    }
    fn lend(&self) {
        Record::lend(self);
    }
    fn call(&self) {
        let call = self.declare(Location::caller());
        self.settle(call);
    }
    fn reclaim(&self) -> Reclaim {
        Record::reclaim(self)
    }
    fn enter_without(&self) {
        Record::enter_without(self);
    }
    fn observe(&self) -> Seq {
        Record::observe(self)
    }
    fn processor(&self) -> u32 {
        Record::processor(self)
    }
    fn retake(&self, seq: Seq, processor: u32) -> Retake {
        Record::retake(self, seq, processor, || ())
    }
}

/// What may be wrong with a twin.
pub(crate) mod fault {
    pub(crate) const NONE: u8 = 0;
    /// Neither side fences.
    pub(crate) const NO_FENCE: u8 = 1;
    /// `lend` publishes nothing.
    pub(crate) const RELAXED_LEND: u8 = 2;
    /// A pending request counts as none.
    pub(crate) const IMPATIENT: u8 = 3;
    /// The retaker is content if anything is lent.
    pub(crate) const MODE_ONLY: u8 = 4;
    /// `bind` is Relaxed, and the retaker reads `seq` before the processor.
    pub(crate) const RELAXED_BIND: u8 = 5;
    /// `seq` belongs to the processor, so that its holders share it.
    pub(crate) const STATE_ON_PROCESSOR: u8 = 6;
}

const MODE: u64 = 0b11;
const LENT: u64 = 0b01;
const DECLARED: u64 = 0b11;

/// A small copy of the record.
pub(crate) struct Twin<const FAULT: u8> {
    seq: Arc<AtomicU64>,
    processor: AtomicU32,
    request: AtomicU8,
}

impl<const FAULT: u8> Twin<FAULT> {
    fn step(&self, mode: u64, order: Ordering) {
        let seq = self.seq.load(Ordering::Relaxed);
        self.seq.store((seq & !MODE) + 4 + mode, order);
    }

    fn fence() {
        if FAULT != fault::NO_FENCE {
            fence(Ordering::SeqCst);
        }
    }

    fn is_unmoved(&self, seq: u64, processor: u32) -> bool {
        match FAULT {
            fault::MODE_ONLY => Self::is_lent(self.seq.load(Ordering::Acquire)),
            fault::RELAXED_BIND => self.seq.load(Ordering::Acquire) == seq && self.processor() == processor,
            _ => self.processor.load(Ordering::Acquire) == processor && self.seq.load(Ordering::Acquire) == seq,
        }
    }
}

impl<const FAULT: u8> Words for Twin<FAULT> {
    type Seq = u64;
    fn new() -> Self {
        Self { seq: Arc::new(AtomicU64::new(0)), processor: AtomicU32::new(NO_PROCESSOR), request: AtomicU8::new(0) }
    }
    fn beside(other: &Self) -> Self {
        match FAULT {
            fault::STATE_ON_PROCESSOR => Self { seq: Arc::clone(&other.seq), ..Self::new() },
            _ => Self::new(),
        }
    }
    fn is_lent(seq: u64) -> bool {
        seq & LENT != 0
    }
    fn bind(&self, processor: u32) {
        self.processor.store(processor, if FAULT == fault::RELAXED_BIND { Ordering::Relaxed } else { Ordering::Release });
    }
    fn unbind(&self) {
        self.processor.store(NO_PROCESSOR, Ordering::Relaxed);
    }
    fn lend(&self) {
        self.step(LENT, if FAULT == fault::RELAXED_LEND { Ordering::Relaxed } else { Ordering::Release });
    }
    fn call(&self) {
        self.step(DECLARED, Ordering::Release);
        self.step(LENT, Ordering::Release);
    }
    fn reclaim(&self) -> Reclaim {
        self.step(0, Ordering::Relaxed);
        Self::fence();
        loop {
            match self.request.load(Ordering::Acquire) {
                0 => return Reclaim::Kept,
                1 if FAULT == fault::IMPATIENT => return Reclaim::Kept,
                1 => thread::yield_now(),
                _ => {
                    self.unbind();
                    self.request.store(0, Ordering::Release);
                    return Reclaim::Lost;
                }
            }
        }
    }
    fn enter_without(&self) {
        self.step(0, Ordering::Relaxed);
    }
    fn observe(&self) -> u64 {
        self.seq.load(Ordering::Acquire)
    }
    fn processor(&self) -> u32 {
        self.processor.load(Ordering::Relaxed)
    }
    fn retake(&self, seq: u64, processor: u32) -> Retake {
        if self.request.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return Retake::Moved;
        }
        Self::fence();
        let unmoved = self.is_unmoved(seq, processor);
        self.request.store(if unmoved { 2 } else { 0 }, Ordering::Release);
        if unmoved { Retake::Taken } else { Retake::Moved }
    }
}
