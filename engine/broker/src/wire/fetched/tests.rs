use bytes::Buf;
use kafka_protocol::{
    messages::{
        ApiKey, BrokerId, TopicName,
        fetch_response::{FetchableTopicResponse, PartitionData},
    },
    protocol::StrBytes,
};
use uuid::Uuid;

use super::*;
use crate::wire::{self, versions};

fn partition(index: i32, records: &Bytes) -> PartitionData {
    PartitionData::default()
        .with_partition_index(index)
        .with_high_watermark(7)
        .with_last_stable_offset(7)
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(records.clone()))
}

fn topic(name: &'static str, partitions: Vec<PartitionData>) -> FetchableTopicResponse {
    FetchableTopicResponse::default()
        .with_topic(TopicName(StrBytes::from_static_str(name)))
        .with_topic_id(Uuid::from_u128(42))
        .with_partitions(partitions)
}

fn records(len: usize) -> Bytes {
    (0..len).map(|at| at as u8).collect()
}

/// What is sent in each version is what the codec makes of the whole.
#[track_caller]
fn check(responses: Vec<FetchableTopicResponse>) {
    let offered = versions::of(ApiKey::Fetch).expect("fetch is offered");
    for version in offered.min..=offered.max {
        let mut answer = FetchResponse::default().with_responses(responses.clone());
        if version < FLEXIBLE_SINCE + 1 {
            let without_id = |topic: &mut FetchableTopicResponse| topic.topic_id = Uuid::nil();
            answer.responses.iter_mut().for_each(without_id);
        }
        let mut whole = BytesMut::new();
        wire::encode(9, version, &answer, &mut whole).unwrap();

        let mut sent = encode(9, version, answer).unwrap();

        assert_eq!(sent.copy_to_bytes(sent.remaining()), whole, "{version}");
    }
}

#[test]
fn an_answer_without_topics_is_what_the_codec_makes() {
    check(vec![]);
}

#[test]
fn topics_without_records_are_what_the_codec_makes() {
    check(vec![
        topic("a", vec![]),
        topic("b", vec![partition(3, &Bytes::new())]),
    ]);
}

#[test]
fn records_large_and_small_are_where_the_codec_puts_them() {
    let lens = [0, 1, APART_BYTES_MIN - 1, APART_BYTES_MIN, 70_000, 200];
    let partitions = || {
        let each = (0..).zip(lens);
        each.map(|(index, len)| partition(index, &records(len)))
            .collect()
    };
    check(vec![topic("a", partitions()), topic("b", partitions())]);
}

#[test]
fn large_records_are_not_copied() {
    let large = records(APART_BYTES_MIN);
    let responses = vec![topic("a", vec![partition(0, &large)])];
    let answer = FetchResponse::default().with_responses(responses);

    let mut sent = encode(9, FLEXIBLE_SINCE, answer).unwrap();

    sent.advance(sent.chunk().len());
    assert_eq!(sent.chunk().as_ptr(), large.as_ptr());
}
