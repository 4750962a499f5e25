//! The bare loop's engine: one thread, one batch at a time over all partitions.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    message::{BorrowedMessage, Header, OwnedHeaders},
};
use sagaline_journal::wire::{ce_type, header, topic};

use super::{ACCEPTED, COMPLETED, ChildOptions, QUEUE, STEPS, Tasks, sender::Sender};
use crate::{
    clock, kafka,
    kafka::{BATCH_INPUTS_MAX, PARTITIONS},
    sagaline::{ACTIVITIES, WORKFLOW},
};

/// Positions are committed this often, only so that lag can be seen.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// Runs until the process is ended.
pub(crate) fn run(options: &ChildOptions, tasks: Tasks) -> Result<()> {
    let mut engine = Engine::new(options, tasks)?;
    let mut committed = clock::now();
    loop {
        engine.take()?;
        engine.append()?;
        engine.send()?;
        if committed.elapsed() > COMMIT_EVERY {
            committed = clock::now();
            engine
                .consumer
                .commit(&engine.positions, CommitMode::Async)?;
        }
    }
}

struct Engine {
    consumer: BaseConsumer,
    journal: Sender,
    effects: Sender,
    names: Names,
    tasks: Tasks,
    positions: TopicPartitionList,
    batch: Vec<Input>,
    /// Activities that each open saga has finished.
    sagas: HashMap<Box<[u8]>, u8>,
}

struct Names {
    inbox: String,
    results: String,
    journal: String,
    tasks: String,
    replies: String,
}

struct Input {
    partition: i32,
    offset: i64,
    key: Box<[u8]>,
    value: Box<[u8]>,
    /// Activities finished with this input; 0 is a start.
    step: u8,
}

impl Engine {
    fn new(options: &ChildOptions, tasks: Tasks) -> Result<Self> {
        let namespace = &options.namespace;
        let names = Names {
            inbox: topic::inbox(namespace),
            results: topic::results(namespace),
            journal: topic::journal(namespace),
            tasks: topic::tasks(namespace, QUEUE),
            replies: topic::replies(namespace),
        };
        let consumer: BaseConsumer =
            kafka::consumer(&options.kafka, &topic::engine_group(namespace)).create()?;
        let mut positions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            positions.add_partition_offset(&names.inbox, partition, Offset::Offset(0))?;
            positions.add_partition_offset(&names.results, partition, Offset::Offset(0))?;
        }
        consumer.assign(&positions)?;
        let config = kafka::producer(&options.kafka);
        Ok(Self {
            consumer,
            journal: Sender::new(&config)?,
            effects: Sender::new(&config)?,
            names,
            tasks,
            positions,
            batch: Vec::new(),
            sagas: HashMap::new(),
        })
    }

    /// Takes what is queued, and waits for the first.
    fn take(&mut self) -> Result<()> {
        self.batch.clear();
        let mut next = self.consumer.poll(Duration::from_millis(500));
        while let Some(message) = next {
            let input = input(&message?, &self.names.inbox, &mut self.sagas);
            self.batch.push(input);
            if self.batch.len() == BATCH_INPUTS_MAX {
                break;
            }
            next = self.consumer.poll(Duration::ZERO);
        }
        for input in &self.batch {
            let topic = if input.step == 0 {
                &self.names.inbox
            } else {
                &self.names.results
            };
            self.positions.set_partition_offset(
                topic,
                input.partition,
                Offset::Offset(input.offset + 1),
            )?;
        }
        Ok(())
    }

    /// One journal record per input, and their acknowledgements.
    fn append(&mut self) -> Result<()> {
        let mut value = Vec::new();
        for input in &self.batch {
            value.clear();
            value.extend_from_slice(&input.offset.to_be_bytes());
            value.push(input.step);
            value.extend_from_slice(&input.value);
            self.journal
                .send(&self.names.journal, input.partition, &input.key, &value)?;
        }
        self.journal.wait()
    }

    /// What follows from the batch, now that it is in the journal.
    fn send(&mut self) -> Result<()> {
        for input in &self.batch {
            if input.step == 0 {
                self.effects
                    .send(&self.names.replies, 0, &input.key, ACCEPTED)?;
            }
            if input.step < STEPS {
                let headers = match self.tasks {
                    Tasks::Plain => None,
                    Tasks::Addressed => Some(address(input, &self.names.results)?),
                };
                self.effects.send_with(
                    (&self.names.tasks, input.partition),
                    &input.key,
                    &input.value,
                    headers,
                )?;
            } else {
                self.effects
                    .send(&self.names.replies, 0, &input.key, COMPLETED)?;
            }
        }
        Ok(())
    }
}

/// A task's headers, as an engine writes them; nobody will check the token.
fn address(input: &Input, results: &str) -> Result<OwnedHeaders> {
    let saga = str::from_utf8(&input.key)?;
    let number = (input.step + 1).to_string();
    let key = format!("{saga}/{number}");
    let id = format!("{key}/1");
    let partition = input.partition.to_string();
    let headers = [
        (header::CE_SPECVERSION, "1.0"),
        (header::CE_TYPE, ce_type::ACTIVITY_TASK),
        (header::CE_SOURCE, "bare.engine"),
        (header::CE_ID, &id),
        (header::CONTENT_TYPE, "application/json"),
        (header::CE_SUBJECT, saga),
        (header::ACTIVITY, ACTIVITIES[usize::from(input.step)]),
        (header::WORKFLOW, WORKFLOW),
        (header::WORKFLOW_ID, saga),
        (header::RUN_ID, saga),
        (header::ACTIVITY_ID, &number),
        (header::ATTEMPT, "1"),
        (header::IDEMPOTENCY_KEY, &key),
        (header::TOKEN, &id),
        (header::REPLY_TOPIC, results),
        (header::REPLY_PARTITION, &partition),
        (header::START_TO_CLOSE_MS, "60000"),
    ];
    let none = OwnedHeaders::new_with_capacity(headers.len());
    Ok(headers.iter().fold(none, |all, (key, value)| {
        all.insert(Header {
            key,
            value: Some(*value),
        })
    }))
}

fn input(message: &BorrowedMessage<'_>, inbox: &str, sagas: &mut HashMap<Box<[u8]>, u8>) -> Input {
    let key: Box<[u8]> = message.key().unwrap_or_default().into();
    let step = if message.topic() == inbox {
        0
    } else {
        sagas.get(&key).copied().unwrap_or_default() + 1
    };
    if step == STEPS {
        sagas.remove(&key);
    } else {
        sagas.insert(key.clone(), step);
    }
    let value = message.payload().unwrap_or_default().into();
    Input {
        partition: message.partition(),
        offset: message.offset(),
        key,
        value,
        step,
    }
}
