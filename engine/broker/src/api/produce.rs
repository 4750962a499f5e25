//! Produce: batches are checked and appended, and answered once they are as durable as the broker was told to make them.

use bytes::Bytes;
use kafka_protocol::messages::{
    ProduceRequest, ProduceResponse,
    produce_request::PartitionProduceData,
    produce_response::{BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse},
};

use super::{
    Cx,
    transactions::{self, admit},
};
use crate::{
    clock,
    code::ErrorCode,
    log::BatchHeader,
    partition::{Partition, Produced, Refused},
    wire::Garbled,
};

/// The answer; none with `acks=0`.
///
/// # Errors
/// It failed and no answer is wanted: Kafka closes the connection, so that the client notices.
pub(super) async fn answer(
    cx: &Cx,
    request: ProduceRequest,
) -> Result<Option<ProduceResponse>, Garbled> {
    let refused = refusal(&request);
    transactions::add_written(cx, &request).await;
    let transactional_id = request.transactional_id.as_ref().map(|id| id.as_str());
    let mut appended = Vec::new();
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for topic in request.topic_data {
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in topic.partition_data {
            let partition = cx.node.topics.partition(&topic.name, data.index);
            partitions.push(match (refused, partition) {
                (Some(code), _) => failed(data.index, code.code(), None),
                (None, None) => failed(data.index, ErrorCode::UnknownTopicOrPartition.code(), None),
                (None, Some(_)) if cx.version < ZSTD_SINCE && is_zstd(&data) => failed(
                    data.index,
                    ErrorCode::UnsupportedCompressionType.code(),
                    None,
                ),
                (None, Some(partition)) => {
                    let place = (topic.name.as_str(), data.index);
                    let admit = |header: &BatchHeader| admit(cx, transactional_id, place, header);
                    let produced = produce(cx, &partition, data.records, admit).await;
                    if let Ok(produced) = &produced {
                        appended.push((partition.clone(), produced.next_offset));
                    }
                    answer_of(&partition, data.index, produced)
                }
            });
        }
        responses.push(
            TopicProduceResponse::default()
                .with_name(topic.name)
                .with_partition_responses(partitions),
        );
    }
    for (partition, end) in appended {
        if let Err(error) = cx.node.settle(&partition, end).await {
            tracing::error!(%error, "what was appended could not be synced");
            fail_all(&mut responses, error.code());
        }
    }
    if request.acks != 0 {
        return Ok(Some(ProduceResponse::default().with_responses(responses)));
    }
    let mut all = responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    match all.find(|one| one.error_code != 0) {
        None => Ok(None),
        Some(one) => Err(Garbled::new(format!(
            "a produce without answer failed with error {}",
            one.error_code
        ))),
    }
}

/// With these Kafka does not say where the log begins.
const CORRUPT_MESSAGE: i16 = 2;
const MESSAGE_TOO_LARGE: i16 = 10;
const RECORD_LIST_TOO_LARGE: i16 = 18;
const STORAGE_ERROR: i16 = ErrorCode::StorageError.code();

/// The first version whose clients know Zstandard.
const ZSTD_SINCE: i16 = 7;

fn is_zstd(data: &PartitionProduceData) -> bool {
    let attributes = data.records.as_ref().and_then(|records| records.get(22));
    attributes.is_some_and(|low| low & 7 == 4)
}

fn refusal(request: &ProduceRequest) -> Option<ErrorCode> {
    (!(-1..=1).contains(&request.acks)).then_some(ErrorCode::InvalidRequiredAcks)
}

async fn produce(
    cx: &Cx,
    partition: &Partition,
    records: Option<Bytes>,
    admit: impl FnOnce(&BatchHeader) -> Result<(), ErrorCode>,
) -> Result<Produced, Refused> {
    let _turn = partition.turn.lock().await;
    let inspection = partition.check(records.unwrap_or_default(), clock::wall())?;
    let batch = cx.node.inspect(inspection).await?;
    partition.produce(batch, clock::wall(), admit)
}

fn answer_of(
    partition: &Partition,
    index: i32,
    produced: Result<Produced, Refused>,
) -> PartitionProduceResponse {
    match produced {
        Ok(produced) => PartitionProduceResponse::default()
            .with_index(index)
            .with_base_offset(produced.base_offset)
            .with_log_append_time_ms(produced.append_time)
            .with_log_start_offset(produced.start_offset),
        Err(refused) => {
            let records = refused.records.iter().map(|(index, reason)| {
                BatchIndexAndErrorMessage::default()
                    .with_batch_index(*index)
                    .with_batch_index_error_message(Some(super::text(*reason)))
            });
            let start = match refused.code {
                CORRUPT_MESSAGE | MESSAGE_TOO_LARGE | RECORD_LIST_TOO_LARGE | STORAGE_ERROR => -1,
                _ => partition.start_offset(),
            };
            failed(index, refused.code, Some(refused.message))
                .with_log_start_offset(start)
                .with_record_errors(records.collect())
        }
    }
}

fn failed(index: i32, code: i16, message: Option<String>) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(code)
        .with_error_message(message.map(super::text))
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(-1)
}

fn fail_all(responses: &mut [TopicProduceResponse], code: i16) {
    for partition in responses
        .iter_mut()
        .flat_map(|topic| &mut topic.partition_responses)
    {
        *partition = failed(partition.index, code, None);
    }
}

#[cfg(test)]
mod tests;
