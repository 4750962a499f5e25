//! A value that one branch at a time works with.

use std::{
    fmt,
    future::Future,
    ops::{Deref, DerefMut},
    pin::Pin,
    sync::{self, Arc},
    task::{Context as TaskContext, Poll},
};

use super::{Acquire, Permit, Semaphore, locked};
use crate::{Context, Result};

/// A value that one branch at a time works with, also across what it waits for; the others wait in the order of arrival.
///
/// A clone is the same mutex. For what needs no waiting in between, a `RefCell` does, or the state of the
/// [`Context`]: branches do not run at the same time.
///
/// # Example: bookings of one account, one after the other
/// ```
/// use sagaline_sdk::{Context, Result, activity, future::try_join_all, sync::Mutex, workflow};
///
/// #[activity]
/// async fn book((balance, amount): (i64, i64)) -> Result<i64> {
///     Ok(balance + amount)
/// }
///
/// #[workflow]
/// async fn settle(cx: Context, amounts: Vec<i64>) -> Result<i64> {
///     let balance = Mutex::new(&cx, 0);
///     let bookings = amounts.into_iter().map(async |amount| {
///         let mut balance = balance.lock().await?;
///         *balance = cx.run(book((*balance, amount))).await?;
///         Ok::<_, sagaline_sdk::Error>(())
///     });
///     try_join_all(bookings).await?;
///     Ok(*balance.lock().await?)
/// }
/// ```
pub struct Mutex<T> {
    turn: Semaphore,
    /// None while somebody works with it.
    value: Arc<sync::Mutex<Option<T>>>,
}

impl<T> Mutex<T> {
    /// One around this value.
    #[must_use]
    pub fn new(cx: &Context<impl Sized>, value: T) -> Self {
        Self {
            turn: Semaphore::new(cx, 1),
            value: Arc::new(sync::Mutex::new(Some(value))),
        }
    }

    /// Waits for one's turn.
    ///
    /// The error is [`is_canceled`](crate::Error::is_canceled): the run or the scope was asked to stop.
    pub fn lock(&self) -> Lock<T> {
        Lock {
            turn: self.turn.acquire(1),
            mutex: self.clone(),
        }
    }

    /// Takes the value if nobody works with it or waits for it.
    #[must_use]
    pub fn try_lock(&self) -> Option<MutexGuard<T>> {
        let turn = self.turn.try_acquire(1)?;
        Some(MutexGuard::new(self.clone(), turn))
    }
}

impl<T> Clone for Mutex<T> {
    fn clone(&self) -> Self {
        Self {
            turn: self.turn.clone(),
            value: self.value.clone(),
        }
    }
}

/// A wait for one's turn; [`Mutex::lock`] makes it. Dropped before, it leaves the line.
#[must_use = "the lock is waited for when this is awaited"]
pub struct Lock<T> {
    mutex: Mutex<T>,
    turn: Acquire,
}

impl<T> Future for Lock<T> {
    type Output = Result<MutexGuard<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let lock = self.get_mut();
        let turn = Pin::new(&mut lock.turn).poll(cx);
        turn.map_ok(|turn| MutexGuard::new(lock.mutex.clone(), turn))
    }
}

/// The value of a [`Mutex`], while it is one's turn; dropped, it is the next one's.
#[must_use = "dropped, the value is the next one's"]
pub struct MutexGuard<T> {
    mutex: Mutex<T>,
    /// Taken only by `drop`.
    value: Option<T>,
    /// Given back behind the value.
    _turn: Permit,
}

impl<T> MutexGuard<T> {
    fn new(mutex: Mutex<T>, turn: Permit) -> Self {
        let value = locked(&mutex.value).take();
        Self {
            mutex,
            value,
            _turn: turn,
        }
    }
}

const HELD: &str =
    "the value is back whenever nobody's turn is on, and a guard keeps it until it is dropped";

impl<T> Deref for MutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect(HELD)
    }
}

impl<T> DerefMut for MutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect(HELD)
    }
}

impl<T> Drop for MutexGuard<T> {
    fn drop(&mut self) {
        *locked(&self.mutex.value) = self.value.take();
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex")
            .field("is_free", &(self.turn.available() == 1))
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
