use super::*;
use crate::log::build::{batch, batch_like, plain_header, record};

#[test]
fn a_header_survives_writing_and_reading() {
    let bytes = batch(&[record(5, "a", "1"), record(9, "b", "2")]);

    let header = BatchHeader::parse(&bytes).unwrap();

    assert_eq!(header.to_raw(), bytes[..HEADER_BYTES]);
    assert_eq!((header.size(), header.count), (bytes.len(), 2));
    assert_eq!((header.base_timestamp, header.max_timestamp), (5, 9));
}

#[test]
fn batches_are_refused_with_the_codes_of_kafka() {
    let good = batch(&[record(1, "k", "v"), record(1, "k", "v")]);
    let patched = |at: usize, with: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = with;
        bytes
    };
    let changed = |change: fn(&mut BatchHeader)| {
        let mut header = BatchHeader::parse(&good).unwrap();
        change(&mut header);
        let records = &good[HEADER_BYTES..];
        let mut bytes = header.with_crc(records).to_raw().to_vec();
        bytes.extend_from_slice(records);
        bytes
    };
    let cases: [(&str, i16, Vec<u8>); 16] = [
        ("empty", 87, vec![]),
        ("cut in the header", 87, good[..60].to_vec()),
        ("cut in the records", 87, good[..good.len() - 1].to_vec()),
        ("flipped payload", 2, patched(good.len() - 1, 0x77)),
        ("negative length", 2, patched(8, 0xff)),
        ("tiny length", 2, changed(|header| header.batch_length = 48)),
        ("old format", 87, patched(16, 1)),
        ("two batches", 87, [good.clone(), good.clone()].concat()),
        (
            "fewer records than offsets",
            87,
            changed(|header| header.count = 1),
        ),
        (
            "more records than offsets",
            87,
            changed(|header| header.count = 3),
        ),
        ("no records", 87, changed(|header| header.count = 0)),
        ("base offset", 87, changed(|header| header.base_offset = 7)),
        ("control", 87, changed(|header| header.attributes = 0x20)),
        (
            "transaction of nobody",
            87,
            changed(|header| header.attributes = 0x10),
        ),
        (
            "sequence missing",
            87,
            changed(|header| header.producer_id = 3),
        ),
        ("unknown codec", 76, changed(|header| header.attributes = 5)),
    ];

    for (name, code, bytes) in cases {
        let refused = CheckedBatch::new(bytes.into(), 1000, Origin::Client).unwrap_err();
        assert_eq!(refused.code(), code, "{name}: {refused}");
    }
    let too_large = CheckedBatch::new(good.clone(), good.len() - 1, Origin::Client);
    assert_eq!(too_large.unwrap_err().code(), 10);
    assert!(CheckedBatch::new(good.clone(), good.len(), Origin::Client).is_ok());
}

#[test]
fn the_broker_may_write_control_batches() {
    let control = BatchHeader {
        attributes: 0x30,
        producer_id: 4,
        ..plain_header()
    };
    let bytes = batch_like(control, &[record(1, "k", "v")]);

    assert!(CheckedBatch::new(bytes, 1000, Origin::Broker).is_ok());
}

#[test]
fn append_time_is_stamped_with_a_checksum_that_fits() {
    let bytes = batch(&[record(1, "k", "v")]);
    let checked = CheckedBatch::new(bytes, 1000, Origin::Client).unwrap();

    let clock = Stamping {
        timestamp_type: TimestampType::LogAppendTime,
        now: 77,
        after_max_ms: 0,
    };
    let stamped = checked.stamp(42, &clock).unwrap();

    assert_eq!((stamped.base_offset, stamped.max_timestamp), (42, 77));
    assert!(stamped.has_append_time());
    assert_eq!(stamped.with_crc(checked.records()).crc, stamped.crc);
}

#[test]
fn a_timestamp_too_far_in_the_future_is_refused() {
    let bytes = batch(&[record(5_000, "k", "v")]);
    let checked = CheckedBatch::new(bytes, 1000, Origin::Client).unwrap();
    let clock = |now| Stamping {
        timestamp_type: TimestampType::CreateTime,
        now,
        after_max_ms: 1_000,
    };

    assert_eq!(checked.stamp(0, &clock(3_999)).unwrap_err().code(), 32);
    assert!(checked.stamp(0, &clock(4_000)).is_ok());
}

#[test]
fn a_batch_that_claims_append_time_is_refused_where_the_broker_dates() {
    let claiming = BatchHeader {
        attributes: APPEND_TIME_BIT,
        ..plain_header()
    };
    let bytes = batch_like(claiming, &[record(1, "k", "v")]);
    let checked = CheckedBatch::new(bytes, 1000, Origin::Client).unwrap();
    let clock = |timestamp_type| Stamping {
        timestamp_type,
        now: 1,
        after_max_ms: 1_000,
    };

    let refused = checked.stamp(0, &clock(TimestampType::LogAppendTime));
    let cleared = checked.stamp(0, &clock(TimestampType::CreateTime)).unwrap();

    assert_eq!(refused.unwrap_err().code(), 32);
    assert!(!cleared.has_append_time());
    assert_eq!(cleared.with_crc(checked.records()).crc, cleared.crc);
}
