//! What does an event say of the runtime?

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handover_blocking::histogram::{BUCKETS, Reading};
use handover_blocking::views::{self, ThreadView};

use super::json::Json;
use crate::dump::{Activity, Dump, State, Task, Thread};
use crate::runtime::Handle;
use crate::task::Id;

/// So many tasks are listed.
const MOST_TASKS: usize = 200;
/// So many spawn sites.
const MOST_SITES: usize = 30;
/// So many threads that are held up, and as many stalls.
const MOST_HELD: usize = 20;
/// The ages of so many tasks are kept.
const MOST_AGES: usize = 50_000;
/// The times of hand-offs and calls are those of so many events: ten seconds.
const WINDOW: usize = 40;

/// What a processor was seen doing, how often, since the last event.
#[derive(Clone, Copy, Default)]
struct Glances {
    running: u64,
    in_call: u64,
    idle: u64,
    other: u64,
}

/// A poll that blocked without saying so.
struct Stall {
    task: Id,
    poll: (i32, u64),
    spawned_at: &'static Location<'static>,
    name: Option<Arc<str>>,
    channel: Option<String>,
    lasted: Duration,
    seen: Instant,
}

/// What is remembered from one event to the next.
pub(super) struct Sampler {
    handle: Handle,
    start: Instant,
    glances: Vec<Glances>,
    readings: VecDeque<(Reading, Reading)>,
    /// When tasks were seen first, and whether they were new then.
    ages: HashMap<Id, (Instant, bool)>,
    stalls: VecDeque<Stall>,
}

impl Sampler {
    pub(super) fn new(handle: &Handle) -> Self {
        let processors = handle.shared().pool().processors();
        Self {
            handle: handle.clone(),
            start: Instant::now(),
            glances: vec![Glances::default(); processors],
            readings: VecDeque::new(),
            ages: HashMap::new(),
            stalls: VecDeque::new(),
        }
    }

    /// Looks at the processors alone.
    pub(super) fn glance(&mut self) {
        let pool = self.handle.shared().pool();
        let threads = pool.view_threads();
        for (number, glances) in self.glances.iter_mut().enumerate() {
            let holder = threads.iter().find(|thread: &&ThreadView| thread.processor == Some(number));
            let count = match holder.map(|thread| thread.activity) {
                Some(views::Activity::Running) => &mut glances.running,
                Some(views::Activity::InCall) => &mut glances.in_call,
                None if pool.is_idle(number) => &mut glances.idle,
                _ => &mut glances.other,
            };
            *count += 1;
        }
    }

    /// Looks at everything and says what it has seen.
    pub(super) fn event(&mut self) -> String {
        self.glance();
        let dump = self.handle.dump();
        self.note_ages(&dump);
        self.note_stalls(&dump);
        let mut json = Json::default();
        json.object(|json| self.write(json, &dump));
        json.finish()
    }

    fn note_ages(&mut self, dump: &Dump) {
        let (now, is_first) = (Instant::now(), self.readings.is_empty());
        let alive: HashSet<Id> = dump.tasks.iter().take(MOST_AGES).map(|task| task.id).collect();
        self.ages.retain(|id, _| alive.contains(id));
        alive.into_iter().for_each(|id| {
            self.ages.entry(id).or_insert((now, !is_first));
        });
    }

    fn note_stalls(&mut self, dump: &Dump) {
        let blocked = |thread: &&Thread| thread.activity == Activity::Running && matches!(thread.kernel_state, Some('S' | 'D'));
        for thread in dump.held_up().into_iter().filter(blocked) {
            let (Some(task), Some(spawned_at), Some(lasted)) = (thread.task, thread.spawned_at, thread.elapsed) else { continue };
            let poll = (thread.tid, thread.polls);
            if let Some(known) = self.stalls.iter_mut().find(|stall| stall.poll == poll) {
                (known.lasted, known.seen) = (lasted, Instant::now());
                continue;
            }
            let name = dump.task(task).and_then(|task| task.name.clone());
            self.stalls.push_front(Stall {
                task,
                poll,
                spawned_at,
                name,
                channel: thread.wait_channel.clone(),
                lasted,
                seen: Instant::now(),
            });
        }
        self.stalls.truncate(MOST_HELD);
    }

    // ---- what is written --------------------------------------------------------------------------------------------

    fn write(&mut self, json: &mut Json, dump: &Dump) {
        json.key("millis").number(self.start.elapsed().as_millis() as u64);
        json.key("wedged").bool(dump.is_wedged());
        json.key("closing").bool(dump.is_closing);
        json.key("ended").bool(dump.is_closing && dump.threads.is_empty());
        self.write_processors(json, dump);
        write_threads(json, dump);
        self.write_totals(json);
        self.write_times(json);
        let held = dump.held_up();
        json.key("held").array(held.into_iter().take(MOST_HELD), |json, thread| write_held(json, thread, dump));
        self.write_stalls(json);
        self.write_tasks(json, dump);
        write_sites(json, dump);
    }

    fn write_processors(&mut self, json: &mut Json, dump: &Dump) {
        let glances = std::mem::take(&mut self.glances);
        self.glances = vec![Glances::default(); glances.len()];
        json.key("processors").array(dump.processors.iter().zip(&glances), |json, (processor, seen)| {
            json.object(|json| {
                json.key("queued").number(processor.queued as u64);
                for (name, count) in [("running", seen.running), ("call", seen.in_call), ("idle", seen.idle), ("other", seen.other)] {
                    json.key(name).number(count);
                }
                let holder = dump.threads.iter().find(|thread| processor.thread == Some(thread.tid));
                if let Some(thread) = holder.filter(|thread| thread.task.is_some()) {
                    json.key("holder");
                    write_held(json, thread, dump);
                }
            });
        });
        json.key("injected").number(dump.injected as u64);
        json.key("returners").number(dump.returners as u64);
        json.key("queued").number(dump.queued() as u64);
    }

    fn write_totals(&self, json: &mut Json) {
        let metrics = self.handle.metrics();
        let totals = [
            ("handoffs", metrics.handoffs()),
            ("retakes", metrics.retakes()),
            ("stalls", metrics.stalls()),
            ("polls", metrics.polls()),
            ("steals", metrics.steals()),
            ("waits", metrics.admission_waits()),
            ("threads_started", metrics.threads_started()),
        ];
        json.key("totals").object(|json| totals.into_iter().for_each(|(name, count)| json.key(name).number(count)));
    }

    /// How long hand-offs and calls took that ended within the window.
    fn write_times(&mut self, json: &mut Json) {
        let counters = self.handle.shared().pool().counters();
        let now = (counters.handoff_delays.read(), counters.handed_off.read());
        let before = self.readings.front().unwrap_or(&now).clone();
        self.readings.push_back(now.clone());
        if self.readings.len() > WINDOW {
            self.readings.pop_front();
        }
        write_quantiles(json.key("delay"), &now.0, &before.0);
        write_quantiles(json.key("out"), &now.1, &before.1);
    }

    fn write_stalls(&self, json: &mut Json) {
        json.key("stalls").array(&self.stalls, |json, stall| {
            json.object(|json| {
                json.key("task").number(stall.task.as_u64());
                json.key("spawned_at").text(stall.spawned_at);
                json.key("millis").millis(stall.lasted);
                json.key("ago").millis(stall.seen.elapsed());
                stall.name.iter().for_each(|name| json.key("name").string(name));
                stall.channel.iter().for_each(|channel| json.key("channel").string(channel));
            });
        });
    }

    fn write_tasks(&self, json: &mut Json, dump: &Dump) {
        let mut tasks: Vec<&Task> = dump.tasks.iter().collect();
        // The longest in a poll or call first, then those that are queued, then those that wait, the longest first.
        let rank = |task: &Task| (stage(task), std::cmp::Reverse(task.elapsed), task.id);
        let shown = tasks.len().min(MOST_TASKS);
        if shown > 0 {
            tasks.select_nth_unstable_by_key(shown - 1, |task| rank(task));
            tasks.truncate(shown);
            tasks.sort_unstable_by_key(|task| rank(task));
        }
        json.key("task_count").number(dump.tasks.len() as u64);
        json.key("tasks").array(tasks, |json, task| self.write_task(json, task));
    }

    fn write_task(&self, json: &mut Json, task: &Task) {
        json.object(|json| {
            json.key("id").number(task.id.as_u64());
            task.name.iter().for_each(|name| json.key("name").string(name));
            json.key("spawned_at").text(task.spawned_at);
            json.key("state").string(state_word(task));
            task.elapsed.iter().for_each(|elapsed| json.key("millis").millis(*elapsed));
            json.key("polls").number(u64::from(task.polls));
            if let State::InCall { at, .. } = task.state {
                json.key("call").text(at);
            }
            if !task.waits_for.is_empty() {
                json.key("waits").array(task.named_waits(), |json, wait| json.string(&wait));
            }
            if let Some((seen, was_new)) = self.ages.get(&task.id) {
                json.key("age").millis(seen.elapsed());
                json.key("exact").bool(*was_new);
            }
        });
    }
}

/// In which order tasks are listed.
fn stage(task: &Task) -> u8 {
    match task.state {
        State::Running { .. } | State::InCall { .. } => 0,
        State::Queued => 1,
        State::Waiting => 2,
        State::Over => 3,
    }
}

fn state_word(task: &Task) -> &'static str {
    match task.state {
        State::Running { .. } => "running",
        State::InCall { .. } => "call",
        State::Queued => "queued",
        State::Waiting => "waiting",
        State::Over => "over",
    }
}

fn write_held(json: &mut Json, thread: &Thread, dump: &Dump) {
    json.object(|json| {
        json.key("thread").number(u64::try_from(thread.tid).unwrap_or(0));
        json.key("state").string(if thread.call.is_some() { "call" } else { "running" });
        json.key("blocked").bool(matches!(thread.kernel_state, Some('S' | 'D')));
        thread.processor.iter().for_each(|processor| json.key("processor").number(*processor as u64));
        thread.elapsed.iter().for_each(|elapsed| json.key("millis").millis(*elapsed));
        thread.call.iter().for_each(|call| json.key("call").text(call));
        thread.spawned_at.iter().for_each(|site| json.key("spawned_at").text(site));
        thread.wait_channel.iter().for_each(|channel| json.key("channel").string(channel));
        if let Some(task) = thread.task {
            json.key("task").number(task.as_u64());
            dump.task(task).and_then(|task| task.name.as_ref()).iter().for_each(|name| json.key("name").string(name));
        }
    });
}

fn write_threads(json: &mut Json, dump: &Dump) {
    let count = |activity| dump.threads.iter().filter(|thread| thread.activity == activity).count() as u64;
    json.key("threads").object(|json| {
        json.key("alive").number(dump.threads.len() as u64);
        json.key("most").number(dump.max_threads as u64);
        json.key("running").number(count(Activity::Running));
        json.key("call").number(count(Activity::InCall));
        json.key("spare").number(count(Activity::Spare));
    });
    json.key("calls").object(|json| {
        json.key("out").number(dump.calls_out as u64);
        json.key("most").number(dump.max_calls_out as u64);
        json.key("waiting").number(dump.calls_waiting as u64);
    });
}

fn write_quantiles(json: &mut Json, now: &Reading, before: &Reading) {
    let mut counts = [0; BUCKETS];
    counts.iter_mut().enumerate().for_each(|(n, count)| *count = now.counts[n].saturating_sub(before.counts[n]));
    let window = Reading { counts, sum: now.sum.saturating_sub(before.sum) };
    json.object(|json| {
        json.key("count").number(window.total());
        for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            window.quantile(quantile).iter().for_each(|time| json.key(name).millis(*time));
        }
    });
}

/// Which spawn sites have most tasks, and what those do.
fn write_sites(json: &mut Json, dump: &Dump) {
    let mut sites: HashMap<&Location<'_>, [u64; 5]> = HashMap::new();
    for task in &dump.tasks {
        let state = match task.state {
            State::Running { .. } => 1,
            State::InCall { .. } => 2,
            State::Queued => 3,
            State::Waiting | State::Over => 4,
        };
        let counts = sites.entry(task.spawned_at).or_default();
        counts[0] += 1;
        counts[state] += 1;
    }
    let mut sites: Vec<_> = sites.into_iter().collect();
    sites.sort_unstable_by_key(|(site, counts)| (std::cmp::Reverse(counts[0]), *site));
    json.key("sites").array(sites.into_iter().take(MOST_SITES), |json, (site, counts)| {
        json.object(|json| {
            json.key("spawned_at").text(site);
            for (name, count) in ["count", "running", "call", "queued", "waiting"].into_iter().zip(counts) {
                json.key(name).number(count);
            }
        });
    });
}
