//! How are many tasks put into long blocking calls at once? Each is in a declared one, until it is let go.

use std::time::Duration;

use handover::Hint;
use handover::runtime::Runtime;
use handover::task::JoinHandle;

use crate::latch::Latch;

/// A long call for each of `count` tasks, all of them out when this returns, until `release` is stepped; nothing takes longer than `limit`.
pub(crate) fn long_calls(runtime: &Runtime, count: u64, release: &Latch, limit: Duration) -> Vec<JoinHandle<()>> {
    let out = Latch::default();
    let calls = (0..count)
        .map(|_| {
            let (out, release) = (out.clone(), release.clone());
            runtime.spawn(async move {
                let call = || {
                    out.step();
                    assert!(release.wait_for(1, limit));
                };
                handover::blocking(call).hint(Hint::Long).await;
            })
        })
        .collect();
    assert!(out.wait_for(count, limit), "{} calls are out; {:?}", out.steps(), runtime.metrics());
    calls
}
