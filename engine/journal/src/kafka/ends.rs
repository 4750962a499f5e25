//! Where partitions begin and end, as the brokers say now: one ListOffsets request to each leader. Never a cached
//! watermark. For a consumer of committed records the end is the last stable offset: what it can reach.

use std::{collections::HashMap, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};

use super::{clock::Deadline, fault};
use crate::{Error, ErrorKind};

/// A topic and a partition.
pub(super) type Place<'a> = (&'a str, i32);

/// Which end of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// The first offset that is still there.
    Beginning,
    /// The offset of the next record.
    End,
}

/// Asks for many partitions at once. A partition without an answer has its own error.
pub(super) fn ask<'a, C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    places: &[Place<'a>],
    edge: Edge,
) -> Result<HashMap<Place<'a>, Result<i64, Error>>, Error> {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        // In place of a time, these offsets ask for the edges.
        let offset = match edge {
            Edge::Beginning => Offset::Beginning,
            Edge::End => Offset::End,
        };
        list.add_partition_offset(topic, *partition, offset)
            .map_err(|error| fault::error(&doing((topic, *partition)), &error))?;
    }
    let list = consumer
        .offsets_for_times(list, ANSWER_WAIT)
        .map_err(|error| {
            let doing = places
                .first()
                .map_or_else(String::new, |place| doing(*place));
            fault::error(&doing, &error)
        })?;
    let answer = |(topic, partition): Place<'_>| {
        let element = list.find_partition(topic, partition)?;
        Some(match (element.error(), element.offset()) {
            (Ok(()), Offset::Offset(offset)) => Ok(offset),
            (Err(error), _) => Err(fault::error(&doing((topic, partition)), &error)),
            (Ok(()), other) => {
                let message = format!("{}: answered {other:?}", doing((topic, partition)));
                Err(Error::new(
                    ErrorKind::Unavailable,
                    "kafka-unavailable",
                    message,
                ))
            }
        })
    };
    Ok(places
        .iter()
        .filter_map(|place| Some((*place, answer(*place)?)))
        .collect())
}

/// Asks for one partition, again while its leader is being chosen. The consumer must read nothing.
pub(super) fn ask_one<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    place: Place<'_>,
    edge: Edge,
) -> Result<i64, Error> {
    let deadline = Deadline::after(ANSWER_WAIT);
    loop {
        let answer = ask(consumer, &[place], edge).and_then(|mut answers| {
            let answer = answers.remove(&place);
            answer.unwrap_or_else(|| Err(fault::timed_out(&doing(place), ANSWER_WAIT)))
        });
        match answer {
            Err(error) if error.kind() == ErrorKind::Unavailable && !deadline.passed() => {
                // For the time; nothing comes.
                drop(consumer.poll(AGAIN_AFTER));
            }
            answer => return answer,
        }
    }
}

fn doing((topic, partition): Place<'_>) -> String {
    format!("ask where {topic}/{partition} begins or ends")
}

/// Pause before a partition without a leader is asked for again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A broker that does not answer for this long does not count as an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
