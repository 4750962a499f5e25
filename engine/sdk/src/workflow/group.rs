//! Steps that are undone in parallel.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use super::{
    Context,
    reach::{Bounds, Placed},
};

impl<S> Context<S> {
    /// Has what is done in `block` undone in parallel, when the run fails or is cancelled later; else compensations run one
    /// after the other.
    ///
    /// Only neighbours are: of the steps of the block those whose compensations were registered with no other in between.
    /// What was done before the block is undone after all of it. A block within is a group of its own.
    ///
    /// # Example: three bookings that do not depend on each other
    /// ```
    /// # use sagaline_sdk::{Context, Result, activity, future::try_join_all, workflow};
    /// # #[activity]
    /// # async fn book(leg: &str) -> Result<u32>;
    /// # #[activity]
    /// # async fn cancel_booking(booking: &u32) -> Result<()>;
    /// # #[activity]
    /// # async fn pay(bookings: &[u32]) -> Result<()>;
    /// #[workflow]
    /// async fn trip(cx: Context, legs: Vec<String>) -> Result<()> {
    ///     let bookings = cx.compensate_in_parallel(try_join_all(
    ///         legs.iter().map(|leg| cx.run(book(leg)).compensate_with(cancel_booking)),
    ///     ));
    ///     cx.run(pay(&bookings.await?)).await
    /// }
    /// ```
    pub fn compensate_in_parallel<F: Future>(&self, block: F) -> CompensatedInParallel<F> {
        CompensatedInParallel(Placed::new(self.shared().clone(), Bounds::Group, block))
    }
}

/// A future whose steps are undone in parallel; [`Context::compensate_in_parallel`] makes it.
#[must_use = "a future does nothing until it is awaited"]
pub struct CompensatedInParallel<F>(Placed<F>);

impl<F: Future> Future for CompensatedInParallel<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<F> fmt::Debug for CompensatedInParallel<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompensatedInParallel")
    }
}
