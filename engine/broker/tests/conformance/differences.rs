//! Where the embedded broker differs from Apache Kafka on purpose: all of it, and each time what either does.

use kafka_protocol::messages::{ApiKey, CreateTopicsRequest};

use crate::{
    api_versions::range,
    ask::{append, creatable, fetch, fetch_partition, fetch_request, fetched, produce},
    batch::{Batch, batches},
    configs::{change_request, describe_request},
    member::{Member, join_request},
    world::{World, name},
};

const UNKNOWN_SERVER_ERROR: i16 = -1;
const UNKNOWN_MEMBER_ID: i16 = 25;
const INVALID_PARTITIONS: i16 = 37;
const INVALID_REQUEST: i16 = 42;
const MEMBER_ID_REQUIRED: i16 = 79;
const INVALID_RECORD: i16 = 87;
const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;

impl World {
    /// What is expected: of Apache Kafka, and of ours.
    fn either<T>(&self, apache: T, ours: T) -> T {
        match self.is_apache() {
            true => apache,
            false => ours,
        }
    }
}

/// Ours has transactions as they were before epochs rose with every one of them: a client that can do both is told so by the
/// versions, and by a feature that is not there.
#[test]
fn transactions_are_those_of_the_first_version() {
    let world = World::start();
    let client = &mut world.connect();

    for (api, apache, ours) in [
        (ApiKey::EndTxn, 5, 4),
        (ApiKey::TxnOffsetCommit, 5, 4),
        (ApiKey::AddPartitionsToTxn, 5, 3),
    ] {
        let (_, newest) = range(client, api as i16).unwrap();
        assert_eq!(newest, world.either(apache, ours), "{api:?}");
    }
}

/// Ours has the classic groups alone.
#[test]
fn groups_are_classic() {
    let world = World::start();
    let client = &mut world.connect();

    for api in [ApiKey::ConsumerGroupHeartbeat, ApiKey::ShareGroupHeartbeat] {
        let is_offered = range(client, api as i16).is_some();
        assert_eq!(is_offered, world.either(true, false), "{api:?}");
    }
}

/// Of groups ours keeps over a restart what they committed, and not who belongs to them: members join again. Kafka knows its
/// members; that nobody restarts a shared one is why this is asked of ours alone.
#[test]
fn members_do_not_outlive_the_broker() {
    let world = World::embedded();
    let mut member = Member::alone(&world, &world.group());
    assert_eq!(member.heartbeat(), 0);

    let world = world.restart();
    member.client = world.connect();

    assert_eq!(member.heartbeat(), UNKNOWN_MEMBER_ID);
    let mut again = Member::alone(&world, &member.group);
    assert_eq!(again.heartbeat(), 0);
}

/// Ours keeps no fetch sessions, as Kafka does not when it has no room for one more.
#[test]
fn a_fetch_that_asks_for_a_session_gets_everything_and_no_session() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    append(client, &topic, &Batch::of(&["x"]));

    let request = fetch_request(&topic, vec![fetch_partition(0, 0)]).with_session_epoch(0);
    let answer = client.call(16, &request);

    assert_eq!(answer.session_id != 0, world.either(true, false));
    assert_eq!(fetched(answer).high_watermark, 1);
}

/// Kafka does not expect it.
#[test]
fn an_unknown_codec_is_refused_as_what_it_is() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    let refused = produce(client, &topic, &Batch::of(&["x"]).with_attributes(5));

    let expected = world.either(UNKNOWN_SERVER_ERROR, UNSUPPORTED_COMPRESSION_TYPE);
    assert_eq!(refused.error_code, expected);
}

/// Nor this.
#[test]
fn an_unknown_operation_on_a_setting_is_an_invalid_request() {
    let world = World::start();
    let topic = world.topic(1);
    let request = change_request(2, &topic.name, &[(9, "retention.ms", Some("1"))]);

    let refused = world.connect().call(1, &request).responses[0].error_code;

    assert_eq!(refused, world.either(UNKNOWN_SERVER_ERROR, INVALID_REQUEST));
}

/// Settings of our broker are shown and cannot be changed, and nothing is explained.
#[test]
fn settings_of_the_broker_cannot_be_changed() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let change = change_request(4, "1", &[(0, "log.retention.ms", Some("1000"))]);

    let checked = client.call(1, &change.with_validate_only(true)).responses[0].error_code;
    let request = describe_request(2, &topic.name, None).with_include_documentation(true);
    let described = client.call(4, &request).results.remove(0);

    assert_eq!(checked, world.either(0, INVALID_REQUEST));
    let is_explained = described.configs[0].documentation.is_some();
    assert_eq!(is_explained, world.either(true, false));
}

/// Ours keeps batches as they came, where Kafka would compress them as the topic says.
#[test]
fn batches_are_not_compressed_anew() {
    let world = World::start();
    let topic = world.topic_with(1, &[("compression.type", "gzip")]);
    let client = &mut world.connect();

    append(client, &topic, &Batch::of(&["x"]));

    let read = fetch(client, &topic, 0).records.unwrap();
    let gzip = batches(read)[0].attributes & 7 == 1;
    assert_eq!(gzip, world.either(true, false));
}

/// Ours does not open what is compressed, unless the topic asks for a look, and so does not see that the header lies.
#[test]
fn compressed_records_are_not_counted() {
    let world = World::start();
    let topic = world.topic(1);
    let mut batch = Batch::of(&["x", "y"]).with_attributes(1);
    (batch.count, batch.last_offset_delta) = (Some(1), Some(0));

    let produced = produce(&mut world.connect(), &topic, &batch);

    assert_eq!(produced.error_code, world.either(INVALID_RECORD, 0));
}

/// Ours has limits that Kafka has not, so that no client can bring it down.
#[test]
fn there_are_limits() {
    let world = World::start();
    let group = world.group();
    let client = &mut world.connect();
    let large = CreateTopicsRequest::default()
        .with_topics(vec![creatable(&name("large"), 2_000, &[])])
        .with_timeout_ms(10_000)
        .with_validate_only(true);
    let mut join = join_request(&group, "");
    join.protocols = vec![join.protocols[0].clone(); 65];

    let checked = client.call(7, &large).topics[0].error_code;
    let joined = client.call(9, &join).error_code;

    assert_eq!(checked, world.either(0, INVALID_PARTITIONS));
    assert_eq!(joined, world.either(MEMBER_ID_REQUIRED, INVALID_REQUEST));
}
