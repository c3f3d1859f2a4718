#[handover::main(worker_threads = 4, flavor = "current_thread", proccessors = 2)]
async fn main() {}
