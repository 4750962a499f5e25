//! Batches that lie about what is in them, and bombs.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use bytes::Buf;
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
};

use crate::{
    client::Client,
    world::{World, fetch, name, produce, resident_bytes},
};

/// A batch in the making.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) count: i32,
    pub(crate) codec: i16,
    pub(crate) max_timestamp: i64,
    pub(crate) records: Vec<u8>,
}

impl Batch {
    /// So many short records at time 0.
    pub(crate) fn of(count: i32) -> Self {
        let mut records = Vec::new();
        for offset in 0..count {
            put_record(offset, b"value", &mut records);
        }
        Self {
            count,
            codec: 0,
            max_timestamp: 0,
            records,
        }
    }

    /// One record of so many bytes.
    pub(crate) fn large(size: usize) -> Self {
        let mut records = Vec::new();
        put_record(0, &vec![7; size], &mut records);
        Self {
            records,
            ..Self::of(1)
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut covered = Vec::with_capacity(self.records.len() + 40);
        covered.extend_from_slice(&self.codec.to_be_bytes());
        covered.extend_from_slice(&(self.count.wrapping_sub(1)).to_be_bytes());
        covered.extend_from_slice(&0_i64.to_be_bytes());
        covered.extend_from_slice(&self.max_timestamp.to_be_bytes());
        covered.extend_from_slice(&(-1_i64).to_be_bytes());
        covered.extend_from_slice(&(-1_i16).to_be_bytes());
        covered.extend_from_slice(&(-1_i32).to_be_bytes());
        covered.extend_from_slice(&self.count.to_be_bytes());
        covered.extend_from_slice(&self.records);
        let length = i32::try_from(covered.len() + 9).unwrap();
        let mut bytes = vec![0; 8];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&(-1_i32).to_be_bytes());
        bytes.push(2);
        bytes.extend_from_slice(&crc32c::crc32c(&covered).to_be_bytes());
        bytes.extend_from_slice(&covered);
        bytes
    }
}

/// A record with the key `k`.
fn put_record(offset: i32, value: &[u8], into: &mut Vec<u8>) {
    let mut body = vec![0, 0];
    put_varint(i64::from(offset), &mut body);
    put_varint(1, &mut body);
    body.push(b'k');
    put_varint(i64::try_from(value.len()).unwrap(), &mut body);
    body.extend_from_slice(value);
    body.push(0);
    put_varint(i64::try_from(body.len()).unwrap(), into);
    into.extend_from_slice(&body);
}

fn put_varint(value: i64, into: &mut Vec<u8>) {
    let mut rest = u64::try_from(value).unwrap() << 1;
    while rest >= 0x80 {
        into.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    into.push(u8::try_from(rest).unwrap());
}

/// So many bytes of records in a thousandth of that, which say that they are from `max_timestamp` and are not.
fn bomb(bytes: usize, max_timestamp: i64) -> Batch {
    let mut plain = Vec::new();
    put_record(0, &[0; 100], &mut plain);
    let count = bytes / plain.len();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..count / 10_000 {
        encoder.write_all(&plain.repeat(10_000)).unwrap();
    }
    Batch {
        count: i32::try_from(count / 10_000 * 10_000).unwrap(),
        codec: 1,
        max_timestamp,
        records: encoder.finish().unwrap(),
    }
}

fn list_offsets(world: &World, topic: &str, timestamp: i64) -> ListOffsetsResponse {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default()
        .with_name(name(topic))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_topics(vec![topic]);
    world.connect().call(1, &request)
}

/// Where the first batch of a topic begins.
fn first_offset(client: &mut Client, topic: &str) -> i64 {
    let fetched = client.call(4, &fetch(topic, 0, 1));
    let records = fetched.responses[0].partitions[0].records.as_ref();
    records.unwrap().clone().get_i64()
}

/// How long the cleaner may take, which comes every five seconds.
const CLEANING_MAX: Duration = Duration::from_secs(120);

#[test]
fn a_batch_that_says_it_has_millions_of_records_is_refused() {
    let world = World::start();
    let mut client = world.connect();

    for count in [i32::MIN, -1, 0, 20_000_000, i32::MAX] {
        for codec in [0, 1, 4] {
            let mut batch = Batch::of(1);
            (batch.count, batch.codec) = (count, codec);
            let refused = produce(&mut client, "normal", &batch.bytes());
            assert!(refused.is_err(), "{count} records, codec {codec}");
        }
    }

    world.serves();
}

#[test]
fn batches_of_every_length_but_their_own_are_refused() {
    let world = World::start();
    let mut client = world.connect();
    let whole = Batch::of(3).bytes();

    for length in (0..whole.len()).step_by(7) {
        let refused = produce(&mut client, "normal", &whole[..length]);
        assert!(refused.is_err(), "{length} bytes");
    }
    for at in (0..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        // A change of what the broker writes itself does no harm.
        let _ = produce(&mut client, "normal", &damaged);
    }

    world.serves();
}

#[test]
fn looking_up_a_time_among_bombs_ends_and_holds_nobody_up() {
    let world = World::start();
    let mut client = world.connect();
    let liar = bomb(1_500_000, 1_000).bytes();
    for _ in 0..8 {
        produce(&mut client, "normal", &liar).unwrap();
    }

    let before = resident_bytes();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| list_offsets(&world, "normal", 500));
        }
        world.serves();
    });

    // CORRUPT_MESSAGE: no batch has what its header says.
    let answer = list_offsets(&world, "normal", 500);
    assert_eq!(answer.topics[0].partitions[0].error_code, 2);
    let more = resident_bytes().saturating_sub(before);
    assert!(more < 300 << 20, "{more} bytes more");
    world.serves();
}

#[test]
fn cleaning_a_topic_of_bombs_holds_nobody_up() {
    let world = World::start();
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "1"),
        ("min.cleanable.dirty.ratio", "0"),
    ];
    assert_eq!(world.create("bombs", 1, &settings), 0);
    let mut client = world.connect();
    let before = resident_bytes();
    let mut bomb = bomb(60_000_000, 0);
    // Each begins a segment.
    for time in [0, 1_000, 2_000] {
        bomb.max_timestamp = time;
        produce(&mut client, "bombs", &bomb.bytes()).unwrap();
    }

    let (mut peak, begun) = (before, Instant::now());
    while first_offset(&mut client, "bombs") == 0 {
        assert!(begun.elapsed() < CLEANING_MAX, "the first bomb stays");
        world.serves();
        peak = peak.max(resident_bytes());
    }

    let more = peak.saturating_sub(before);
    assert!(more < 400 << 20, "{more} bytes more");
}
