//! Who holds the processor that this worker thread lent: still the thread, or already the monitor?
//!
//! Each worker thread has one [`Record`]. It lives as long as its runtime, so the monitor may look at it at any time, and the state
//! is here and not in the processor, so that a late store of a thread that lost its processor cannot touch the next holder.
//!
//! ```text
//! seq        bits 0-1: mode (0 inside the runtime, 1 lent, 3 lent and declared); bits 2-63 count up with every change.
//!            written by its own thread only
//! processor  index of the processor it holds, or NONE. written by its own thread, only while inside
//! request    0 none, 1 pending, 2 taken. written by the monitor; a taken one is cleared by the thread that finds it
//!
//!              lend                 declare
//!   INSIDE ------------->  LENT  -------------> DECLARED
//!      ^                    | ^                    |
//!      +------ reclaim -----+ +------ settle ------+
//!
//!                    begin (monitor)              verdict (monitor)
//!   request  NONE ----------------> PENDING ----------------------> TAKEN --- reclaim (owner) ---> NONE
//!              ^                       |
//!              +------ verdict --------+
//! ```
//!
//! **Why a processor is never both kept and taken.** The owner stores its new `seq`, fences, loads `request`. The monitor stores
//! `PENDING`, fences, loads `seq`. Either the owner's fence comes first: then the monitor's load sees the new `seq` and it gives up. Or
//! the monitor's comes first: then the owner's load sees `PENDING` (or what became of it) and waits for the verdict.
//! `tests/loom_record` holds the model and its canary.

use std::panic::Location;

use crate::fence;
use crate::sync::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, spin_hint, yield_thread};

/// What [`Record::processor`] says of a thread that holds none.
pub const NO_PROCESSOR: u32 = u32::MAX;

const MODE: u64 = 0b11;
const INSIDE: u64 = 0b00;
const LENT: u64 = 0b01;
const DECLARED: u64 = 0b11;
const STEP: u64 = 0b100;

const NONE: u8 = 0;
const PENDING: u8 = 1;
const TAKEN: u8 = 2;

/// Spins before a reclaimer that waits for a verdict gives its CPU away: the monitor may have lost its own in mid-verdict.
const SPINS_FOR_VERDICT: u32 = 64;

/// One reading of a record's `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seq(u64);

impl Seq {
    /// The processor is lent: the thread runs user code.
    pub fn is_lent(self) -> bool {
        self.0 & LENT != 0
    }

    /// The thread said that it is in a blocking call.
    pub fn is_declared(self) -> bool {
        self.0 & MODE == DECLARED
    }

    /// The word itself. It is never the same again.
    pub fn word(self) -> u64 {
        self.0
    }
}

/// A mode of `seq`, as its own thread knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u64);

impl Mode {
    /// The runtime's own code runs.
    pub const INSIDE: Self = Self(INSIDE);
    /// User code runs, outside declared calls.
    pub const LENT: Self = Self(LENT);

    /// User code runs.
    #[inline]
    pub fn is_lent(self) -> bool {
        self.0 & LENT != 0
    }

    /// A declared call is out.
    #[inline]
    pub fn is_declared(self) -> bool {
        self.0 & MODE == DECLARED
    }
}

/// What [`Record::reclaim`] found.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaim {
    /// The processor is still this thread's.
    Kept,
    /// The monitor took it; the thread now holds none.
    Lost,
}

/// What [`Record::retake`] achieved.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retake {
    /// The processor is the caller's now.
    Taken,
    /// The thread had moved on; nothing changed.
    Moved,
}

/// Where a thread is, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It holds a processor.
    Running,
    /// It has none and is in a declared call.
    InCall,
    /// It has none and runs user code, outside declared calls.
    WithoutProcessor,
    /// It has none and is inside the runtime.
    Resting,
}

/// The words of one worker thread; see the module's text.
#[derive(Debug)]
#[repr(align(128))]
pub struct Record {
    seq: AtomicU64,
    processor: AtomicU32,
    request: AtomicU8,
    yield_asked: AtomicBool,
    /// Where the outermost call stands that is out; meaningful while the mode is DECLARED. Null, or a `&'static Location`.
    site: AtomicPtr<Location<'static>>,
}

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

impl Record {
    /// A record of a thread that is inside the runtime and holds no processor.
    pub fn new() -> Self {
        Self {
            seq: AtomicU64::new(INSIDE),
            processor: AtomicU32::new(NO_PROCESSOR),
            request: AtomicU8::new(NONE),
            yield_asked: AtomicBool::new(false),
            site: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    #[inline]
    fn step(&self, mode: u64, order: Ordering) {
        let seq = self.seq.load(Ordering::Relaxed);
        self.seq.store(((seq & !MODE).wrapping_add(STEP)) | mode, order);
    }

    // ---- the owner's side -------------------------------------------------------------------------------------------

    /// The thread took `processor` (from the idle set); it is inside the runtime.
    #[inline]
    pub fn bind(&self, processor: u32) {
        // Release: whoever reads this processor also reads the INSIDE before it; pairs with the Acquire in `retake`. Without it a thread that
        // came in by `enter_without`, which has no fence, could lose the new processor at the `seq` of its last poll, while it is inside.
        self.processor.store(processor, Ordering::Release);
    }

    /// The thread gives its processor away by itself; it is inside the runtime.
    #[inline]
    pub fn unbind(&self) {
        self.processor.store(NO_PROCESSOR, Ordering::Relaxed);
    }

    /// INSIDE -> LENT: user code begins.
    #[inline]
    pub fn lend(&self) {
        // Release: publishes all that this thread did to the processor; pairs with the Acquire load in `observe`. Without it a
        // retaker could find a half-written run queue.
        self.step(LENT, Ordering::Release);
    }

    /// What an entry from user code restores with [`lend_again`](Self::lend_again): LENT, or DECLARED within a call.
    #[inline]
    pub fn mode(&self) -> Mode {
        Mode(self.seq.load(Ordering::Relaxed) & MODE)
    }

    /// INSIDE -> what it was before the entry.
    #[inline]
    pub fn lend_again(&self, mode: Mode) {
        // Release: as in `lend`.
        self.step(mode.0, Ordering::Release);
    }

    /// LENT -> DECLARED, with the call's site. Returns what [`settle`](Self::settle) restores, so calls nest.
    ///
    /// INSIDE stays INSIDE: a waker that the runtime calls may make a blocking call too, and the processor in use must stay out of the
    /// monitor's reach, for nobody would reclaim it.
    #[inline]
    pub fn declare(&self, site: &'static Location<'static>) -> Declared {
        let before = self.mode();
        // A call within a call leaves the outer one's: that is what the thread is in, before, during and after it.
        if !before.is_declared() {
            // Relaxed: ordered before the mode by the Release in `step`.
            self.site.store(std::ptr::from_ref(site).cast_mut(), Ordering::Relaxed);
        }
        self.step(if before.is_lent() { DECLARED } else { INSIDE }, Ordering::Release);
        Declared { before }
    }

    /// DECLARED -> what it was. The count moves, so a loop of short calls does not look like one long call.
    #[inline]
    pub fn settle(&self, call: Declared) {
        self.step(call.before.0, Ordering::Release);
    }

    /// LENT -> INSIDE: user code has ended or called into the runtime.
    #[inline]
    pub fn reclaim(&self) -> Reclaim {
        // Relaxed store, then the fence: see the two cases in the module's text. Without the fence both sides may read old values
        // and one processor has two holders.
        self.step(INSIDE, Ordering::Relaxed);
        fence::light();
        // Acquire: pairs with the monitor's Release of TAKEN and NONE, after which the words are this thread's to write.
        match self.request.load(Ordering::Acquire) {
            NONE => Reclaim::Kept,
            _ => self.await_verdict(),
        }
    }

    #[cold]
    fn await_verdict(&self) -> Reclaim {
        let mut spins = 0;
        loop {
            match self.request.load(Ordering::Acquire) {
                NONE => return Reclaim::Kept,
                TAKEN => {
                    self.processor.store(NO_PROCESSOR, Ordering::Relaxed);
                    // Release: the cleared processor comes first, so that the monitor's next attempt sees it.
                    self.request.store(NONE, Ordering::Release);
                    return Reclaim::Lost;
                }
                _ if spins < SPINS_FOR_VERDICT => {
                    spins += 1;
                    spin_hint();
                }
                _ => yield_thread(),
            }
        }
    }

    /// LENT -> INSIDE for a thread that knows that it holds nothing.
    #[inline]
    pub fn enter_without(&self) {
        self.step(INSIDE, Ordering::Relaxed);
    }

    /// A hint, for the owner: the monitor has taken (or is about to take) the processor.
    #[inline]
    pub fn is_contested(&self) -> bool {
        self.request.load(Ordering::Relaxed) != NONE
    }

    /// A hint, for the owner: contested, or asked to yield.
    #[inline]
    pub fn is_disturbed(&self) -> bool {
        self.is_contested() | self.yield_asked.load(Ordering::Relaxed)
    }

    /// The owner takes note of a yield request; true once per request.
    #[inline]
    pub fn take_yield_request(&self) -> bool {
        if !self.yield_asked.load(Ordering::Relaxed) {
            return false;
        }
        self.yield_asked.store(false, Ordering::Relaxed);
        true
    }

    // ---- the monitor's side -----------------------------------------------------------------------------------------

    /// Reads `seq`.
    pub fn observe(&self) -> Seq {
        // Acquire: pairs with the Release in `lend`.
        Seq(self.seq.load(Ordering::Acquire))
    }

    /// The processor it holds, or [`NO_PROCESSOR`]. A hint unless read by the owner or inside `retake`.
    pub fn processor(&self) -> u32 {
        self.processor.load(Ordering::Relaxed)
    }

    /// The processor that it holds: not one that was taken from it without its knowing yet. A hint.
    pub fn held_processor(&self) -> Option<usize> {
        let processor = self.processor();
        (processor != NO_PROCESSOR && self.request.load(Ordering::Relaxed) != TAKEN).then_some(processor as usize)
    }

    /// Whether the thread runs user code without a processor, outside any declared call: computing, or blocked without saying so. A hint.
    pub fn runs_without(&self) -> bool {
        self.place() == Place::WithoutProcessor
    }

    /// Where the thread is. A hint.
    pub fn place(&self) -> Place {
        let lost = self.processor() == NO_PROCESSOR || self.request.load(Ordering::Relaxed) == TAKEN;
        let seq = self.observe();
        match () {
            () if !lost => Place::Running,
            () if seq.is_declared() => Place::InCall,
            () if seq.is_lent() => Place::WithoutProcessor,
            () => Place::Resting,
        }
    }

    /// The site of the outermost call that is out, or that was the last one; none before the first.
    #[allow(unsafe_code, reason = "a source location is kept as an atomic pointer")]
    pub fn site(&self) -> Option<&'static Location<'static>> {
        // SAFETY: `declare` is the only writer, and it stores `&'static` references.
        unsafe { self.site.load(Ordering::Relaxed).as_ref() }
    }

    /// Asks the running poll to yield at its next await of ours.
    pub fn ask_yield(&self) {
        self.yield_asked.store(true, Ordering::Relaxed);
    }

    /// Tries to take `processor`, which the thread lent at `seq`. Only the monitor may call it: it is the only retaker.
    /// `taken` is called when that is certain, before the thread can know it.
    pub fn retake(&self, seq: Seq, processor: u32, taken: impl FnOnce()) -> Retake {
        debug_assert!(seq.is_lent());
        // A request still TAKEN is the mark of an earlier retake that its thread has not found yet; then it holds nothing.
        // Acquire on success: pairs with the owner's Release of NONE.
        if self.request.compare_exchange(NONE, PENDING, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return Retake::Moved;
        }
        fence::heavy();
        // The processor is compared as well: it may have become this thread's after `seq` was read. It is read first. Acquire: pairs with the
        // Release in `bind`, so the `seq` read after it is not older than the one at which the thread got this processor.
        let bound = self.processor.load(Ordering::Acquire) == processor;
        let unmoved = bound && self.seq.load(Ordering::Acquire) == seq.0;
        if unmoved {
            taken();
        }
        // Release: the verdict carries what the monitor did before it.
        self.request.store(if unmoved { TAKEN } else { NONE }, Ordering::Release);
        if unmoved { Retake::Taken } else { Retake::Moved }
    }
}

/// A call that was declared and must be settled.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    before: Mode,
}

impl Declared {
    /// Whether it is within another one.
    pub fn is_nested(self) -> bool {
        self.before.is_declared()
    }
}
