//! The invariants of DESIGN §9, held against what is in the log: every record as it lands, every footer, every turn of a
//! lane.
//!
//! What the journal says is read twice: by the engine's own fold, with another hash seed, and by a model of its own that
//! shares no code with core.

mod children;
mod counters;
mod effects;
mod external;
mod inputs;
mod local;
mod outside;
mod partition;
mod queues;
mod run;
mod runs;
mod validity;

use sagaline_core::{Millis, Name, WorkflowId};
use sagaline_journal::{NewRecord, Record};
use sagaline_runtime::lane::Lane;

use self::partition::Partition;
pub(crate) use self::{counters::Counted, outside::Outside};
use crate::{
    Violation,
    clients::Seen,
    counters::Counters,
    inputs::Inputs,
    log::{Log, Topics},
    port::Request,
};

/// All checks.
#[derive(Debug)]
pub(crate) struct Check {
    topics: Topics,
    partitions: Vec<Partition>,
    pub(crate) outside: Outside,
}

impl Check {
    pub(crate) fn new(topics: &Topics, partitions: i32, retention: Millis) -> Self {
        let of = |partition| Partition::new(partition, partitions, retention);
        Self {
            topics: topics.clone(),
            partitions: (0..partitions).map(of).collect(),
            outside: Outside::default(),
        }
    }

    pub(crate) fn batches(&self) -> u64 {
        self.partitions.iter().map(|one| one.batches).sum()
    }

    /// Runs that were started, by clients and by runs.
    pub(crate) fn runs(&self) -> (u64, u64) {
        let all = || self.partitions.iter().flat_map(|one| one.runs.all());
        let runs = || all().filter(|run| !run.goes_on_for_another() && run.reset_of.is_none());
        let children = runs().filter(|run| run.child_key().is_some()).count() as u64;
        (runs().count() as u64 - children, children)
    }

    /// Runs that go on from an event of another.
    pub(crate) fn resets(&self) -> u64 {
        let all = self.partitions.iter().flat_map(|one| one.runs.all());
        all.filter(|run| run.reset_of.is_some()).count() as u64
    }

    /// Runs that were quarantined although they do nothing bad.
    pub(crate) fn innocent(&self) -> u64 {
        let innocent = |run: &&run::Run| run.incidents.innocent;
        self.partitions
            .iter()
            .map(|one| one.runs.all().filter(innocent).count() as u64)
            .sum()
    }

    /// What somebody sees who looks at the open run of an id.
    pub(crate) fn look(&self, workflow_id: &WorkflowId) -> Option<Seen> {
        let runs = self.partitions.iter().map(|one| &one.runs);
        runs.filter_map(|runs| runs.open(workflow_id))
            .map(run::Run::seen_from_outside)
            .next()
    }

    /// Workflows whose open run waits for an attempt or a person.
    pub(crate) fn needy(&self) -> Vec<WorkflowId> {
        let runs = self.partitions.iter().flat_map(|one| one.runs.all());
        let needy = runs.filter(|run| run.is_needy());
        needy.map(|run| run.workflow_id.clone()).collect()
    }

    /// Workflows whose open run is held up, or those of its activities that are, by number.
    pub(crate) fn held(&self) -> Vec<(WorkflowId, Option<u32>)> {
        let runs = self.partitions.iter().flat_map(|one| one.runs.all());
        let held = runs.flat_map(|run| run.held().map(|held| (run.workflow_id.clone(), held)));
        held.collect()
    }

    /// Workflows whose open run waits for a person.
    pub(crate) fn parked(&self) -> Vec<WorkflowId> {
        let parked = self.partitions.iter().flat_map(|one| one.runs.parked());
        parked.cloned().collect()
    }

    /// Queues that are limited, with what is paused of each.
    pub(crate) fn limited(&self) -> Vec<(Name, Vec<Option<Name>>)> {
        let partitions = (0..).zip(&self.partitions);
        let limited = partitions.flat_map(|(number, one)| one.queues.limited(number));
        limited.collect()
    }

    fn partition(&mut self, partition: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// A record has landed in the journal.
    pub(crate) fn journal(
        &mut self,
        record: &Record,
        log: &Log,
        inputs: &Inputs,
    ) -> Result<(), Violation> {
        let at = usize::try_from(record.partition).unwrap_or(usize::MAX);
        let Some(partition) = self.partitions.get_mut(at) else {
            return Ok(());
        };
        partition.record(record, (log, inputs, &self.outside))?;
        for told in partition.runs.take_told() {
            self.outside.children.told(told);
        }
        for told in partition.runs.take_signals_told() {
            self.outside.signals.told(told);
        }
        Ok(())
    }

    /// A record has landed in any other topic.
    pub(crate) fn produced(&mut self, record: &Record, inputs: &Inputs) {
        let partitions = i32::try_from(self.partitions.len()).unwrap_or_default();
        if record.topic == self.topics.results {
            self.outside.produced(record, inputs, partitions);
        }
        if record.topic == self.topics.inbox {
            self.outside.came(record, inputs);
            if let Some(partition) = self.partition(record.partition) {
                partition.produced(record);
            }
        }
    }

    /// The lane of a partition asks for something.
    pub(crate) fn asked(&mut self, partition: i32, request: &Request) -> Result<(), Violation> {
        let inbox = self.topics.inbox.clone();
        match (request, self.partition(partition)) {
            (Request::Send { record, .. }, Some(partition)) => partition.asked(record, &inbox),
            _ => Ok(()),
        }
    }

    /// The lane of a partition offers a local task in that epoch.
    pub(crate) fn offered(
        &mut self,
        (partition, epoch): (i32, u64),
        record: &NewRecord,
    ) -> Result<(), Violation> {
        let inbox = self.topics.inbox.clone();
        match self.partition(partition) {
            Some(partition) => partition.offered(epoch, record, &inbox),
            None => Ok(()),
        }
    }

    /// An effect of a partition is in its topic.
    pub(crate) fn landed(&mut self, partition: i32, record: &Record) {
        if let Some(partition) = self.partition(partition) {
            partition.landed(record);
        }
    }

    /// The broker refused an effect for good.
    pub(crate) fn refused(&mut self, record: &NewRecord) {
        self.outside.refused(record);
    }

    /// A retry topic is not there: a lane may give its effect up.
    pub(crate) fn given_up(&mut self, partition: i32, record: &NewRecord) {
        if let Some(partition) = self.partition(partition) {
            partition.landed(&record.placed(0, sagaline_core::Timestamp::default()));
        }
    }

    /// What a lane holds in memory.
    pub(crate) fn memory(&mut self, lane: &Lane) -> Result<(), Violation> {
        match self.partition(lane.partition()) {
            Some(partition) => partition.memory(lane),
            None => Ok(()),
        }
    }

    /// Everything is done.
    pub(crate) fn finish(&self, log: &Log, counters: &Counters) -> Result<Counted, Violation> {
        self.partitions
            .iter()
            .try_for_each(|one| one.finish(log, &self.topics))?;
        let runs = self.partitions.iter().flat_map(|one| one.runs.all());
        counters::check(runs, counters)
    }
}
