//! Deletes records that have gone on, on a thread of its own: the brokers' answer is waited for.

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use crate::{
    Error,
    kafka::{Admin, Kafka, fault},
};

/// A partition of a topic, and the first offset that stays.
type Cut = (Arc<str>, i32, i64);

/// The thread. It ends when nobody orders any more.
pub(super) struct Trimmer {
    orders: Sender<Cut>,
}

impl Trimmer {
    pub(super) fn start(kafka: &Kafka) -> Result<Self, Error> {
        let admin = Admin::open(kafka)?;
        let (orders, ordered) = mpsc::channel();
        thread::Builder::new()
            .name("kafka-trim".to_owned())
            .spawn(move || trim(&admin, &ordered))
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self { orders })
    }

    /// A thread that is gone has panicked, and the log says where.
    pub(super) fn order(&self, topic: Arc<str>, partition: i32, before: i64) {
        drop(self.orders.send((topic, partition, before)));
    }
}

fn trim(admin: &Admin, ordered: &Receiver<Cut>) {
    while let Ok((topic, partition, before)) = ordered.recv() {
        if let Err(error) = admin.delete_records(&topic, partition, before) {
            tracing::info!(%error, "what was forwarded is not deleted yet");
            // Brokers that are away are not asked for each partition; the next orders say the same and more.
            while ordered.try_recv().is_ok() {}
        }
    }
}
