//! What the reader gives, and when it stops.

use sagaline_core::Timestamp;
use sagaline_journal::{BATCH_RECORDS_MAX, ErrorKind, Footing, Item, JournalReader, NewRecord, wire};

use crate::log::{self, Log, batch, claim, told};

fn check(records: &[&[NewRecord]], expect: &[&str]) {
    let mut log = Log::default();
    for records in records {
        log.append_all(records);
    }
    let items = log.read_by(&mut JournalReader::new().with_void_records(), 0).unwrap();
    assert_eq!(told(&items), expect);
}

/// The code of the error that ends reading.
fn stopped(log: &Log) -> (ErrorKind, &'static str, String) {
    let error = log.read().unwrap_err();
    (error.kind(), error.code(), error.message().to_owned())
}

fn with_value(mut record: NewRecord, value: &[u8]) -> NewRecord {
    record.value = Some(value.to_vec());
    record
}

fn with_header(mut record: NewRecord, name: &'static str, value: &[u8]) -> NewRecord {
    record.push_header(name, value);
    record
}

#[test]
fn batches_come_whole_and_in_order() {
    check(
        &[&[claim(1)], &batch(1, 1, 2), &batch(1, 2, 0), &batch(1, 3, 1)],
        &["claim 1", "batch 1/1 @1-2 [w-0 w-1]", "batch 1/2 @3-3 []", "batch 1/3 @4-4 [w-0]"],
    );
}

#[test]
fn a_batch_tells_places_footer_and_append_time() {
    let mut log = Log::default();
    log.append(&claim(1));
    log.append_all(&batch(1, 1, 3));

    let Some(Item::Batch(batch)) = log.read().unwrap().pop() else { panic!("a batch comes last") };

    assert_eq!(batch.footer.count, 3);
    assert_eq!(batch.footer.digest, 42);
    assert_eq!(batch.appended_at, Timestamp::from_millis(3));
    let places: Vec<(i64, u32)> =
        batch.transitions.iter().map(|journaled| (journaled.offset, journaled.index)).collect();
    assert_eq!(places, [(1, 0), (2, 1), (3, 2)]);
    assert_eq!(batch.transitions[2].transition, log::transition(2));
}

#[test]
fn a_batch_without_its_footer_is_not_given() {
    check(&[&[claim(1)], &batch(1, 1, 2)[..1]], &["claim 1"]);
}

#[test]
fn a_fenced_owner_s_batch_is_void() {
    let zombie = batch(1, 1, 2);
    check(
        &[&[claim(1)], &zombie[..1], &[claim(2)], &zombie[1..], &batch(2, 1, 1)],
        &["claim 1", "void @1", "claim 2", "void @3", "batch 2/1 @4-4 [w-0]"],
    );
}

#[test]
fn void_claims_and_strangers_lie_between_the_records_of_a_batch() {
    let records = batch(1, 1, 2);
    let stranger = NewRecord { headers: Vec::new(), ..records[0].clone() };
    check(
        &[&[claim(1)], &records[..1], &[claim(1), stranger], &records[1..]],
        &["claim 1", "claim 1 void", "void @3", "batch 1/1 @1-4 [w-0 w-1]"],
    );
}

#[test]
fn a_batch_that_begins_again_is_given_from_there() {
    let records = batch(1, 1, 2);
    check(
        &[&[claim(1)], &records[..1], &batch(1, 1, 1), &batch(1, 2, 1)],
        &["claim 1", "void @1", "batch 1/1 @2-2 [w-0]", "batch 1/2 @3-3 [w-0]"],
    );
}

#[test]
fn a_reader_goes_on_from_every_place_that_it_gave() {
    let mut log = Log::default();
    for epoch in 1..4 {
        log.append(&claim(epoch));
        log.append_all(&batch(epoch, 2 * epoch - 1, 2));
        log.append_all(&batch(epoch, 2 * epoch, 0));
    }
    let whole = told(&log.read().unwrap());

    let mut reader = JournalReader::new();
    let mut items = Vec::new();
    for (at, record) in log.records.iter().enumerate() {
        reader.read(record.clone(), &mut items).unwrap();
        if reader.footing().offset == record.offset {
            let rest = log.read_by(&mut JournalReader::after(reader.footing()), at + 1).unwrap();
            assert_eq!([told(&items), told(&rest)].concat(), whole, "from {:?}", reader.footing());
        }
    }

    assert_eq!(reader.footing(), Footing { offset: 11, epoch: 3, batch_no: 6 });
}

#[test]
fn strangers_are_counted_and_change_nothing() {
    let mut log = Log::default();
    let mark = batch(1, 1, 0).remove(0);
    let bare = NewRecord { headers: Vec::new(), ..mark.clone() };
    let strangers = [
        bare.clone(),
        with_value(bare, &[0xC3, 0x01]),
        with_header(mark.clone(), wire::header::KIND, b"checkpoint"),
        with_header(mark.clone(), wire::header::KIND, &[0xFF]),
        with_header(mark.clone(), wire::header::BATCH, b"1/1"),
        with_header(mark.clone(), wire::header::BATCH, b"1/1/99999999999999999999"),
        with_header(mark.clone(), wire::header::FOOTER, b""),
        with_header(mark.clone(), wire::header::FOOTER, b"{}"),
        with_value(claim(1), b"{}"),
        NewRecord { value: None, ..claim(1) },
    ];
    log.append(&claim(1));
    log.append_all(&strangers);
    log.append(&mark);

    let mut reader = JournalReader::new();
    let items = log.read_by(&mut reader, 0).unwrap();

    assert_eq!(told(&items), ["claim 1", "batch 1/1 @11-11 []"]);
    assert_eq!(reader.foreign(), 10);
}

#[test]
fn a_valid_batch_whose_value_does_not_decode_stops_the_reader() {
    for value in [&b"{}"[..], b"", &batch(1, 1, 1)[0].value.clone().unwrap()[..40]] {
        let mut log = Log::default();
        log.append(&claim(1));
        log.append(&with_value(batch(1, 1, 1).remove(0), value));

        let (kind, code, message) = stopped(&log);

        assert_eq!((kind, code), (ErrorKind::Corrupt, "journal-corrupt"));
        assert!(message.starts_with("sagaline.journal/3@1: transition "), "{message}");
    }
}

#[test]
fn a_void_batch_whose_value_does_not_decode_does_not() {
    let broken = with_value(batch(1, 1, 1).remove(0), b"{}");
    check(&[&[claim(1), claim(2), broken]], &["claim 1", "claim 2", "void @2"]);
}

#[test]
fn a_footer_of_another_batch_stops_the_reader() {
    let mut log = Log::default();
    log.append(&claim(1));
    log.append(&with_header(batch(1, 2, 0).remove(0), wire::header::BATCH, b"1/1/0"));

    assert_eq!(stopped(&log).1, "journal-corrupt");
}

#[test]
fn what_a_newer_build_wrote_stops_the_reader() {
    let newer = |value: &[u8]| [&[0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8], &value[10..]].concat();
    let claims = with_value(claim(1), &newer(&claim(1).value.unwrap()));
    let mark = batch(1, 1, 0).remove(0);
    let footer = newer(&mark.headers.last().unwrap().1);
    let footers = with_header(mark, wire::header::FOOTER, &footer);

    for record in [claims, footers] {
        let mut log = Log::default();
        log.append(&claim(1));
        log.append(&record);
        assert_eq!(stopped(&log).1, "journal-schema-unknown");
    }
}

#[test]
fn records_that_are_no_longer_there_stop_the_reader() {
    let mut log = Log::default();
    log.append(&claim(1));
    log.append_all(&batch(1, 1, 0));
    log.append_all(&batch(1, 2, 0));
    let code = |reader: &mut JournalReader, from: usize| log.read_by(reader, from).map_err(|error| error.code());

    let footing = Footing { offset: 0, epoch: 1, batch_no: 0 };
    assert_eq!(code(&mut JournalReader::new(), 1), Err("journal-truncated"));
    assert_eq!(code(&mut JournalReader::after(footing), 2), Err("journal-truncated"));
    assert_eq!(code(&mut JournalReader::after(footing), 0), Err("journal-truncated"));

    let mut reader = JournalReader::new();
    assert_eq!(code(&mut reader, 0).map(|items| items.len()), Ok(3));
    assert_eq!(code(&mut reader, 2), Err("journal-truncated"), "an offset went back");
}

#[test]
fn a_batch_without_an_end_does_not_take_memory_without_bound() {
    let mut log = Log::default();
    log.append(&claim(1));
    let mut mark = NewRecord { headers: Vec::new(), ..batch(1, 1, 0).remove(0) };
    mark.push_header(wire::header::KIND, wire::kind::MARK);
    for index in 0..=BATCH_RECORDS_MAX {
        log.append(&with_header(mark.clone(), wire::header::BATCH, format!("1/1/{index}").as_bytes()));
    }

    assert_eq!(stopped(&log).1, "journal-corrupt");

    log.records.pop();
    assert!(log.read().is_ok(), "the limit itself is allowed");
}
