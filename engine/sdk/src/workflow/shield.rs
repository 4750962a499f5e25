//! Steps that a request to cancel the run passes by.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use super::state::Shared;

/// A future whose steps a cancelled run still does; [`Context::shielded`](super::Context::shielded) makes it.
#[must_use = "a future does nothing until it is awaited"]
pub struct Shielded<F> {
    shared: Arc<Shared>,
    future: Pin<Box<F>>,
}

impl<F: Future> Shielded<F> {
    pub(crate) fn new(shared: Arc<Shared>, future: F) -> Self {
        Self {
            shared,
            future: Box::pin(future),
        }
    }
}

impl<F: Future> Future for Shielded<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let shared = self.shared.clone();
        let _raised = Raised::new(&shared);
        self.future.as_mut().poll(cx)
    }
}

/// Up while it lives: also when the poll panics.
struct Raised<'a>(&'a Shared);

impl<'a> Raised<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.raise_shield();
        Self(shared)
    }
}

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.lower_shield();
    }
}

impl<F> fmt::Debug for Shielded<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shielded")
    }
}
