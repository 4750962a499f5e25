//! Many records from one task, which hears of them together: a future and a wake-up for each would cost more than the
//! record.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::producer::{Ack, Producer, Waiter, finish};
use crate::{Error, NewRecord, kafka::wake::lock};

/// Sends for one task, by a [`Producer`] that others may share.
pub struct Bulk {
    producer: Producer,
    told: Arc<Told>,
}

impl Bulk {
    pub(super) fn new(producer: Producer) -> Self {
        Self {
            producer,
            told: Arc::new(Told::default()),
        }
    }

    /// Puts a record in line for the next [`Bulk::flush`]. Its end comes with `mark` from [`Bulk::ended`], always.
    pub fn send(&self, mark: u64, record: NewRecord) {
        if let Err(error) = self
            .producer
            .put(record, Waiter::Many(self.told.clone(), mark))
        {
            self.told.push(mark, Err(error));
        }
    }

    /// Sends what stands in line: now, or when what is on its way has arrived.
    pub fn flush(&self) {
        self.producer.flush();
    }

    /// What became of records, as [`Producer::send`] would tell it; waits for a failure, or until nothing is on its way
    /// any more. Dropping the future loses nothing.
    pub async fn ended(&self) -> Vec<(u64, Result<(), Error>)> {
        loop {
            let ended = self.try_ended();
            if !ended.is_empty() {
                return ended;
            }
            self.told.notify.notified().await;
        }
    }

    /// As [`Bulk::ended`], as far as is known now.
    pub fn try_ended(&self) -> Vec<(u64, Result<(), Error>)> {
        std::mem::take(&mut *lock(&self.told.ended))
    }
}

impl fmt::Debug for Bulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bulk").field(&self.producer).finish()
    }
}

/// What a bulk's task has not heard yet.
#[derive(Debug, Default)]
pub(super) struct Told {
    ended: Mutex<Vec<(u64, Result<(), Error>)>>,
    notify: Notify,
}

impl Told {
    /// `None`: the producer was replaced.
    pub(super) fn tell(&self, mark: u64, ack: Option<Ack>) {
        self.push(mark, finish("send", ack).map(drop));
    }

    /// Nothing is on its way any more.
    pub(super) fn idle(&self) {
        if !lock(&self.ended).is_empty() {
            // Kept for the next `ended` when nobody waits; several count once.
            self.notify.notify_one();
        }
    }

    fn push(&self, mark: u64, outcome: Result<(), Error>) {
        let failed = outcome.is_err();
        lock(&self.ended).push((mark, outcome));
        if failed {
            self.notify.notify_one();
        }
    }
}
