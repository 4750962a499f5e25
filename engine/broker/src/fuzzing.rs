//! What the fuzz targets in `engine/broker/fuzz` call: each takes arbitrary bytes and must neither panic nor grow.
//!
//! A folder is given for each call and is empty. Bytes that a checksum guards are given one that fits, every other time, or
//! nothing behind the checksums would ever be reached.

use std::{fs, net::Ipv4Addr, path::Path, rc::Rc, time::Duration};

use bytes::Bytes;
use tokio::{runtime, task::LocalSet, time::timeout};

use crate::{
    Flush, api,
    connection::Peer,
    coordinator::Coordinator,
    group::{Change, CommittedOffset},
    log::{
        BatchHeader, CheckedBatch, Cleanup, FirstBatch, HEADER_BYTES, Log, LogConfig, Origin,
        ProducerView, ReadBounds,
    },
    node::Node,
    topic::{config::Overrides, log_config},
    wire::Frame,
};

/// A node that is asked one thing after the other.
#[derive(Debug)]
pub struct Asked {
    runtime: runtime::Runtime,
    local: LocalSet,
    node: Rc<Node>,
}

impl Asked {
    /// A node with its data in a folder.
    #[must_use]
    pub fn open(dir: &Path) -> Self {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("there are threads");
        let node = Node::open(dir, Flush::Os, 4).expect("the folder is empty");
        Self {
            runtime,
            local: LocalSet::new(),
            node: Rc::new(node),
        }
    }

    /// Answers a request, or refuses it.
    pub fn ask(&self, bytes: &[u8]) {
        let Ok(frame) = Frame::parse(Bytes::copy_from_slice(bytes)) else {
            return;
        };
        let address = (Ipv4Addr::LOCALHOST, 9092).into();
        let peer = Peer {
            client: address,
            broker: address,
        };
        let place = Rc::new(self.node.connections.enter(address.ip()));
        let answer = api::answer(&self.node, (peer, &place), frame);
        // Refused, answered, or still waiting: all of these are fine.
        let outcome = async { timeout(Duration::from_millis(2), answer).await };
        let _outcome = self.local.block_on(&self.runtime, outcome);
    }
}

/// Opens a log of arbitrary files; what is appended then can be read, and what was verified has good checksums.
pub fn segment(dir: &Path, mut bytes: &[u8]) {
    let [kinds, rest @ ..] = bytes else { return };
    bytes = rest;
    let mut verifies = true;
    for (bit, name) in [
        "00000000000000000000.log",
        "00000000000000000000.index",
        "00000000000000000003.log",
        "checkpoint",
        "clean-shutdown",
        "00000000000000000000-00000000000000000003.swap",
    ]
    .iter()
    .enumerate()
    {
        if kinds & (1 << bit) == 0 {
            continue;
        }
        let [length, rest @ ..] = bytes else { break };
        let (content, rest) = rest.split_at(rest.len().min(usize::from(*length) * 4));
        bytes = rest;
        let is_log = name.ends_with("log") || name.ends_with("swap");
        verifies &= is_log;
        let content = match kinds & 0x80 == 0 {
            true => content.to_vec(),
            false if is_log => with_checksums(content),
            false => with_text_checksum(content),
        };
        fs::write(dir.join(name), content).expect("the folder can be written");
    }
    let Ok((mut log, recovery)) = Log::open(dir, log_config(&Overrides::default()), 0) else {
        return;
    };
    let end = log.end_offset();
    let batch = CheckedBatch::new(one_batch(), 1 << 20, Origin::Client).expect("it is valid");
    if log.append(&[batch], 0).is_ok() {
        assert_eq!(log.end_offset(), end + 1);
        let read = read(&mut log, end).expect("what was appended is there");
        assert!(!read.is_empty(), "what was appended can be read");
    }
    if verifies && !recovery.was_clean {
        read_all(&mut log);
    }
    let _closed = log.close();
    let reopened = Log::open(dir, log_config(&Overrides::default()), 0);
    assert!(reopened.is_ok_and(|(log, _)| log.end_offset() >= end));
}

/// Appends arbitrary records to a compacted log, looks up times in it, and cleans it.
pub fn batch(dir: &Path, bytes: &[u8]) {
    let mut config: LogConfig = log_config(&Overrides::default());
    config.cleanup = Cleanup::Compact;
    config.segment_ms = 0;
    config.min_cleanable_dirty_ratio = 0.0;
    let (mut log, _) = Log::open(dir, config, 0).expect("the folder is empty");
    let mut rest = bytes;
    for now in 1.. {
        let [length, after @ ..] = rest else { break };
        let (one, after) = after.split_at(after.len().min(usize::from(*length) * 2));
        rest = after;
        let one = Bytes::from(with_checksums(one));
        if let Ok(batch) = CheckedBatch::new(one, 1 << 20, Origin::Client) {
            let _appended = log.append(&[batch], now);
        }
    }
    for time in [i64::MIN, 0, 1, i64::MAX] {
        if let Ok(Some(lookup)) = log.lookup_time(0, time) {
            let _found = lookup.run();
        }
    }
    if let Ok(Some(lookup)) = log.lookup_latest() {
        let _found = lookup.run();
    }
    let end = log.end_offset();
    let cleaning = log.cleaning(end, i64::MAX).expect("its files are there");
    if let Some(cleaning) = cleaning {
        let cleaned = log.clean_here(cleaning, &ProducerView::default(), usize::MAX);
        cleaned.expect("it is written and installed");
    }
    assert_eq!(log.end_offset(), end);
    read_all(&mut log);
}

/// Opens arbitrary committed offsets, commits one, and finds it when they are opened again.
pub fn groups_file(dir: &Path, bytes: &[u8]) {
    let mut text = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line {
            [b'!', json @ ..] => {
                let json = json.strip_suffix(b"\n").unwrap_or(json);
                text.extend_from_slice(format!("{:08x} ", crc32c::crc32c(json)).as_bytes());
                text.extend_from_slice(json);
                text.push(b'\n');
            }
            _ => text.extend_from_slice(line),
        }
    }
    fs::write(dir.join("groups.jsonl"), text).expect("the folder can be written");
    let mut coordinator = match Coordinator::open(dir) {
        Ok(coordinator) => coordinator,
        // Damage before lines that are whole is for a person.
        Err(error) => return assert_eq!(error.code(), "broker-data"),
    };
    let change = Change::OffsetCommitted {
        group: "g".into(),
        topic: "t".to_owned(),
        partition: 7,
        offset: CommittedOffset {
            offset: 42,
            leader_epoch: -1,
            metadata: String::new(),
            commit_timestamp_ms: 0,
        },
    };
    coordinator.make(vec![change]).expect("it is written");
    drop(coordinator);
    let coordinator = Coordinator::open(dir).expect("it was written by us");
    let found = coordinator.groups.fetch_offset("g", "t", 7);
    assert_eq!(found.map(|found| found.offset), Some(42));
}

fn read(log: &mut Log, from: i64) -> Option<Bytes> {
    let bounds = ReadBounds {
        bytes_max: 1 << 20,
        first_batch: FirstBatch::Whole,
        below: i64::MAX,
    };
    log.read(from, &bounds).ok()
}

/// Reads from the start to the end, and checks what comes.
fn read_all(log: &mut Log) {
    let mut from = log.start_offset();
    while let Some(bytes) = read(log, from).filter(|bytes| !bytes.is_empty()) {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let header = BatchHeader::parse(rest).expect("whole batches are given");
            let (one, after) = rest.split_at(header.size());
            assert_eq!(header.with_crc(&one[HEADER_BYTES..]), header);
            assert!(header.next_offset() > from, "it goes on");
            from = header.next_offset();
            rest = after;
        }
    }
}

/// Makes arbitrary bytes batches with lengths and checksums that fit, as far as they go.
fn with_checksums(mut bytes: &[u8]) -> Vec<u8> {
    let mut batches = Vec::new();
    while bytes.len() > HEADER_BYTES {
        let length = usize::from(bytes[11]).min(bytes.len() - HEADER_BYTES);
        let (one, rest) = bytes.split_at(HEADER_BYTES + length);
        bytes = rest;
        let mut one = one.to_vec();
        let size = i32::try_from(one.len() - 12).unwrap_or_default();
        one[8..12].copy_from_slice(&size.to_be_bytes());
        one[16] = 2;
        match BatchHeader::parse(&one) {
            Ok(header) => {
                let records = &one[HEADER_BYTES..];
                batches.extend_from_slice(&header.with_crc(records).to_raw());
                batches.extend_from_slice(records);
            }
            Err(_) => batches.extend_from_slice(&one),
        }
    }
    batches.extend_from_slice(bytes);
    batches
}

fn with_text_checksum(content: &[u8]) -> Vec<u8> {
    let mut text = format!("{:08x} ", crc32c::crc32c(content)).into_bytes();
    text.extend_from_slice(content);
    text
}

/// One record.
fn one_batch() -> Bytes {
    let records = [14, 0, 0, 0, 1, 1, 0, 0];
    let header = BatchHeader {
        base_offset: 0,
        batch_length: 57,
        leader_epoch: 0,
        crc: 0,
        attributes: 0,
        last_offset_delta: 0,
        base_timestamp: 0,
        max_timestamp: 0,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        count: 1,
    };
    let mut bytes = header.with_crc(&records).to_raw().to_vec();
    bytes.extend_from_slice(&records);
    bytes.into()
}

#[cfg(test)]
mod tests;
