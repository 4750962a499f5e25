//! The journal as far as a test has read it: what happened to each run, by the reader that the engine uses.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use sagaline_core::{
    Cause, Event, Outcome, RunId, Seq, Timestamp, Transition,
    event::{IncidentRaised, InputRejected},
};
use sagaline_journal::{Batch, ClaimSeen, Item, JournalReader, wire::topic};

use super::{
    process::Process,
    records::Place,
    wait::{until, until_true},
    world::World,
};

/// The journal of a namespace.
pub(crate) struct Journal<'w> {
    pub(crate) world: &'w World,
    topic: String,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) runs: BTreeMap<RunId, History>,
    /// The runs of each id, oldest first.
    pub(crate) ids: BTreeMap<String, Vec<RunId>>,
    /// What belongs to no run.
    pub(crate) apart: Vec<Transition>,
}

/// One partition of it.
pub(crate) struct Partition {
    next: i64,
    reader: JournalReader,
    /// Without their transitions, which are in the histories.
    pub(crate) batches: Vec<Batch>,
    /// Offsets of each batch's records.
    pub(crate) offsets: Vec<Vec<i64>>,
    pub(crate) claims: Vec<ClaimSeen>,
    /// Records that count for nothing.
    pub(crate) void: usize,
}

/// What happened to a run.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) workflow_id: String,
    pub(crate) partition: i32,
    pub(crate) facts: Vec<Fact>,
}

/// An event of a run with its place.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) seq: Seq,
    pub(crate) offset: i64,
    pub(crate) at: Timestamp,
    pub(crate) cause: Cause,
    pub(crate) event: Event,
}

impl<'w> Journal<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let partition = || Partition {
            next: 0,
            reader: JournalReader::new().with_void_records(),
            batches: Vec::new(),
            offsets: Vec::new(),
            claims: Vec::new(),
            void: 0,
        };
        Self {
            world,
            topic: topic::journal(&world.namespace),
            partitions: (0..world.partitions).map(|_| partition()).collect(),
            runs: BTreeMap::new(),
            ids: BTreeMap::new(),
            apart: Vec::new(),
        }
    }

    /// Reads on to the end as it is now. While the broker is away nothing comes.
    pub(crate) fn read_on(&mut self) -> &mut Self {
        for number in 0..self.world.partitions {
            let at = usize::try_from(number).expect("it counts up from 0");
            let mut items = Vec::new();
            let Partition { next, reader, .. } = &mut self.partitions[at];
            let from = *next;
            let visit = |record: &sagaline_journal::Record| {
                *next = record.offset + 1;
                reader
                    .read(record.clone(), &mut items)
                    .expect("the journal is sound");
                ControlFlow::Continue(())
            };
            drop(
                self.world
                    .reader
                    .read(&self.topic, number, from, None, visit),
            );
            for item in items {
                self.take(number, item);
            }
        }
        self
    }

    /// Where it ends and how far it was read, for a test that waits in vain: who stands still?
    pub(crate) fn unread(&self) -> String {
        let (next, ends) = (
            self.partitions
                .iter()
                .map(|one| one.next)
                .collect::<Vec<_>>(),
            self.world.ends(&self.topic),
        );
        format!("the journal was read up to {next:?} and ends at {ends:?}")
    }

    /// Reads on until something is there.
    pub(crate) fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        until(what, || look(self.read_on()))
    }

    /// Reads on until the workflow's newest run has ended; says how.
    pub(crate) fn until_ended(&mut self, workflow_id: &str) -> Outcome {
        self.until(&format!("{workflow_id} ends"), |journal| {
            journal.outcome(workflow_id)
        })
    }

    /// Reads on until the workflow's newest run has this event; gives it.
    pub(crate) fn until_event(&mut self, workflow_id: &str, name: &str) -> Event {
        self.until(&format!("{workflow_id} has {name}"), |journal| {
            let facts = &journal.newest(workflow_id)?.facts;
            facts
                .iter()
                .map(|fact| &fact.event)
                .find(|event| event.name() == name)
                .cloned()
        })
    }

    /// Reads on until the workflow waits for a person; says why.
    pub(crate) fn until_incident(&mut self, workflow_id: &str) -> IncidentRaised {
        self.until(&format!("{workflow_id} waits for a person"), |journal| {
            journal
                .incidents(workflow_id)
                .first()
                .map(|incident| (*incident).clone())
        })
    }

    /// Why the newest run of an id waits, or waited, for a person.
    pub(crate) fn incidents(&self, workflow_id: &str) -> Vec<&IncidentRaised> {
        let facts = self.newest(workflow_id).map_or(&[][..], |run| &run.facts);
        let incidents = facts.iter().filter_map(|fact| match &fact.event {
            Event::IncidentRaised(incident) => Some(&**incident),
            _ => None,
        });
        incidents.collect()
    }

    /// Reads on until every input so far is dealt with: what came to nothing can then be told from what is still to come.
    pub(crate) fn until_inputs_are_read(&mut self) {
        let inputs = [
            topic::inbox(&self.world.namespace),
            topic::results(&self.world.namespace),
        ];
        let ends = inputs.each_ref().map(|topic| self.world.ends(topic));
        until_true("the engine reads its inputs to the end", || {
            self.read_on();
            self.partitions
                .iter()
                .enumerate()
                .all(|(number, partition)| {
                    inputs
                        .iter()
                        .zip(&ends)
                        .all(|(topic, ends)| partition.position(topic) >= ends[number])
                })
        });
    }

    /// The newest run of an id.
    pub(crate) fn newest(&self, workflow_id: &str) -> Option<&History> {
        self.ids
            .get(workflow_id)
            .and_then(|runs| self.runs.get(runs.last()?))
    }

    /// How the newest run of an id ended, if it did and none goes on in its place.
    pub(crate) fn outcome(&self, workflow_id: &str) -> Option<Outcome> {
        let outcome = self.newest(workflow_id)?.outcome();
        outcome.filter(|outcome| *outcome != Outcome::ContinuedAsNew)
    }

    /// How many runs have ended.
    pub(crate) fn ended(&self) -> usize {
        self.runs
            .values()
            .filter(|run| run.outcome().is_some())
            .count()
    }

    /// The names of all events of an id's newest run.
    pub(crate) fn names(&self, workflow_id: &str) -> Vec<&'static str> {
        let facts = self.newest(workflow_id).map_or(&[][..], |run| &run.facts);
        facts.iter().map(|fact| fact.event.name()).collect()
    }

    /// Why the record there was refused, if it was.
    pub(crate) fn rejected(&self, place: &Place) -> Option<&InputRejected> {
        let there = self.apart.iter().filter(|one| is_at(&one.cause, place));
        there
            .flat_map(|one| &one.events)
            .find_map(|event| match event {
                Event::InputRejected(rejected) => Some(&**rejected),
                _ => None,
            })
    }

    /// Who completed activities.
    pub(crate) fn workers(&self) -> BTreeSet<String> {
        let facts = self.runs.values().flat_map(|run| &run.facts);
        let workers = facts.filter_map(|fact| match &fact.event {
            Event::ActivityCompleted(completed) => {
                completed.worker.as_ref().map(ToString::to_string)
            }
            _ => None,
        });
        workers.collect()
    }

    /// The partitions that an engine owns: the last valid claim is its own.
    pub(crate) fn owned_by(&self, engine: &Process) -> Vec<i32> {
        let partitions = (0..).zip(&self.partitions);
        let owned = partitions.filter(|(_, one)| one.owner() == Some(engine.name()));
        owned.map(|(number, _)| number).collect()
    }

    /// Reads on until an engine owns something.
    pub(crate) fn until_owner(&mut self, engine: &Process) -> Vec<i32> {
        self.until(&format!("{} owns a partition", engine.name()), |journal| {
            Some(journal.owned_by(engine)).filter(|owned| !owned.is_empty())
        })
    }

    /// Reads on until so many runs have ended.
    pub(crate) fn until_so_many_ended(&mut self, runs: usize) {
        self.until(&format!("{runs} sagas end"), |journal| {
            (journal.ended() >= runs).then_some(())
        });
    }

    fn take(&mut self, number: i32, item: Item) {
        let partition = &mut self.partitions[usize::try_from(number).expect("it counts up from 0")];
        let mut batch = match item {
            Item::Batch(batch) => batch,
            Item::Claim(claim) => return partition.claims.push(claim),
            Item::Void(_) => return partition.void += 1,
        };
        let transitions = std::mem::take(&mut batch.transitions);
        partition.offsets.push(match transitions.is_empty() {
            true => vec![batch.footer_offset],
            false => transitions.iter().map(|one| one.offset).collect(),
        });
        partition.batches.push(batch);
        for journaled in transitions {
            let transition = journaled.transition;
            let Some(run_id) = transition.run_id else {
                self.apart.push(transition);
                continue;
            };
            let workflow_id = transition.workflow_id.expect("a run has an id").to_string();
            let runs = self.ids.entry(workflow_id.clone()).or_default();
            if !runs.contains(&run_id) {
                runs.push(run_id);
            }
            let run = self.runs.entry(run_id).or_insert_with(|| History {
                workflow_id,
                partition: number,
                facts: Vec::new(),
            });
            let facts = (transition.first_seq..)
                .zip(transition.events)
                .map(|(seq, event)| Fact {
                    seq,
                    offset: journaled.offset,
                    at: transition.at,
                    cause: transition.cause.clone(),
                    event,
                });
            run.facts.extend(facts);
        }
    }
}

impl Partition {
    /// The engine that claimed it last.
    fn owner(&self) -> Option<&str> {
        self.claims
            .iter()
            .rfind(|seen| seen.valid)
            .map(|seen| &*seen.claim.build)
    }

    /// How far an input was dealt with, as the last valid footer has it.
    pub(crate) fn position(&self, topic: &str) -> i64 {
        let inputs = self
            .batches
            .last()
            .map_or(&[][..], |batch| &batch.footer.inputs);
        inputs
            .iter()
            .find(|input| input.topic == topic)
            .map_or(0, |input| input.next_offset)
    }
}

impl History {
    /// How it ended, if it did.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.facts.iter().find_map(|fact| outcome(&fact.event))
    }

    /// The compensating activities in the order in which they were begun.
    pub(crate) fn compensations(&self) -> Vec<&str> {
        let begun = self.facts.iter().filter_map(|fact| match &fact.event {
            Event::ActivityScheduled(scheduled) if scheduled.compensates.is_some() => {
                Some(scheduled.activity.as_str())
            }
            _ => None,
        });
        begun.collect()
    }

    /// How often an event of this name is there.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.facts
            .iter()
            .filter(|fact| fact.event.name() == name)
            .count()
    }
}

/// The end that an event is, if it is one.
pub(crate) fn outcome(event: &Event) -> Option<Outcome> {
    match event {
        Event::WorkflowCompleted(_) => Some(Outcome::Completed),
        Event::WorkflowFailed(_) => Some(Outcome::Failed),
        Event::WorkflowCanceled(_) => Some(Outcome::Canceled),
        Event::WorkflowTerminated(_) => Some(Outcome::Terminated),
        Event::WorkflowTimedOut(_) => Some(Outcome::TimedOut),
        Event::WorkflowContinuedAsNew(_) => Some(Outcome::ContinuedAsNew),
        _ => None,
    }
}

fn is_at(cause: &Cause, place: &Place) -> bool {
    (&*cause.topic, cause.partition, cause.offset) == (&place.topic, place.partition, place.offset)
}
