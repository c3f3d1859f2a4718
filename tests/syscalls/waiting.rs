//! Does a call that waits leave the processor to others?

use futures::executor::block_on;
use handover::runtime::Builder;

/// What `call` answers, given one processor, with `release`, which ends it, in a task behind it.
///
/// That can run only on another thread, once the processor was handed off; and it must find the call declared.
#[track_caller]
pub(crate) fn while_others_run<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static, release: impl FnOnce() + Send + 'static) -> T {
    let runtime = Builder::new().processors(1).build().unwrap();
    let metrics = runtime.metrics();
    let calling = runtime.spawn(async move {
        let releasing = handover::spawn(async move {
            let calls_out = metrics.calls_out();
            release();
            calls_out
        });
        let answer = call();
        (answer, releasing.await.unwrap())
    });
    let (answer, calls_out) = block_on(calling).unwrap();
    // Calls that are not declared are no calls to the metrics.
    assert_eq!(calls_out, 1, "the call was not declared");
    answer
}
