//! Record batches byte by byte, so that a test can break one where it wants; and what is in fetched ones.

use std::io::Write;

use bytes::Bytes;
use kafka_protocol::records::{Record, RecordBatchDecoder};

/// A batch to produce; every field may be something that no client would send.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) base_offset: i64,
    pub(crate) magic: i8,
    pub(crate) attributes: i16,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: Option<i64>,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    /// What the header says instead of the true number.
    pub(crate) count: Option<i32>,
    pub(crate) last_offset_delta: Option<i32>,
    pub(crate) crc: Option<u32>,
    records: Vec<Sent>,
}

/// Key, value, and time after the base timestamp.
#[derive(Clone, Debug)]
struct Sent {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    after_ms: i64,
}

/// Numbers of the codecs in a batch's attributes.
pub(crate) const CODECS: [(i16, &str); 5] = [
    (0, "none"),
    (1, "gzip"),
    (2, "snappy"),
    (3, "lz4"),
    (4, "zstd"),
];

/// Attribute: the broker dated the batch.
pub(crate) const APPEND_TIME: i16 = 1 << 3;

/// Attribute: part of a transaction.
pub(crate) const TRANSACTIONAL: i16 = 1 << 4;

/// Attribute: a marker of the broker's.
pub(crate) const CONTROL: i16 = 1 << 5;

/// Bytes of a batch without records.
pub(crate) const HEADER_BYTES: usize = 61;

impl Batch {
    /// Records with values and no keys.
    pub(crate) fn of(values: &[&str]) -> Self {
        let records = values.iter().map(|value| (None, Some(*value)));
        Self::keyed(&records.collect::<Vec<_>>())
    }

    /// Records with keys, and without a value where they are tombstones.
    pub(crate) fn keyed(records: &[(Option<&str>, Option<&str>)]) -> Self {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let records = records.iter().map(|(key, value)| Sent {
            key: key.map(bytes),
            value: value.map(bytes),
            after_ms: 0,
        });
        Self {
            base_offset: 0,
            magic: 2,
            attributes: 0,
            base_timestamp: crate::world::now_ms(),
            max_timestamp: None,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count: None,
            last_offset_delta: None,
            crc: None,
            records: records.collect(),
        }
    }

    /// One record of so many bytes.
    pub(crate) fn sized(bytes: usize) -> Self {
        Self::of(&[&"x".repeat(bytes)])
    }

    /// Times of the records, one after the other; the first is the base.
    pub(crate) fn at(mut self, times: &[i64]) -> Self {
        self.base_timestamp = times[0];
        for (record, time) in self.records.iter_mut().zip(times) {
            record.after_ms = time - times[0];
        }
        self
    }

    pub(crate) fn with_producer(mut self, id: i64, epoch: i16, sequence: i32) -> Self {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = sequence;
        self
    }

    pub(crate) fn with_attributes(mut self, attributes: i16) -> Self {
        self.attributes |= attributes;
        self
    }

    /// How many records it has, whatever the header says.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The bytes of the batch.
    pub(crate) fn encode(&self) -> Bytes {
        let mut records = Vec::new();
        for (at, record) in (0..).zip(&self.records) {
            put_record(record, at, &mut records);
        }
        let records = compress(self.attributes & 7, &records);
        let count = i32::try_from(self.records.len()).unwrap();
        let latest = self.records.iter().map(|record| record.after_ms).max();
        let latest = self.base_timestamp + latest.unwrap_or_default();
        let mut covered = Vec::new();
        covered.extend(self.attributes.to_be_bytes());
        covered.extend(self.last_offset_delta.unwrap_or(count - 1).to_be_bytes());
        covered.extend(self.base_timestamp.to_be_bytes());
        covered.extend(self.max_timestamp.unwrap_or(latest).to_be_bytes());
        covered.extend(self.producer_id.to_be_bytes());
        covered.extend(self.producer_epoch.to_be_bytes());
        covered.extend(self.base_sequence.to_be_bytes());
        covered.extend(self.count.unwrap_or(count).to_be_bytes());
        covered.extend(records);
        let crc = self.crc.unwrap_or_else(|| crc32c::crc32c(&covered));
        let mut bytes = Vec::new();
        bytes.extend(self.base_offset.to_be_bytes());
        bytes.extend(i32::try_from(covered.len() + 9).unwrap().to_be_bytes());
        bytes.extend((-1_i32).to_be_bytes());
        bytes.extend(self.magic.to_be_bytes());
        bytes.extend(crc.to_be_bytes());
        bytes.extend(covered);
        bytes.into()
    }
}

fn put_record(record: &Sent, at: i64, into: &mut Vec<u8>) {
    let mut body = vec![0];
    put_varint(record.after_ms, &mut body);
    put_varint(at, &mut body);
    for part in [&record.key, &record.value] {
        match part {
            None => put_varint(-1, &mut body),
            Some(bytes) => {
                put_varint(i64::try_from(bytes.len()).unwrap(), &mut body);
                body.extend(bytes);
            }
        }
    }
    put_varint(0, &mut body);
    put_varint(i64::try_from(body.len()).unwrap(), into);
    into.extend(body);
}

fn put_varint(value: i64, into: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        into.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    into.push(rest as u8);
}

fn compress(codec: i16, plain: &[u8]) -> Vec<u8> {
    match codec {
        1 => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        2 => {
            let packed = snap::raw::Encoder::new().compress_vec(plain).unwrap();
            let mut framed = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01".to_vec();
            framed.extend(u32::try_from(packed.len()).unwrap().to_be_bytes());
            framed.extend(packed);
            framed
        }
        3 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        4 => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            ruzstd::encoding::compress_to_vec(plain, level)
        }
        _ => plain.to_vec(),
    }
}

/// The header of a fetched batch, and its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) base_offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) attributes: i16,
    pub(crate) max_timestamp: i64,
    pub(crate) bytes: Bytes,
}

impl Fetched {
    /// The first offset behind it.
    pub(crate) fn next_offset(&self) -> i64 {
        let delta = i32::from_be_bytes(self.bytes[23..27].try_into().unwrap());
        self.base_offset + i64::from(delta) + 1
    }
}

/// The whole batches of an answer; the last may be cut short and is left out then.
pub(crate) fn batches(mut bytes: Bytes) -> Vec<Fetched> {
    let mut batches = Vec::new();
    while bytes.len() >= HEADER_BYTES {
        let length = i32::from_be_bytes(bytes[8..12].try_into().unwrap());
        let length = 12 + usize::try_from(length).unwrap();
        if bytes.len() < length {
            break;
        }
        let batch = bytes.split_to(length);
        let crc = u32::from_be_bytes(batch[17..21].try_into().unwrap());
        assert_eq!(crc, crc32c::crc32c(&batch[21..]), "the checksum fits");
        batches.push(Fetched {
            base_offset: i64::from_be_bytes(batch[0..8].try_into().unwrap()),
            leader_epoch: i32::from_be_bytes(batch[12..16].try_into().unwrap()),
            attributes: i16::from_be_bytes(batch[21..23].try_into().unwrap()),
            max_timestamp: i64::from_be_bytes(batch[35..43].try_into().unwrap()),
            bytes: batch,
        });
    }
    batches
}

/// The records of fetched batches that are not compressed.
pub(crate) fn records(bytes: &Bytes) -> Vec<Record> {
    let whole = batches(bytes.clone());
    let sets = whole
        .iter()
        .map(|batch| RecordBatchDecoder::decode(&mut batch.bytes.clone()).unwrap());
    sets.flat_map(|set| set.records).collect()
}
