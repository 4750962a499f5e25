//! `docs/reference/journal_reader.py`, which foreign readers copy, gives the verdicts of our reader on thousands of logs.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use sagaline_journal::{Footing, Headers, Item, JournalReader, NewRecord, Record, wire};
use serde_json::{Value, json};

use crate::{
    log::{Log, batch, claim},
    random::Random,
};

const LOGS: u64 = 3_000;

/// Reads logs as JSON, prints the valid batches of each, and checks that reading goes on from every one of them.
const DRIVER: &str = r#"
import json, sys
from journal_reader import valid_batches

def data(text):
    return None if text is None else bytes.fromhex(text)

def verdicts(log):
    records = [(offset, {name: data(text) for name, text in headers}, data(value)) for offset, headers, value in log]
    batches = list(valid_batches(records))
    for at, (epoch, batch, offsets) in enumerate(batches):
        rest = records[offsets[-1] + 1 :]
        assert list(valid_batches(rest, epoch, batch)) == batches[at + 1 :], "reading does not go on from a batch"
    return batches

json.dump([verdicts(log) for log in json.load(sys.stdin)], sys.stdout)
"#;

#[test]
fn the_documented_python_reader_agrees_with_ours() {
    let logs: Vec<Log> = (0..LOGS).map(random_log).collect();

    let ours: Vec<Value> = logs.iter().map(our_verdicts).collect();
    let theirs = python_verdicts(&logs);

    for (seed, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(
            ours,
            theirs,
            "seed {seed}: (ours, Python's) of {}",
            as_json(&logs[seed])
        );
    }
    let batches: usize = ours
        .iter()
        .map(|batches| batches.as_array().unwrap().len())
        .sum();
    let records: usize = logs.iter().map(|log| log.records.len()).sum();
    assert!(
        batches > 4_000 && records > 5 * batches,
        "the logs hold valid and void records: {batches} batches of {records}"
    );
}

fn our_verdicts(log: &Log) -> Value {
    let batches = log
        .read()
        .unwrap()
        .into_iter()
        .filter_map(|item| match item {
            Item::Batch(batch) if batch.transitions.is_empty() => {
                Some(json!([batch.epoch, batch.batch_no, [batch.footer_offset]]))
            }
            Item::Batch(batch) => {
                let offsets: Vec<i64> = batch
                    .transitions
                    .iter()
                    .map(|journaled| journaled.offset)
                    .collect();
                Some(json!([batch.epoch, batch.batch_no, offsets]))
            }
            Item::Claim(_) | Item::Void(_) => None,
        });
    batches.collect()
}

fn python_verdicts(logs: &[Log]) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");
    let python = Command::new("python3")
        .args(["-c", DRIVER])
        .env("PYTHONPATH", folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut python = python
        .expect("this test needs python3 on the PATH, to run docs/reference/journal_reader.py");
    let input: Value = logs.iter().map(as_json).collect();
    python
        .stdin
        .take()
        .unwrap()
        .write_all(&serde_json::to_vec(&input).unwrap())
        .unwrap();

    let output = python.wait_with_output().unwrap();

    assert!(
        output.status.success(),
        "python3 failed: see its message above"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `[[offset, [[header, hexadecimal], …], hexadecimal], …]`; the value only of claims, since validity asks for no other.
fn as_json(log: &Log) -> Value {
    let record = |record: &Record| {
        let headers = record
            .headers()
            .map(|(name, value)| json!([str::from_utf8(name).unwrap(), value.map(hex)]));
        let is_claim = record.header(wire::header::KIND) == Some(wire::kind::CLAIM.as_bytes());
        let value = record.value().filter(|_| is_claim).map(hex);
        json!([record.offset, headers.collect::<Vec<_>>(), value])
    };
    log.records.iter().map(record).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Owners that claim, append batches through a queue each, lose records, repeat them, and are fenced without knowing it.
fn random_log(seed: u64) -> Log {
    let mut random = Random(seed);
    let mut log = Log::default();
    let mut owners = [Owner::default(), Owner::default(), Owner::default()];
    for _ in 0..random.below(200) {
        let at = random.below(owners.len());
        let owner = &mut owners[at];
        match random.below(40) {
            0 => {
                let seen = footing(&log);
                let epoch = seen.epoch + [1, 1, 1, 1, 0, 2][random.below(6)];
                *owner = Owner {
                    queue: vec![claim(epoch.max(1))],
                    epoch,
                    batch_no: seen.batch_no,
                };
            }
            1..=8 if owner.epoch > 0 => owner.append(&mut random),
            9 => {
                let seen = log.records.len();
                if seen > 0 {
                    let repeated = log.records[random.below(seen)].clone();
                    log.records.push(repeated);
                    renumber(&mut log);
                }
            }
            10 => {
                log.append(&stranger(&mut random));
            }
            11 if !owner.queue.is_empty() => drop(owner.queue.remove(0)),
            _ if !owner.queue.is_empty() => {
                log.append(&owner.queue.remove(0));
            }
            _ => {}
        }
    }
    log
}

#[derive(Default)]
struct Owner {
    queue: Vec<NewRecord>,
    epoch: u64,
    batch_no: u64,
}

impl Owner {
    fn append(&mut self, random: &mut Random) {
        self.batch_no += [1, 1, 1, 1, 1, 1, 1, 1, 1, 0][random.below(10)];
        let batch_no = self.batch_no.max(1);
        let mut records = batch(
            self.epoch,
            batch_no,
            u64::try_from(random.below(4)).unwrap(),
        );
        if random.below(20) == 0 {
            let at = random.below(records.len());
            let index = random.below(4);
            records[at].push_header(
                wire::header::BATCH,
                format!("{}/{batch_no}/{index}", self.epoch),
            );
        }
        self.queue.extend(records);
    }
}

fn stranger(random: &mut Random) -> NewRecord {
    let mut record = if random.below(2) == 0 {
        claim(1)
    } else {
        batch(1, 1, 1).remove(0)
    };
    let text = [
        &b""[..],
        b"1",
        b"claims",
        b"01/1/0",
        b"1/1/-0",
        b"\xc3\x01",
        b"1/1/0 ",
        b"0/1/0",
    ][random.below(8)];
    match random.below(4) {
        0 => record.push_header(wire::header::KIND, text),
        1 => record.push_header(wire::header::BATCH, text),
        2 => record.push_header(wire::header::FOOTER, text),
        _ => record.headers = Headers::new(),
    }
    record
}

fn footing(log: &Log) -> Footing {
    let mut reader = JournalReader::new();
    log.read_by(&mut reader, 0).unwrap();
    reader.footing()
}

fn renumber(log: &mut Log) {
    for (record, offset) in log.records.iter_mut().zip(0..) {
        record.offset = offset;
    }
}
