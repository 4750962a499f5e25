//! `input redrive`: the record that was rejected goes once more to where it was, as it is, under the identity that it
//! says that it has: one that was taken meanwhile is a repeat.
//!
//! Deliberately absent: the journal's copy of its value, which has no headers and may be cut. A record that Kafka does
//! not have any more is to be sent anew by whoever sent it.

use std::{ops::ControlFlow, sync::Arc};

use clap::Args;
use sagaline_core::{Cause, Event, event::InputRejected};
use sagaline_journal::{
    Batch, ErrorKind, Headers, Item, JournalReader, NewRecord, Record,
    kafka::{Producer, Reader},
    wire::{ce_type, header, topic},
};
use serde::Serialize;

use super::{InputId, Rejected, rejected};
use crate::{
    cli::Session,
    clock::Deadline,
    fault::{Exit, Fault, Outcome},
    inbox::ANSWER_WAIT,
    journal::Journal,
    output::Format,
    settings::Span,
};

/// What `redrive` takes.
#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    /// Which, as `input list-rejected` prints them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<InputId>,
    /// Give up waiting for the engine after this long [default: 30s]
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
}

/// What became of a record that was sent again.
#[derive(Debug, Serialize)]
struct Redriven {
    id: InputId,
    topic: Arc<str>,
    partition: i32,
    offset: Option<i64>,
    outcome: &'static str,
    reason: Option<&'static str>,
    message: Option<String>,
}

/// How an owner has dealt with a record.
#[derive(Debug)]
enum Dealt {
    Taken,
    Forwarded(i32),
    Rejected(InputRejected),
}

pub(super) fn redrive(session: &Session, args: &RedriveArgs) -> Outcome {
    let journal = Journal::open(session)?;
    let kafka = session.kafka()?;
    let (reader, producer) = (Reader::open(&kafka)?, Producer::open(&kafka)?);
    let deadline = Deadline::after(Some(args.timeout.map_or(ANSWER_WAIT, Span::get)));
    let mut refused = 0;
    for &id in &args.ids {
        let rejected = find(&journal, id)?;
        let record = original(session, &reader, &rejected)?;
        let (topic, partition) = (record.topic.clone(), record.partition);
        let offset = producer.send_blocking(record)?;
        let dealt = match offset {
            Some(offset) => await_owner(&journal, (&topic, partition, offset), deadline)?,
            None => None,
        };
        let Some(dealt) = dealt else {
            return Err(silent(id, &topic, args.timeout.is_some()));
        };
        refused += usize::from(matches!(dealt, Dealt::Rejected(_)));
        print(session, (id, topic, partition, offset), dealt)?;
    }
    match refused {
        0 => Ok(()),
        refused => Err(Fault::refused(format!(
            "{refused} of {} rejected again",
            args.ids.len()
        ))),
    }
}

fn find(journal: &Journal, id: InputId) -> Outcome<Rejected> {
    let unknown = || {
        Fault::refused(format!("there is no rejected input {id}"))
            .hint("`input list-rejected` prints all")
    };
    if id.partition >= journal.partitions {
        return Err(unknown());
    }
    let all = rejected(journal, id.partition)?;
    all.into_iter().find(|one| one.id == id).ok_or_else(unknown)
}

/// The record that was rejected, as it is to be sent again.
fn original(session: &Session, reader: &Reader, rejected: &Rejected) -> Outcome<NewRecord> {
    let Cause {
        topic: from,
        partition,
        offset,
        ..
    } = &rejected.cause;
    let namespace = &session.settings.namespace;
    if ![topic::inbox(namespace), topic::results(namespace)].contains(&from.to_string()) {
        return Err(anew(rejected, &format!("it came from {from}")));
    }
    let mut found = None;
    let read = reader.read(from, *partition, *offset, Some(offset + 1), |record| {
        found = Some(record.clone());
        ControlFlow::Break(())
    });
    match read {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let same_place = |record: &Record| record.offset == *offset;
    let Some(record) = found.filter(same_place) else {
        return Err(anew(rejected, "Kafka does not have its record any more"));
    };
    if record.value().unwrap_or_default().len() as u64 != rejected.event.value_bytes {
        let why = format!("{from} was made anew: another record lies in its place");
        return Err(anew(rejected, &why));
    }
    let is = |what: &str| record.header(header::FORWARDED) == Some(what.as_bytes());
    if is(ce_type::REFUSED) || is(ce_type::CUT) {
        return Err(anew(
            rejected,
            "it was refused before it came to the inbox, which has a note of it only",
        ));
    }
    again(&record).ok_or_else(|| anew(rejected, "the name of one of its headers is no text"))
}

fn anew(rejected: &Rejected, why: &str) -> Fault {
    let message = format!("input {} cannot be sent again: {why}", rejected.id);
    let source = &rejected.cause.source;
    Fault::quoting(Exit::Refused, &message)
        .hint(format!("let its sender send it anew: it was {source}"))
}

/// The same record to the same place.
fn again(record: &Record) -> Option<NewRecord> {
    let mut headers = Headers::new();
    for (name, value) in record.headers() {
        let name = std::str::from_utf8(name).ok()?;
        headers.push(name.to_owned(), value.unwrap_or_default());
    }
    Some(NewRecord {
        topic: record.topic.clone(),
        partition: record.partition,
        key: record.key().map(<[u8]>::to_vec),
        value: record.value().map(<[u8]>::to_vec),
        headers,
    })
}

/// Waits until an owner has dealt with a record; none when the deadline passes.
fn await_owner(
    journal: &Journal,
    place: (&str, i32, i64),
    deadline: Deadline,
) -> Outcome<Option<Dealt>> {
    // What lies in a partition beyond the journal's is forwarded, and rejected or taken elsewhere.
    let (_, partition, _) = place;
    if partition >= journal.partitions {
        return Ok(Some(Dealt::Taken));
    }
    let mut reader = JournalReader::new();
    let mut items = Vec::new();
    journal.follow((partition, 0), deadline, |record| {
        reader.read(record, &mut items)?;
        for item in items.drain(..) {
            if let Item::Batch(batch) = item
                && let Some(dealt) = dealt(batch, place)
            {
                return Ok(ControlFlow::Break(dealt));
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// What a batch says of a record, if it is that far.
fn dealt(batch: Batch, (topic, partition, offset): (&str, i32, i64)) -> Option<Dealt> {
    let is_far = |input: &sagaline_schemas::InputPosition| {
        input.topic == topic && input.next_offset > offset
    };
    if !batch.footer.inputs.iter().any(is_far) {
        return None;
    }
    let transitions = batch.transitions.into_iter().map(|one| one.transition);
    let mut events = transitions
        .filter(|one| {
            let Cause {
                topic: of,
                partition: in_,
                offset: at,
                ..
            } = &one.cause;
            (&**of, *in_, *at) == (topic, partition, offset)
        })
        .flat_map(|one| one.events);
    let told = events.find_map(|event| match event {
        Event::InputRejected(event) => Some(Dealt::Rejected(*event)),
        Event::InputForwarded(event) => Some(Dealt::Forwarded(event.target_partition)),
        _ => None,
    });
    Some(told.unwrap_or(Dealt::Taken))
}

fn silent(id: InputId, topic: &str, was_given: bool) -> Fault {
    let exit = match was_given {
        true => Exit::TimedOut,
        false => Exit::Unreachable,
    };
    Fault::new(
        exit,
        format!("no engine has read input {id} yet; its record is in {topic} again"),
    )
    .hint("does an engine of this namespace run? `doctor` looks")
}

fn print(
    session: &Session,
    (id, topic, partition, offset): (InputId, Arc<str>, i32, Option<i64>),
    dealt: Dealt,
) -> Outcome {
    let (outcome, rejected, text) = match dealt {
        Dealt::Taken => ("taken", None, format!("{id} was taken.")),
        Dealt::Forwarded(to) => (
            "forwarded",
            None,
            format!("{id} was forwarded to partition {to}."),
        ),
        Dealt::Rejected(event) => {
            let text = format!("{id} was rejected again: {}", event.message);
            ("rejected", Some(event), text)
        }
    };
    let output = session.output;
    match output.format {
        Format::Table => output.say(&text)?,
        Format::Json | Format::Jsonl => output.json(&Redriven {
            id,
            topic,
            partition,
            offset,
            outcome,
            reason: rejected.as_ref().map(|event| event.reason.as_str()),
            message: rejected.map(|event| event.message.into_string()),
        })?,
    }
    Ok(())
}
