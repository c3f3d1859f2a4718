//! What has the runtime done so far, and what does it look like now?

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use handover_executor::Shared;

/// Numbers of one runtime, live: each is read when it is asked for, so two of these never differ, and a difference is made of two readings. Reading is cheap
/// and stops nobody.
#[derive(Clone)]
pub struct RuntimeMetrics {
    shared: Arc<Shared>,
}

impl RuntimeMetrics {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Processors: how many tasks may run at the same time.
    pub fn num_workers(&self) -> usize {
        self.shared.pool().processors()
    }

    /// Tasks that are not over.
    pub fn num_alive_tasks(&self) -> usize {
        self.shared.counts().alive_tasks
    }

    /// Tasks that wait in the inject queue now.
    pub fn global_queue_depth(&self) -> usize {
        self.shared.counts().injected
    }

    /// Calls and polls that others could overtake: the monitor took their processor, or they gave it away before they began.
    pub fn handoffs(&self) -> u64 {
        self.shared.pool().counters().handoffs.get()
    }

    /// Processors that the monitor took from a thread in user code.
    pub fn retakes(&self) -> u64 {
        self.shared.pool().counters().retakes.get()
    }

    /// Polls that blocked for longer than `handoff_after` without declaring it.
    pub fn stalls(&self) -> u64 {
        self.shared.pool().counters().stalls.get()
    }

    /// Worker threads that run a task without a processor now, outside declared calls: it was taken from them because they computed for longer than `handoff_after`, blocked without saying so,
    /// or came back from a call to find none idle. They go on until their poll ends, at the latest.
    pub fn threads_without_processor(&self) -> usize {
        self.shared.pool().threads_without_processor()
    }

    /// Polls that ended without a processor.
    pub fn runs_without_processor(&self) -> u64 {
        self.shared.pool().counters().runs_without_processor.get()
    }

    /// Blocking calls that were handed off and have not returned.
    pub fn calls_out(&self) -> usize {
        self.shared.pool().admission().out()
    }

    /// Blocking calls that wait now, before they start, because `max_blocking_threads` are out.
    pub fn calls_waiting(&self) -> usize {
        self.shared.pool().admission().waiting()
    }

    /// Blocking calls that had to wait so.
    pub fn admission_waits(&self) -> u64 {
        self.shared.pool().counters().admission_waits.get()
    }

    /// How long they waited, summed over those that have started.
    pub fn admission_wait_time(&self) -> Duration {
        Duration::from_nanos(self.shared.pool().counters().admission_wait_nanos.get())
    }

    /// Calls that were let in beyond the limit, because none had returned for a second.
    pub fn admission_breaks(&self) -> u64 {
        self.shared.pool().counters().breaks.get()
    }

    /// Worker threads alive now; the monitor is not counted.
    pub fn threads(&self) -> usize {
        self.shared.pool().threads()
    }

    /// Worker threads that are parked as spares now.
    pub fn spare_threads(&self) -> usize {
        self.shared.pool().spare_threads()
    }

    /// Worker threads started so far.
    pub fn threads_started(&self) -> u64 {
        self.shared.pool().counters().threads_started.get()
    }

    /// Worker threads that have ended.
    pub fn threads_ended(&self) -> u64 {
        self.shared.pool().counters().threads_ended.get()
    }

    /// Polls of tasks.
    pub fn polls(&self) -> u64 {
        self.shared.pool().polls()
    }

    /// Times that a processor without tasks took some from another.
    pub fn steals(&self) -> u64 {
        self.shared.counts().steals
    }

    /// Tasks that changed processors that way.
    pub fn stolen_tasks(&self) -> u64 {
        self.shared.counts().stolen
    }

    /// Times that a worker thread parked as a spare.
    pub fn parks(&self) -> u64 {
        self.shared.pool().counters().parks.get()
    }

    /// Times that the monitor was woken out of a doze.
    pub fn monitor_kicks(&self) -> u64 {
        self.shared.pool().counters().kicks.get()
    }
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("num_workers", &self.num_workers())
            .field("num_alive_tasks", &self.num_alive_tasks())
            .field("global_queue_depth", &self.global_queue_depth())
            .field("handoffs", &self.handoffs())
            .field("retakes", &self.retakes())
            .field("stalls", &self.stalls())
            .field("threads_without_processor", &self.threads_without_processor())
            .field("runs_without_processor", &self.runs_without_processor())
            .field("calls_out", &self.calls_out())
            .field("calls_waiting", &self.calls_waiting())
            .field("admission_waits", &self.admission_waits())
            .field("admission_wait_time", &self.admission_wait_time())
            .field("admission_breaks", &self.admission_breaks())
            .field("threads", &self.threads())
            .field("spare_threads", &self.spare_threads())
            .field("threads_started", &self.threads_started())
            .field("threads_ended", &self.threads_ended())
            .field("polls", &self.polls())
            .field("steals", &self.steals())
            .field("stolen_tasks", &self.stolen_tasks())
            .field("parks", &self.parks())
            .field("monitor_kicks", &self.monitor_kicks())
            .finish()
    }
}
