//! Deletes records that have gone on, and asks where partitions end, on a thread of its own: the brokers' answers are
//! waited for.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use super::DelayEvent;
use crate::{
    Error,
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
                move || {
                    while let Ok(job) = ordered.recv() {
                        if let Err(error) = work(&admin, job, &told, &wake) {
                            tracing::info!(%error, "what was forwarded is not deleted yet");
                            skip(&ordered);
                        }
                    }
                }
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

fn work(
    admin: &Admin,
    (topic, partition, job): (Arc<str>, i32, Job),
    told: &Mutex<Vec<DelayEvent>>,
    wake: &Wake,
) -> Result<(), Error> {
    match job {
        Job::Trim(before) => admin.delete_records(&topic, partition, before),
        Job::End => {
            let end = admin.end(&topic, partition)?;
            let ends = DelayEvent::Ends {
                topic,
                partition,
                end,
            };
            lock(told).push(ends);
            wake.wake();
            Ok(())
        }
    }
}

/// Brokers that are away are not asked for each partition; the next orders say the same and more.
fn skip(ordered: &Receiver<(Arc<str>, i32, Job)>) {
    while ordered.try_recv().is_ok() {}
}
