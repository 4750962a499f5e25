//! Values from some branches to another.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context as TaskContext, Poll},
};

use super::{canceled, locked};
use crate::{
    Context, Error, Result,
    workflow::{Shared, Spot},
};

/// Type of the error of who sends although the receiver is gone.
pub const CLOSED: &str = "sagaline.ChannelClosed";

/// A channel that holds up to `capacity` values; who sends more waits, in the order of arrival. With a capacity of 0 who
/// sends waits until the value is taken.
///
/// # Example: two at work on what a third finds
/// ```
/// use sagaline_sdk::{Context, Error, Result, activity, sync, try_join, workflow};
///
/// #[activity]
/// async fn next_page(page: u32) -> Result<Vec<String>>;
/// #[activity]
/// async fn import(row: &str) -> Result<()>;
///
/// #[workflow]
/// async fn import_all(cx: Context, pages: u32) -> Result<u32> {
///     let (rows, mut found) = sync::channel(&cx, 100);
///     let read = async {
///         let rows = rows; // dropped at the end, which closes the channel
///         for page in 0..pages {
///             for row in cx.run(next_page(page)).await? {
///                 rows.send(row).await?;
///             }
///         }
///         Ok::<_, Error>(())
///     };
///     let write = async {
///         let mut count = 0;
///         while let Some(row) = found.recv().await? {
///             cx.run(import(&row)).await?;
///             count += 1;
///         }
///         Ok::<_, Error>(count)
///     };
///     let ((), count) = try_join!(read, write)?;
///     Ok(count)
/// }
/// ```
#[must_use]
pub fn channel<T>(cx: &Context<impl Sized>, capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = cx.shared().clone();
    let line = Arc::new(Mutex::new(Line {
        capacity,
        kept: VecDeque::new(),
        senders: 1,
        is_open: true,
        waiting: VecDeque::new(),
        taken: BTreeSet::new(),
        receiver: None,
    }));
    let sender = Sender(Ends {
        shared: shared.clone(),
        line: line.clone(),
    });
    let receiver = Receiver(Ends { shared, line });
    (sender, receiver)
}

/// A channel that holds any number of values: who sends never waits.
#[must_use]
pub fn unbounded<T>(cx: &Context<impl Sized>) -> (Sender<T>, Receiver<T>) {
    channel(cx, usize::MAX)
}

struct Ends<T> {
    shared: Arc<Shared>,
    line: Arc<Mutex<Line<T>>>,
}

struct Line<T> {
    capacity: usize,
    kept: VecDeque<T>,
    senders: usize,
    /// There is a receiver.
    is_open: bool,
    /// Senders that wait, with their values.
    waiting: VecDeque<(Spot, T)>,
    /// Their values are no longer with them, and they have not seen it yet.
    taken: BTreeSet<Spot>,
    /// The receiver waits there.
    receiver: Option<Spot>,
}

impl<T> Line<T> {
    /// The next value, and the sender that need not wait any more.
    fn next(&mut self) -> (Option<T>, Option<Spot>) {
        let kept = self.kept.pop_front();
        let has_room = kept.is_none() || self.kept.len() < self.capacity;
        let Some((spot, value)) = has_room.then(|| self.waiting.pop_front()).flatten() else {
            return (kept, None);
        };
        self.taken.insert(spot);
        if kept.is_none() {
            return (Some(value), Some(spot));
        }
        self.kept.push_back(value);
        (kept, Some(spot))
    }

    fn give_up(&mut self, spot: Spot) -> Option<T> {
        self.taken.remove(&spot);
        let place = self.waiting.iter().position(|(other, _)| *other == spot)?;
        self.waiting.remove(place).map(|(_, value)| value)
    }
}

impl<T> Ends<T> {
    fn wake(&self, spot: Option<Spot>) {
        if let Some(spot) = spot {
            self.shared.wake(spot);
        }
    }
}

/// The end of a channel into which values go. The channel is closed when all of its clones are gone.
pub struct Sender<T>(Ends<T>);

impl<T> Sender<T> {
    /// Sends a value, once there is room for it.
    ///
    /// The error is [`is_canceled`](Error::is_canceled): the run or the scope was asked to stop; or of type [`CLOSED`]: the
    /// receiver is gone. The value is lost then.
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending {
            ends: &self.0,
            value: Some(value),
            spot: None,
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        locked(&self.0.line).senders += 1;
        Self(Ends {
            shared: self.0.shared.clone(),
            line: self.0.line.clone(),
        })
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut line = locked(&self.0.line);
        line.senders -= 1;
        let last = if line.senders == 0 {
            line.receiver
        } else {
            None
        };
        drop(line);
        self.0.wake(last);
    }
}

/// A value on its way; [`Sender::send`] makes it. Dropped before there was room, it is not sent.
#[must_use = "a value is sent when this is awaited"]
pub struct Sending<'a, T> {
    ends: &'a Ends<T>,
    value: Option<T>,
    spot: Option<Spot>,
}

/// Nothing here is pinned in place.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let send = self.get_mut();
        let Ends { shared, line } = send.ends;
        let mut line = locked(line);
        let has_ended = match send.spot {
            Some(spot) if line.taken.contains(&spot) => Some(Ok(())),
            _ if !line.is_open => {
                let text = "nobody receives from the channel any more";
                Some(Err(Error::new(CLOSED, text).non_retryable()))
            }
            Some(spot) => (!shared.stays(spot, cx.waker())).then(|| Err(canceled("a channel"))),
            None => shared
                .here()
                .is_canceled()
                .then(|| Err(canceled("a channel"))),
        };
        if let Some(ended) = has_ended {
            drop(line);
            send.leave();
            return Poll::Ready(ended);
        }
        if send.spot.is_some() {
            return Poll::Pending;
        }
        let value = send.value.take().expect("it is sent once");
        let receiver = line.receiver;
        let is_sent = line.waiting.is_empty() && line.kept.len() < line.capacity;
        if is_sent {
            line.kept.push_back(value);
        } else {
            let spot = shared.park(cx.waker());
            line.waiting.push_back((spot, value));
            send.spot = Some(spot);
        }
        drop(line);
        send.ends.wake(receiver);
        if is_sent {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}

impl<T> Sending<'_, T> {
    fn leave(&mut self) {
        let unsent = self.spot.take().and_then(|spot| {
            self.ends.shared.leave_spot(spot);
            locked(&self.ends.line).give_up(spot)
        });
        drop(unsent);
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The end of a channel from which values come.
pub struct Receiver<T>(Ends<T>);

impl<T> Receiver<T> {
    /// The next value, in the order in which they were sent; `None` when all are taken and all senders gone.
    ///
    /// The error is [`is_canceled`](Error::is_canceled): the run or the scope was asked to stop. What was sent is kept.
    pub fn recv(&mut self) -> Receiving<'_, T> {
        Receiving(&self.0)
    }

    /// The next value if it is there, also when the run was asked to stop.
    #[must_use]
    pub fn try_recv(&mut self) -> Option<T> {
        let (value, sender) = locked(&self.0.line).next();
        self.0.wake(sender);
        value
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut line = locked(&self.0.line);
        line.is_open = false;
        let kept = mem::take(&mut line.kept);
        let waiting: Vec<Spot> = line.waiting.iter().map(|(spot, _)| *spot).collect();
        drop(line);
        // A value may hold an end of a channel.
        drop(kept);
        for spot in waiting {
            self.0.wake(Some(spot));
        }
    }
}

/// A wait for the next value; [`Receiver::recv`] makes it. Dropped before one came, it takes none.
#[must_use = "a value is received when this is awaited"]
pub struct Receiving<'a, T>(&'a Ends<T>);

impl<T> Future for Receiving<'_, T> {
    type Output = Result<Option<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Ends { shared, line } = self.0;
        let mut line = locked(line);
        let is_canceled = match line.receiver {
            Some(spot) => !shared.stays(spot, cx.waker()),
            None => shared.here().is_canceled(),
        };
        if is_canceled {
            return Poll::Ready(Err(canceled("a channel")));
        }
        let (value, sender) = line.next();
        if value.is_some() || line.senders == 0 {
            drop(line);
            self.0.wake(sender);
            return Poll::Ready(Ok(value));
        }
        if line.receiver.is_none() {
            line.receiver = Some(shared.park(cx.waker()));
        }
        Poll::Pending
    }
}

impl<T> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        let spot = locked(&self.0.line).receiver.take();
        if let Some(spot) = spot {
            self.0.shared.leave_spot(spot);
        }
    }
}

impl<T> fmt::Debug for Ends<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = locked(&self.line);
        f.debug_struct("Channel")
            .field("kept", &line.kept.len())
            .field("senders", &line.senders)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.0).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&self.0).finish()
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sending").field(self.ends).finish()
    }
}

impl<T> fmt::Debug for Receiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiving").field(self.0).finish()
    }
}
