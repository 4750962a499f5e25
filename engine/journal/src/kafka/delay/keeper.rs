//! Deletes records that have gone on, and asks where partitions end, on a thread of its own: the brokers' answers are
//! waited for.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use super::DelayEvent;
use crate::{
    Error, ErrorKind,
    kafka::{
        Admin, Kafka, fault,
        wake::{Wake, lock},
    },
};

/// What is to be done at a partition of a topic.
#[derive(Debug)]
enum Job {
    /// Delete what lies before this offset.
    Trim(i64),
    /// Say where it ends.
    End,
}

/// The thread. It ends when nobody orders any more.
pub(super) struct Keeper {
    jobs: Sender<(Arc<str>, i32, Job)>,
    told: Arc<Mutex<Vec<DelayEvent>>>,
}

impl Keeper {
    pub(super) fn start(kafka: &Kafka, wake: Arc<Wake>) -> Result<Self, Error> {
        let admin = Admin::open(kafka)?;
        let (jobs, ordered) = mpsc::channel();
        let told = Arc::new(Mutex::new(Vec::new()));
        thread::Builder::new()
            .name("kafka-keeper".to_owned())
            .spawn({
                let told = told.clone();
                let keeping = Keeping {
                    admin,
                    told,
                    wake,
                    trims: BTreeMap::new(),
                };
                move || keeping.serve(&ordered)
            })
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self { jobs, told })
    }

    pub(super) fn trim(&self, topic: Arc<str>, partition: i32, before: i64) {
        self.order(topic, partition, Job::Trim(before));
    }

    pub(super) fn ask_end(&self, topic: Arc<str>, partition: i32) {
        self.order(topic, partition, Job::End);
    }

    /// Moves answers to `into`.
    pub(super) fn take(&self, into: &mut Vec<DelayEvent>) {
        into.append(&mut lock(&self.told));
    }

    /// A thread that is gone has panicked, and the log says where.
    fn order(&self, topic: Arc<str>, partition: i32, job: Job) {
        drop(self.jobs.send((topic, partition, job)));
    }
}

/// How soon what was not deleted is tried again.
const TRIM_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The thread's own.
struct Keeping {
    admin: Admin,
    told: Arc<Mutex<Vec<DelayEvent>>>,
    wake: Arc<Wake>,
    /// Before which offset each partition is to be deleted, and was not yet.
    trims: BTreeMap<(Arc<str>, i32), i64>,
}

impl Keeping {
    fn serve(mut self, ordered: &Receiver<(Arc<str>, i32, Job)>) {
        loop {
            let job = match self.trims.is_empty() {
                true => ordered.recv().map_err(RecvTimeoutError::from),
                false => ordered.recv_timeout(TRIM_AGAIN_AFTER),
            };
            let done = match job {
                Ok((topic, partition, Job::End)) => self.tell_end(topic, partition),
                Ok((topic, partition, Job::Trim(before))) => {
                    self.keep(topic, partition, before);
                    self.trim()
                }
                Err(RecvTimeoutError::Timeout) => self.trim(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Err(error) = done {
                tracing::info!(%error, "what was forwarded is not deleted yet");
                self.skip(ordered);
            }
        }
    }

    fn keep(&mut self, topic: Arc<str>, partition: i32, before: i64) {
        let kept = self.trims.entry((topic, partition)).or_insert(before);
        *kept = before.max(*kept);
    }

    /// What the brokers refuse is not tried again: the next order says more.
    fn trim(&mut self) -> Result<(), Error> {
        while let Some(first) = self.trims.first_entry() {
            let ((topic, partition), before) = (first.key(), *first.get());
            match self.admin.delete_records(topic, *partition, before) {
                Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
                Err(error) => tracing::info!(%error, "what was forwarded is not deleted"),
                Ok(()) => {}
            }
            first.remove();
        }
        Ok(())
    }

    fn tell_end(&self, topic: Arc<str>, partition: i32) -> Result<(), Error> {
        let end = self.admin.end(&topic, partition)?;
        let ends = DelayEvent::Ends {
            topic,
            partition,
            end,
        };
        lock(&self.told).push(ends);
        self.wake.wake();
        Ok(())
    }

    /// Brokers that are away are not asked for each partition: what is to be deleted is kept, who wants an end asks again.
    fn skip(&mut self, ordered: &Receiver<(Arc<str>, i32, Job)>) {
        while let Ok((topic, partition, job)) = ordered.try_recv() {
            if let Job::Trim(before) = job {
                self.keep(topic, partition, before);
            }
        }
    }
}
