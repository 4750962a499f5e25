//! What must hold in every journal, whatever was done to its engines. Each check names the run and prints its history.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write,
};

use sagaline_core::{ActivityId, Event};

use super::{
    journal::{History, Journal, Partition, outcome},
    python,
    task::Task,
};

impl Journal<'_> {
    /// Reads to the end and checks everything: runs, batches, and that a stranger's reader sees the same.
    pub(crate) fn audit(&mut self) -> &mut Self {
        let theirs = python::valid_batches(self.world);
        self.read_on();
        for (number, partition) in (0..).zip(&self.partitions) {
            check_batches(number, partition);
            let batches = partition.batches.iter().zip(&partition.offsets);
            let ours: Vec<_> = batches
                .map(|(batch, offsets)| (batch.epoch, batch.batch_no, offsets.clone()))
                .collect();
            let theirs = &theirs[&number];
            // Batches may have come since the other one read.
            assert_eq!(
                ours.get(..theirs.len()),
                Some(&theirs[..]),
                "partition {number}: the reader in Python sees other batches"
            );
        }
        for run in self.runs.values() {
            check_run(run);
        }
        for (workflow_id, runs) in &self.ids {
            let runs: Vec<&History> = runs.iter().map(|run_id| &self.runs[run_id]).collect();
            check_one_open_run(workflow_id, &runs);
        }
        self
    }
}

/// Batches count up by one, epochs and positions never go back, and neither does time.
fn check_batches(number: i32, partition: &Partition) {
    for pair in partition.batches.windows(2) {
        let [before, after] = pair else {
            unreachable!("windows of 2")
        };
        assert_eq!(
            after.batch_no,
            before.batch_no + 1,
            "partition {number}: batches count up"
        );
        assert!(
            after.epoch >= before.epoch && after.footer.now >= before.footer.now,
            "partition {number}: {after:?}"
        );
        for (old, new) in before.footer.inputs.iter().zip(&after.footer.inputs) {
            assert_eq!(old.topic, new.topic);
            assert!(
                old.next_offset <= new.next_offset,
                "partition {number}: {} went back in {after:?}",
                old.topic
            );
        }
    }
}

fn check_run(run: &History) {
    let shown = Shown(run);
    let first = run.facts.first().map(|fact| fact.event.name());
    assert_eq!(first, Some("WorkflowStarted"), "{shown}");
    for (expected, fact) in (1..).zip(&run.facts) {
        assert_eq!(
            fact.seq, expected,
            "events are numbered without gap and repeat: {shown}"
        );
    }
    let ends = run
        .facts
        .iter()
        .filter(|fact| outcome(&fact.event).is_some())
        .count();
    assert!(ends <= 1, "a run ends once: {shown}");
    if ends == 1 {
        let last = run.facts.last().and_then(|fact| outcome(&fact.event));
        assert!(last.is_some(), "nothing comes after the end: {shown}");
    }
    let mut causes = HashSet::new();
    let mut last = None;
    // Whoever repeats a request is answered again, which changes nothing.
    let changes = run.facts.iter();
    let changes = changes.filter(|fact| fact.seq > copied_to(run));
    for fact in changes.filter(|fact| !matches!(fact.event, Event::ReplyRequested(_))) {
        let cause = (&fact.cause.source, &fact.cause.id);
        assert!(
            last == Some(cause) || causes.insert(cause),
            "input {cause:?} changed the run twice: {shown}"
        );
        last = Some(cause);
    }
    check_activities(run);
    check_compensations(run);
}

/// Up to which event it begins with a copy of another's history.
fn copied_to(run: &History) -> u64 {
    match run.facts.first().map(|fact| &fact.event) {
        Some(Event::WorkflowStarted(started)) => {
            let reset = started.reset.as_ref();
            reset.map_or(0, |reset| reset.event_seq)
        }
        _ => 0,
    }
}

/// Attempts count up by one, an activity ends once, and by its last attempt.
fn check_activities(run: &History) {
    let shown = Shown(run);
    let mut attempts: BTreeMap<ActivityId, u32> = BTreeMap::new();
    let mut ended = BTreeSet::new();
    let mut begun_before = BTreeSet::new();
    for fact in &run.facts {
        if let Event::ActivityScheduled(scheduled) = &fact.event
            && fact.seq <= copied_to(run)
        {
            begun_before.insert(scheduled.activity_id);
        }
        let end = match &fact.event {
            Event::ActivityAttemptScheduled(scheduled) => {
                let attempt = attempts.entry(scheduled.activity_id).or_default();
                if fact.seq > copied_to(run) && begun_before.remove(&scheduled.activity_id) {
                    *attempt = 0;
                }
                *attempt += 1;
                assert_eq!(
                    scheduled.attempt.get(),
                    *attempt,
                    "attempts count up: {shown}"
                );
                assert!(
                    !ended.contains(&scheduled.activity_id),
                    "no attempt after the end of an activity: {shown}"
                );
                None
            }
            Event::ActivityCompleted(completed) => {
                let sent = attempts.get(&completed.activity_id);
                assert_eq!(
                    sent,
                    Some(&completed.attempt.get()),
                    "the last attempt's answer counts: {shown}"
                );
                Some(completed.activity_id)
            }
            Event::ActivityFailed(failed) => Some(failed.activity_id),
            Event::ActivityTimedOut(timed_out) => Some(timed_out.activity_id),
            Event::ActivityCanceled(canceled) => Some(canceled.activity_id),
            _ => None,
        };
        if let Some(activity_id) = end {
            assert!(
                ended.insert(activity_id),
                "activity {activity_id} ends once: {shown}"
            );
        }
    }
}

/// What was registered is undone in reverse order, one after the other, once, before the end; a run that completed undoes
/// nothing.
fn check_compensations(run: &History) {
    let shown = Shown(run);
    let mut registered = Vec::new();
    let mut compensable = BTreeSet::new();
    let mut running = None;
    let mut undoing = false;
    for fact in &run.facts {
        match &fact.event {
            Event::ActivityScheduled(scheduled) => match scheduled.compensates {
                None if scheduled.compensable => drop(compensable.insert(scheduled.activity_id)),
                None => {}
                Some(step) => {
                    assert!(
                        undoing && running.is_none(),
                        "one compensation after the other: {shown}"
                    );
                    assert_eq!(registered.pop(), Some(step), "in reverse order: {shown}");
                    running = Some(step);
                }
            },
            Event::ActivityCompleted(completed) if compensable.remove(&completed.activity_id) => {
                registered.push(completed.activity_id);
            }
            Event::CompensationRegistered(of_child) if of_child.child_workflow_id.is_some() => {
                registered.push(of_child.compensates);
            }
            Event::CompensationStarted(_) => {
                assert!(!undoing, "compensation starts once: {shown}");
                undoing = true;
            }
            Event::CompensationCompleted(completed) => {
                assert_eq!(running.take(), Some(completed.compensates), "{shown}");
            }
            Event::WorkflowCompleted(_) => assert!(!undoing, "{shown}"),
            event if outcome(event).is_some() && undoing => {
                assert!(
                    registered.is_empty() && running.is_none(),
                    "everything is undone before the end: {shown}"
                );
            }
            _ => {}
        }
    }
}

/// At most one run of an id is open.
fn check_one_open_run(workflow_id: &str, runs: &[&History]) {
    for pair in runs.windows(2) {
        let [before, after] = pair else {
            unreachable!("windows of 2")
        };
        assert!(
            before.outcome().is_some(),
            "{workflow_id} has two open runs"
        );
        let end = before.facts.last().map(|fact| fact.offset);
        let begin = after.facts.first().map(|fact| fact.offset);
        assert!(
            end < begin,
            "{workflow_id}: a run began before the one before it had ended"
        );
    }
}

/// How many tasks were sent more than once, and the ids of some.
pub(crate) fn duplicates(tasks: &[Task]) -> Vec<&str> {
    let mut seen = HashSet::new();
    tasks
        .iter()
        .map(Task::id)
        .filter(|id| !seen.insert(*id))
        .collect()
}

/// A history, one event a line.
struct Shown<'a>(&'a History);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let History {
            workflow_id,
            partition,
            facts,
        } = self.0;
        write!(f, "\nhistory of {workflow_id} in partition {partition}:")?;
        for fact in facts {
            let mut event = String::new();
            write!(event, "{:?}", fact.event)?;
            let cut: String = event.chars().take(160).collect();
            write!(
                f,
                "\n  {} @{} {} {cut}",
                fact.seq,
                fact.offset,
                fact.at.to_rfc3339()
            )?;
        }
        Ok(())
    }
}
