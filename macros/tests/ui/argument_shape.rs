#[handover::main(4)]
async fn bare_value() {}

#[handover::main(processors)]
async fn bare_name() {}

#[handover::main(processors = )]
async fn no_value() {}

#[handover::main(processors(4))]
async fn call() {}

#[handover::main(processors = 4 thread_name = "x")]
async fn no_comma() {}

#[handover::main(processors = 4, processors = 5)]
async fn twice() {}

fn main() {}
