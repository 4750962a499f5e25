//! Reads of ranges, side by side on a thread of their own: a short one does not wait for a long one. Each range has its
//! partition's queue; a second one of the same partition waits its turn.
//!
//! The lane sets the pace: nothing is read while it has not taken what was.

mod desk;
mod range;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, SyncSender, TrySendError},
    },
    thread,
};

use self::desk::Desk;
use super::{LaneTopics, inbox::Inbox};
use crate::{
    Error, ErrorKind, PortEvent, Record, Tag,
    kafka::{Kafka, fault, wake::Wake},
};

/// The reading thread; it ends with this.
#[derive(Debug)]
pub(super) struct Reads {
    jobs: Option<SyncSender<(Job, Arc<AtomicBool>)>>,
    cancels: HashMap<i32, Vec<Arc<AtomicBool>>>,
    inbox: Arc<Inbox>,
    wake: Arc<Wake>,
}

/// What to read.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) tag: Tag,
    pub(super) from: i64,
    pub(super) to: Option<i64>,
}

impl Job {
    fn chunk(&self, records: Vec<Record>, next: i64, done: bool) -> PortEvent {
        PortEvent::Read {
            partition: self.partition,
            tag: self.tag,
            records,
            next,
            done,
            error: None,
        }
    }

    fn failed(&self, records: Vec<Record>, next: i64, error: Error) -> PortEvent {
        PortEvent::Read {
            partition: self.partition,
            tag: self.tag,
            records,
            next,
            done: true,
            error: Some(error),
        }
    }
}

impl Reads {
    pub(super) fn start(
        kafka: &Kafka,
        topics: &LaneTopics,
        inbox: Arc<Inbox>,
    ) -> Result<Self, Error> {
        let (jobs, ordered) = mpsc::sync_channel(JOBS_MAX);
        let wake = Arc::new(Wake::default());
        let mut desk = Desk::new(kafka, topics, ordered, inbox.clone(), wake.clone());
        thread::Builder::new()
            .name("kafka-reads".to_owned())
            .spawn(move || desk.run())
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self {
            jobs: Some(jobs),
            cancels: HashMap::new(),
            inbox,
            wake,
        })
    }

    pub(super) fn read(&mut self, job: Job) {
        let cancelled = Arc::new(AtomicBool::new(false));
        let cancels = self.cancels.entry(job.partition).or_default();
        // Those of reads that are over are held by nobody else.
        cancels.retain(|cancel| Arc::strong_count(cancel) > 1);
        cancels.push(cancelled.clone());
        let jobs = self.jobs.as_ref().expect("it is there until the drop");
        match jobs.try_send((job, cancelled)) {
            Ok(()) => self.wake.wake(),
            Err(error) => {
                let (job, _) = match error {
                    TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
                };
                let error = Error::new(
                    ErrorKind::Unavailable,
                    "kafka-unavailable",
                    "too many reads wait",
                );
                self.inbox.push(job.failed(Vec::new(), job.from, error));
            }
        }
    }

    /// Ends the reads of a partition without an answer.
    pub(super) fn cancel(&mut self, partition: i32) {
        let Some(cancels) = self.cancels.remove(&partition) else {
            return;
        };
        for cancel in cancels {
            cancel.store(true, Ordering::SeqCst);
        }
        self.wake.wake();
    }

    /// The lane has taken what was read.
    pub(super) fn go_on(&self) {
        self.wake.wake();
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        self.jobs = None;
        self.wake.wake();
    }
}

/// Reads that may wait.
const JOBS_MAX: usize = 1_024;
