//! Strangers' records and damaged ones: what is left out, and when the reader stops.

use sagaline_journal::{
    BATCH_RECORDS_MAX, ErrorKind, Footing, Headers, JournalReader, NewRecord, wire,
};

use crate::log::{Log, batch, claim, told};

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
fn strangers_are_counted_and_change_nothing() {
    let mut log = Log::default();
    let mark = batch(1, 1, 0).remove(0);
    let bare = NewRecord {
        headers: Headers::new(),
        ..mark.clone()
    };
    let strangers = [
        bare.clone(),
        with_value(bare, &[0xC3, 0x01]),
        with_header(mark.clone(), wire::header::KIND, b"checkpoint"),
        with_header(mark.clone(), wire::header::KIND, &[0xFF]),
        with_header(mark.clone(), wire::header::BATCH, b"1/1"),
        with_header(
            mark.clone(),
            wire::header::BATCH,
            b"1/1/99999999999999999999",
        ),
        with_header(mark.clone(), wire::header::FOOTER, b""),
        with_header(mark.clone(), wire::header::FOOTER, b"{}"),
        with_value(claim(1), b"{}"),
        NewRecord {
            value: None,
            ..claim(1)
        },
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
    for value in [
        &b"{}"[..],
        b"",
        &batch(1, 1, 1)[0].value.clone().unwrap()[..40],
    ] {
        let mut log = Log::default();
        log.append(&claim(1));
        log.append(&with_value(batch(1, 1, 1).remove(0), value));

        let (kind, code, message) = stopped(&log);

        assert_eq!((kind, code), (ErrorKind::Corrupt, "journal-corrupt"));
        assert!(
            message.starts_with("sagaline.journal/3@1: transition "),
            "{message}"
        );
    }
}

#[test]
fn a_void_batch_whose_value_does_not_decode_does_not() {
    let mut log = Log::default();
    let broken = with_value(batch(1, 1, 1).remove(0), b"{}");
    log.append_all(&[claim(1), claim(2), broken]);

    assert_eq!(told(&log.read().unwrap()), ["claim 1", "claim 2"]);
}

#[test]
fn a_footer_of_another_batch_stops_the_reader() {
    let mut log = Log::default();
    log.append(&claim(1));
    log.append(&with_header(
        batch(1, 2, 0).remove(0),
        wire::header::BATCH,
        b"1/1/0",
    ));

    assert_eq!(stopped(&log).1, "journal-corrupt");
}

#[test]
fn what_a_newer_build_wrote_stops_the_reader() {
    let newer = |value: &[u8]| [&[0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8], &value[10..]].concat();
    let claims = with_value(claim(1), &newer(&claim(1).value.unwrap()));
    let mark = batch(1, 1, 0).remove(0);
    let footer = newer(mark.headers.get(wire::header::FOOTER).unwrap());
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
    let code = |reader: &mut JournalReader, from: usize| {
        log.read_by(reader, from).map_err(|error| error.code())
    };

    let footing = Footing {
        offset: 0,
        epoch: 1,
        batch_no: 0,
    };
    assert_eq!(code(&mut JournalReader::new(), 1), Err("journal-truncated"));
    assert_eq!(
        code(&mut JournalReader::after(footing), 2),
        Err("journal-truncated")
    );
    assert_eq!(
        code(&mut JournalReader::after(footing), 0),
        Err("journal-truncated")
    );

    let mut reader = JournalReader::new();
    assert_eq!(code(&mut reader, 0).map(|items| items.len()), Ok(3));
    assert_eq!(
        code(&mut reader, 2),
        Err("journal-truncated"),
        "an offset went back"
    );
}

#[test]
fn a_batch_without_an_end_does_not_take_memory_without_bound() {
    let mut log = Log::default();
    log.append(&claim(1));
    let mut mark = NewRecord {
        headers: Headers::new(),
        ..batch(1, 1, 0).remove(0)
    };
    mark.push_header(wire::header::KIND, wire::kind::MARK);
    for index in 0..=BATCH_RECORDS_MAX {
        log.append(&with_header(
            mark.clone(),
            wire::header::BATCH,
            format!("1/1/{index}").as_bytes(),
        ));
    }

    assert_eq!(stopped(&log).1, "journal-corrupt");

    log.records.pop();
    assert!(log.read().is_ok(), "the limit itself is allowed");
}
