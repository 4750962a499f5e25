//! What joins an attempt to whoever runs it: progress goes one way, the wish that it stops the other.
//!
//! Deliberately absent: records. Invariant: however often an attempt tells its progress, at most one heartbeat goes out
//! in each span, the first at once; and what was told last goes out in the end, unless the attempt ended well before.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sagaline_core::Payload;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::completion::Address;

pub(crate) struct Link {
    address: Arc<Address>,
    /// From one heartbeat that goes out to the next.
    every: Duration,
    sink: Sink,
    beat: Mutex<Beat>,
    /// Something waits to go out.
    waits: Notify,
    canceled: AtomicBool,
    /// It was just cancelled.
    stop: Notify,
}

/// Where heartbeats go.
enum Sink {
    Worker(Box<dyn Fn(Payload) + Send + Sync>),
    /// To a test that looks.
    Kept(Mutex<Vec<Payload>>),
}

#[derive(Default)]
struct Beat {
    /// Told, and not sent yet.
    unsent: Option<Payload>,
    /// Sent last.
    sent: Option<Payload>,
    /// When the next may go out.
    next_at: Option<Instant>,
}

impl Link {
    /// Joins the attempt of a task to its worker, which hears of its progress by `send`.
    pub(crate) fn new(
        address: Arc<Address>,
        every: Duration,
        send: impl Fn(Payload) + Send + Sync + 'static,
    ) -> Self {
        Self::to(Sink::Worker(Box::new(send)), address, every)
    }

    /// The link of an attempt that nobody sent.
    pub(crate) fn local() -> Self {
        let address = Address {
            task_id: "local/1/1".into(),
            key: Some("local".into()),
            token: "local".into(),
            topic: "local".into(),
            partition: 0,
        };
        let sink = Sink::Kept(Mutex::default());
        Self::to(sink, Arc::new(address), Duration::ZERO)
    }

    fn to(sink: Sink, address: Arc<Address>, every: Duration) -> Self {
        Self {
            address,
            every,
            sink,
            beat: Mutex::default(),
            waits: Notify::new(),
            canceled: AtomicBool::new(false),
            stop: Notify::new(),
        }
    }

    pub(super) const fn address(&self) -> &Arc<Address> {
        &self.address
    }

    /// The attempt goes on, and is so far.
    pub(super) fn tell(&self, progress: Payload) {
        let mut beat = lock(&self.beat);
        let now = Instant::now();
        beat.unsent = Some(progress);
        if beat.next_at.is_none_or(|at| at <= now) {
            self.send(&mut beat, now);
        } else {
            self.waits.notify_one();
        }
    }

    /// Sends what waits once it may go out. Beside the attempt, for as long as that runs.
    pub(crate) async fn pulse(&self) -> Infallible {
        loop {
            match self.due() {
                None => self.waits.notified().await,
                Some(at) => {
                    sleep_until(at).await;
                    self.flush();
                }
            }
        }
    }

    /// Sends what waits now.
    pub(crate) fn flush(&self) {
        let mut beat = lock(&self.beat);
        self.send(&mut beat, Instant::now());
    }

    /// The last one was lost on its way: it goes out again, unless there is a newer one.
    pub(crate) fn repeat(&self) {
        let mut beat = lock(&self.beat);
        if beat.unsent.is_none() {
            beat.unsent = beat.sent.clone();
            self.waits.notify_one();
        }
    }

    fn due(&self) -> Option<Instant> {
        let beat = lock(&self.beat);
        beat.unsent.as_ref().and(beat.next_at)
    }

    fn send(&self, beat: &mut Beat, now: Instant) {
        let Some(progress) = beat.unsent.take() else {
            return;
        };
        beat.sent = Some(progress.clone());
        beat.next_at = Some(now + self.every);
        match &self.sink {
            Sink::Worker(send) => send(progress),
            Sink::Kept(kept) => lock(kept).push(progress),
        }
    }

    /// What was sent to nobody, oldest first.
    pub(super) fn kept(&self) -> Vec<Payload> {
        match &self.sink {
            Sink::Worker(_) => Vec::new(),
            Sink::Kept(kept) => lock(kept).clone(),
        }
    }

    /// Wants the attempt to stop.
    pub(crate) fn cancel(&self) {
        self.canceled.store(true, Ordering::SeqCst);
        self.stop.notify_waiters();
    }

    pub(super) fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::SeqCst)
    }

    pub(super) async fn canceled(&self) {
        // From here on it hears of a cancellation, also before it is polled.
        let stop = self.stop.notified();
        if !self.is_canceled() {
            stop.await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("task_id", &self.address.task_id)
            .field("canceled", &self.canceled)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(2);

    /// What went out, and when, in milliseconds.
    type Sent = Arc<Mutex<Vec<(u64, u8)>>>;

    fn link() -> (Arc<Link>, Sent) {
        let (begun, sent) = (Instant::now(), Sent::default());
        let send = {
            let sent = Arc::clone(&sent);
            move |progress: Payload| {
                let at = begun.elapsed().as_millis();
                let at = u64::try_from(at).expect("a test is short");
                lock(&sent).push((at, progress.data()[0]));
            }
        };
        let address = Link::local().address;
        (Arc::new(Link::new(address, EVERY, send)), sent)
    }

    /// Lets its pulse beat for so long.
    async fn beat(link: &Link, millis: u64) {
        let span = Duration::from_millis(millis);
        assert!(tokio::time::timeout(span, link.pulse()).await.is_err());
    }

    fn tell(link: &Link, progress: u8) {
        link.tell(Payload::json([progress]));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_goes_out_at_once_and_of_the_others_the_newest_when_it_may() {
        let (link, sent) = link();

        for progress in 1..=9 {
            tell(&link, progress);
            beat(&link, 100).await;
        }
        assert_eq!(*lock(&sent), [(0, 1)]);
        beat(&link, 10_000).await;

        assert_eq!(*lock(&sent), [(0, 1), (2_000, 9)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_never_waits_sends_by_itself() {
        let (link, sent) = link();

        for progress in 1..=5 {
            tell(&link, progress);
            tokio::time::advance(Duration::from_millis(700)).await;
        }

        assert_eq!(*lock(&sent), [(0, 1), (2_100, 4)]);
        link.flush();
        assert_eq!(lock(&sent).last(), Some(&(3_500, 5)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_lost_goes_out_again_unless_there_is_a_newer_one() {
        let (link, sent) = link();
        tell(&link, 1);

        link.repeat();
        beat(&link, 3_000).await;
        assert_eq!(*lock(&sent), [(0, 1), (2_000, 1)]);
        tell(&link, 2);
        link.repeat();
        beat(&link, 3_000).await;

        assert_eq!(lock(&sent)[2..], [(4_000, 2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_the_cancellation_hears_of_it_and_whoever_comes_later_too() {
        let (link, _) = link();
        let waiting = tokio::spawn({
            let link = link.clone();
            async move { link.canceled().await }
        });
        tokio::task::yield_now().await;
        assert!(!link.is_canceled());

        link.cancel();

        waiting.await.unwrap();
        link.canceled().await;
        assert!(link.is_canceled());
    }
}
