//! Branches that go on beside the workflow's own code.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context as TaskContext, Poll, Waker},
};

use super::{
    Context,
    reach::{Bounds, Placed},
    state::Shared,
};
use crate::activity::BoxFuture;

impl<S> Context<S> {
    /// Begins a branch that goes on beside this code until it ends, or the workflow does; like a future in a `join!`, but
    /// nobody need wait for it.
    ///
    /// It first runs when the code that spawned it waits. What stops where it is spawned, the run or a
    /// [scope](Self::scope), stops it, too. What it needs from this function it takes by `move`.
    ///
    /// # Example: prices change while orders come in
    /// ```
    /// # use sagaline_sdk::{Context, Result, activity, sync::Mutex, workflow};
    /// # #[activity]
    /// # async fn book(item: &(String, u64)) -> Result<()>;
    /// #[workflow]
    /// async fn counter(cx: Context, cents: u64) -> Result<()> {
    ///     let price = Mutex::new(&cx, cents);
    ///     let (changes, current) = (cx.clone(), price.clone());
    ///     cx.spawn(async move {
    ///         while let Ok(cents) = changes.signal("price").await {
    ///             if let Ok(mut price) = current.lock().await {
    ///                 *price = cents;
    ///             }
    ///         }
    ///     });
    ///     while let Some(item) = cx.signal::<Option<String>>("order").await? {
    ///         let cents = *price.lock().await?;
    ///         cx.run(book(&(item, cents))).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn spawn<F>(&self, branch: F) -> Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (branch, task) = Task::new(self.shared(), branch);
        self.shared().spawned.add(branch);
        task
    }
}

/// Branches that were begun, and that the executor has not taken over.
#[derive(Default)]
pub(super) struct Branches(Mutex<Vec<BoxFuture<'static, ()>>>);

impl Branches {
    fn add(&self, branch: BoxFuture<'static, ()>) {
        lock(&self.0).push(branch);
    }

    pub(super) fn has_any(&self) -> bool {
        !lock(&self.0).is_empty()
    }

    /// Those that came since.
    pub(super) fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        mem::take(&mut *lock(&self.0))
    }
}

/// A branch that goes on by itself; [`Context::spawn`](super::Context::spawn) makes it. `.await` gives what it returns.
///
/// Dropped, the branch goes on.
pub struct Task<T>(Arc<Mutex<Slot<T>>>);

struct Slot<T> {
    value: Option<T>,
    /// That of whoever waits.
    waker: Option<Waker>,
}

impl<T: Send + 'static> Task<T> {
    /// The branch, for the executor, and what stands for it.
    pub(super) fn new<F>(shared: &Arc<Shared>, future: F) -> (BoxFuture<'static, ()>, Self)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let slot = Arc::new(Mutex::new(Slot {
            value: None,
            waker: None,
        }));
        // What stops where it was begun stops it, too.
        let placed = Placed::new(shared.clone(), Bounds::Known(shared.here()), future);
        let filled = slot.clone();
        let branch = async move {
            let value = placed.await;
            let mut slot = lock(&filled);
            slot.value = Some(value);
            let waker = slot.waker.take();
            drop(slot);
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        (Box::pin(branch), Self(slot))
    }
}

fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        let mut slot = lock(&self.0);
        match slot.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("has_ended", &lock(&self.0).value.is_some())
            .finish()
    }
}

impl fmt::Debug for Branches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Branches({})", lock(&self.0).len())
    }
}
