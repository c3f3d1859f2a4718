//! Where is a dump's knowledge gathered?
//!
//! Tasks first, then threads, then wakers. A task that moves on in between is shown as what was seen of it last: its thread's word counts more than its own earlier one.

use std::collections::HashMap;
use std::task::Waker;
use std::time::Instant;

use handover_blocking::views::{self, ThreadView};
use handover_executor::Shared;
use handover_executor::views::{Stage, TaskView, task_of};
use handover_reactor::{Interest, Reactor};

use super::{Activity, Dump, Processor, State, Task, Thread, Wait};
use crate::task::Id;

/// Looks at everything.
pub(crate) fn dump(shared: &Shared, reactor: &Reactor) -> Dump {
    let (pool, queues, seen) = (shared.pool(), shared.view_queues(), shared.view_tasks());
    let threads = threads(shared, reactor);
    let joins: Vec<_> = seen.iter().filter_map(|view| Some((view.joiner?, Wait::Task(view.id)))).collect();
    let mut tasks = tasks(shared, seen, &threads);
    add_waits(&mut tasks, joins, shared, reactor);
    let processor = |(number, queued)| Processor {
        thread: threads.iter().find(|thread| thread.processor == Some(number)).map(|thread| thread.tid),
        is_idle: pool.is_idle(number),
        queued,
    };
    Dump {
        tasks,
        processors: queues.own.into_iter().enumerate().map(processor).collect(),
        threads,
        max_threads: pool.max_threads(),
        injected: queues.injected,
        returners: queues.returners,
        calls_out: pool.admission().out(),
        calls_waiting: pool.admission().waiting(),
        max_calls_out: pool.config().max_blocking_threads,
        handoff_after: pool.config().handoff_after,
        is_closing: pool.is_closing(),
    }
}

// ---- threads -----------------------------------------------------------------------------------------------------------

fn threads(shared: &Shared, reactor: &Reactor) -> Vec<Thread> {
    let views = shared.pool().view_threads();
    let inside = views.iter().filter(|view| is_between(view)).count();
    // The poller is one of those between tasks. Which one is known only if there is no other.
    let poller_stands_out = inside == 1 && reactor.has_poller();
    views.into_iter().map(|view| thread(view, poller_stands_out)).collect()
}

fn is_between(view: &ThreadView) -> bool {
    view.activity == views::Activity::Inside && view.processor.is_none()
}

fn thread(view: ThreadView, poller_stands_out: bool) -> Thread {
    let activity = match view.activity {
        views::Activity::Starting => Activity::Starting,
        views::Activity::Spare => Activity::Spare,
        views::Activity::Inside if is_between(&view) && poller_stands_out => Activity::Polling,
        views::Activity::Inside => Activity::Scheduling,
        views::Activity::Running => Activity::Running,
        views::Activity::InCall => Activity::InCall,
    };
    let in_user_code = matches!(activity, Activity::Running | Activity::InCall);
    let (kernel_state, wait_channel) = if in_user_code { views::in_kernel(view.tid) } else { (None, None) };
    Thread {
        tid: view.tid,
        activity,
        processor: view.processor,
        task: view.running.as_ref().map(|running| Id::from_u64(running.task)),
        spawned_at: view.running.as_ref().map(|running| running.spawned_at),
        call: view.call,
        elapsed: view.elapsed,
        kernel_state,
        wait_channel,
        polls: view.polls,
    }
}

// ---- tasks -------------------------------------------------------------------------------------------------------------

fn tasks(shared: &Shared, views: Vec<TaskView>, threads: &[Thread]) -> Vec<Task> {
    let running: HashMap<Id, &Thread> = threads.iter().filter_map(|thread| Some((thread.task?, thread))).collect();
    // Later than every stamp that was seen.
    let now = Instant::now();
    let mut tasks: Vec<_> = views.into_iter().map(|view| task(shared, view, running.get(&view.id).copied(), now)).collect();
    tasks.sort_unstable_by_key(|task| task.id);
    tasks
}

fn task(shared: &Shared, view: TaskView, thread: Option<&Thread>, now: Instant) -> Task {
    let state = match (view.stage, thread) {
        (_, Some(Thread { tid, call: Some(at), .. })) => State::InCall { thread: *tid, at },
        (_, Some(Thread { tid, .. })) => State::Running { thread: Some(*tid) },
        (Stage::Running, None) => State::Running { thread: None },
        (Stage::Queued, None) => State::Queued,
        (Stage::Waiting, None) => State::Waiting,
        (Stage::Over, None) => State::Over,
    };
    let elapsed = match state {
        State::Waiting => Some(view.since.elapsed(now)),
        _ => thread.and_then(|thread| thread.elapsed),
    };
    let name = shared.name_of(view.id);
    let TaskView { id, spawned_at, polls, is_cancelled, .. } = view;
    Task { id, name, spawned_at, state, elapsed, polls, waits_for: Vec::new(), is_cancelled }
}

/// A waker whose task is among those that wait.
fn add_waits(tasks: &mut [Task], joins: Vec<(Id, Wait)>, shared: &Shared, reactor: &Reactor) {
    let mut waits = joins;
    let mut note = |waker: &Waker, wait| waits.extend(task_of(waker).map(|id| (id, wait)));
    reactor.view_waiters(&mut |wait, waker| note(waker, wait_for(wait)));
    shared.pool().admission().view_waiters(|ahead, waker| note(waker, Wait::Admission(ahead)));
    for (id, wait) in waits {
        if let Ok(at) = tasks.binary_search_by_key(&id, |task| task.id)
            && tasks[at].state == State::Waiting
        {
            tasks[at].waits_for.push(wait);
        }
    }
}

fn wait_for(wait: handover_reactor::Wait) -> Wait {
    match wait {
        handover_reactor::Wait::Source(fd, Interest::READABLE) => Wait::Readable(fd),
        handover_reactor::Wait::Source(fd, Interest::WRITABLE) => Wait::Writable(fd),
        handover_reactor::Wait::Source(fd, _) => Wait::Ready(fd),
        handover_reactor::Wait::Timer(left) => Wait::Timer(left),
    }
}
