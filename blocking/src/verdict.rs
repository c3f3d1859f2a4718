//! Should the monitor take this lent processor?
//!
//! [`judge`] is a pure function of one [`Observation`]; the monitor's one `match` acts on its [`Verdict`].

use std::time::Duration;

/// A second look this soon tells a call that lasts from one that just began.
pub(crate) const SECOND_LOOK: Duration = Duration::from_micros(20);

/// Undeclared code is asked about in the kernel this early when others wait for its processor. Two orders of magnitude above the price of the
/// question (two system calls), and far below what a person notices.
pub(crate) const EARLY_KERNEL_LOOK: Duration = Duration::from_micros(500);

/// What the kernel says of a thread between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Its CPU clock stood still and it is not runnable.
    Blocked,
    /// Its CPU clock moved.
    Computing,
    /// Runnable, but the machine has no CPU for it.
    Starved,
}

/// What the monitor saw of one lent processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// The thread declared a blocking call.
    pub(crate) declared: bool,
    /// For how long `seq` has been as it is, as far as the monitor saw.
    pub(crate) unmoved: Duration,
    /// For how long the thread has been in this one poll.
    pub(crate) in_poll: Duration,
    /// Tasks wait in the processor's queue, its next slot or the inject queue.
    pub(crate) work_waits: bool,
    /// Another processor is idle, has a CPU and can get at the waiting work: it will be stolen, nothing has to be taken.
    pub(crate) processor_idle: bool,
    /// What the kernel says, once it has been asked.
    pub(crate) kernel: Option<Kernel>,
    /// Processors retaken from computing threads that still run without one.
    pub(crate) computing_without: usize,
    /// How many of those are allowed: the number of processors.
    pub(crate) computing_limit: usize,
    /// When a call has lasted too long.
    pub(crate) handoff_after: Duration,
}

/// Why a processor is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    /// A declared call while tasks wait.
    WorkWaits,
    /// A declared call over `handoff_after`.
    LongCall,
    /// Undeclared, blocked in the kernel, while tasks wait.
    BlockedEarly,
    /// Undeclared, blocked in the kernel, over `handoff_after`: worth a warning.
    Blocked,
    /// Computing for longer than `handoff_after`.
    Computing,
    /// The runtime is shutting down.
    Shutdown,
}

impl Reason {
    /// All of them, in the order of their values.
    pub(crate) const ALL: [Self; 6] = [Self::WorkWaits, Self::LongCall, Self::BlockedEarly, Self::Blocked, Self::Computing, Self::Shutdown];

    /// The name of the reason with this number.
    pub(crate) fn name_of(number: u8) -> &'static str {
        Self::ALL.iter().find(|reason| **reason as u8 == number).map_or("unknown", |reason| reason.name())
    }

    /// In events.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WorkWaits => "work_waits",
            Self::LongCall => "long_call",
            Self::BlockedEarly => "blocked_early",
            Self::Blocked => "blocked",
            Self::Computing => "computing",
            Self::Shutdown => "shutdown",
        }
    }
}

/// What the monitor does.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Leave,
    /// Ask the kernel, judge again.
    AskKernel,
    /// Ask the running task to yield.
    AskYield,
    /// Ask it to yield, and take the processor meanwhile.
    Retake(Reason),
}

/// Decides.
pub(crate) fn judge(seen: &Observation) -> Verdict {
    let starving = seen.work_waits && !seen.processor_idle;
    if seen.declared {
        return match () {
            () if seen.unmoved >= seen.handoff_after => Verdict::Retake(Reason::LongCall),
            () if starving && seen.unmoved >= SECOND_LOOK => Verdict::Retake(Reason::WorkWaits),
            () => yield_if_long_poll(seen),
        };
    }
    let over = seen.unmoved >= seen.handoff_after;
    let early = starving && seen.unmoved >= EARLY_KERNEL_LOOK;
    if !(over || early) {
        return yield_if_long_poll(seen);
    }
    match seen.kernel {
        None => Verdict::AskKernel,
        Some(Kernel::Blocked) if over => Verdict::Retake(Reason::Blocked),
        Some(Kernel::Blocked) => Verdict::Retake(Reason::BlockedEarly),
        Some(Kernel::Computing) if over && starving && seen.computing_without < seen.computing_limit => Verdict::Retake(Reason::Computing),
        Some(Kernel::Computing) if over => Verdict::AskYield,
        Some(Kernel::Computing | Kernel::Starved) => Verdict::Leave,
    }
}

/// Many short calls in one poll move `seq` all the time: only the poll's own age shows them.
fn yield_if_long_poll(seen: &Observation) -> Verdict {
    if seen.in_poll >= seen.handoff_after { Verdict::AskYield } else { Verdict::Leave }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);
    const MS: Duration = Duration::from_millis(1);

    fn quiet() -> Observation {
        Observation {
            declared: false,
            unmoved: Duration::ZERO,
            in_poll: Duration::ZERO,
            work_waits: false,
            processor_idle: false,
            kernel: None,
            computing_without: 0,
            computing_limit: 2,
            handoff_after: 10 * MS,
        }
    }

    #[test]
    fn a_declared_call_is_left_alone_until_it_is_long_or_costs_somebody() {
        let call = Observation { declared: true, unmoved: 9 * MS, ..quiet() };
        assert_eq!(judge(&call), Verdict::Leave);
        assert_eq!(judge(&Observation { unmoved: 10 * MS, ..call }), Verdict::Retake(Reason::LongCall));
        let starving = Observation { work_waits: true, ..call };
        assert_eq!(judge(&Observation { unmoved: 19 * US, ..starving }), Verdict::Leave);
        assert_eq!(judge(&Observation { unmoved: 20 * US, ..starving }), Verdict::Retake(Reason::WorkWaits));
        assert_eq!(judge(&Observation { processor_idle: true, ..starving }), Verdict::Leave);
    }

    #[test]
    fn undeclared_code_is_judged_by_the_kernel() {
        let poll = Observation { unmoved: 10 * MS, in_poll: 10 * MS, ..quiet() };
        assert_eq!(judge(&poll), Verdict::AskKernel);
        let told = |kernel| Observation { kernel: Some(kernel), ..poll };
        assert_eq!(judge(&told(Kernel::Blocked)), Verdict::Retake(Reason::Blocked));
        assert_eq!(judge(&told(Kernel::Computing)), Verdict::AskYield);
        assert_eq!(judge(&told(Kernel::Starved)), Verdict::Leave);
    }

    #[test]
    fn blocked_polls_are_taken_early_only_while_work_waits() {
        let poll = Observation { unmoved: 500 * US, kernel: Some(Kernel::Blocked), ..quiet() };
        assert_eq!(judge(&poll), Verdict::Leave);
        assert_eq!(judge(&Observation { work_waits: true, ..poll }), Verdict::Retake(Reason::BlockedEarly));
    }

    #[test]
    fn computing_threads_lose_their_processor_only_up_to_the_limit() {
        let poll = Observation { unmoved: 10 * MS, work_waits: true, kernel: Some(Kernel::Computing), ..quiet() };
        assert_eq!(judge(&poll), Verdict::Retake(Reason::Computing));
        assert_eq!(judge(&Observation { computing_without: 2, ..poll }), Verdict::AskYield);
    }

    #[test]
    fn a_poll_of_many_short_calls_is_asked_to_yield() {
        let poll = Observation { declared: true, unmoved: US, in_poll: 10 * MS, ..quiet() };
        assert_eq!(judge(&poll), Verdict::AskYield);
    }
}
