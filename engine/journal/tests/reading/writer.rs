//! What the writer builds.

use sagaline_core::{Payload, Transition, event};
use sagaline_journal::{
    BATCH_RECORDS_MAX, EncodedTransition, ErrorKind, NewRecord, RECORD_BYTES_MAX, wire,
};
use sagaline_schemas::decode_footer;

use crate::log::{batch, claim, footer, transition, writer};

fn header<'a>(record: &'a NewRecord, name: &str) -> Option<&'a [u8]> {
    record.headers.get(name)
}

#[test]
fn a_batch_names_its_place_in_every_record_and_has_its_footer_on_the_last() {
    let records = batch(7, 12, 2);

    assert_eq!(
        header(&records[0], wire::header::KIND),
        Some(&b"transition"[..])
    );
    assert_eq!(
        header(&records[0], wire::header::BATCH),
        Some(&b"7/12/0"[..])
    );
    assert_eq!(header(&records[0], wire::header::FOOTER), None);
    assert_eq!(
        header(&records[1], wire::header::BATCH),
        Some(&b"7/12/1"[..])
    );
    let footer = decode_footer(header(&records[1], wire::header::FOOTER).unwrap()).unwrap();
    assert_eq!((footer.epoch, footer.batch_no, footer.count), (7, 12, 2));
    assert_eq!(records[1].key.as_deref(), Some(&b"w-1"[..]));
}

#[test]
fn a_batch_without_transitions_is_one_bare_mark() {
    let [mark] = <[NewRecord; 1]>::try_from(batch(7, 12, 0)).unwrap();

    assert_eq!(header(&mark, wire::header::KIND), Some(&b"mark"[..]));
    assert_eq!(header(&mark, wire::header::BATCH), Some(&b"7/12/0"[..]));
    assert_eq!((mark.key, mark.value), (None, None));
}

#[test]
fn a_claim_has_neither_key_nor_place() {
    let record = claim(7);

    let headers: Vec<_> = record.headers.iter().collect();
    assert_eq!(headers, [("sl-kind", &b"claim"[..])]);
    assert_eq!(record.key, None);
}

#[test]
fn a_transition_without_a_workflow_has_no_key() {
    let mut encoded = Vec::new();
    let rejected = Transition {
        run_id: None,
        workflow_id: None,
        first_seq: 0,
        ..transition(1)
    };
    EncodedTransition::append(&rejected, &mut encoded).unwrap();

    let records = writer().batch(encoded, footer(1, 1)).unwrap();

    assert_eq!(records[0].key, None);
}

#[test]
fn a_large_transition_becomes_several_records_of_one_batch() {
    let mut large = transition(1);
    large.events = vec![
        event::WorkflowCompleted {
            result: Payload::json(vec![b' '; 600_000])
        }
        .into();
        3
    ];
    let mut encoded = Vec::new();

    EncodedTransition::append(&large, &mut encoded).unwrap();

    assert_eq!(encoded.len(), 3);
    assert!(encoded.iter().all(|part| part.size() <= RECORD_BYTES_MAX));
    assert_eq!(writer().batch(encoded, footer(1, 1)).unwrap().len(), 3);
}

#[test]
fn a_batch_of_too_many_records_is_refused() {
    let mut encoded = Vec::new();
    EncodedTransition::append(&transition(1), &mut encoded).unwrap();
    let encoded = vec![encoded.remove(0); BATCH_RECORDS_MAX as usize + 1];

    let error = writer().batch(encoded, footer(1, 1)).unwrap_err();

    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Invalid, "journal-too-large")
    );
}

#[test]
fn an_event_over_the_schemas_limit_is_refused_and_nothing_is_appended() {
    let mut huge = transition(1);
    huge.events.push(
        event::WorkflowCompleted {
            result: Payload::json(vec![b' '; 9_000_000]),
        }
        .into(),
    );
    let mut encoded = Vec::new();

    let error = EncodedTransition::append(&huge, &mut encoded).unwrap_err();

    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Invalid, "journal-too-large")
    );
    assert_eq!(encoded, []);
}
