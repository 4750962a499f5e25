//! Transactions: a producer begins, says what it will write to, and ends.

use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, EndTxnRequest, EndTxnResponse, InitProducerIdRequest,
    InitProducerIdResponse, ProduceRequest, ProducerId,
    add_partitions_to_txn_request::AddPartitionsToTxnTopic,
    add_partitions_to_txn_response::{
        AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
    },
};

use super::Cx;
use crate::{
    code::ErrorCode,
    log::{BatchHeader, Ending},
    transactions::{Init, Initialized, Parts, Producer, Writer},
    transactor::finish,
};

pub(super) async fn init(cx: &Cx, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let given = match (request.producer_id.0, request.producer_epoch) {
        (-1, -1) => given(cx, &request, None).await,
        (-1, _) | (_, -1) => Err(ErrorCode::InvalidRequest),
        (id, epoch) => given(cx, &request, Some(Producer { id, epoch })).await,
    };
    match given {
        Ok(producer) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch),
        Err(code) => InitProducerIdResponse::default()
            .with_error_code(fenced_since(4, cx, code))
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    }
}

async fn given(
    cx: &Cx,
    request: &InitProducerIdRequest,
    current: Option<Producer>,
) -> Result<Producer, ErrorCode> {
    let Some(id) = &request.transactional_id else {
        let id = cx.node.new_producer_id()?;
        return Ok(Producer { id, epoch: 0 });
    };
    let init = Init {
        id,
        timeout_ms: request.transaction_timeout_ms,
        current,
    };
    let aborts = match decide(cx, &init)? {
        Initialized::Ready(..) => None,
        Initialized::Aborts(change) => Some(change),
    };
    if let Some(change) = aborts {
        cx.node.transactor.borrow_mut().make(vec![change])?;
        finish(&cx.node, id.as_str().into()).await?;
    }
    // Who was fenced by the abort is told so here, for then it is not the current one any more.
    match decide(cx, &init)? {
        Initialized::Aborts(_) => Err(ErrorCode::ConcurrentTransactions),
        Initialized::Ready(producer, changes) => {
            cx.node.transactor.borrow_mut().make(changes)?;
            settled(cx).await?;
            Ok(producer)
        }
    }
}

fn decide(cx: &Cx, init: &Init<'_>) -> Result<Initialized, ErrorCode> {
    let transactor = cx.node.transactor.borrow();
    let fresh = || cx.node.new_producer_id();
    transactor.transactions.init(init, fresh)
}

pub(super) async fn add_partitions(
    cx: &Cx,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let writer = Writer {
        id: &request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id.0,
        epoch: request.v3_and_below_producer_epoch,
    };
    let mut parts = Parts::default();
    let mut are_there = true;
    for topic in &request.v3_and_below_topics {
        for index in &topic.partitions {
            are_there &= cx.node.topics.partition(&topic.name, *index).is_some();
            parts.put(&topic.name, *index);
        }
    }
    let added = match are_there {
        true => added(cx, &writer, parts).await,
        false => Err(ErrorCode::OperationNotAttempted),
    };
    let topics = &request.v3_and_below_topics;
    let results = topics.iter().map(|topic| results_of(cx, topic, added));
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results.collect())
}

fn results_of(
    cx: &Cx,
    topic: &AddPartitionsToTxnTopic,
    added: Result<(), ErrorCode>,
) -> AddPartitionsToTxnTopicResult {
    let results = topic.partitions.iter().map(|index| {
        let is_there = cx.node.topics.partition(&topic.name, *index).is_some();
        let code = match added {
            Ok(()) => 0,
            Err(ErrorCode::OperationNotAttempted) if !is_there => {
                ErrorCode::UnknownTopicOrPartition.code()
            }
            Err(code) => fenced_since(2, cx, code),
        };
        AddPartitionsToTxnPartitionResult::default()
            .with_partition_index(*index)
            .with_partition_error_code(code)
    });
    AddPartitionsToTxnTopicResult::default()
        .with_name(topic.name.clone())
        .with_results_by_partition(results.collect())
}

pub(super) async fn add_offsets(
    cx: &Cx,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let writer = Writer {
        id: &request.transactional_id,
        producer_id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let added = added(cx, &writer, Parts::of_group(&request.group_id)).await;
    let code = added.map_or_else(|code| fenced_since(2, cx, code), |()| 0);
    AddOffsetsToTxnResponse::default().with_error_code(code)
}

pub(super) async fn end(cx: &Cx, request: EndTxnRequest) -> EndTxnResponse {
    let writer = Writer {
        id: &request.transactional_id,
        producer_id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let ending = match request.committed {
        true => Ending::Commit,
        false => Ending::Abort,
    };
    let code = match ended(cx, &writer, ending).await {
        Ok(()) => 0,
        Err(code) => fenced_since(2, cx, code),
    };
    EndTxnResponse::default().with_error_code(code)
}

async fn ended(cx: &Cx, writer: &Writer<'_>, ending: Ending) -> Result<(), ErrorCode> {
    let is_decided = {
        let mut transactor = cx.node.transactor.borrow_mut();
        let changes = transactor.transactions.end(writer, ending)?;
        let is_decided = !changes.is_empty();
        transactor.make(changes)?;
        is_decided
    };
    match is_decided {
        // It is decided: what cannot be written now is written later, and the next transaction waits for it.
        true => finish(&cx.node, writer.id.into()).await,
        false => Ok(()),
    }
}

async fn added(cx: &Cx, writer: &Writer<'_>, parts: Parts) -> Result<(), ErrorCode> {
    {
        let mut transactor = cx.node.transactor.borrow_mut();
        let changes = transactor.transactions.add(writer, parts)?;
        if changes.is_empty() {
            return Ok(());
        }
        transactor.make(changes)?;
    }
    settled(cx).await
}

async fn settled(cx: &Cx) -> Result<(), ErrorCode> {
    cx.node.settle_transactions().await.map_err(|error| {
        tracing::error!(%error, "transactions cannot be synced");
        ErrorCode::StorageError
    })
}

/// A produce of this version, or a later one, makes partitions part of the transaction that it writes to.
const PRODUCE_ADDS_SINCE: i16 = 12;

/// Makes the partitions of a request part of its transaction, where its version says so. What is refused here is refused
/// again when it is to be appended.
pub(super) async fn add_written(cx: &Cx, request: &ProduceRequest) {
    let Some(id) = &request.transactional_id else {
        return;
    };
    if cx.version < PRODUCE_ADDS_SINCE {
        return;
    }
    for topic in &request.topic_data {
        for data in &topic.partition_data {
            let header = BatchHeader::parse(data.records.as_deref().unwrap_or_default());
            let is_there = cx.node.topics.partition(&topic.name, data.index).is_some();
            let Some(header) = header
                .ok()
                .filter(|header| header.is_transactional() && is_there)
            else {
                continue;
            };
            let mut parts = Parts::default();
            parts.put(&topic.name, data.index);
            if let Err(code) = added(cx, &writer(id, &header), parts).await {
                tracing::debug!(?code, "a partition is not part of a transaction");
            }
        }
    }
}

/// A produce of this version, or a later one, is told of transactions that can only be aborted.
const PRODUCE_ABORTABLE_SINCE: i16 = 11;

/// Whether a batch may be appended to a partition, which must be part of its transaction.
///
/// # Errors
/// The code for the partition.
pub(super) fn admit(
    cx: &Cx,
    transactional_id: Option<&str>,
    (topic, partition): (&str, i32),
    header: &BatchHeader,
) -> Result<(), ErrorCode> {
    let id = transactional_id.ok_or(ErrorCode::TransactionalIdAuthorizationFailed)?;
    let transactor = cx.node.transactor.borrow();
    let admitted = transactor
        .transactions
        .admit(&writer(id, header), topic, partition);
    admitted.map_err(|code| for_writer(code, cx.version >= PRODUCE_ABORTABLE_SINCE))
}

/// The code as those are told who write within a transaction, and may or may not know of transactions that can only be
/// aborted.
pub(super) fn for_writer(code: ErrorCode, knows_abortable: bool) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        ErrorCode::TransactionAbortable if !knows_abortable => ErrorCode::InvalidTxnState,
        code => code,
    }
}

const fn writer<'a>(id: &'a str, header: &BatchHeader) -> Writer<'a> {
    Writer {
        id,
        producer_id: header.producer_id,
        epoch: header.producer_epoch,
    }
}

/// The code as clients of this version know it: being fenced had no code of its own at first.
fn fenced_since(version: i16, cx: &Cx, code: ErrorCode) -> i16 {
    match code {
        ErrorCode::ProducerFenced if cx.version < version => ErrorCode::InvalidProducerEpoch.code(),
        code => code.code(),
    }
}
