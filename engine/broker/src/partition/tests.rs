//! Whatever transactions do, a reader of committed records sees the records that were committed, in order, and none else.

use proptest::prelude::*;

use super::*;
use crate::disk::faults::fail_next_sync;
use crate::log::{
    Ending,
    build::{batch_like, checked, decode, plain_header, record},
};

const PRODUCERS: i64 = 3;

#[derive(Clone, Debug)]
enum Step {
    /// A producer writes so many records: within its transaction, which begins if need be.
    Write(i64, usize),
    /// Somebody writes outside of transactions.
    Plain,
    End(i64, Ending),
    /// The producer is fenced by the end of its transaction.
    Fence(i64),
    Close,
    Crash,
    SaveProducers,
}

/// A partition and what should be in it.
struct World {
    dir: tempfile::TempDir,
    partition: Option<Partition>,
    epochs: [i16; PRODUCERS as usize],
    sequences: [i32; PRODUCERS as usize],
    /// First offset of what a producer has open.
    open: [Option<i64>; PRODUCERS as usize],
    /// Offset, value, whose, and whether it counts, once that is known.
    records: Vec<(i64, String, Option<i64>, Option<bool>)>,
}

fn open(dir: &Path) -> Partition {
    let config = LogConfig {
        segment_bytes: 600,
        index_interval_bytes: 100,
        ..LogConfig::default()
    };
    Partition::open(dir, config, 0).unwrap()
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            partition: Some(open(dir.path())),
            dir,
            epochs: [0; PRODUCERS as usize],
            sequences: [0; PRODUCERS as usize],
            open: [None; PRODUCERS as usize],
            records: Vec::new(),
        }
    }

    fn partition(&self) -> &Partition {
        self.partition.as_ref().unwrap()
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Write(producer, count) => self.write(producer, count),
            Step::Plain => drop(self.append(plain_header(), 1, None)),
            Step::End(producer, ending) => self.end(producer, ending),
            Step::Fence(producer) => {
                self.epochs[producer as usize] += 1;
                self.sequences[producer as usize] = 0;
                self.end(producer, Ending::Abort);
            }
            Step::Close => {
                self.partition.take().unwrap().close().unwrap();
                self.partition = Some(open(self.dir.path()));
            }
            Step::Crash => {
                drop(self.partition.take());
                self.partition = Some(open(self.dir.path()));
            }
            Step::SaveProducers => self.partition().save_producers(),
        }
    }

    fn write(&mut self, producer: i64, count: usize) {
        let at = producer as usize;
        let header = BatchHeader {
            attributes: 0x10,
            producer_id: producer,
            producer_epoch: self.epochs[at],
            base_sequence: self.sequences[at],
            ..plain_header()
        };
        let offset = self.append(header, count, Some(producer));
        self.sequences[at] += count as i32;
        self.open[at].get_or_insert(offset);
    }

    fn append(&mut self, header: BatchHeader, count: usize, whose: Option<i64>) -> i64 {
        let next = self.records.len();
        let values: Vec<_> = (next..next + count).map(|n| n.to_string()).collect();
        let records: Vec<_> = values.iter().map(|value| record(0, "k", value)).collect();
        let batch = checked(batch_like(header, &records));
        let produced = self.partition().produce(batch, 0, |_| Ok(())).unwrap();
        self.partition().show(produced.next_offset);
        for (offset, value) in (produced.base_offset..).zip(values) {
            let counts = whose.is_none().then_some(true);
            self.records.push((offset, value, whose, counts));
        }
        produced.base_offset
    }

    fn end(&mut self, producer: i64, ending: Ending) {
        let marker = Marker {
            producer_id: producer,
            producer_epoch: self.epochs[producer as usize],
            ending,
        };
        let end = self.partition().end_transaction(marker, 0).unwrap();
        self.partition().show(end);
        self.open[producer as usize] = None;
        for (_, _, whose, counts) in &mut self.records {
            if *whose == Some(producer) && counts.is_none() {
                *counts = Some(ending == Ending::Commit);
            }
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let stable = self.partition().stable();
        let first_open = self.open.iter().flatten().min().copied();
        prop_assert_eq!(stable, first_open.unwrap_or(self.partition().visible()));
        let expected: Vec<_> = self
            .records
            .iter()
            .filter(|(offset, _, _, counts)| *offset < stable && *counts == Some(true))
            .map(|(_, value, _, _)| value.clone())
            .collect();
        for bytes_max in [1, 300, 1 << 20] {
            prop_assert_eq!(&self.read(bytes_max), &expected, "answers of {}", bytes_max);
        }
        Ok(())
    }

    /// Reads as clients do: each answer names what was aborted in it, and a marker ends that.
    fn read(&self, bytes_max: usize) -> Vec<String> {
        let (mut values, mut offset) = (Vec::new(), 0);
        let stable = self.partition().stable();
        loop {
            let read = self
                .partition()
                .fetch(offset, bytes_max, FirstBatch::Whole, stable);
            let records = read.unwrap();
            if records.is_empty() {
                assert_eq!(offset, stable);
                return values;
            }
            let mut aborted = self.partition().aborted_in(offset, &records);
            let mut at = 0;
            while at < records.len() {
                let header = BatchHeader::parse(&records[at..]).unwrap();
                let batch = records.slice(at..at + header.size());
                at += header.size();
                offset = header.next_offset();
                let is_aborted = aborted.iter().any(|one| {
                    one.producer_id == header.producer_id && one.first_offset <= header.base_offset
                });
                if header.is_control() {
                    let mut ends = aborted.iter();
                    let ended = ends.position(|one| one.producer_id == header.producer_id);
                    if let Some(ended) = ended.filter(|_| is_aborted) {
                        aborted.remove(ended);
                    }
                } else if !header.is_transactional() || !is_aborted {
                    let seen = decode(&batch).into_iter();
                    values.extend(seen.map(|one| String::from_utf8(one.value.unwrap()).unwrap()));
                }
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let producer = 0..PRODUCERS;
    prop_oneof![
        8 => (producer.clone(), 1..4_usize).prop_map(|(who, count)| Step::Write(who, count)),
        2 => Just(Step::Plain),
        3 => producer.clone().prop_map(|who| Step::End(who, Ending::Commit)),
        3 => producer.clone().prop_map(|who| Step::End(who, Ending::Abort)),
        1 => producer.prop_map(Step::Fence),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
        1 => Just(Step::SaveProducers),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_reader_of_committed_records_sees_those_in_order_and_none_else(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
            world.check()?;
        }
    }
}

#[test]
fn a_repeat_is_refused_when_what_it_repeats_may_not_be_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let partition = open(dir.path());
    let header = BatchHeader {
        producer_id: 1,
        producer_epoch: 0,
        base_sequence: 0,
        ..plain_header()
    };
    let sent = checked(batch_like(header, &[record(0, "k", "once")]));
    let send = || partition.produce(sent.clone(), 0, |_| Ok(()));
    assert_eq!(send().unwrap().base_offset, 0);
    assert_eq!(send().unwrap().base_offset, 0);

    fail_next_sync();
    assert!(partition.sync().unwrap().run().is_err());

    assert_eq!(send().unwrap_err().code, ErrorCode::StorageError.code());
}
