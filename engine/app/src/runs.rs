//! Runs as a partition's journal tells them, closed ones too: the fold behind describe, history, list and result.
//!
//! Deliberately absent: where records come from, and everything that only an owner needs. Invariant: what stands here is
//! core's own state, changed by core's own `apply`.

use std::{collections::BTreeMap, sync::Arc};

use sagaline_core::{
    Event, IdentityRing, Name, Place, Queue, Run, RunId, Timestamp, Transition, WorkflowId,
    event::WorkflowDeleted,
    run::{Activations, Carried},
    view::{Deleted, View},
};
use sagaline_journal::{Batch, Error, Item, JournalReader, Journaled, Record};
use sagaline_runtime::Fold;

/// What is kept of a partition's runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All runs, without their histories.
    Runs,
    /// The runs of one id, with their histories.
    Histories(WorkflowId),
}

/// One run.
#[derive(Debug)]
pub(crate) struct SeenRun {
    pub(crate) run: Run,
    /// Its records, where histories are kept.
    pub(crate) history: Vec<Journaled>,
    closed_by: Option<Arc<str>>,
    /// The run that goes on in its place although it had ended, since it was reset then.
    reset_as: Option<RunId>,
    /// That somebody deleted it: nothing of what it was given or gave is here any more.
    pub(crate) deleted: Option<Deleted>,
}

impl SeenRun {
    const fn begun(run: Run) -> Self {
        Self {
            run,
            history: Vec::new(),
            closed_by: None,
            reset_as: None,
            deleted: None,
        }
    }

    /// Whether another run goes on in its place.
    fn goes_on(&self) -> bool {
        self.next().is_some()
    }

    /// The run that goes on in its place.
    fn next(&self) -> Option<RunId> {
        let closed = self.run.closed.as_ref();
        closed
            .and_then(|closed| closed.new_run_id)
            .or(self.reset_as)
    }
}

/// The runs of one partition as far as its journal was read.
#[derive(Debug)]
pub(crate) struct Runs {
    partition: i32,
    keep: Keep,
    reader: JournalReader,
    runs: BTreeMap<WorkflowId, Vec<SeenRun>>,
    queues: BTreeMap<Name, Queue>,
    as_of: Timestamp,
    next_offset: i64,
}

impl Runs {
    /// Of a partition that is read from here on. Of runs that were open here the earlier events are not known.
    pub(crate) fn from(beginning: &Fold, partition: i32, keep: Keep) -> Self {
        let is_kept = |id: &WorkflowId| match &keep {
            Keep::Runs => true,
            Keep::Histories(wanted) => wanted == id,
        };
        let open = beginning.state.runs().into_iter();
        let open = open.filter(|(id, _)| is_kept(id));
        let runs = open.map(|(id, run)| (id.clone(), vec![SeenRun::begun(run.clone())]));
        Self {
            runs: runs.collect(),
            partition,
            keep,
            reader: JournalReader::after(beginning.footing()),
            queues: beginning.state.queues().clone(),
            as_of: beginning.state.now(),
            next_offset: beginning.next_offset(),
        }
    }

    /// Takes the next record of the partition.
    pub(crate) fn record(&mut self, record: Record) -> Result<(), Error> {
        self.next_offset = record.offset + 1;
        let mut items = Vec::new();
        self.reader.read(record, &mut items)?;
        for item in items {
            match item {
                Item::Batch(batch) => self.batch(batch),
                Item::Claim(_) | Item::Void(_) => {}
            }
        }
        Ok(())
    }

    /// Offset of the next record to read.
    pub(crate) const fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The partition.
    pub(crate) const fn partition(&self) -> i32 {
        self.partition
    }

    /// The time of the last valid batch.
    pub(crate) const fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// The runs of an id, oldest first.
    pub(crate) fn of(&self, workflow_id: &WorkflowId) -> &[SeenRun] {
        self.runs.get(workflow_id).map_or(&[], Vec::as_slice)
    }

    /// One run of an id; without `run_id` the newest.
    pub(crate) fn find(&self, workflow_id: &WorkflowId, run_id: Option<RunId>) -> Option<&SeenRun> {
        let mut newest_first = self.of(workflow_id).iter().rev();
        newest_first.find(|seen| run_id.is_none_or(|run_id| seen.run.run_id == run_id))
    }

    /// The run that goes on in the place of that one.
    pub(crate) fn next_of(&self, workflow_id: &WorkflowId, run_id: RunId) -> Option<&SeenRun> {
        let next = self.find(workflow_id, Some(run_id))?.next()?;
        self.find(workflow_id, Some(next))
    }

    /// The run that stands at the end of the chain in which that one stands.
    pub(crate) fn end_of_chain(&self, workflow_id: &WorkflowId, run_id: RunId) -> Option<&SeenRun> {
        let runs = self.of(workflow_id);
        let find = |run_id| runs.iter().find(|seen| seen.run.run_id == run_id);
        let next = |seen: &&SeenRun| find(seen.next()?);
        std::iter::successors(find(run_id), next).last()
    }

    /// All runs but those in whose place another goes on: a chain of runs is one workflow.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&WorkflowId, &SeenRun)> {
        self.runs
            .iter()
            .flat_map(|(id, runs)| runs.iter().map(move |seen| (id, seen)))
            .filter(|(_, seen)| !seen.goes_on())
    }

    /// Queues that somebody limited, as this partition knows them.
    pub(crate) const fn queues(&self) -> &BTreeMap<Name, Queue> {
        &self.queues
    }

    /// How a run is seen at `now`.
    pub(crate) fn view<'a>(
        &'a self,
        id: &'a WorkflowId,
        seen: &'a SeenRun,
        now: Timestamp,
        unread_queues: &'a [Name],
    ) -> View<'a> {
        View {
            server_time: now,
            closed_by: seen.closed_by.as_deref(),
            deleted: seen.deleted.as_ref(),
            unread_queues,
            queues: Some(&self.queues),
            ..View::new(id, &seen.run, self.partition, self.as_of)
        }
    }

    fn batch(&mut self, batch: Batch) {
        self.as_of = self.as_of.max(batch.footer.now);
        let mut transitions = batch.transitions.into_iter().peekable();
        while let Some(journaled) = transitions.next() {
            let next = transitions.peek().map(|next| &next.transition);
            let transition = &journaled.transition;
            let goes_on = next.is_some_and(|next| next.continues(transition));
            self.transition(journaled, goes_on);
        }
    }

    /// Applies one record; `goes_on`: the next belongs to the same input.
    fn transition(&mut self, journaled: Journaled, goes_on: bool) {
        let transition = &journaled.transition;
        let (Some(run_id), Some(workflow_id)) = (transition.run_id, &transition.workflow_id) else {
            return self.of_no_run(transition);
        };
        let histories = match &self.keep {
            Keep::Histories(wanted) if wanted != workflow_id => return,
            Keep::Histories(_) => true,
            Keep::Runs => false,
        };
        let runs = self.runs.entry(workflow_id.clone()).or_default();
        for (seq, event) in (transition.first_seq..).zip(&transition.events) {
            let place = Place {
                seq,
                at: transition.at,
                cause: &transition.cause,
            };
            if let Event::WorkflowStarted(started) = event {
                let continued_from = started.continued_from();
                let before = runs.last_mut();
                let before = before.filter(|one| continued_from == Some(one.run.run_id));
                let mut carried = Carried::default();
                if let Some(before) = before {
                    before.reset_as = started.reset.is_some().then_some(run_id);
                    carried = before.run.carry();
                }
                let starts = IdentityRing::default();
                let run = Run::start(run_id, place, started, starts, carried);
                runs.push(SeenRun::begun(run));
            } else if let Some(seen) = runs.last_mut() {
                seen.run.apply(place, event);
            }
        }
        let Some(seen) = runs.last_mut() else { return };
        if !goes_on {
            seen.run.end_transition(transition.at);
        }
        if seen.run.closed.is_some() {
            seen.closed_by = Some(transition.cause.source.clone());
            forget_what_only_owners_need(&mut seen.run);
        }
        if histories {
            seen.history.push(journaled);
        }
    }

    /// Takes what a record says of limited queues, of tasks that one of them released, and of runs that were deleted.
    fn of_no_run(&mut self, transition: &Transition) {
        for event in &transition.events {
            if let (Event::WorkflowDeleted(event), Some(id)) = (event, &transition.workflow_id) {
                let runs = self.runs.get_mut(id).map(Vec::as_mut_slice);
                delete(runs.unwrap_or_default(), event, transition.at);
            } else if let Event::QueueTaskReleased(released) = event
                && !released.at_home
            {
                let task = &released.task;
                let runs = self.runs.get_mut(&task.workflow_id);
                let run = runs
                    .and_then(|runs| runs.last_mut())
                    .map(|seen| &mut seen.run);
                if let Some(run) = run.filter(|run| run.run_id == task.run_id) {
                    run.task_released(task, transition.at);
                }
            } else if let Some(queue) = event.queue() {
                let queue = self.queues.entry(queue.clone()).or_default();
                queue.event(&transition.cause, transition.at, event);
            }
        }
    }
}

/// Takes out what a run of an id, and the runs in whose place it went on, were given and gave.
fn delete(runs: &mut [SeenRun], event: &WorkflowDeleted, at: Timestamp) {
    let mut next = Some(event.run_id);
    while let Some(run_id) = next {
        let found = runs.iter_mut().find(|seen| seen.run.run_id == run_id);
        let closed = found.filter(|seen| seen.run.closed.is_some());
        let Some(seen) = closed else { return };
        next = seen.run.started.continued_from();
        if seen.deleted.is_none() {
            seen.deleted = Some(Deleted::of(event, at));
            Deleted::strip(&mut seen.run);
            seen.history = Vec::new();
        }
    }
}

/// Of a closed run only what it shows is kept, and which starts began it: of its replay log, why it was undone.
fn forget_what_only_owners_need(run: &mut Run) {
    run.seen = IdentityRing::default();
    run.replies = Vec::new();
    if run.undo.is_none() {
        run.activations = Activations::default();
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::{Payload, event::WorkflowTerminated};

    use super::*;
    use crate::scripted::{Script, started, started_with, transition};

    fn ended() -> Event {
        WorkflowTerminated {
            reason: Some("twice".into()),
            new_run_id: None,
            hands_over_below: None,
        }
        .into()
    }

    fn folded(script: Script, keep: Keep) -> Runs {
        let mut runs = Runs::from(&Fold::new(0), 3, keep);
        for record in script.records {
            runs.record(record).unwrap();
        }
        runs
    }

    fn two_runs() -> Script {
        Script::new()
            .batch(&[
                transition("a", 1, [started()]),
                transition("b", 1, [started()]),
            ])
            .foreign()
            .batch(&[transition("a", 2, [ended()])])
    }

    #[test]
    fn closed_runs_stay_and_say_who_closed_them() {
        let runs = folded(two_runs(), Keep::Runs);
        let id = WorkflowId::new("a").unwrap();

        let seen = runs.find(&id, None).unwrap();
        let view = runs.view(&id, seen, Timestamp::from_millis(5_000), &[]);

        assert_eq!(runs.iter().count(), 2);
        assert_eq!(view.waiting_for().text, "Terminated by ada: \"twice\".");
        assert_eq!(runs.next_offset(), 5);
        assert!(seen.history.is_empty());
    }

    #[test]
    fn of_a_deleted_run_nothing_is_left_but_who_deleted_it_and_when() {
        let id = WorkflowId::new("a").unwrap();
        let secret = started_with(Payload::json(*br#"{"card":"c-7"}"#));
        let mut deleted = transition("a", 0, []);
        let event = WorkflowDeleted {
            run_id: deleted.run_id.take().unwrap(),
            actor: Name::from("sagaline.cli/ada"),
            reason: Some("a customer asked".into()),
        };
        deleted.events = vec![event.into()];
        let script = Script::new()
            .batch(&[transition("a", 1, [secret, ended()])])
            .batch(&[deleted]);

        let runs = folded(script, Keep::Histories(id.clone()));

        let seen = runs.find(&id, None).unwrap();
        let view = runs.view(&id, seen, Timestamp::from_millis(5_000), &[]);
        let described = serde_json::to_string(&view.describe()).unwrap();
        let at = "1970-01-01T00:00:01.000Z";
        assert_eq!(
            view.waiting_for().text,
            format!("Deleted at {at} by ada: \"a customer asked\".")
        );
        assert_eq!(view.status(), "Terminated");
        assert!(seen.history.is_empty());
        assert!(!described.contains("c-7"), "{described}");
        assert!(!described.contains("twice"), "{described}");
        assert!(
            described.contains(r#""deleted":{"by":"ada""#),
            "{described}"
        );
    }

    #[test]
    fn the_histories_of_one_id_leave_the_others_out() {
        let id = WorkflowId::new("a").unwrap();
        let runs = folded(two_runs(), Keep::Histories(id.clone()));

        let offsets: Vec<i64> = runs.of(&id)[0]
            .history
            .iter()
            .map(|one| one.offset)
            .collect();

        assert_eq!(offsets, [1, 4]);
        assert_eq!(runs.iter().count(), 1);
        assert!(runs.find(&WorkflowId::new("b").unwrap(), None).is_none());
        let other_run = RunId::derive("ns", &id, b"2");
        assert!(runs.find(&id, Some(other_run)).is_none());
    }
}
