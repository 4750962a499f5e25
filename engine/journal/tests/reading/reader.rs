//! What the reader gives.

use sagaline_core::Timestamp;
use sagaline_journal::{Footing, Headers, Item, JournalReader, NewRecord};

use crate::log::{self, Log, batch, claim, told};

fn check(records: &[&[NewRecord]], expect: &[&str]) {
    let mut log = Log::default();
    for records in records {
        log.append_all(records);
    }
    let items = log
        .read_by(&mut JournalReader::new().with_void_records(), 0)
        .unwrap();
    assert_eq!(told(&items), expect);
}

#[test]
fn batches_come_whole_and_in_order() {
    check(
        &[
            &[claim(1)],
            &batch(1, 1, 2),
            &batch(1, 2, 0),
            &batch(1, 3, 1),
        ],
        &[
            "claim 1",
            "batch 1/1 @1-2 [w-0 w-1]",
            "batch 1/2 @3-3 []",
            "batch 1/3 @4-4 [w-0]",
        ],
    );
}

#[test]
fn a_batch_tells_places_footer_and_append_time() {
    let mut log = Log::default();
    log.append(&claim(1));
    log.append_all(&batch(1, 1, 3));

    let Some(Item::Batch(batch)) = log.read().unwrap().pop() else {
        panic!("a batch comes last")
    };

    assert_eq!(batch.footer.count, 3);
    assert_eq!(batch.footer.digest, 42);
    assert_eq!(batch.appended_at, Timestamp::from_millis(3));
    let places: Vec<(i64, u32)> = batch
        .transitions
        .iter()
        .map(|journaled| (journaled.offset, journaled.index))
        .collect();
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
        &[
            &[claim(1)],
            &zombie[..1],
            &[claim(2)],
            &zombie[1..],
            &batch(2, 1, 1),
        ],
        &[
            "claim 1",
            "void @1",
            "claim 2",
            "void @3",
            "batch 2/1 @4-4 [w-0]",
        ],
    );
}

#[test]
fn void_claims_and_strangers_lie_between_the_records_of_a_batch() {
    let records = batch(1, 1, 2);
    let stranger = NewRecord {
        headers: Headers::new(),
        ..records[0].clone()
    };
    check(
        &[
            &[claim(1)],
            &records[..1],
            &[claim(1), stranger],
            &records[1..],
        ],
        &[
            "claim 1",
            "claim 1 void",
            "void @3",
            "batch 1/1 @1-4 [w-0 w-1]",
        ],
    );
}

#[test]
fn a_batch_that_begins_again_is_given_from_there() {
    let records = batch(1, 1, 2);
    check(
        &[&[claim(1)], &records[..1], &batch(1, 1, 1), &batch(1, 2, 1)],
        &[
            "claim 1",
            "void @1",
            "batch 1/1 @2-2 [w-0]",
            "batch 1/2 @3-3 [w-0]",
        ],
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
            let rest = log
                .read_by(&mut JournalReader::after(reader.footing()), at + 1)
                .unwrap();
            assert_eq!(
                [told(&items), told(&rest)].concat(),
                whole,
                "from {:?}",
                reader.footing()
            );
        }
    }

    assert_eq!(
        reader.footing(),
        Footing {
            offset: 11,
            epoch: 3,
            batch_no: 6
        }
    );
}
