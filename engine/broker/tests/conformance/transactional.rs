//! A transactional producer that does what it is told, right or wrong, and says what it was answered.

use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, ApiKey, EndTxnRequest,
    InitProducerIdRequest, InitProducerIdResponse, TransactionalId, TxnOffsetCommitRequest,
    add_partitions_to_txn_request::AddPartitionsToTxnTopic,
    txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
};

use crate::{
    ask::{coordinator_error, group_id, produce_request, produced, text, topic_name},
    batch::{Batch, TRANSACTIONAL},
    client::Client,
    world::{Topic, World, eventually, name},
};

/// The kind of key that transactions have.
pub(crate) const TRANSACTION: i8 = 1;

/// The versions that are asked, the last ones before epochs rise with every transaction.
const INIT: i16 = 5;
const ADD_PARTITIONS: i16 = 3;
const ADD_OFFSETS: i16 = 4;
const END: i16 = 4;
const OFFSET_COMMIT: i16 = 4;
pub(crate) const PRODUCE: i16 = 11;

/// There is no coordinator yet, or a transaction is just ending.
fn is_passing(code: i16) -> bool {
    (14..=16).contains(&code) || code == 51
}

/// A producer.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) client: Client,
    pub(crate) transactional_id: String,
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    pub(crate) sequence: i32,
}

impl Producer {
    /// One with a transactional id of its own.
    pub(crate) fn start(world: &World) -> Self {
        Self::start_as(world, &name("transactional"))
    }

    /// The producer of that transactional id from now on.
    pub(crate) fn start_as(world: &World, transactional_id: &str) -> Self {
        let mut producer = Self {
            client: world.connect(),
            transactional_id: transactional_id.to_owned(),
            id: -1,
            epoch: -1,
            sequence: 0,
        };
        eventually("the coordinator", || {
            let client = &mut producer.client;
            (coordinator_error(client, TRANSACTION, transactional_id) == 0).then_some(())
        });
        assert_eq!(producer.init(60_000), 0);
        producer
    }

    fn transactional_id(&self) -> TransactionalId {
        TransactionalId(text(&self.transactional_id))
    }

    pub(crate) fn init_answer(
        &mut self,
        timeout_ms: i32,
        current: (i64, i16),
    ) -> InitProducerIdResponse {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.transactional_id()))
            .with_transaction_timeout_ms(timeout_ms)
            .with_producer_id(current.0.into())
            .with_producer_epoch(current.1);
        eventually("a producer id", || {
            let given = self.client.call(INIT, &request);
            (!is_passing(given.error_code)).then_some(given)
        })
    }

    /// Takes the id over.
    pub(crate) fn init(&mut self, timeout_ms: i32) -> i16 {
        let given = self.init_answer(timeout_ms, (-1, -1));
        if given.error_code == 0 {
            (self.id, self.epoch) = (given.producer_id.0, given.producer_epoch);
            self.sequence = 0;
        }
        given.error_code
    }

    /// Goes on with the id.
    pub(crate) fn init_again(&mut self) -> i16 {
        let given = self.init_answer(60_000, (self.id, self.epoch));
        if given.error_code == 0 {
            (self.id, self.epoch) = (given.producer_id.0, given.producer_epoch);
            self.sequence = 0;
        }
        given.error_code
    }

    pub(crate) fn add_in(&mut self, version: i16, topic: &str, partition: i32) -> i16 {
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![partition]);
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.transactional_id())
            .with_v3_and_below_producer_id(self.id.into())
            .with_v3_and_below_producer_epoch(self.epoch)
            .with_v3_and_below_topics(vec![topic]);
        eventually("a partition in the transaction", || {
            let added = self.client.call(version, &request);
            let code =
                added.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code;
            (!is_passing(code)).then_some(code)
        })
    }

    pub(crate) fn add(&mut self, topic: &str, partition: i32) -> i16 {
        self.add_in(ADD_PARTITIONS, topic, partition)
    }

    pub(crate) fn add_offsets(&mut self, group: &str) -> i16 {
        self.add_offsets_in(ADD_OFFSETS, group)
    }

    fn add_offsets_in(&mut self, version: i16, group: &str) -> i16 {
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_producer_id(self.id.into())
            .with_producer_epoch(self.epoch)
            .with_group_id(group_id(group));
        eventually("a group in the transaction", || {
            let code = self.client.call(version, &request).error_code;
            (!is_passing(code)).then_some(code)
        })
    }

    pub(crate) fn commit_offset(&mut self, group: &str, topic: &str, offset: i64) -> i16 {
        self.commit_offset_in(OFFSET_COMMIT, group, topic, offset)
    }

    fn commit_offset_in(&mut self, version: i16, group: &str, topic: &str, offset: i64) -> i16 {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(0)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(-1)
            .with_committed_metadata(Some(text("m")));
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_group_id(group_id(group))
            .with_producer_id(self.id.into())
            .with_producer_epoch(self.epoch)
            .with_generation_id(-1)
            .with_topics(vec![topic]);
        let answer = self.client.call(version, &request);
        answer.topics[0].partitions[0].error_code
    }

    pub(crate) fn end_in(&mut self, version: i16, committed: bool) -> i16 {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_producer_id(self.id.into())
            .with_producer_epoch(self.epoch)
            .with_committed(committed);
        eventually("the end", || {
            let code = self.client.call(version, &request).error_code;
            (!is_passing(code)).then_some(code)
        })
    }

    pub(crate) fn end(&mut self, committed: bool) -> i16 {
        self.end_in(END, committed)
    }

    /// Asks one thing in that version, and ends the transaction: the error code.
    pub(crate) fn ask(&mut self, api: ApiKey, version: i16, topic: &str, group: &str) -> i16 {
        let code = match api {
            ApiKey::AddPartitionsToTxn => self.add_in(version, topic, 0),
            ApiKey::AddOffsetsToTxn => self.add_offsets_in(version, group),
            ApiKey::TxnOffsetCommit => {
                assert_eq!(self.add_offsets(group), 0);
                self.commit_offset_in(version, group, topic, 1)
            }
            ApiKey::EndTxn => {
                assert_eq!(self.add(topic, 0), 0);
                return self.end_in(version, true);
            }
            other => panic!("{other:?} is no request of transactions"),
        };
        assert_eq!(self.end(false), 0);
        code
    }

    /// Sends values within the transaction, in a version; the offset, or the code of the refusal.
    pub(crate) fn send_in(
        &mut self,
        version: i16,
        topic: &Topic,
        values: &[&str],
    ) -> Result<i64, i16> {
        let batch = Batch::of(values)
            .with_producer(self.id, self.epoch, self.sequence)
            .with_attributes(TRANSACTIONAL);
        let request = produce_request(&topic.name, -1, &[(0, batch.encode())])
            .with_transactional_id(Some(self.transactional_id()));
        let answer = produced(self.client.call(version, &request));
        if answer.error_code != 0 {
            return Err(answer.error_code);
        }
        self.sequence += i32::try_from(values.len()).unwrap();
        Ok(answer.base_offset)
    }

    pub(crate) fn send(&mut self, topic: &Topic, values: &[&str]) -> Result<i64, i16> {
        self.send_in(PRODUCE, topic, values)
    }

    /// Sends values within a transaction that the partition is made part of.
    pub(crate) fn write(&mut self, topic: &Topic, values: &[&str]) -> i64 {
        assert_eq!(self.add(&topic.name, 0), 0);
        self.send(topic, values).unwrap()
    }
}
