#[handover::main]
fn not_async() {}

#[handover::main]
async fn arguments(count: usize) -> usize {
    count
}

#[handover::main]
async fn generic<T: Fn() -> u8, const N: usize>() {
    let _ = N;
}

#[handover::main]
async unsafe fn not_safe() {}

#[handover::main]
struct NotAFunction;

#[handover::test]
fn test_not_async() {}

#[handover::test]
async fn test_arguments(_count: usize) {}

fn main() {
    // A function that cannot be run is still there for those who name it.
    not_async();
    let _ = NotAFunction;
}
