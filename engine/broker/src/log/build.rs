//! Batches for tests, and what a log holds, record by record.

use bytes::Bytes;

use super::{
    BatchHeader, CheckedBatch, FirstBatch, HEADER_BYTES, Log, LogConfig, Origin, ReadBounds,
    batch::LENGTH_END,
    codec::Codec,
    records::{Records, plain, put_varint},
};

/// A record to write.
#[derive(Clone, Debug)]
pub(crate) struct NewRecord {
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

/// A record as a consumer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

pub(crate) fn record(timestamp: i64, key: &str, value: &str) -> NewRecord {
    NewRecord {
        timestamp,
        key: Some(key.into()),
        value: Some(value.into()),
    }
}

pub(crate) fn tombstone(timestamp: i64, key: &str) -> NewRecord {
    NewRecord {
        timestamp,
        key: Some(key.into()),
        value: None,
    }
}

/// The header of a batch that a client without an id sends.
pub(crate) fn plain_header() -> BatchHeader {
    BatchHeader {
        base_offset: 0,
        batch_length: 0,
        leader_epoch: -1,
        crc: 0,
        attributes: 0,
        last_offset_delta: 0,
        base_timestamp: 0,
        max_timestamp: 0,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        count: 0,
    }
}

/// A whole batch; `like` gives attributes and producer.
pub(crate) fn batch_like(like: BatchHeader, records: &[NewRecord]) -> Bytes {
    let base = records.first().map_or(0, |record| record.timestamp);
    let mut body = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let mut one = vec![0];
        put_varint(record.timestamp - base, &mut one);
        put_varint(at as i64, &mut one);
        for part in [&record.key, &record.value] {
            match part {
                Some(bytes) => {
                    put_varint(bytes.len() as i64, &mut one);
                    one.extend_from_slice(bytes);
                }
                None => put_varint(-1, &mut one),
            }
        }
        put_varint(0, &mut one);
        put_varint(one.len() as i64, &mut body);
        body.extend_from_slice(&one);
    }
    if let Some(codec) = Codec::of(like.codec()).unwrap() {
        body = codec.compress(&body).unwrap();
    }
    let header = BatchHeader {
        batch_length: (HEADER_BYTES - LENGTH_END + body.len()) as i32,
        last_offset_delta: records.len() as i32 - 1,
        base_timestamp: base,
        max_timestamp: records.iter().map(|record| record.timestamp).max().unwrap(),
        count: records.len() as i32,
        ..like
    }
    .with_crc(&body);
    let mut bytes = header.to_raw().to_vec();
    bytes.extend_from_slice(&body);
    bytes.into()
}

pub(crate) fn batch(records: &[NewRecord]) -> Bytes {
    batch_like(plain_header(), records)
}

pub(crate) fn checked(bytes: Bytes) -> CheckedBatch {
    CheckedBatch::new(
        bytes,
        LogConfig::default().max_message_bytes,
        Origin::Client,
    )
    .unwrap()
}

pub(crate) fn small_config() -> LogConfig {
    LogConfig {
        segment_bytes: 400,
        index_interval_bytes: 100,
        timestamp_after_max_ms: i64::MAX,
        ..LogConfig::default()
    }
}

pub(crate) fn generous() -> ReadBounds {
    bounds(1 << 20)
}

pub(crate) fn bounds(bytes_max: usize) -> ReadBounds {
    ReadBounds {
        bytes_max,
        first_batch: FirstBatch::Whole,
        below: i64::MAX,
    }
}

/// The records in bytes that a read gave; each batch is checked.
pub(crate) fn decode(bytes: &Bytes) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let header = BatchHeader::parse(rest).unwrap();
        let records = &rest[HEADER_BYTES..header.size()];
        assert_eq!(header.with_crc(records).crc, header.crc);
        for record in Records::new(&header, &plain(&header, records).unwrap()) {
            let record = record.unwrap();
            seen.push(Seen {
                offset: record.offset(&header),
                timestamp: record.timestamp(&header),
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
            });
        }
        rest = &rest[header.size()..];
    }
    seen
}

/// Everything from the start, read as a consumer does with answers of at most `bytes_max`.
pub(crate) fn consume(log: &mut Log, bytes_max: usize) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut offset = log.start_offset();
    while offset < log.end_offset() {
        let bytes = log.read(offset, &bounds(bytes_max)).unwrap();
        let Some(next) = last_header(&bytes).map(|header| header.next_offset()) else {
            break;
        };
        assert!(next > offset);
        let from = offset;
        seen.extend(decode(&bytes).into_iter().filter(|one| one.offset >= from));
        offset = next;
    }
    seen
}

/// The header of the last batch.
pub(crate) fn last_header(bytes: &Bytes) -> Option<BatchHeader> {
    let mut rest = &bytes[..];
    let mut last = None;
    while !rest.is_empty() {
        let header = BatchHeader::parse(rest).unwrap();
        rest = &rest[header.size()..];
        last = Some(header);
    }
    last
}

/// The values, as text.
pub(crate) fn values(seen: &[Seen]) -> Vec<String> {
    seen.iter()
        .map(|one| {
            let value = one.value.as_deref().unwrap_or(b"-");
            String::from_utf8_lossy(value).into_owned()
        })
        .collect()
}
