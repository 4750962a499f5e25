//! Fetch: what is there at once, else what comes while the client is willing to wait.
//!
//! Sessions are refused as Kafka refuses them when it has no room for more: the answer's session id is 0, and the client
//! sends whole requests. A request that begins a session or closes one is whole, whatever session it names.

use std::{collections::HashSet, rc::Rc, time::Duration};

use bytes::Bytes;
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse, ProducerId,
    fetch_request::{FetchPartition, FetchTopic},
    fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData},
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::Cx;
use crate::{
    code::ErrorCode,
    limits::{CONNECTION_BYTES, FETCH_BYTES_MAX, FETCH_WAIT_MAX},
    log::FirstBatch,
    partition::{self, Partition, Wait},
    topic::Topic,
};

/// The answer, when it has enough, or at last.
pub(super) async fn answer(cx: &Cx, mut request: FetchRequest) -> FetchResponse {
    if !matches!(request.session_epoch, SESSION_BEGINS | SESSION_ENDS) {
        return FetchResponse::default().with_error_code(ErrorCode::FetchSessionIdNotFound.code());
    }
    each_once(&mut request.topics);
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + wait.min(FETCH_WAIT_MAX);
    let bytes_max = usize::try_from(request.max_bytes)
        .unwrap_or(0)
        .min(FETCH_BYTES_MAX);
    let bytes_min = usize::try_from(request.min_bytes)
        .unwrap_or(0)
        .min(bytes_max);
    let notify = Rc::new(Notify::new());
    // Before the first look, so that nothing comes unheard in between.
    let waits = wait_for_all(cx, &request.topics, &notify);
    loop {
        let taken = take(cx, &request, bytes_max).await;
        // With what was unknown from the beginning is waited, with what is gone meanwhile is not.
        let is_gone = taken.known < waits.len() || waits.is_empty();
        if taken.bytes >= bytes_min || taken.has_error || is_gone {
            return FetchResponse::default().with_responses(taken.responses);
        }
        if timeout_at(deadline, notify.notified()).await.is_err() {
            let taken = take(cx, &request, bytes_max).await;
            return FetchResponse::default().with_responses(taken.responses);
        }
    }
}

/// A partition is read once, however often it is named: Kafka keeps a map of them.
fn each_once(topics: &mut [FetchTopic]) {
    if let [one] = &*topics
        && one.partitions.len() <= 1
    {
        return;
    }
    let mut seen = HashSet::new();
    for topic in topics {
        let key = (topic.topic.clone(), topic.topic_id);
        let partitions = &mut topic.partitions;
        partitions.retain(|one| seen.insert((key.clone(), one.partition)));
    }
}

fn wait_for_all(cx: &Cx, topics: &[FetchTopic], notify: &Rc<Notify>) -> Vec<Wait> {
    let partitions = topics.iter().flat_map(|asked| {
        let topic = find(cx, asked);
        asked
            .partitions
            .iter()
            .filter_map(move |one| topic.as_ref()?.partition(one.partition))
    });
    partitions.map(|partition| partition.wait(notify)).collect()
}

fn find(cx: &Cx, asked: &FetchTopic) -> Option<Rc<Topic>> {
    match cx.version < TOPIC_IDS_SINCE {
        true => cx.node.topics.get(&asked.topic),
        false => cx.node.topics.get_by_id(asked.topic_id),
    }
}

/// Epochs of a session that are none's: of a whole request.
const SESSION_BEGINS: i32 = 0;
const SESSION_ENDS: i32 = -1;

/// From this version on topics have ids and no names.
const TOPIC_IDS_SINCE: i16 = 13;

struct Taken {
    responses: Vec<FetchableTopicResponse>,
    bytes: usize,
    /// Partitions that are there.
    known: usize,
    /// One of those cannot be read.
    has_error: bool,
}

async fn take(cx: &Cx, request: &FetchRequest, bytes_max: usize) -> Taken {
    let connections = &cx.node.connections;
    connections.until_there_is_room().await;
    let bytes_max = bytes_max.min(connections.room().max(CONNECTION_BYTES));
    let mut taken = Taken {
        responses: Vec::with_capacity(request.topics.len()),
        bytes: 0,
        known: 0,
        has_error: false,
    };
    for asked in &request.topics {
        let topic = find(cx, asked);
        let unknown = match topic.is_none() && cx.version >= TOPIC_IDS_SINCE {
            true => ErrorCode::UnknownTopicId,
            false => ErrorCode::UnknownTopicOrPartition,
        };
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        for one in &asked.partitions {
            let partition = topic
                .as_ref()
                .and_then(|topic| topic.partition(one.partition));
            let left = bytes_max.saturating_sub(taken.bytes);
            let data = match partition {
                None => failed(one.partition, unknown.code()),
                Some(partition) => {
                    let bounds = (left, taken.bytes == 0);
                    let data = read(&partition, one, bounds, request.isolation_level);
                    taken.known += 1;
                    taken.has_error |= data.error_code != 0;
                    data
                }
            };
            taken.bytes += data.records.as_ref().map_or(0, Bytes::len);
            partitions.push(data);
        }
        taken.responses.push(
            FetchableTopicResponse::default()
                .with_topic(asked.topic.clone())
                .with_topic_id(asked.topic_id)
                .with_partitions(partitions),
        );
    }
    taken
}

fn read(
    partition: &Rc<Partition>,
    asked: &FetchPartition,
    (left, is_first): (usize, bool),
    isolation: i8,
) -> PartitionData {
    if let Err(code) = partition::check_leader_epoch(asked.current_leader_epoch) {
        return failed(asked.partition, code.code());
    }
    let bytes_max = usize::try_from(asked.partition_max_bytes)
        .unwrap_or(0)
        .min(left);
    let first_batch = match is_first {
        true => FirstBatch::Whole,
        false => FirstBatch::IfItFits,
    };
    let is_committed = isolation == READ_COMMITTED;
    let (visible, stable) = (partition.visible(), partition.stable());
    let below = if is_committed { stable } else { visible };
    match partition.fetch(asked.fetch_offset, bytes_max, first_batch, below) {
        Ok(records) => PartitionData::default()
            .with_partition_index(asked.partition)
            .with_high_watermark(visible)
            .with_last_stable_offset(stable)
            .with_log_start_offset(partition.start_offset())
            .with_aborted_transactions(
                is_committed.then(|| aborted(partition, asked.fetch_offset, &records)),
            )
            .with_preferred_read_replica(BrokerId(-1))
            .with_records(Some(records)),
        Err(error) => failed(asked.partition, error.code()),
    }
}

fn aborted(partition: &Partition, offset: i64, records: &Bytes) -> Vec<AbortedTransaction> {
    let aborted = partition.aborted_in(offset, records).into_iter();
    let aborted = aborted.map(|one| {
        AbortedTransaction::default()
            .with_producer_id(ProducerId(one.producer_id))
            .with_first_offset(one.first_offset)
    });
    aborted.collect()
}

/// The isolation level of who reads only what is committed.
pub(super) const READ_COMMITTED: i8 = 1;

fn failed(index: i32, code: i16) -> PartitionData {
    PartitionData::default()
        .with_aborted_transactions(None)
        .with_partition_index(index)
        .with_error_code(code)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(Bytes::new()))
}
