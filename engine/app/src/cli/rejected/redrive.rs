//! `input redrive`: the record that was rejected goes once more to where it was.

use std::ops::ControlFlow;

use clap::Args;
use sagaline_journal::{
    Item, JournalReader, NewRecord,
    kafka::{Producer, Reader},
};
use sagaline_runtime::{Dealt, InputId, InputPlace, NotAgain, Redriven, RejectedInput};

use super::rejected;
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
    pub(super) ids: Vec<InputId>,
    /// Give up waiting for the engine after this long [default: 30s]
    #[arg(long, value_name = "SPAN")]
    pub(super) timeout: Option<Span>,
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
        let silent = || silent(id, &topic, args.timeout.is_some());
        let offset = producer.send_blocking(record)?;
        let place = InputPlace {
            topic: topic.clone(),
            partition,
            offset,
        };
        let dealt = await_owner(&journal, &place, deadline)?.ok_or_else(silent)?;
        refused += usize::from(matches!(dealt, Dealt::Rejected(_)));
        print(session, id, &place, &dealt)?;
    }
    match refused {
        0 => Ok(()),
        refused => Err(Fault::refused(format!(
            "{refused} of {} rejected again",
            args.ids.len()
        ))),
    }
}

fn find(journal: &Journal, id: InputId) -> Outcome<RejectedInput> {
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
fn original(session: &Session, reader: &Reader, rejected: &RejectedInput) -> Outcome<NewRecord> {
    let record = rejected.original(&session.settings.namespace, reader);
    record.map_err(|why| match why {
        NotAgain::Unread(error) => error.into(),
        NotAgain::Anew(why) => anew(rejected, &why),
    })
}

fn anew(rejected: &RejectedInput, why: &str) -> Fault {
    let message = format!("input {} cannot be sent again: {why}", rejected.id);
    let source = &rejected.cause.source;
    Fault::quoting(Exit::Refused, &message)
        .hint(format!("let its sender send it anew: it was {source}"))
}

/// Waits until an owner has dealt with a record; none when the deadline passes.
fn await_owner(
    journal: &Journal,
    place: &InputPlace,
    deadline: Deadline,
) -> Outcome<Option<Dealt>> {
    // What lies in a partition beyond the journal's is forwarded, and rejected or taken elsewhere.
    let partition = place.partition;
    if partition >= journal.partitions {
        return Ok(Some(Dealt::Taken));
    }
    let beginning = journal.beginnings().of(partition)?;
    let from = beginning.offset.saturating_add(1);
    let mut reader = JournalReader::after(beginning);
    let mut items = Vec::new();
    journal.follow((partition, from), deadline, |record| {
        reader.read(record, &mut items)?;
        for item in items.drain(..) {
            if let Item::Batch(batch) = item
                && let Some(dealt) = Dealt::of_batch(batch, place)
            {
                return Ok(ControlFlow::Break(dealt));
            }
        }
        Ok(ControlFlow::Continue(()))
    })
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

fn print(session: &Session, id: InputId, place: &InputPlace, dealt: &Dealt) -> Outcome {
    let text = match dealt {
        Dealt::Taken => format!("{id} was taken."),
        Dealt::Forwarded(to) => format!("{id} was forwarded to partition {to}."),
        Dealt::Rejected(event) => format!("{id} was rejected again: {}", event.message),
    };
    let output = session.output;
    match output.format {
        Format::Table => output.say(&text)?,
        Format::Json | Format::Jsonl => output.json(&Redriven::of(id, place, dealt))?,
    }
    Ok(())
}
