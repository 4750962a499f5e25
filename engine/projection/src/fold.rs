//! The fold of the journal, run by run: what is not in memory is read from the rows.
//!
//! Invariant: core's own `apply` changes runs; nothing here depends on what happens to be in memory. A run that is kept no longer,
//! or begins before the journal does, is left out. Deliberately absent: what only owners need, programs, replies, the replay log.

use std::collections::HashMap;

use lru::LruCache;
use sagaline_core::{
    Event, IdentityRing, Place as EventPlace, Run, RunId, Seq, State, Timestamp,
    event::{QueueChanged, WorkflowDeleted, WorkflowStarted},
    run::{Activations, Carried},
    view::Deleted,
};
use sagaline_journal::{Batch, Error, Journaled};
use sqlx::AnyConnection;

use crate::{
    cut::CutRuns,
    notice::Notice,
    row::{Hanging, RejectedRow, SolvedIncident},
    state::{PLACES_KEPT, PLACES_MAX, Place, StoredRun},
};

/// Runs that are kept in memory between commits.
const RUNS_KEPT: usize = 20_000;

/// Where runs are read from that are not in memory.
pub(crate) trait Rows {
    /// A run.
    async fn run(&mut self, run_id: RunId) -> Result<Option<StoredRun>, Error>;
}

/// A run in memory, and what its rows have of it.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) stored: StoredRun,
    pub(crate) written: Hanging,
    /// Incidents that were solved since it was last written.
    pub(crate) solved: Vec<SolvedIncident>,
    /// Incidents that were raised since then: what was written of them as solved is old.
    pub(crate) raised: Vec<Seq>,
    /// Older places that are to go to rows of their own.
    pub(crate) older: Vec<Place>,
    /// It was deleted since it was last written.
    pub(crate) was_deleted: bool,
    /// Its rows are old.
    is_old: bool,
}

impl Tracked {
    /// One of which no row has anything.
    pub(crate) fn new(stored: StoredRun) -> Self {
        Self {
            stored,
            written: Hanging::default(),
            solved: Vec::new(),
            raised: Vec::new(),
            older: Vec::new(),
            was_deleted: false,
            is_old: false,
        }
    }

    /// One that was read from its row.
    fn read(stored: StoredRun) -> Self {
        Self {
            written: Hanging::of(&stored),
            ..Self::new(stored)
        }
    }
}

/// What the journal says, as far as it is not in the rows, and what was used last.
#[derive(Debug)]
pub(crate) struct Fold {
    runs: HashMap<RunId, Tracked>,
    /// Runs in memory; those that were used longest ago go first.
    used: LruCache<RunId, ()>,
    /// Runs whose rows are old.
    changed: Vec<RunId>,
    /// What people are told.
    notices: Vec<Notice>,
    /// Nothing of before is told.
    told_from: Timestamp,
    /// Limits of queues that changed, by partition.
    queues: Vec<(i32, QueueChanged, Timestamp)>,
    /// Inputs that could not be taken.
    rejected: Vec<RejectedRow>,
    kept: usize,
    /// Runs that were open where a trimmed journal begins.
    cut: CutRuns,
    /// Records since the last commit of runs that are not known.
    unknown: u64,
}

impl Default for Fold {
    fn default() -> Self {
        Self::keeping(RUNS_KEPT)
    }
}

impl Fold {
    /// Keeps at most so many runs between commits.
    pub(crate) fn keeping(kept: usize) -> Self {
        Self {
            runs: HashMap::new(),
            used: LruCache::unbounded(),
            changed: Vec::new(),
            notices: Vec::new(),
            told_from: Timestamp::default(),
            queues: Vec::new(),
            rejected: Vec::new(),
            kept,
            cut: CutRuns::default(),
            unknown: 0,
        }
    }

    /// Makes notices of what comes to be from then on.
    pub(crate) const fn telling_from(mut self, at: Timestamp) -> Self {
        self.told_from = at;
        self
    }

    /// Goes on from where a trimmed journal begins. Nobody looks for the runs that were open there: they closed long ago.
    pub(crate) fn begin(&mut self, partition: i32, state: &State) {
        self.cut.begin(partition, state);
        for queue in state.queues().values() {
            if let (Some(settings), Some(at)) = (queue.settings(), queue.changed_at()) {
                self.queues.push((partition, settings.clone(), *at));
            }
        }
    }

    /// Goes on where a partition was projected to: of the runs that a trimmed journal begins with, the rows tell.
    pub(crate) async fn go_on(
        &mut self,
        connection: &mut AnyConnection,
        partition: i32,
    ) -> Result<(), Error> {
        self.cut.read(connection, partition).await
    }

    /// Runs that were open where a trimmed journal begins.
    pub(crate) const fn cut(&self) -> &CutRuns {
        &self.cut
    }

    /// What people are told.
    pub(crate) fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Inputs that could not be taken.
    pub(crate) fn rejected(&self) -> &[RejectedRow] {
        &self.rejected
    }

    /// How many rows are old or lacking.
    pub(crate) fn old_rows(&self) -> usize {
        self.changed.len() + self.rejected.len()
    }

    /// The runs whose rows are old, and limits of queues that changed.
    pub(crate) fn to_write(&self) -> (Vec<&Tracked>, &[(i32, QueueChanged, Timestamp)]) {
        let runs = self.changed.iter().filter_map(|id| self.runs.get(id));
        (runs.collect(), &self.queues)
    }

    /// The rows are as the runs are.
    pub(crate) fn written(&mut self) {
        for run_id in std::mem::take(&mut self.changed) {
            let Some(tracked) = self.runs.get_mut(&run_id) else {
                continue;
            };
            tracked.written = Hanging::of(&tracked.stored);
            tracked.solved.clear();
            tracked.raised.clear();
            tracked.older.clear();
            tracked.was_deleted = false;
            tracked.is_old = false;
            // A closed one is asked for again only when somebody resets or deletes it.
            if tracked.stored.run.closed.is_some() {
                self.runs.remove(&run_id);
                self.used.pop(&run_id);
            }
        }
        if self.unknown > 0 {
            let records = self.unknown;
            tracing::warn!(
                records,
                "records of runs that are not known, since they are kept no longer or begin before the journal, were left out"
            );
            self.unknown = 0;
        }
        self.cut.written();
        self.queues.clear();
        self.rejected.clear();
        self.notices.clear();
        while self.used.len() > self.kept {
            let Some((run_id, ())) = self.used.pop_lru() else {
                break;
            };
            self.runs.remove(&run_id);
        }
    }

    /// Takes the next valid batch of a partition.
    pub(crate) async fn batch(
        &mut self,
        rows: &mut impl Rows,
        partition: i32,
        batch: Batch,
    ) -> Result<(), Error> {
        let mut transitions = batch.transitions.into_iter().peekable();
        while let Some(journaled) = transitions.next() {
            let next = transitions.peek().map(|next| &next.transition);
            let goes_on = next.is_some_and(|next| next.continues(&journaled.transition));
            self.transition(rows, partition, &journaled, goes_on)
                .await?;
        }
        Ok(())
    }

    /// Applies one record; `goes_on`: the next belongs to the same input.
    async fn transition(
        &mut self,
        rows: &mut impl Rows,
        partition: i32,
        journaled: &Journaled,
        goes_on: bool,
    ) -> Result<(), Error> {
        let transition = &journaled.transition;
        let (Some(run_id), Some(workflow_id)) = (transition.run_id, &transition.workflow_id) else {
            return self.of_no_run(rows, partition, journaled).await;
        };
        let is_told = transition.at >= self.told_from;
        let mut notices = Vec::new();
        for (seq, event) in (transition.first_seq..).zip(&transition.events) {
            let place = EventPlace {
                seq,
                at: transition.at,
                cause: &transition.cause,
            };
            if let Event::WorkflowStarted(started) = event {
                let carried = self.carried(rows, run_id, started).await?;
                let run = Run::start(run_id, place, started, IdentityRing::default(), carried);
                self.insert(Tracked::new(StoredRun {
                    partition,
                    workflow_id: workflow_id.clone(),
                    run,
                    closed_by: None,
                    reset_as: None,
                    deleted: None,
                    first_offset: journaled.offset,
                    places: Vec::new(),
                    as_of: transition.at,
                }));
                continue;
            }
            if let Some(run) = self.cut.change(run_id) {
                run.apply(place, event);
                continue;
            }
            let Some(tracked) = self.run(rows, run_id).await? else {
                self.unknown += 1;
                return Ok(());
            };
            if let Event::IncidentResolved(event) = event {
                let solved = SolvedIncident::of(&tracked.stored, event, transition.at);
                tracked.solved.extend(solved);
            }
            tracked.stored.run.apply(place, event);
            if matches!(event, Event::IncidentRaised(_))
                && let Some(raised) = tracked.stored.run.incidents.last()
            {
                let seq = raised.seq;
                if is_told {
                    notices.push(Notice::of_incident(&tracked.stored, raised));
                }
                tracked.solved.retain(|solved| solved.incident.seq != seq);
                tracked.raised.push(seq);
            }
        }
        if !goes_on && let Some(run) = self.cut.change(run_id) {
            run.end_transition(transition.at);
        }
        let Some(tracked) = self.run(rows, run_id).await? else {
            return Ok(());
        };
        let was_open = tracked.stored.closed_by.is_none();
        end_record(tracked, journaled, goes_on);
        if is_told && was_open && !goes_on {
            notices.extend(Notice::of_end(&tracked.stored));
        }
        self.notices.extend(notices);
        self.changed(run_id);
        Ok(())
    }

    /// What a run takes over from the one in whose place it goes on, which is marked so.
    async fn carried(
        &mut self,
        rows: &mut impl Rows,
        run_id: RunId,
        started: &WorkflowStarted,
    ) -> Result<Carried, Error> {
        let Some(before_id) = started.continued_from() else {
            return Ok(Carried::default());
        };
        if let Some(before) = self.cut.get(before_id) {
            return Ok(before.carry());
        }
        let Some(before) = self.run(rows, before_id).await? else {
            return Ok(Carried::default());
        };
        before.stored.reset_as = started.reset.is_some().then_some(run_id);
        let carried = before.stored.run.carry();
        self.changed(before_id);
        Ok(carried)
    }

    /// Takes what a record says of limited queues, of tasks that one of them released, of runs that were deleted, and of
    /// inputs that could not be taken.
    async fn of_no_run(
        &mut self,
        rows: &mut impl Rows,
        partition: i32,
        journaled: &Journaled,
    ) -> Result<(), Error> {
        let transition = &journaled.transition;
        for event in &transition.events {
            match event {
                Event::WorkflowDeleted(event) => self.delete(rows, event, transition.at).await?,
                Event::QueueTaskReleased(released) if !released.at_home => {
                    let task = &released.task;
                    if let Some(tracked) = self.run(rows, task.run_id).await? {
                        tracked.stored.run.task_released(task, transition.at);
                        tracked.stored.as_of = transition.at;
                        self.changed(task.run_id);
                    }
                }
                Event::QueueChanged(event) => {
                    self.queues
                        .push((partition, event.as_ref().clone(), transition.at));
                }
                Event::InputRejected(_) => {
                    self.rejected.push(RejectedRow::of(partition, journaled));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes out what a run, and the runs in whose place it went on, were given and gave.
    async fn delete(
        &mut self,
        rows: &mut impl Rows,
        event: &WorkflowDeleted,
        at: Timestamp,
    ) -> Result<(), Error> {
        let mut next = Some(event.run_id);
        while let Some(run_id) = next {
            let Some(tracked) = self.run(rows, run_id).await? else {
                return Ok(());
            };
            let stored = &mut tracked.stored;
            if stored.run.closed.is_none() {
                return Ok(());
            }
            next = stored.run.started.continued_from();
            if stored.deleted.is_none() {
                stored.deleted = Some(Deleted::of(event, at));
                Deleted::strip(&mut stored.run);
                stored.places.clear();
                tracked.older.clear();
                tracked.solved.clear();
                tracked.was_deleted = true;
                self.changed(run_id);
            }
        }
        Ok(())
    }

    fn changed(&mut self, run_id: RunId) {
        let tracked = self.runs.get_mut(&run_id);
        if let Some(tracked) = tracked.filter(|tracked| !tracked.is_old) {
            tracked.is_old = true;
            self.changed.push(run_id);
        }
    }

    fn insert(&mut self, tracked: Tracked) {
        let run_id = tracked.stored.run.run_id;
        self.used.put(run_id, ());
        self.runs.insert(run_id, tracked);
    }

    /// A run, from memory or from its row.
    async fn run(
        &mut self,
        rows: &mut impl Rows,
        run_id: RunId,
    ) -> Result<Option<&mut Tracked>, Error> {
        if !self.runs.contains_key(&run_id) {
            let Some(stored) = rows.run(run_id).await? else {
                return Ok(None);
            };
            self.insert(Tracked::read(stored));
        } else {
            self.used.promote(&run_id);
        }
        Ok(self.runs.get_mut(&run_id))
    }
}

/// Ends a record of a run: where it lies is noted, and what only an owner needs is forgotten.
fn end_record(tracked: &mut Tracked, journaled: &Journaled, goes_on: bool) {
    let transition = &journaled.transition;
    let stored = &mut tracked.stored;
    stored.as_of = transition.at;
    stored.places.push(Place {
        first_seq: transition.first_seq,
        offset: journaled.offset,
    });
    if stored.places.len() > PLACES_MAX {
        let older = stored.places.len() - PLACES_KEPT;
        tracked.older.extend(stored.places.drain(..older));
    }
    let run = &mut stored.run;
    if goes_on {
        return;
    }
    run.end_transition(transition.at);
    run.activations = Activations::default();
    run.copied = sagaline_core::run::Copied::default();
    run.unseen.clear();
    run.replies.clear();
    run.seen = IdentityRing::default();
    run.starts = IdentityRing::default();
    if run.closed.is_some() && stored.closed_by.is_none() {
        stored.closed_by = Some(transition.cause.source.as_ref().into());
    }
}
