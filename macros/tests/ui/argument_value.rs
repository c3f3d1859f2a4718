use handover::main as start;

#[start(processors = 0, handoff_after_ms = "10", max_blocking_threads = -1, thread_name = 'w', crate = 7)]
async fn main() {}

#[handover::main(processors = 2 + 2, thread_name = "", handoff_after_ms = 99999999999999999999)]
async fn also() {}

#[handover::main(trace_tasks = 1)]
async fn third() {}
