//! What a lane is given of an input record by a planted bug.

use sagaline_core::{Event, Payload, event::WorkflowCompleted};
use sagaline_journal::{
    Headers, NewRecord, Record,
    wire::{ce_type, header},
};
use sagaline_runtime::Keys;
use sagaline_schemas::{decode_transition, encode_transition};

use crate::{plant::Bug, rng::Rng};

pub(super) fn misread(bug: Bug, record: Record, rng: &mut Rng) -> Vec<Record> {
    let strikes = rng.percent(3);
    match bug {
        Bug::InputSkipped if strikes => Vec::new(),
        Bug::InputTwice if strikes => {
            let mut again = record.clone();
            again.push_header(header::CE_ID, Some(b"another"));
            vec![record, again]
        }
        Bug::ActChanged if rng.percent(30) => match record.header(header::ACT) {
            Some(b"pause") => vec![forged(&record, header::ACT, "resume")],
            Some(b"activity-fail") => vec![forged(&record, header::ACT, "activity-retry")],
            _ => vec![record],
        },
        Bug::ActTwice if record.header(header::ACT).is_some() => {
            let again = forged(&record, header::CE_ID, "another");
            vec![record, again]
        }
        Bug::SignalChanged if record.header(header::SIGNAL).is_some() => {
            vec![record.with_value(Some(b"0"))]
        }
        Bug::SignalTwice if record.header(header::SIGNAL).is_some() => {
            let again = forged(&record, header::CE_ID, "another");
            vec![record, again]
        }
        Bug::UpdateChanged if strikes && record.header(header::UPDATE).is_some() => {
            vec![record.with_value(Some(b"2"))]
        }
        Bug::UpdateTwice if record.header(header::UPDATE).is_some() => {
            let again = forged(&record, header::UPDATE_ID, "another");
            vec![record, again]
        }
        Bug::ResultChanged if strikes && record.header(header::TOKEN).is_some() => {
            vec![record.with_value(Some(b"\"another\""))]
        }
        Bug::ChildResultChanged | Bug::HandedOverDropped | Bug::ChildEndedTwice => {
            end_misread(bug, record)
        }
        _ => vec![record],
    }
}

/// What a parent is told of the end of its child.
fn end_misread(bug: Bug, record: Record) -> Vec<Record> {
    if record.header(header::CE_TYPE) != Some(ce_type::CHILD_CLOSED.as_bytes()) {
        return vec![record];
    }
    if bug == Bug::ChildEndedTwice {
        let again = forged(&record, header::CE_ID, "another");
        return vec![record, again];
    }
    let Ok(mut end) = decode_transition(record.value().unwrap_or_default()) else {
        return vec![record];
    };
    match (bug, end.events.first_mut()) {
        (Bug::ChildResultChanged, Some(Event::WorkflowCompleted(completed))) => {
            let result = Payload::json(*b"[]");
            *completed = WorkflowCompleted { result };
        }
        (Bug::HandedOverDropped, Some(_)) => end.events.truncate(1),
        _ => {}
    }
    let mut value = Vec::new();
    match encode_transition(&end, &mut value) {
        Ok(()) => vec![signed(&record.with_value(Some(&value)), None)],
        Err(_) => vec![record],
    }
}

/// The same signed record, which says something else.
fn forged(record: &Record, name: &'static str, value: &str) -> Record {
    signed(record, Some((name, value)))
}

fn signed(record: &Record, changed: Option<(&'static str, &str)>) -> Record {
    let mut forged = NewRecord {
        topic: record.topic.clone(),
        partition: record.partition,
        key: record.key().map(<[u8]>::to_vec),
        value: record.value().map(<[u8]>::to_vec),
        headers: Headers::new(),
    };
    let kept = record
        .headers()
        .filter(|(name, _)| *name != header::MAC.as_bytes());
    for (name, value) in kept {
        let name = String::from_utf8_lossy(name).into_owned();
        forged.push_header(name, value.unwrap_or_default());
    }
    if let Some((name, value)) = changed {
        forged.push_header(name, value);
    }
    Keys::development().sign_record(&mut forged);
    forged.placed(record.offset, record.timestamp)
}
