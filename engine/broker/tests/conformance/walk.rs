//! Random requests about one partition, answered by the broker that is tested and by an embedded one that is restarted again
//! and again: both have to say the same. On the embedded broker that means that a restart changes nothing which a client
//! sees; on Apache Kafka also that the embedded one does not differ from it.
//!
//! Left out is what Kafka itself is not sure of: times once the beginning is deleted, and batches that lie behind a codec.

use std::fmt::Write as _;

use kafka_protocol::messages::{
    DeleteRecordsRequest,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
};

use crate::{
    ask::{
        fetch_partition, fetch_request, fetched, list_offset, new_producer, produce, topic_name,
    },
    batch::{Batch, batches},
    client::Client,
    world::{Topic, World},
};

const WALKS: u64 = 12;
const STEPS: usize = 80;
const STEPS_BETWEEN_RESTARTS: usize = 20;
const PRODUCERS: usize = 3;

#[test]
fn random_requests_are_answered_alike_also_after_restarts() {
    let world = World::start();
    let mut ours = World::embedded();
    for seed in 1..=WALKS {
        let mut walk = Walk::new(seed);
        let (topic, own_topic) = (world.topic_with(1, CONFIGS), ours.topic_with(1, CONFIGS));
        let mut tested = Side::new(world.connect(), topic);
        let mut restarted = Side::new(ours.connect(), own_topic);
        for step in 0..STEPS {
            if step % STEPS_BETWEEN_RESTARTS == STEPS_BETWEEN_RESTARTS - 1 {
                ours = ours.restart();
                restarted.client = ours.connect();
            }
            let asked = walk.step();
            let answers = (tested.answer(&asked), restarted.answer(&asked));
            writeln!(walk.story, "{asked:?}: {answers:?}").unwrap();
            assert_eq!(answers.0, answers.1, "walk {seed}:\n{}", walk.story);
            walk.learn(&asked, &answers.0);
        }
    }
}

/// Times in these walks are long ago.
const CONFIGS: &[(&str, &str)] = &[("retention.ms", "-1"), ("max.message.bytes", "160")];

/// One request. Producers are numbered; each side has its own ids for them.
#[derive(Debug)]
enum Step {
    Produce(Option<usize>, Batch),
    DeleteBefore(i64),
    List(i64),
    Fetch { offset: i64, bytes_max: i32 },
}

/// A broker, its topic, and the ids that it gave to the producers.
struct Side {
    client: Client,
    topic: Topic,
    producers: Vec<i64>,
}

/// What is said of a request, as far as it does not depend on who says it.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    code: i16,
    /// Offsets and times, in the order of the protocol's fields.
    numbers: Vec<i64>,
}

impl Side {
    fn new(mut client: Client, topic: Topic) -> Self {
        let ids = (0..PRODUCERS).map(|_| new_producer(&mut client).0);
        let producers = ids.collect();
        Self {
            client,
            topic,
            producers,
        }
    }

    fn answer(&mut self, step: &Step) -> Answer {
        match step {
            Step::Produce(producer, batch) => {
                let mut batch = batch.clone();
                if let Some(producer) = producer {
                    batch.producer_id = self.producers[*producer];
                }
                let said = produce(&mut self.client, &self.topic, &batch);
                let rejected = i64::try_from(said.record_errors.len()).unwrap();
                Answer {
                    code: said.error_code,
                    numbers: vec![said.base_offset, said.log_start_offset, rejected],
                }
            }
            Step::DeleteBefore(offset) => self.delete_before(*offset),
            Step::List(timestamp) => {
                let said = list_offset(&mut self.client, &self.topic.name, 0, *timestamp);
                Answer {
                    code: said.error_code,
                    numbers: vec![said.offset, said.timestamp, said.leader_epoch.into()],
                }
            }
            Step::Fetch { offset, bytes_max } => self.fetch(*offset, *bytes_max),
        }
    }

    fn delete_before(&mut self, offset: i64) -> Answer {
        let partition = DeleteRecordsPartition::default().with_offset(offset);
        let topic = DeleteRecordsTopic::default()
            .with_name(topic_name(&self.topic.name))
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000);
        let mut said = self.client.call(2, &request).topics.remove(0).partitions;
        let said = said.remove(0);
        Answer {
            code: said.error_code,
            numbers: vec![said.low_watermark],
        }
    }

    /// Of the batches the first: how many follow depends on segments.
    fn fetch(&mut self, offset: i64, bytes_max: i32) -> Answer {
        let partition = fetch_partition(0, offset).with_partition_max_bytes(bytes_max);
        let request = fetch_request(&self.topic, vec![partition]);
        let said = fetched(self.client.call(16, &request));
        let mut numbers = vec![
            said.high_watermark,
            said.last_stable_offset,
            said.log_start_offset,
        ];
        if let Some(first) = batches(said.records.unwrap()).first() {
            numbers.extend([
                first.base_offset,
                first.next_offset(),
                first.max_timestamp,
                first.attributes.into(),
            ]);
        }
        Answer {
            code: said.error_code,
            numbers,
        }
    }
}

/// Chooses requests by what the answers so far were.
struct Walk {
    random: Random,
    deletes: bool,
    end: i64,
    /// Epoch and next sequence of each producer.
    producers: [(i16, i32); PRODUCERS],
    story: String,
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            deletes: seed.is_multiple_of(3),
            end: 0,
            producers: [(0, 0); PRODUCERS],
            story: String::new(),
        }
    }

    fn step(&mut self) -> Step {
        match self.random.below(10) {
            0..=5 => self.produce(),
            6 if self.deletes => Step::DeleteBefore(self.offset()),
            7 if self.deletes => Step::List(self.random.pick(&[-1, -2, -4, -5])),
            6 | 7 => Step::List(self.random.pick(TIMES_ASKED)),
            _ => Step::Fetch {
                offset: self.offset(),
                bytes_max: self.random.pick(&[1, 100, 200, 500, i32::MAX]),
            },
        }
    }

    /// From one before the beginning to one behind the end.
    fn offset(&mut self) -> i64 {
        let places = u64::try_from(self.end + 3).unwrap();
        i64::try_from(self.random.below(places)).unwrap() - 1
    }

    fn produce(&mut self) -> Step {
        let random = &mut self.random;
        let count = 1 + usize::try_from(random.below(3)).unwrap();
        let values: Vec<_> = (0..count)
            .map(|_| random.pick(&["v", "a longer value of some bytes"]))
            .collect();
        let times: Vec<_> = (0..count).map(|_| random.pick(TIMES_SENT)).collect();
        let mut batch = Batch::of(&values).at(&times);
        match random.below(16) {
            0 => batch.crc = Some(7),
            1 => batch.count = Some(random.pick(&[-1, 0, 2, 5])),
            2 => batch.last_offset_delta = Some(random.pick(&[-1, 0, 1, 5])),
            _ => batch = batch.with_attributes(random.pick(&[0, 0, 1, 2, 3, 4])),
        }
        if random.below(3) == 0 {
            return Step::Produce(None, batch);
        }
        let producer = usize::try_from(random.below(3)).unwrap();
        let (epoch, next) = self.producers[producer];
        batch.producer_epoch = random.pick(&[epoch, epoch, epoch, epoch, epoch + 1, 0]);
        let again = i32::try_from(count).unwrap();
        let sequences = match batch.producer_epoch == epoch {
            true => vec![
                next,
                next,
                next,
                next,
                (next - again).max(0),
                0,
                i32::MAX - 1,
            ],
            false => vec![0, 0, next, 5],
        };
        batch.base_sequence = random.pick(&sequences);
        Step::Produce(Some(producer), batch)
    }

    fn learn(&mut self, asked: &Step, answer: &Answer) {
        let Step::Produce(producer, batch) = asked else {
            return;
        };
        if answer.code != 0 {
            return;
        }
        let behind = answer.numbers[0] + i64::try_from(batch.len()).unwrap();
        self.end = self.end.max(behind);
        if let Some(producer) = producer {
            let count = i32::try_from(batch.len()).unwrap();
            let next = batch.base_sequence.wrapping_add(count) & i32::MAX;
            self.producers[*producer] = (batch.producer_epoch, next);
        }
    }
}

const TIMES_SENT: &[i64] = &[0, 1_000, 1_001, 1_500, 2_000, 1_700_000_000_000];
const TIMES_ASKED: &[i64] = &[
    -1,
    -2,
    -3,
    -4,
    -5,
    0,
    1,
    1_000,
    1_001,
    1_002,
    1_501,
    2_001,
    1_700_000_000_001,
];

/// A stream of numbers that a seed decides: Marsaglia's xorshift with 64 bits.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        let at = self.below(u64::try_from(among.len()).unwrap());
        among[usize::try_from(at).unwrap()]
    }
}
