//! Steps that a request to cancel the run passes by.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use super::{
    reach::{Bounds, Placed},
    state::Shared,
};

/// A future whose steps a cancelled run still does; [`Context::shielded`](super::Context::shielded) makes it.
#[must_use = "a future does nothing until it is awaited"]
pub struct Shielded<F>(Placed<F>);

impl<F: Future> Shielded<F> {
    pub(crate) fn new(shared: Arc<Shared>, future: F) -> Self {
        Self(Placed::new(shared, Bounds::Shield, future))
    }
}

impl<F: Future> Future for Shielded<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<F> fmt::Debug for Shielded<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shielded")
    }
}
