//! Is a task ever polled by two threads at once, or after it was ready?

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// A future that panics if it is.
pub(crate) struct Exclusive<F> {
    future: Pin<Box<F>>,
    polled_now: AtomicBool,
    over: bool,
}

impl<F: Future> Exclusive<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Box::pin(future), polled_now: AtomicBool::new(false), over: false }
    }
}

impl<F: Future> Future for Exclusive<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        assert!(!self.polled_now.swap(true, Ordering::SeqCst), "two threads poll one task");
        assert!(!self.over, "a task was polled after it was ready");
        let polled = self.future.as_mut().poll(cx);
        self.over = polled.is_ready();
        self.polled_now.store(false, Ordering::SeqCst);
        polled
    }
}
