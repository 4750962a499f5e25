//! The journal as commands read it: by the reader that everyone uses, to the end as it is at the call, or following it.

use std::{collections::BTreeSet, ops::ControlFlow};

use sagaline_core::WorkflowId;
use sagaline_journal::{
    Error, Item, JournalReader, Record,
    kafka::{Admin, Beginnings, Reader, TopicState},
    wire::{partition_of, topic},
};
use sagaline_runtime::Fold;
use sagaline_schemas::Claim;

use crate::{
    cli::Session,
    clock::Deadline,
    fault::{Fault, Outcome},
    runs::{Keep, Runs},
};

/// The journal of a namespace.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) topic: String,
    /// The topic's; the namespace may be pinned to fewer.
    pub(crate) partitions: i32,
    reader: Reader,
    beginnings: Beginnings,
}

impl Journal {
    /// Finds the topic.
    pub(crate) fn open(session: &Session) -> Outcome<Self> {
        let kafka = session.kafka()?;
        let topic = topic::journal(&session.settings.namespace);
        let partitions = match Admin::open(&kafka)?.topic(&topic)? {
            TopicState::Present(info) => info.partitions,
            TopicState::Missing => {
                return Err(Fault::refused(format!("there is no topic {topic}"))
                    .hint("is the namespace right? the engine makes its topics when it starts"));
            }
            TopicState::Denied => {
                return Err(Fault::refused(format!(
                    "the principal may not read {topic}"
                )));
            }
        };
        Self::of(session, topic, partitions)
    }

    fn of(session: &Session, topic: String, partitions: i32) -> Outcome<Self> {
        let kafka = session.kafka()?;
        Ok(Self {
            topic,
            partitions,
            reader: Reader::open(&kafka)?,
            beginnings: Beginnings::open(&kafka, &session.settings.namespace)?,
        })
    }

    /// Another connection to the same journal.
    pub(crate) fn again(&self, session: &Session) -> Outcome<Self> {
        Self::of(session, self.topic.clone(), self.partitions)
    }

    /// What a partition's readers begin with: nothing, or, where it was trimmed, what its snapshot has.
    pub(crate) fn beginning(&self, partition: i32) -> Outcome<Fold> {
        Ok(match self.beginnings.snapshot(partition)? {
            Some(snapshot) => Fold::restored(0, &snapshot)?,
            None => Fold::new(0),
        })
    }

    /// Where snapshots are looked for.
    pub(crate) const fn beginnings(&self) -> &Beginnings {
        &self.beginnings
    }

    /// The partition of an id. The first claim's number of partitions holds, also when somebody added some.
    pub(crate) fn partition_of(&self, id: &WorkflowId) -> Outcome<i32> {
        let beginning = self.beginning(0)?;
        let of_claim = |claim: &Claim| i32::try_from(claim.partitions).ok();
        let mut pinned = beginning.claim().and_then(of_claim);
        if pinned.is_none() {
            let mut reader = JournalReader::after(beginning.footing());
            let mut items = Vec::new();
            self.visit((0, beginning.next_offset()), |record| {
                reader.read(record, &mut items)?;
                pinned = items.drain(..).find_map(|item| match item {
                    Item::Claim(seen) if seen.valid => of_claim(&seen.claim),
                    Item::Claim(_) | Item::Batch(_) | Item::Void(_) => None,
                });
                Ok(match pinned {
                    Some(_) => ControlFlow::Break(()),
                    None => ControlFlow::Continue(()),
                })
            })?;
        }
        Ok(partition_of(
            id.as_str().as_bytes(),
            pinned
                .filter(|&pinned| pinned > 0)
                .unwrap_or(self.partitions),
        ))
    }

    /// Names of the workflows that engines have had, as the claims of the id's partition say; none: no engine has said.
    pub(crate) fn workflows(&self, id: &WorkflowId) -> Outcome<BTreeSet<String>> {
        let partition = self.partition_of(id)?;
        let beginning = self.beginning(partition)?;
        let mut reader = JournalReader::after(beginning.footing());
        let mut items = Vec::new();
        let claimed = beginning.state.workflows().iter();
        let mut names: BTreeSet<String> = claimed.map(ToString::to_string).collect();
        self.read((partition, beginning.next_offset()), |record| {
            reader.read(record, &mut items)?;
            for item in items.drain(..) {
                match item {
                    Item::Claim(seen) if seen.valid => names.extend(seen.claim.workflows),
                    Item::Claim(_) | Item::Batch(_) | Item::Void(_) => {}
                }
            }
            Ok(())
        })?;
        Ok(names)
    }

    /// Folds the partition of an id, with the histories of its runs; says which partition that is.
    pub(crate) fn runs_of(&self, id: &WorkflowId) -> Outcome<(i32, Runs)> {
        let partition = self.partition_of(id)?;
        Ok((
            partition,
            self.fold(partition, Keep::Histories(id.clone()))?,
        ))
    }

    /// Folds a partition to its end as it is now.
    pub(crate) fn fold(&self, partition: i32, keep: Keep) -> Outcome<Runs> {
        let mut runs = Runs::from(&self.beginning(partition)?, partition, keep);
        self.read((partition, runs.next_offset()), |record| {
            runs.record(record)
        })?;
        Ok(runs)
    }

    /// Folds every partition to its end as it is now.
    pub(crate) fn fold_all(&self) -> Outcome<Vec<Runs>> {
        (0..self.partitions)
            .map(|partition| self.fold(partition, Keep::Runs))
            .collect()
    }

    /// Gives every record of a partition, from that offset to the end as it is now.
    pub(crate) fn read(
        &self,
        place: (i32, i64),
        mut take: impl FnMut(Record) -> Result<(), Error>,
    ) -> Outcome {
        self.visit(place, |record| take(record).map(ControlFlow::Continue))
    }

    /// The same up to that offset, exclusive.
    pub(crate) fn read_until(
        &self,
        place: (i32, i64),
        until: i64,
        mut take: impl FnMut(Record) -> Result<(), Error>,
    ) -> Outcome {
        if until <= place.1 {
            return Ok(());
        }
        self.visit(place, |record| {
            let is_last = record.offset.saturating_add(1) >= until;
            take(record)?;
            Ok(match is_last {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        })
    }

    /// The same until `take` breaks off.
    fn visit(
        &self,
        (partition, from): (i32, i64),
        mut take: impl FnMut(Record) -> Result<ControlFlow<()>, Error>,
    ) -> Outcome {
        let mut failed = None;
        self.reader
            .read(&self.topic, partition, from, None, |record| {
                take(record.clone()).unwrap_or_else(|error| {
                    failed = Some(error);
                    ControlFlow::Break(())
                })
            })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Where a partition ends now.
    pub(crate) fn end(&self, partition: i32) -> Outcome<i64> {
        Ok(self.reader.end(&self.topic, partition)?)
    }

    /// So many offsets these partitions have now, about, for a bar.
    pub(crate) fn offsets(&self, mut partitions: std::ops::Range<i32>) -> Outcome<u64> {
        partitions.try_fold(0, |sum: u64, partition| {
            let first = self.reader.beginning(&self.topic, partition)?;
            let records = self.end(partition)?.saturating_sub(first);
            Ok(sum.saturating_add(u64::try_from(records).unwrap_or_default()))
        })
    }

    /// Gives records from `from` on as they come, until `take` breaks off with a value; none when the deadline passes.
    pub(crate) fn follow<T>(
        &self,
        (partition, from): (i32, i64),
        deadline: Deadline,
        take: impl FnMut(Record) -> Outcome<ControlFlow<T>>,
    ) -> Outcome<Option<T>> {
        self.follow_awake((partition, from), deadline, take, || Ok(()))
    }

    /// The same, and asks `pause` at least five times a second while nothing comes.
    pub(crate) fn follow_awake<T>(
        &self,
        (partition, from): (i32, i64),
        deadline: Deadline,
        mut take: impl FnMut(Record) -> Outcome<ControlFlow<T>>,
        mut pause: impl FnMut() -> Outcome,
    ) -> Outcome<Option<T>> {
        let mut found = None;
        let mut failed = Ok(());
        let visit = |record: &Record| match take(record.clone()) {
            Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
            Ok(ControlFlow::Break(value)) => {
                found = Some(Ok(value));
                ControlFlow::Break(())
            }
            Err(fault) => {
                found = Some(Err(fault));
                ControlFlow::Break(())
            }
        };
        let idle = || {
            failed = pause();
            match failed.is_err() || deadline.passed() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        self.reader
            .tail(&self.topic, partition, from, visit, idle)?;
        failed?;
        found.transpose()
    }
}
