//! What do `#[main]` and `#[test]` make of a function? (What they refuse is in `macros/tests/ui`.)

use std::error::Error;
use std::process::ExitCode;

/// The value of a program that ends well, as text: `ExitCode` cannot be compared.
fn success() -> String {
    format!("{:?}", ExitCode::SUCCESS)
}

fn failure() -> String {
    format!("{:?}", ExitCode::FAILURE)
}

mod program {
    use super::Error;

    /// A whole program, under the name that it would have.
    #[handover::main(processors = 1)]
    pub(super) async fn main() -> Result<(), Box<dyn Error>> {
        handover::yield_now().await;
        Ok(())
    }
}

mod failing_program {
    use super::Error;

    #[handover::main]
    pub(super) async fn main() -> Result<(), Box<dyn Error>> {
        handover::yield_now().await;
        let _: u32 = "seven".parse()?;
        Ok(())
    }
}

#[test]
fn a_main_may_return_an_error_that_is_not_send() {
    assert_eq!(format!("{:?}", program::main()), success());
    assert_eq!(format!("{:?}", failing_program::main()), failure());
}

#[handover::main]
async fn seven() -> u32 {
    handover::yield_now().await;
    7
}

#[test]
fn a_function_with_another_name_keeps_its_value() {
    assert_eq!(seven(), 7);
}

#[handover::main(processors = 0x3, handoff_after_ms = 1_000, max_blocking_threads = 8usize, thread_name = r"named\0", crate = "::handover")]
async fn configured() -> (usize, Option<String>) {
    let workers = handover::runtime::Handle::current().metrics().num_workers();
    (workers, std::thread::current().name().map(String::from))
}

#[test]
fn the_arguments_reach_the_runtime() {
    let (workers, thread) = configured();
    assert_eq!(workers, 3);
    let thread = thread.expect("a worker thread has a name");
    assert!(thread.starts_with("named"), "the thread is called {thread}");
}

mod platform {
    pub(crate) use handover as runtime;
}

#[handover::main(crate = crate::platform::runtime)]
async fn through_a_path() -> u8 {
    handover::yield_now().await;
    1
}

macro_rules! passed_on {
    ($visibility:vis $name:ident $body:block -> $value:ty) => {
        #[handover::main]
        $visibility async fn $name() -> $value $body
    };
}

passed_on!(pub(crate) through_a_macro { 2 } -> u8);

#[test]
fn the_crate_is_found_by_path_and_the_function_through_a_macro() {
    assert_eq!(through_a_path(), 1);
    assert_eq!(through_a_macro(), 2);
}

#[handover::test]
async fn a_test_runs_on_a_processor() {
    // Given a test on the default runtime, when it spawns, then the task runs on the same one.
    let value = handover::spawn(async { 6 * 7 }).await;
    assert_eq!(value.ok(), Some(42));
}

#[handover::test(processors = 2)]
async fn a_test_may_return_a_result() -> Result<(), Box<dyn Error>> {
    let number: u32 = handover::blocking(|| "7".parse()).await?;
    assert_eq!(number, 7);
    Ok(())
}

#[handover::test]
#[should_panic(expected = "seen by the harness")]
async fn a_panic_reaches_the_harness_with_its_message() {
    handover::yield_now().await;
    panic!("seen by the harness");
}
