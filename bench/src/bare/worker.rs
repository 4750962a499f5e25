//! The bare loop's worker: takes what is queued, answers each, waits for the acknowledgements, commits.

use std::time::Duration;

use anyhow::Result;
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
};
use sagaline_journal::wire::topic;

use super::{ChildOptions, QUEUE, sender::Sender};
use crate::{kafka, kafka::BATCH_INPUTS_MAX};

/// Runs until the process is ended.
pub(crate) fn run(options: &ChildOptions) -> Result<()> {
    let (tasks, results) = (
        topic::tasks(&options.namespace, QUEUE),
        topic::results(&options.namespace),
    );
    let consumer: BaseConsumer = kafka::consumer(
        &options.kafka,
        &topic::worker_group(&options.namespace, QUEUE),
    )
    .create()?;
    consumer.subscribe(&[&tasks])?;
    let sender = Sender::new(&kafka::producer(&options.kafka))?;
    loop {
        let mut taken = 0;
        let mut next = consumer.poll(Duration::from_millis(500));
        while let Some(message) = next {
            let message = message?;
            sender.send(
                &results,
                message.partition(),
                message.key().unwrap_or_default(),
                message.payload().unwrap_or_default(),
            )?;
            consumer.store_offset_from_message(&message)?;
            taken += 1;
            if taken == BATCH_INPUTS_MAX {
                break;
            }
            next = consumer.poll(Duration::ZERO);
        }
        if taken > 0 {
            sender.wait()?;
            consumer.commit_consumer_state(CommitMode::Async)?;
        }
    }
}
