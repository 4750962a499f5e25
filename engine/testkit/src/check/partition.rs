//! One partition of the journal, record by record, and what each valid batch means.

use sagaline_core::{Millis, Timestamp, Transition, run::ActivityState};
use sagaline_journal::{
    Footing, Item, JournalReader, NewRecord, Record, Snapshot,
    wire::{ce_type, header},
};
use sagaline_runtime::{
    Fold,
    lane::{CLOCK_SKEW_MAX, Lane, Stage},
};
use sagaline_schemas::Footer;

use super::{
    effects::Effects,
    inputs::Took,
    local::Local,
    outside::{Outside, attempt_of},
    queues::Queues,
    runs::Runs,
    validity::Naive,
};
use crate::{
    Violation,
    inputs::{Asks, Inputs},
    log::{Log, Topics},
};

/// The hash seed of the checks' own fold.
const OTHER_SEED: u64 = 0x0dd_5eed;

/// States of more open runs than this are compared now and then only.
const COMPARED_MAX: u64 = 100;

/// What is known of one partition of the journal.
#[derive(Debug)]
pub(super) struct Partition {
    partition: i32,
    partitions: i32,
    reader: JournalReader,
    naive: Naive,
    fold: Fold,
    footer: Option<Footer>,
    pub(super) runs: Runs,
    pub(super) queues: Queues,
    effects: Effects,
    local: Local,
    pub(super) batches: u64,
    /// A place from which the journal is read once more in the end, and how many batches were there.
    footing: Option<(Footing, u64)>,
    /// What was folded up to that place.
    snapshot: Option<Snapshot>,
}

impl Partition {
    pub(super) fn new(partition: i32, partitions: i32, retention: Millis) -> Self {
        Self {
            partition,
            partitions,
            reader: JournalReader::new(),
            naive: Naive::default(),
            fold: Fold::new(OTHER_SEED),
            footer: None,
            runs: Runs::new(partition, partitions, retention),
            queues: Queues::new(partitions),
            effects: Effects::default(),
            local: Local::default(),
            batches: 0,
            footing: None,
            snapshot: None,
        }
    }

    /// Takes the next record of the journal.
    pub(super) fn record(
        &mut self,
        record: &Record,
        (log, inputs, outside): (&Log, &Inputs, &Outside),
    ) -> Result<(), Violation> {
        let mut items = Vec::new();
        let corrupt = |error: sagaline_journal::Error| Violation::new("I5", error.to_string());
        self.reader
            .read(record.clone(), &mut items)
            .map_err(corrupt)?;
        self.naive.record(record, &items)?;
        self.fold.record(record.clone()).map_err(corrupt)?;
        for item in items {
            if let Item::Batch(batch) = item {
                self.batches += 1;
                let transitions: Vec<Transition> = batch
                    .transitions
                    .into_iter()
                    .map(|one| one.transition)
                    .collect();
                self.check_time(&batch.footer, record.timestamp)?;
                self.batch(&batch.footer, &transitions, (log, inputs, outside))?;
                self.footer = Some(batch.footer);
                if self.batches.is_power_of_two() {
                    self.footing = Some((self.reader.footing(), self.batches));
                    self.take_snapshot()?;
                }
            }
        }
        Ok(())
    }

    /// What is kept of the fold is all of it.
    fn take_snapshot(&mut self) -> Result<(), Violation> {
        let broken = |error: &sagaline_journal::Error| self.broken("I4", &error.to_string());
        let snapshot = self.fold.snapshot().map_err(|error| broken(&error))?;
        let restored = Fold::restored(1, &snapshot).map_err(|error| broken(&error))?;
        let again = restored.snapshot().map_err(|error| broken(&error))?;
        if restored.state != self.fold.state || again != snapshot {
            return Err(self.broken("I4", "a snapshot was taken back as another state"));
        }
        self.snapshot = Some(snapshot);
        Ok(())
    }

    fn batch(
        &mut self,
        footer: &Footer,
        transitions: &[Transition],
        (log, inputs, outside): (&Log, &Inputs, &Outside),
    ) -> Result<(), Violation> {
        self.check_footer(footer)?;
        let before = self.footer.as_ref();
        self.runs
            .begin_batch(before.map_or(Timestamp::default(), |before| before.now));
        self.queues.begin_batch();
        for transition in transitions {
            let cause = &transition.cause;
            let record = log.record(&cause.topic, cause.partition, cause.offset);
            let by = record.and_then(|record| inputs.of(record));
            let of_lane = !cause.is_record();
            let is_now = match self.runs.begins_or_goes_on_with_copies(transition) {
                true => transition.at <= footer.now,
                false => transition.at == footer.now,
            };
            if of_lane != by.is_none() || !is_now {
                return Err(self.broken(
                    "I6",
                    &format!("a transition by {cause:?} at {:?}", transition.at),
                ));
            }
            self.local.check(footer.epoch, transition, &self.runs)?;
            self.runs.transition(transition, by, outside)?;
            self.runs.check_held(transition, &self.queues)?;
            if transition.run_id.is_none() {
                self.queues.transition(transition, by)?;
                self.runs.of_queues(transition)?;
                self.runs.of_children(transition)?;
            }
        }
        Took::new(
            (self.partition, self.partitions),
            (log, inputs),
            (&self.runs, &self.queues),
            transitions,
        )
        .check(before, footer)?;
        self.note_stops(footer, (log, inputs));
        let numbers = (footer.batch_no, footer.effects_done);
        let known = (&self.runs, &self.queues);
        self.effects.batch(numbers, transitions, known, log)?;
        self.check_deadlines()
    }

    /// Children that were told to stop.
    fn note_stops(&mut self, footer: &Footer, (log, inputs): (&Log, &Inputs)) {
        for input in &footer.inputs {
            let before = self.footer.as_ref().map(|before| &before.inputs);
            let mut before = before.into_iter().flatten();
            let from = before.find(|one| one.topic == input.topic);
            let from = from.map_or(0, |one| one.next_offset);
            let records = log.range(&input.topic, self.partition, from, input.next_offset);
            for input in records.filter_map(|record| inputs.of(record)) {
                if let Asks::StopChild(asked) = &input.asks {
                    self.runs.stopped(asked);
                }
            }
        }
    }

    fn broken(&self, invariant: &'static str, what: &str) -> Violation {
        Violation::new(invariant, format!("partition {}: {what}", self.partition))
    }

    /// I2: numbers, epochs, positions and the time never go back.
    fn check_footer(&self, footer: &Footer) -> Result<(), Violation> {
        let Some(before) = &self.footer else {
            return Ok(());
        };
        let inputs_go_on =
            footer.inputs.len() == before.inputs.len()
                && footer.inputs.iter().zip(&before.inputs).all(|(now, then)| {
                    now.topic == then.topic && now.next_offset >= then.next_offset
                });
        let holds = footer.batch_no == before.batch_no + 1
            && footer.epoch >= before.epoch
            && footer.now >= before.now
            && footer.effects_done >= before.effects_done
            && inputs_go_on;
        if holds {
            return Ok(());
        }
        Err(self.broken("I2", &format!("{footer:?} after {before:?}")))
    }

    /// A batch's time is the broker's, as near as a trusted clock has to be, whatever the owner's clock shows.
    fn check_time(&self, footer: &Footer, appended_at: Timestamp) -> Result<(), Violation> {
        let latest = appended_at.plus(Millis(CLOCK_SKEW_MAX.0 + 1));
        if footer.now <= latest {
            return Ok(());
        }
        let ahead = footer.now.since(appended_at).0;
        Err(self.broken(
            "I10",
            &format!("a batch's time is {ahead} ms ahead of its append"),
        ))
    }

    /// I11: what is pending has a deadline, or waits for a person.
    fn check_deadlines(&self) -> Result<(), Violation> {
        if !self.is_compared() {
            return Ok(());
        }
        for (workflow_id, run) in self.fold.state.runs() {
            for activity in &run.activities {
                let parked = run.incident_of(activity.activity_id).is_some();
                let waits =
                    parked || activity.paused.is_some() || activity.state == ActivityState::Held;
                if activity.deadline().is_none() && !waits {
                    return Err(self.broken(
                        "I11",
                        &format!("{workflow_id}: {activity:?} has no deadline"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn is_compared(&self) -> bool {
        self.fold.state.open_runs() <= COMPARED_MAX || self.batches.is_multiple_of(50)
    }

    /// I4: what a lane holds in memory.
    pub(super) fn memory(&self, lane: &Lane) -> Result<(), Violation> {
        let same_place = lane.fold().footing() == self.fold.footing();
        if lane.status().stage != Stage::Active || !same_place || !self.is_compared() {
            return Ok(());
        }
        if lane.fold().state == self.fold.state {
            return Ok(());
        }
        Err(self.broken(
            "I4",
            &format!(
                "memory differs from fold(journal) at {:?}",
                self.fold.footing()
            ),
        ))
    }

    /// A lane sends an effect.
    pub(super) fn asked(&self, record: &NewRecord, inbox: &str) -> Result<(), Violation> {
        self.effects
            .asked(record, self.fold.position(inbox), &self.runs)
    }

    /// A lane offers a local task.
    pub(super) fn offered(
        &mut self,
        epoch: u64,
        record: &NewRecord,
        inbox: &str,
    ) -> Result<(), Violation> {
        self.asked(record, inbox)?;
        if let Some(key) = attempt_of(|name| record.headers.get(name)) {
            self.local.offered(key, epoch);
        }
        self.landed(&record.placed(0, Timestamp::default()));
        Ok(())
    }

    pub(super) fn landed(&mut self, record: &Record) {
        self.effects.landed(record);
    }

    /// A record is in the inbox.
    pub(super) fn produced(&mut self, record: &Record) {
        let types = [header::CE_TYPE, header::FORWARDED].map(|name| record.header(name));
        let questions = [ce_type::WORKFLOW_DESCRIBE, ce_type::WORKFLOW_QUERY];
        let is_one = |question: &str| types.contains(&Some(question.as_bytes()));
        if questions.into_iter().any(is_one) {
            self.effects.question(record, &self.runs);
        }
    }

    /// Who reads on from a place that was given finds the same batches.
    fn read_again(&self, log: &Log, topics: &Topics) -> Result<(), Violation> {
        let Some((footing, before)) = self.footing else {
            return Ok(());
        };
        let snapshot = self.snapshot.as_ref();
        let mut fold = snapshot
            .map(|snapshot| Fold::restored(2, snapshot))
            .transpose()
            .map_err(|error| self.broken("I4", &error.to_string()))?;
        let mut reader = JournalReader::after(footing);
        let mut items = Vec::new();
        for record in log.range(
            &topics.journal,
            self.partition,
            footing.offset + 1,
            i64::MAX,
        ) {
            reader
                .read(record.clone(), &mut items)
                .map_err(|error| self.broken("I4", &error.to_string()))?;
            if let Some(fold) = &mut fold {
                fold.record(record.clone())
                    .map_err(|error| self.broken("I4", &error.to_string()))?;
            }
        }
        if fold.is_some_and(|fold| fold.state != self.fold.state) {
            return Err(self.broken("I4", "from a snapshot on, another state"));
        }
        let found = items
            .iter()
            .filter(|item| matches!(item, Item::Batch(_)))
            .count() as u64;
        if before + found == self.batches {
            return Ok(());
        }
        Err(self.broken(
            "I4",
            &format!(
                "{found} batches behind {footing:?}, of {} in all",
                self.batches
            ),
        ))
    }

    /// Everything is done.
    pub(super) fn finish(&self, log: &Log, topics: &Topics) -> Result<(), Violation> {
        let mut fold = Fold::new(1);
        let (mut started, mut ended) = (0, 0);
        for record in log.range(&topics.journal, self.partition, 0, i64::MAX) {
            fold.record(record.clone())
                .map_err(|error| self.broken("I5", &error.to_string()))?;
        }
        if fold.state != self.fold.state {
            return Err(self.broken("I15", "another hash seed, another state"));
        }
        self.read_again(log, topics)?;
        for run in self.runs.all() {
            started += 1;
            ended += u32::from(run.closed.is_some());
        }
        if started != ended {
            return Err(self.broken("I17", &format!("{started} runs started, {ended} ended")));
        }
        self.runs.finish()?;
        self.queues.finish()?;
        self.effects.finish((&self.runs, &self.queues))
    }
}
