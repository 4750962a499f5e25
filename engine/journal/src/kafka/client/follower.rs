//! Follows one partition, for whoever waits for replies.

use std::{
    fmt,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::sync::mpsc;

use crate::{
    Error, Record,
    kafka::{Kafka, Reader, fault},
};

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With what is appended after [`Follower::open`] has returned.
    End,
    /// With this offset.
    Offset(i64),
}

/// Reads one partition as it grows, on a thread of its own, which ends with this.
pub struct Follower {
    records: mpsc::Receiver<Result<Record, Error>>,
    next: i64,
    closed: Arc<AtomicBool>,
}

impl Follower {
    /// Begins to follow a partition. Waits for the brokers when it begins at the end, so that an answer to whatever is
    /// sent afterwards is not missed; in async code, call it where waiting is allowed.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound): no such partition. [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): no answer within 3 s, or no thread.
    pub fn open(kafka: &Kafka, topic: &str, partition: i32, from: From) -> Result<Self, Error> {
        let reader = Reader::open_committed(kafka)?;
        let next = match from {
            From::End => reader.end(topic, partition)?,
            From::Offset(offset) => offset,
        };
        let (sender, records) = mpsc::channel(RECORDS_MAX);
        let closed = Arc::new(AtomicBool::new(false));
        thread::Builder::new()
            .name("kafka-follower".to_owned())
            .spawn({
                let (topic, closed) = (topic.to_owned(), closed.clone());
                move || follow(&reader, &topic, partition, next, &sender, &closed)
            })
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self {
            records,
            next,
            closed,
        })
    }

    /// The offset of the next record that [`Follower::next`] gives, or of one before it that holds none.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.next
    }

    /// The next record, as soon as there is one. While the brokers are away it waits. Dropping the future loses
    /// nothing. After an error there is nothing more: `None`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound): the topic went away, or what was to be read next was deleted.
    pub async fn next(&mut self) -> Option<Result<Record, Error>> {
        let record = self.records.recv().await?;
        if let Ok(record) = &record {
            self.next = record.offset + 1;
        }
        Some(record)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

fn follow(
    reader: &Reader,
    topic: &str,
    partition: i32,
    from: i64,
    sender: &mpsc::Sender<Result<Record, Error>>,
    closed: &AtomicBool,
) {
    let visit = |record: &Record| match sender.blocking_send(Ok(record.clone())) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let idle = || {
        if closed.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    if let Err(error) = reader.tail(topic, partition, from, visit, idle) {
        // Nobody is there to hear it when this fails.
        drop(sender.blocking_send(Err(error)));
    }
}

/// Records that wait for [`Follower::next`]; then reading waits.
const RECORDS_MAX: usize = 256;
