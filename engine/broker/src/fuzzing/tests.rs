//! The fuzz targets without a fuzzer: valid input, damaged at random, some thousand times. A failure prints its seed.

use bytes::{BufMut, BytesMut};
use kafka_protocol::{
    messages::{
        ApiVersionsRequest, CreateTopicsRequest, DescribeConfigsRequest, FetchRequest, GroupId,
        JoinGroupRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest, ProduceRequest,
        RequestHeader, TopicName,
        create_topics_request::CreatableTopic,
        describe_configs_request::DescribeConfigsResource,
        fetch_request::{FetchPartition, FetchTopic},
        join_group_request::JoinGroupRequestProtocol,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        metadata_request::MetadataRequestTopic,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::{Encodable, Request, StrBytes},
};

use super::{Asked, batch, groups_file, one_batch, segment};

/// Where all randomness comes from: print it, and set it to see a failure again.
const SEED: u64 = 0x5a6a_11e0;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Some bytes changed, cut off, or put twice.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..self.below(4) {
            let (at, value) = (self.below(bytes.len()), self.next() as u8);
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, value),
                2 => bytes.extend_from_within(at..),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| {
                    *byte = [value, 0, 0xff, 0x7f, 0x80][usize::from(value) % 5];
                }),
            }
        }
        bytes.truncate(4_096);
        bytes
    }
}

/// Runs a case for each of so many seeds; a panic says which.
fn cases(count: u64, case: impl Fn(Random)) {
    for number in 0..count {
        let seed = SEED + number * 0x9e37_79b9;
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            case(Random(seed));
        }));
        assert!(failed.is_ok(), "seed {seed:#x}");
    }
}

fn frame<Q: Request>(version: i16, request: &Q) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(Q::KEY)
        .with_request_api_version(version)
        .encode(&mut bytes, Q::header_version(version))
        .unwrap();
    request.encode(&mut bytes, version).unwrap();
    bytes.to_vec()
}

/// One valid request of each kind that matters, in an old version and a flexible one.
fn requests() -> Vec<Vec<u8>> {
    let name = || TopicName(StrBytes::from_static_str("topic"));
    let group = || GroupId(StrBytes::from_static_str("group"));
    let creatable = CreatableTopic::default()
        .with_name(name())
        .with_num_partitions(1)
        .with_replication_factor(1);
    let create = CreateTopicsRequest::default().with_topics(vec![creatable]);
    let data = PartitionProduceData::default().with_records(Some(one_batch()));
    let data = TopicProduceData::default()
        .with_name(name())
        .with_partition_data(vec![data]);
    let produce = ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![data]);
    let partition = FetchPartition::default().with_partition_max_bytes(1_000);
    let topic = FetchTopic::default()
        .with_topic(name())
        .with_partitions(vec![partition]);
    let fetch = FetchRequest::default()
        .with_max_bytes(1_000)
        .with_topics(vec![topic]);
    let topic = ListOffsetsTopic::default()
        .with_name(name())
        .with_partitions(vec![ListOffsetsPartition::default()]);
    let list = ListOffsetsRequest::default().with_topics(vec![topic]);
    let topic = MetadataRequestTopic::default().with_name(Some(name()));
    let metadata = MetadataRequest::default().with_topics(Some(vec![topic]));
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(StrBytes::from_static_str("range"))
        .with_metadata(vec![0; 8].into());
    let join = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(10_000)
        .with_protocol_type(StrBytes::from_static_str("consumer"))
        .with_protocols(vec![protocol]);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(name())
        .with_partitions(vec![OffsetCommitRequestPartition::default()]);
    let commit = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_topics(vec![topic]);
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(StrBytes::from_static_str("topic"));
    let describe = DescribeConfigsRequest::default().with_resources(vec![resource]);
    vec![
        frame(0, &ApiVersionsRequest::default()),
        frame(3, &ApiVersionsRequest::default()),
        frame(2, &create),
        frame(7, &create),
        frame(3, &produce),
        frame(9, &produce),
        frame(4, &fetch),
        frame(12, &fetch),
        frame(1, &list),
        frame(7, &list),
        frame(1, &metadata),
        frame(12, &metadata),
        frame(1, &join),
        frame(9, &join),
        frame(2, &commit),
        frame(8, &commit),
        frame(1, &describe),
        frame(4, &describe),
    ]
}

#[test]
fn damaged_requests_are_answered_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let asked = Asked::open(dir.path());
    let requests = requests();
    requests.iter().for_each(|request| asked.ask(request));

    cases(3_000, |mut random| {
        let request = &requests[random.below(requests.len())];
        asked.ask(&random.damage(request));
    });
}

#[test]
fn damaged_files_of_a_log_are_cut_off_where_they_end() {
    cases(300, |mut random| {
        let mut files = vec![random.next() as u8];
        for _ in 0..4 {
            let mut content = Vec::new();
            for _ in 0..random.below(4) {
                content.extend_from_slice(&random.damage(&one_batch()));
            }
            if random.below(2) == 0 {
                content = format!("{} {} 0 0", random.below(9), random.below(9)).into();
            }
            content.resize(content.len().min(255 * 4).next_multiple_of(4), b' ');
            files.put_u8((content.len() / 4) as u8);
            files.extend_from_slice(&content);
        }
        let dir = tempfile::tempdir().unwrap();
        segment(dir.path(), &files);
    });
}

#[test]
fn damaged_batches_are_refused_or_looked_through_and_cleaned() {
    cases(300, |mut random| {
        let mut batches = Vec::new();
        for _ in 0..random.below(6) {
            let mut one = random.damage(&one_batch());
            one.resize(one.len().min(510).next_multiple_of(2), 0);
            batches.put_u8((one.len() / 2) as u8);
            batches.extend_from_slice(&one);
        }
        let dir = tempfile::tempdir().unwrap();
        batch(dir.path(), &batches);
    });
}

#[test]
fn damaged_committed_offsets_are_cut_off_where_they_end() {
    let line = br#"!{"committed":{"group":"g","topic":"t","partition":7,"offset":1,"leader_epoch":-1,"metadata":"","at_ms":1}}
"#;
    cases(300, |mut random| {
        let lines = [
            &line[..],
            &random.damage(line),
            b"!{\"group_removed\":{\"group\":\"g\"}}\n",
        ];
        let text = lines.concat();
        let dir = tempfile::tempdir().unwrap();
        groups_file(dir.path(), &random.damage(&text));
    });
}
