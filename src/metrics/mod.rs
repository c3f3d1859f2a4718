//! What has the runtime done so far, and what does it look like now?
//!
//! [`RuntimeMetrics`] has the numbers one by one; [`RuntimeMetrics::prometheus`] has them all as the text that Prometheus reads, and with the feature `metrics`, `Publisher` takes
//! them to the recorder of the `metrics` facade. docs/metrics.md is the table of names, types and labels; docs/grafana.json a dashboard of them.
//!
//! All is always on. What a count costs, it costs on a path that is slow anyway; the times of polls and waits are samples, at most one of each in a millisecond on each processor.

mod catalogue;
mod durations;
mod prometheus;
#[cfg(feature = "metrics")]
mod publisher;

pub use durations::DurationHistogram;
#[cfg(feature = "metrics")]
pub use publisher::Publisher;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use handover_blocking::threads::Places;
use handover_executor::{ProcessorCounts, Shared};

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

    fn per_processor(&self, number: impl Fn(ProcessorCounts) -> u64) -> u64 {
        (0..self.num_workers()).filter_map(|processor| self.shared.counts_of(processor)).map(number).sum()
    }

    #[track_caller]
    fn of(&self, worker: usize) -> ProcessorCounts {
        match self.shared.counts_of(worker) {
            Some(counts) => counts,
            None => panic!("there is no worker {worker}: this runtime has {} processors, counted from 0", self.num_workers()),
        }
    }

    /// All numbers as the text that Prometheus reads (format 0.0.4), to be served as `text/plain; version=0.0.4; charset=utf-8`. docs/metrics.md is the table of its names.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = handover::runtime::Builder::new().processors(2).build()?;
    /// let text = runtime.metrics().prometheus();
    /// assert!(text.contains("# TYPE handover_processors gauge\nhandover_processors 2\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn prometheus(&self) -> String {
        prometheus::text(&catalogue::families(self))
    }

    /// Processors: how many tasks may run at the same time.
    pub fn num_workers(&self) -> usize {
        self.shared.pool().processors()
    }

    /// Tasks that are not over.
    pub fn num_alive_tasks(&self) -> usize {
        self.shared.counts().alive_tasks
    }

    /// Tasks that were spawned so far.
    pub fn spawned_tasks_count(&self) -> u64 {
        self.shared.counts().spawned
    }

    /// Tasks that wait in the inject queue now.
    pub fn global_queue_depth(&self) -> usize {
        self.shared.counts().injected
    }

    /// Tasks that wait on processor `worker` now.
    ///
    /// # Panics
    /// If `worker` is not less than [`num_workers`](Self::num_workers).
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.of(worker).queued
    }

    /// Polls of tasks that began on processor `worker`.
    ///
    /// # Panics
    /// If `worker` is not less than [`num_workers`](Self::num_workers).
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.of(worker).polls
    }

    /// Tasks that processor `worker` took from others.
    ///
    /// # Panics
    /// If `worker` is not less than [`num_workers`](Self::num_workers).
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.of(worker).stolen
    }

    /// Times that processor `worker` took tasks from another.
    ///
    /// # Panics
    /// If `worker` is not less than [`num_workers`](Self::num_workers).
    #[track_caller]
    pub fn worker_steal_operations(&self, worker: usize) -> u64 {
        self.of(worker).steals
    }

    /// How long polls take. Samples: at most one in a millisecond on each processor is timed.
    pub fn poll_time(&self) -> DurationHistogram {
        DurationHistogram::new(self.shared.poll_times())
    }

    /// How long tasks wait that are woken by tasks or events of this runtime, from that to their poll. Samples: at most one in a millisecond on each processor is timed, and
    /// one that another processor steals, or that overflows into the inject queue, is left out.
    pub fn local_scheduling_latency(&self) -> DurationHistogram {
        DurationHistogram::new(self.shared.local_waits())
    }

    /// How long tasks wait that are spawned or woken by other threads, from that until a thread takes them to poll them. Samples: every 61st is timed, at most one at a time; one that is
    /// moved to a processor's queue meanwhile is left out.
    pub fn global_scheduling_latency(&self) -> DurationHistogram {
        DurationHistogram::new(self.shared.injected_waits())
    }

    /// Declared blocking calls that returned with their processor still there, or had none to lose. One that panicked is not counted.
    pub fn fast_calls(&self) -> u64 {
        self.shared.pool().fast_calls()
    }

    /// How long declared blocking calls took that were handed off and have returned: the monitor took their processor, or they gave it away before they began.
    pub fn blocking_call_time(&self) -> DurationHistogram {
        DurationHistogram::new(self.shared.pool().counters().handed_off.read())
    }

    /// How long polls went on that lost their processor outside declared calls, because they computed or blocked without saying so.
    pub fn overtaken_poll_time(&self) -> DurationHistogram {
        DurationHistogram::new(self.shared.pool().counters().overtaken.read())
    }

    /// How long processors that were given up while tasks waited had no holder.
    pub fn handoff_delay(&self) -> DurationHistogram {
        DurationHistogram::new(self.shared.pool().counters().handoff_delays.read())
    }

    /// [`handoffs`](Self::handoffs) by reason: that of the `retake` event (docs/events.md), or `given_away` ahead of a call that is expected to be long.
    pub fn handoffs_by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.shared.pool().counters().handoffs_by_reason()
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

    /// [`threads`](Self::threads) by what they do: `running` (they hold a processor), `in_call` (out in a declared call without one), `without_processor`
    /// (they run a task without one), `spare` (parked), and `other` (in epoll, or on the way from one of these to another).
    pub fn threads_by_state(&self) -> impl Iterator<Item = (&'static str, usize)> + use<> {
        let Places { running, in_call, without_processor, resting } = self.shared.pool().thread_places();
        let spare = self.spare_threads().min(resting);
        [("running", running), ("in_call", in_call), ("without_processor", without_processor), ("spare", spare), ("other", resting - spare)]
            .into_iter()
    }

    /// Thread starts that the system refused.
    pub fn thread_spawn_failures(&self) -> u64 {
        self.shared.pool().counters().thread_failures.get()
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
        self.per_processor(|counts| counts.polls)
    }

    /// Times that a processor without tasks took some from another.
    pub fn steals(&self) -> u64 {
        self.per_processor(|counts| counts.steals)
    }

    /// Tasks that changed processors that way.
    pub fn stolen_tasks(&self) -> u64 {
        self.per_processor(|counts| counts.stolen)
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

// It only reads, and a panic leaves nothing of it half done.
impl std::panic::UnwindSafe for RuntimeMetrics {}
impl std::panic::RefUnwindSafe for RuntimeMetrics {}

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
            .field("thread_spawn_failures", &self.thread_spawn_failures())
            .field("fast_calls", &self.fast_calls())
            .field("blocking_call_time", &self.blocking_call_time())
            .field("handoff_delay", &self.handoff_delay())
            .field("poll_time", &self.poll_time())
            .field("local_scheduling_latency", &self.local_scheduling_latency())
            .field("global_scheduling_latency", &self.global_scheduling_latency())
            .finish()
    }
}
