//! Commits, one after the other, on a thread that waits for each: to a caller that does not wait, librdkafka never
//! tells how one ended.

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};

use super::{Desk, Outcome};
use crate::{
    Error,
    kafka::{
        fault,
        wake::{Wake, lock},
    },
};

/// The thread. It keeps the consumer, so the group is left only after it has ended.
pub(super) struct Committer {
    orders: Option<Sender<TopicPartitionList>>,
    ended: Receiver<()>,
}

impl Committer {
    pub(super) fn start(consumer: Arc<BaseConsumer<Desk>>, wake: Arc<Wake>) -> Result<Self, Error> {
        let (orders, ordered) = mpsc::channel::<TopicPartitionList>();
        let (ending, ended) = mpsc::channel();
        let commit = move || {
            for list in ordered {
                let accepted = match consumer.commit(&list, CommitMode::Sync) {
                    Ok(()) => true,
                    Err(error) => {
                        tracing::info!(?list, %error, "a commit was not accepted");
                        false
                    }
                };
                lock(&consumer.context().outcomes).push(Outcome { accepted });
                wake.wake();
            }
            drop(consumer);
            // Nobody waits for it when the group was left in a hurry.
            let _ = ending.send(());
        };
        thread::Builder::new()
            .name("kafka-commits".to_owned())
            .spawn(commit)
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self {
            orders: Some(orders),
            ended,
        })
    }

    pub(super) fn order(&self, list: TopicPartitionList) {
        let orders = self.orders.as_ref().expect("it is there until the end");
        if orders.send(list).is_err() {
            tracing::warn!("the thread that commits has ended");
        }
    }

    /// Waits so long for the commits that are on their way, but not for brokers that are away.
    pub(super) fn end(&mut self, wait: Duration) {
        self.orders = None;
        if self.ended.recv_timeout(wait).is_err() {
            tracing::warn!("a commit is not answered: the group is left without waiting for it");
        }
    }
}
