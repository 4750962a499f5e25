//! Parts of a workflow that can be asked to stop without the rest: by its own code, or by the time.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use super::{
    Context, Sleep,
    reach::{Asked, Bounds, Placed},
    state::Shared,
};
use crate::Result;

impl<S> Context<S> {
    /// A part of the workflow that can be asked to stop without the rest, in which futures are put
    /// [`within`](Scope::within).
    ///
    /// Scopes nest: what stops the outer one stops the inner one. Unlike a branch of `select!` that lost, what is in a
    /// cancelled scope is asked to stop, and heard until it has.
    ///
    /// # Example: packing stops when the customer changes her mind, and what was begun is waited for
    /// ```
    /// # use sagaline_sdk::{Context, Result, activity, select, workflow};
    /// # #[activity]
    /// # async fn pack(order: u32) -> Result<u32>;
    /// # #[activity]
    /// # async fn refund(order: u32) -> Result<()>;
    /// # #[activity]
    /// # async fn ship(parcel: u32) -> Result<()>;
    /// #[workflow]
    /// async fn order(cx: Context, order: u32) -> Result<()> {
    ///     let packing = cx.scope();
    ///     let mut packed = packing.within(async { cx.run(pack(order)).await });
    ///     select! {
    ///         parcel = &mut packed => cx.run(ship(parcel?)).await,
    ///         changed = cx.signal::<()>("changed-mind") => {
    ///             changed?;
    ///             packing.cancel();
    ///             let _ = packed.await;
    ///             cx.run(refund(order)).await
    ///         }
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::new(self.shared().clone())
    }

    /// Lets `block` take this long, then asks what it has begun to stop, as a [scope](Self::scope) that is cancelled does.
    ///
    /// The span counts from this call. The block is waited for: when this is over, nothing of it is under way unheard. (To
    /// go on without waiting, `select!` between it and a [sleep](Self::sleep).) `None` says that it stopped because its time
    /// was over. What it returns otherwise is what this returns, even if it comes late: a step may complete although it was
    /// asked to stop.
    ///
    /// # Example: two steps in ten minutes, or a person
    /// ```
    /// # use sagaline_sdk::{Context, DurationExt, Result, activity, workflow};
    /// # #[activity]
    /// # async fn score(customer: u32) -> Result<u32>;
    /// # #[activity]
    /// # async fn decide(score: u32) -> Result<bool>;
    /// #[workflow]
    /// async fn credit(cx: Context, customer: u32) -> Result<bool> {
    ///     let decided = cx.timeout(10.minutes(), async {
    ///         let score = cx.run(score(customer)).await?;
    ///         cx.run(decide(score)).await
    ///     });
    ///     match decided.await? {
    ///         Some(decision) => Ok(decision),
    ///         None => cx.signal("decided-by-hand").await,
    ///     }
    /// }
    /// ```
    pub fn timeout<T, F: Future<Output = Result<T>>>(
        &self,
        span: Duration,
        block: F,
    ) -> Timeout<F> {
        Timeout::new(self.sleep(span), self.shared().clone(), block)
    }
}

/// A part of a workflow that can be asked to stop; [`Context::scope`](super::Context::scope) makes it.
///
/// A clone is the same scope.
#[derive(Clone)]
pub struct Scope {
    shared: Arc<Shared>,
    asked: Asked,
}

impl Scope {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            asked: Asked::default(),
        }
    }

    /// Puts a future into the scope. What stops where it is awaited stops it, too.
    pub fn within<F: Future>(&self, future: F) -> Within<F> {
        let bounds = Bounds::Scope(self.asked.clone());
        Within(Placed::new(self.shared.clone(), bounds, future))
    }

    /// Asks what was begun within the scope to stop: activities, children, sleeps and all other waits. What would begin
    /// there later does not. It is heard as a cancelled run is: by errors that are
    /// [`is_canceled`](crate::Error::is_canceled); [shields](super::Context::shielded) within hold.
    pub fn cancel(&self) {
        self.asked.ask();
        self.shared.cancel_reached();
    }

    /// Whether the scope was asked to stop.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.asked.is_asked()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("is_canceled", &self.is_canceled())
            .finish_non_exhaustive()
    }
}

/// A future in a scope; [`Scope::within`] makes it.
#[must_use = "a future does nothing until it is awaited"]
pub struct Within<F>(Placed<F>);

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<F> fmt::Debug for Within<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Within")
    }
}

/// A future that is asked to stop when its time is over; [`Context::timeout`](super::Context::timeout) makes it.
#[must_use = "a future does nothing until it is awaited"]
pub struct Timeout<F> {
    scope: Scope,
    block: Placed<F>,
    /// None once it is over.
    sleep: Option<Sleep>,
}

impl<F> Timeout<F> {
    pub(super) fn new(sleep: Sleep, shared: Arc<Shared>, block: F) -> Self {
        let scope = Scope::new(shared);
        Self {
            block: Placed::new(
                scope.shared.clone(),
                Bounds::Scope(scope.asked.clone()),
                block,
            ),
            scope,
            sleep: Some(sleep),
        }
    }
}

impl<T, F: Future<Output = Result<T>>> Future for Timeout<F> {
    type Output = Result<Option<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let timeout = self.get_mut();
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut timeout.block).poll(cx) {
                // Nobody waits for the time any more.
                timeout.sleep = None;
                let is_ours =
                    timeout.scope.is_canceled() && !timeout.block.shared().here().is_canceled();
                return Poll::Ready(match ended {
                    Err(error) if error.is_canceled() && is_ours => Ok(None),
                    ended => ended.map(Some),
                });
            }
            let Some(sleep) = &mut timeout.sleep else {
                return Poll::Pending;
            };
            match Pin::new(sleep).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => timeout.scope.cancel(),
                // What stops the wait stops the block as well.
                Poll::Ready(Err(_)) => {}
            }
            timeout.sleep = None;
        }
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("sleep", &self.sleep)
            .finish_non_exhaustive()
    }
}
