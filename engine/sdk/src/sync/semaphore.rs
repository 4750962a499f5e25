//! Permits, of which there are so many.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context as TaskContext, Poll},
};

use sagaline_core::error_type::INVALID_OPTIONS;

use super::{canceled, locked};
use crate::{
    Context, Error, Result,
    workflow::{Shared, Spot},
};

/// So many permits; who wants some that are not there waits until others give theirs back, in the order of arrival.
///
/// A clone is the same semaphore.
///
/// # Example: parcels of different weight, 100 kg at a time
/// ```
/// use sagaline_sdk::{Context, Result, activity, future::try_join_all, sync::Semaphore, workflow};
///
/// #[activity]
/// async fn fly(kilograms: u32) -> Result<()>;
///
/// #[workflow]
/// async fn deliver(cx: Context, parcels: Vec<u32>) -> Result<()> {
///     let drone = Semaphore::new(&cx, 100);
///     let flights = parcels.into_iter().map(async |kilograms| {
///         let _load = drone.acquire(kilograms).await?;
///         cx.run(fly(kilograms)).await
///     });
///     try_join_all(flights).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Semaphore {
    shared: Arc<Shared>,
    permits: Arc<Mutex<Permits>>,
}

#[derive(Debug)]
struct Permits {
    all: u32,
    free: u32,
    line: VecDeque<(Spot, u32)>,
    /// Their permits were given to them, and they have not seen it yet.
    granted: BTreeSet<Spot>,
}

impl Semaphore {
    /// One with so many permits.
    #[must_use]
    pub fn new(cx: &Context<impl Sized>, permits: u32) -> Self {
        Self {
            shared: cx.shared().clone(),
            permits: Arc::new(Mutex::new(Permits {
                all: permits,
                free: permits,
                line: VecDeque::new(),
                granted: BTreeSet::new(),
            })),
        }
    }

    /// Waits for `count` permits at once. Who came later waits behind, even if fewer would do.
    ///
    /// The error is [`is_canceled`](Error::is_canceled): the run or the scope was asked to stop; or
    /// `sagaline.InvalidOptions`: there are not so many in all.
    pub fn acquire(&self, count: u32) -> Acquire {
        Acquire {
            semaphore: self.clone(),
            count,
            spot: None,
        }
    }

    /// Takes `count` permits if they are free and nobody waits.
    #[must_use]
    pub fn try_acquire(&self, count: u32) -> Option<Permit> {
        let taken = locked(&self.permits).take(count);
        taken.then(|| Permit {
            semaphore: self.clone(),
            count,
        })
    }

    /// How many permits are free.
    #[must_use]
    pub fn available(&self) -> u32 {
        locked(&self.permits).free
    }

    fn give_back(&self, count: u32) {
        let mut permits = locked(&self.permits);
        permits.free += count;
        let woken = permits.grant();
        drop(permits);
        woken.into_iter().for_each(|spot| self.shared.wake(spot));
    }
}

impl Permits {
    fn take(&mut self, count: u32) -> bool {
        let taken = self.line.is_empty() && count <= self.free;
        if taken {
            self.free -= count;
        }
        taken
    }

    /// Gives what is free to those that wait. Gives whom to wake.
    #[must_use]
    fn grant(&mut self) -> Vec<Spot> {
        let mut woken = Vec::new();
        while let Some(&(spot, count)) = self.line.front()
            && count <= self.free
        {
            self.free -= count;
            self.line.pop_front();
            self.granted.insert(spot);
            woken.push(spot);
        }
        woken
    }
}

/// A wait for permits; [`Semaphore::acquire`] makes it. Dropped before, it leaves the line.
#[must_use = "permits are waited for when this is awaited"]
pub struct Acquire {
    semaphore: Semaphore,
    count: u32,
    spot: Option<Spot>,
}

impl Future for Acquire {
    type Output = Result<Permit>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let acquire = self.get_mut();
        let Semaphore { shared, permits } = &acquire.semaphore;
        let mut permits = locked(permits);
        let is_granted = match acquire.spot {
            Some(spot) if permits.granted.remove(&spot) => {
                shared.leave_spot(spot);
                acquire.spot = None;
                true
            }
            Some(spot) if shared.stays(spot, cx.waker()) => return Poll::Pending,
            None if acquire.count > permits.all => {
                let (count, all) = (acquire.count, permits.all);
                let text = format!("{count} permits are wanted of a semaphore that has {all}");
                return Poll::Ready(Err(Error::new(INVALID_OPTIONS, text).non_retryable()));
            }
            None if !shared.here().is_canceled() => permits.take(acquire.count),
            _ => {
                drop(permits);
                acquire.leave();
                return Poll::Ready(Err(canceled("a semaphore")));
            }
        };
        if is_granted {
            return Poll::Ready(Ok(Permit {
                semaphore: acquire.semaphore.clone(),
                count: acquire.count,
            }));
        }
        let spot = shared.park(cx.waker());
        permits.line.push_back((spot, acquire.count));
        acquire.spot = Some(spot);
        Poll::Pending
    }
}

impl Acquire {
    fn leave(&mut self) {
        let Some(spot) = self.spot.take() else {
            return;
        };
        self.semaphore.shared.leave_spot(spot);
        let mut permits = locked(&self.semaphore.permits);
        let unused = permits.granted.remove(&spot);
        permits.line.retain(|(other, _)| *other != spot);
        drop(permits);
        self.semaphore
            .give_back(if unused { self.count } else { 0 });
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Permits that somebody holds; dropped, they are free again.
#[must_use = "dropped, the permits are free again"]
pub struct Permit {
    semaphore: Semaphore,
    count: u32,
}

impl Permit {
    /// How many they are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.semaphore.give_back(self.count);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acquire").field(&self.count).finish()
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.count).finish()
    }
}
