//! `journal tail`: valid transitions as JSON lines, of all partitions at once.
//!
//! What counts is known from offset 0 on only, so every partition is read from there, whatever is printed.

mod other;

use std::{ops::ControlFlow, str::FromStr, sync::mpsc, thread};

use clap::Args;
use sagaline_core::{WorkflowId, view::JournalLine};
use sagaline_journal::{Batch, Footing, Item, JournalReader, Record};
use serde_json::value::RawValue;

use self::other::{ClaimLine, MarkLine, VoidLine};
use super::Session;
use crate::{cli::workflow_id, clock::Deadline, fault::Outcome, journal::Journal};

/// What `journal tail` takes.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Where to begin in every partition: `earliest` or an offset; otherwise at its end
    #[arg(long, value_name = "earliest|OFFSET")]
    from: Option<From>,
    /// Stop at the end as it is at the call
    #[arg(long)]
    until_end: bool,
    /// Only transitions of this workflow
    #[arg(short, long, value_name = "ID", value_parser = workflow_id)]
    workflow_id: Option<WorkflowId>,
    /// Print claims, marks and void records too
    #[arg(long)]
    all: bool,
}

/// Where to begin.
#[derive(Clone, Copy, Debug)]
struct From(i64);

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => Ok(Self(0)),
            _ => text
                .parse()
                .map(Self)
                .map_err(|_| "neither `earliest` nor an offset".to_owned()),
        }
    }
}

pub(super) fn tail(session: &Session, args: &TailArgs) -> Outcome {
    let journal = Journal::open(session)?;
    let partitions: Vec<i32> = match &args.workflow_id {
        Some(id) => vec![journal.partition_of(id)?],
        None => (0..journal.partitions).collect(),
    };
    if args.until_end {
        return partitions.into_iter().try_for_each(|partition| {
            let mut lines = Lines::begin(args, partition, &journal)?;
            let mut failed = Ok(());
            journal.read((partition, lines.begins), |record| {
                let printed = lines
                    .of(record)?
                    .into_iter()
                    .try_for_each(|line| session.output.line(line.get()));
                failed = std::mem::replace(&mut failed, Ok(())).and(printed);
                Ok(())
            })?;
            Ok(failed?)
        });
    }
    follow(session, args, &journal, &partitions)
}

/// Every partition on a thread of its own: a read waits for one partition.
fn follow(session: &Session, args: &TailArgs, journal: &Journal, partitions: &[i32]) -> Outcome {
    let (sender, receiver) = mpsc::sync_channel::<Outcome<Box<RawValue>>>(LINES_AHEAD_MAX);
    thread::scope(|scope| {
        for &partition in partitions {
            let sender = sender.clone();
            scope.spawn(move || {
                if let Err(fault) = follow_one(session, args, journal, partition, &sender) {
                    // Nobody listens any more when this fails.
                    let _ = sender.send(Err(fault));
                }
            });
        }
        drop(sender);
        let printed = receiver
            .iter()
            .try_for_each(|line| Ok(session.output.line(line?.get())?));
        // The threads see the closed channel at their next line or pause.
        drop(receiver);
        printed
    })
}

/// Lines that may wait for a slow reader of stdout.
const LINES_AHEAD_MAX: usize = 1_000;

fn follow_one(
    session: &Session,
    args: &TailArgs,
    journal: &Journal,
    partition: i32,
    sender: &mpsc::SyncSender<Outcome<Box<RawValue>>>,
) -> Outcome {
    let journal = journal.again(session)?;
    let mut lines = Lines::begin(args, partition, &journal)?;
    journal.follow((partition, lines.begins), Deadline::after(None), |record| {
        let gone = lines
            .of(record)?
            .into_iter()
            .any(|line| sender.send(Ok(line)).is_err());
        Ok(if gone {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })?;
    Ok(())
}

/// The lines of one partition.
struct Lines<'a> {
    args: &'a TailArgs,
    partition: i32,
    /// Offset of the record to read first.
    begins: i64,
    from: i64,
    reader: JournalReader,
    items: Vec<Item>,
}

impl<'a> Lines<'a> {
    fn begin(args: &'a TailArgs, partition: i32, journal: &Journal) -> Outcome<Self> {
        let beginning = journal.beginnings().of(partition)?;
        Ok(Self::new(
            args,
            partition,
            beginning,
            journal.end(partition)?,
        ))
    }

    fn new(args: &'a TailArgs, partition: i32, beginning: Footing, end: i64) -> Self {
        let reader = JournalReader::after(beginning);
        let reader = match args.all {
            true => reader.with_void_records(),
            false => reader,
        };
        Self {
            begins: beginning.offset.saturating_add(1),
            args,
            partition,
            from: args.from.map_or(end, |from| from.0),
            reader,
            items: Vec::new(),
        }
    }

    /// What has become known by this record.
    fn of(&mut self, record: Record) -> Result<Vec<Box<RawValue>>, sagaline_journal::Error> {
        let mut items = std::mem::take(&mut self.items);
        self.reader.read(record, &mut items)?;
        let lines = items.drain(..).flat_map(|item| self.item(&item)).collect();
        self.items = items;
        Ok(lines)
    }

    fn item(&self, item: &Item) -> Vec<Box<RawValue>> {
        let (offset, line) = match item {
            Item::Batch(batch) => return self.batch(batch),
            Item::Claim(seen) => (seen.offset, raw(&ClaimLine::of(self.partition, seen))),
            Item::Void(record) => (record.offset, raw(&VoidLine::of(self.partition, record))),
        };
        let wanted = self.args.all && offset >= self.from;
        wanted.then_some(line).into_iter().collect()
    }

    fn batch(&self, batch: &Batch) -> Vec<Box<RawValue>> {
        if batch.transitions.is_empty() {
            let wanted = self.args.all && batch.footer_offset >= self.from;
            return wanted
                .then(|| raw(&MarkLine::of(self.partition, batch)))
                .into_iter()
                .collect();
        }
        let wanted = |id: Option<&WorkflowId>| {
            self.args
                .workflow_id
                .as_ref()
                .is_none_or(|wanted| Some(wanted) == id)
        };
        let transitions = batch
            .transitions
            .iter()
            .filter(|one| one.offset >= self.from && wanted(one.transition.workflow_id.as_ref()));
        transitions
            .map(|one| {
                raw(&JournalLine::of(
                    &one.transition,
                    (self.partition, one.offset),
                    (batch.epoch, batch.batch_no),
                ))
            })
            .collect()
    }
}

fn raw(line: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(line).expect("a line holds nothing that JSON has not")
}

#[cfg(test)]
mod tests {
    use sagaline_core::Payload;
    use serde_json::Value;

    use super::*;
    use crate::scripted::{Script, started, started_with, transition};

    /// What is printed of a claim, two transitions, a mark and a stranger's record, at offsets 0 to 4.
    fn printed(from: Option<From>, workflow_id: Option<&str>, all: bool) -> Vec<Value> {
        let workflow_id = workflow_id.map(|id| WorkflowId::new(id).unwrap());
        let args = TailArgs {
            from,
            until_end: true,
            workflow_id,
            all,
        };
        let script = Script::new()
            .batch(&[
                transition("a", 1, [started()]),
                transition("b", 1, [started()]),
            ])
            .batch(&[])
            .foreign();
        let mut lines = Lines::new(&args, 3, Footing::START, 5);
        let lines = script
            .records
            .into_iter()
            .flat_map(|record| lines.of(record).unwrap());
        lines
            .map(|line| serde_json::from_str(line.get()).unwrap())
            .collect()
    }

    fn offsets(lines: &[Value]) -> Vec<i64> {
        lines
            .iter()
            .map(|line| line["offset"].as_i64().unwrap())
            .collect()
    }

    #[test]
    fn only_transitions_are_printed_unless_all_is_asked_for() {
        let all = printed(Some(From(0)), None, true);

        assert_eq!(offsets(&printed(Some(From(0)), None, false)), [1, 2]);
        assert_eq!(offsets(&all), [0, 1, 2, 3, 4]);
        let kinds: Vec<_> = all.iter().map(|line| line["kind"].as_str()).collect();
        assert_eq!(
            kinds,
            [Some("claim"), None, None, Some("mark"), Some("void")]
        );
    }

    #[test]
    fn a_transition_is_one_line_however_its_input_is_written() {
        let args = TailArgs {
            from: Some(From(0)),
            until_end: true,
            workflow_id: None,
            all: false,
        };
        let input = Payload::json(*b"{\n  \"card\": \"visa\"\r\n}");
        let script = Script::new().batch(&[transition("a", 1, [started_with(input)])]);
        let mut lines = Lines::new(&args, 3, Footing::START, 2);

        let printed: Vec<_> = script
            .records
            .into_iter()
            .flat_map(|record| lines.of(record).unwrap())
            .collect();

        let [line] = &printed[..] else {
            panic!("{printed:?}")
        };
        assert!(line.get().contains(r#"{   "card": "visa"  }"#), "{line}");
        assert!(!line.get().contains(['\r', '\n']), "{line}");
    }

    #[test]
    fn an_offset_and_an_id_leave_out_the_others() {
        assert_eq!(offsets(&printed(Some(From(2)), None, false)), [2]);
        assert_eq!(offsets(&printed(Some(From(0)), Some("a"), false)), [1]);
        assert!(printed(None, None, true).is_empty());
    }
}
