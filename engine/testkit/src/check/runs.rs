//! The runs of one partition and the ids that they are open under: I1, I7, I19.

mod child;
mod reset;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(super) use child::child_refused;
use reset::Past;
use sagaline_core::{
    Event, IdReuse, Millis, Outcome, RunId, Timestamp, Transition, WorkflowId, event::AnswerOutcome,
};
use sagaline_journal::wire::partition_of;

use super::{
    children::Told,
    external,
    outside::{AttemptKey, Outside},
    queues::{Queues, key_of},
    run::{Identity, Run},
};
use crate::{
    Violation,
    inputs::{Asks, ChildKey, Input, StartAsked},
};

/// The runs of one partition.
#[derive(Debug)]
pub(super) struct Runs {
    partition: i32,
    partitions: i32,
    retention: Millis,
    runs: BTreeMap<RunId, Run>,
    /// Of runs that may be reset: their events, by whom, and what each run was after each.
    past: BTreeMap<RunId, Vec<Past>>,
    ids: BTreeMap<WorkflowId, Id>,
    /// Attempts whose places at the home of their queue became free in the batch that is being taken.
    pub(super) ended: Vec<AttemptKey>,
    /// Attempts that were released, ever.
    sent: BTreeSet<AttemptKey>,
    /// What each id was in the course of the batch that is being taken, from before it on.
    visited: BTreeMap<WorkflowId, Vec<IdState>>,
    /// Time of the batch before.
    before: Timestamp,
    /// What came of the starts of children: a run, or none.
    began: BTreeMap<ChildKey, Option<RunId>>,
    /// Children that were told to stop before they began.
    stopped: BTreeSet<ChildKey>,
    /// What other partitions must agree with.
    told: Vec<Told>,
    signals_told: Vec<external::Told>,
}

/// A workflow id.
#[derive(Debug, Default)]
struct Id {
    open: Option<RunId>,
    last: Option<RunId>,
    starts: Vec<Identity>,
}

/// What an id is at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdState {
    Unknown,
    Open(RunId),
    Closed(Outcome),
}

impl Runs {
    pub(super) fn new(partition: i32, partitions: i32, retention: Millis) -> Self {
        Self {
            partition,
            partitions,
            retention,
            runs: BTreeMap::new(),
            past: BTreeMap::new(),
            ids: BTreeMap::new(),
            ended: Vec::new(),
            sent: BTreeSet::new(),
            visited: BTreeMap::new(),
            before: Timestamp::default(),
            began: BTreeMap::new(),
            stopped: BTreeSet::new(),
            told: Vec::new(),
            signals_told: Vec::new(),
        }
    }

    pub(super) fn run(&self, run_id: RunId) -> Option<&Run> {
        self.runs.get(&run_id)
    }

    /// The open run of an id.
    pub(super) fn open(&self, workflow_id: &WorkflowId) -> Option<&Run> {
        self.run(self.ids.get(workflow_id)?.open?)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Run> {
        self.runs.values()
    }

    /// Open runs that wait for a person.
    pub(super) fn parked(&self) -> impl Iterator<Item = &WorkflowId> {
        let parked = self
            .runs
            .values()
            .filter(|run| run.closed.is_none() && run.waits_in_vain());
        parked.map(|run| &run.workflow_id)
    }

    /// A batch begins, after one of that time.
    pub(super) fn begin_batch(&mut self, before: Timestamp) {
        self.before = before;
        self.visited.clear();
        self.ended.clear();
    }

    /// Whether a task went out after its queue had released it.
    pub(super) fn was_sent(&self, key: &AttemptKey) -> bool {
        self.sent.contains(key)
    }

    /// An attempt waits for the home of its queue iff the queue is limited as far as is known here.
    pub(super) fn check_held(
        &self,
        transition: &Transition,
        queues: &Queues,
    ) -> Result<(), Violation> {
        let run = transition.run_id.and_then(|run_id| self.run(run_id));
        let run = run.filter(|run| !run.copies(transition.first_seq));
        for event in &transition.events {
            let (Event::ActivityAttemptScheduled(event), Some(run)) = (event, run) else {
                continue;
            };
            let queue = run.task_queue(event.activity_id.get());
            let limited = queue.is_some_and(|queue| queues.is_limited(queue));
            if limited != (event.held == Some(true)) {
                return Err(
                    run.violates("I8", format!("{event:?} of {queue:?}, limited {limited}"))
                );
            }
        }
        Ok(())
    }

    /// What a transition without a run says of attempts of this partition.
    pub(super) fn of_queues(&mut self, transition: &Transition) -> Result<(), Violation> {
        for event in &transition.events {
            match event {
                Event::QueueTaskReleased(event) if !event.at_home => {
                    let key = key_of(&event.task);
                    self.sent.insert(key);
                    let released = self.runs.get_mut(&key.0);
                    if let Some(run) = released {
                        run.released(key, transition.at)?;
                    }
                }
                Event::QueueTaskEnded(event) if !event.at_home => {
                    let key = key_of(&event.task);
                    let run = self.run(key.0);
                    if let Some(run) = run.filter(|run| run.places().contains(&key)) {
                        let what = format!("attempt {key:?} is called over");
                        return Err(run.violates("I8", what));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes a transition of a run; says which one.
    pub(super) fn transition(
        &mut self,
        transition: &Transition,
        by: Option<&Input>,
        outside: &Outside,
    ) -> Result<(), Violation> {
        let (Some(run_id), Some(workflow_id)) = (transition.run_id, &transition.workflow_id) else {
            return Ok(());
        };
        if partition_of(workflow_id.as_str().as_bytes(), self.partitions) != self.partition {
            let what = format!("{workflow_id} is journaled in partition {}", self.partition);
            return Err(Violation::new("I19", what));
        }
        let identity = (
            transition.cause.source.to_string(),
            transition.cause.id.to_string(),
        );
        let before = self.state(workflow_id);
        self.visited
            .entry(workflow_id.clone())
            .or_insert_with(|| vec![before]);
        let resets = self.reset(transition, (workflow_id, run_id), (by, &identity))?;
        let follows = resets || self.follow(transition, (workflow_id, run_id))?;
        if let Some(Event::WorkflowStarted(started)) = transition.events.first()
            && !follows
        {
            self.check_start(workflow_id, &identity, by)?;
            self.check_child(workflow_id, run_id, started, (by, outside))?;
            self.runs
                .insert(run_id, Run::start(workflow_id, run_id, started));
            let id = self.ids.entry(workflow_id.clone()).or_default();
            (id.open, id.last) = (Some(run_id), Some(run_id));
            id.starts.push(identity.clone());
        }
        let run = self.runs.get_mut(&run_id);
        let Some(run) = run.filter(|run| run.workflow_id == *workflow_id) else {
            let what = format!("run {run_id} of {workflow_id} has no first event");
            return Err(Violation::new("I1", what));
        };
        run.take_aside(transition, &identity);
        let follows = follows || run.copies(transition.first_seq);
        let wanted = match follows {
            true => None,
            false => wanted(run, transition, by, &identity),
        };
        match follows {
            true if run.is_aside(transition.first_seq) => {}
            true => run.last_cause = Some(place_of(transition)),
            false => check_identity(run, transition, by, &identity)?,
        }
        if let Some(wanted) = wanted {
            run.check_answered(transition, wanted)?;
            // What was so already, and was said to be, is not done later.
            if transition.events.iter().any(is_accepted) {
                run.seen.insert(identity.clone());
            }
        }
        self.take_events(run_id, (transition, &identity), (by, outside))?;
        let Some(run) = self.runs.get_mut(&run_id) else {
            return Ok(());
        };
        self.told.extend(run.take_told());
        self.signals_told.extend(run.take_signals_told());
        if run.closed.is_some() {
            self.ids.entry(workflow_id.clone()).or_default().open = None;
        }
        let goes_on = run.goes_on();
        let after = self.state(workflow_id);
        // Whoever comes finds the run that goes on.
        if !goes_on {
            let visited = self.visited.entry(workflow_id.clone()).or_default();
            visited.push(after);
        }
        Ok(())
    }

    /// Takes the first transition of a run that goes on in another's place; says whether it is one.
    fn follow(
        &mut self,
        transition: &Transition,
        (workflow_id, run_id): (&WorkflowId, RunId),
    ) -> Result<bool, Violation> {
        let Some(Event::WorkflowStarted(started)) = transition.events.first() else {
            return Ok(false);
        };
        let Some(chain) = &started.chain else {
            return Ok(false);
        };
        let before = self.run(chain.continued_from);
        let Some(before) = before.filter(|before| before.workflow_id == *workflow_id) else {
            let what = format!("{workflow_id} goes on from an unknown run: {chain:?}");
            return Err(Violation::new("I1", what));
        };
        before.check_follower(transition, started)?;
        let run = Run::follow(before, (workflow_id, run_id), started, transition.at);
        self.runs.insert(run_id, run);
        let id = self.ids.entry(workflow_id.clone()).or_default();
        (id.open, id.last) = (Some(run_id), Some(run_id));
        Ok(true)
    }

    /// I7: one open run of an id, and a start once within its window.
    fn check_start(
        &mut self,
        workflow_id: &WorkflowId,
        identity: &Identity,
        by: Option<&Input>,
    ) -> Result<(), Violation> {
        let broken = |what: String| {
            Err(Violation::new(
                "I7",
                format!("{workflow_id} is started by {identity:?}: {what}"),
            ))
        };
        let state = self.state(workflow_id);
        let Some(asked) = by.and_then(|input| input.asks.start()) else {
            return broken(format!("nobody asked for it: {by:?}"));
        };
        let id = self.ids.entry(workflow_id.clone()).or_default();
        match state {
            IdState::Open(run_id) => broken(format!("run {run_id} is open")),
            IdState::Unknown => {
                id.starts.clear();
                Ok(())
            }
            IdState::Closed(_) if id.starts.contains(identity) => {
                broken("it was started by the same before".into())
            }
            IdState::Closed(outcome) if !may_reuse(asked, outcome) => {
                // Taken from the open run by terminate-existing, it need not be reusable.
                let taken = self.visited.get(workflow_id).is_some_and(|visited| {
                    visited
                        .iter()
                        .rev()
                        .skip(1)
                        .any(|state| matches!(state, IdState::Open(_)))
                });
                let takes = asked.id_conflict == sagaline_core::IdConflict::TerminateExisting;
                if taken && takes {
                    Ok(())
                } else {
                    broken(format!("the last run is {outcome:?}"))
                }
            }
            IdState::Closed(_) => Ok(()),
        }
    }

    /// What an id is now.
    fn state(&self, workflow_id: &WorkflowId) -> IdState {
        let Some(id) = self.ids.get(workflow_id) else {
            return IdState::Unknown;
        };
        if let Some(open) = id.open {
            return IdState::Open(open);
        }
        let closed = id.last.and_then(|last| self.runs.get(&last)?.closed);
        match closed {
            Some((outcome, at)) if at.plus(self.retention) > self.before => {
                IdState::Closed(outcome)
            }
            _ => IdState::Unknown,
        }
    }

    /// What an id was in the course of this batch.
    pub(super) fn visited(&self, workflow_id: &WorkflowId) -> Vec<IdState> {
        let visited = self.visited.get(workflow_id).cloned();
        visited.unwrap_or_else(|| vec![self.state(workflow_id)])
    }

    /// Whether an id was started by this input, as far as it is remembered.
    pub(super) fn was_started_by(&self, workflow_id: &WorkflowId, identity: &Identity) -> bool {
        self.ids
            .get(workflow_id)
            .is_some_and(|id| id.starts.contains(identity))
    }

    pub(super) fn finish(&self) -> Result<(), Violation> {
        match self.runs.values().find(|run| run.closed.is_none()) {
            None => Ok(()),
            Some(run) => {
                let kinds: Vec<_> = run.incidents.kinds().collect();
                Err(run.violates("I17", format!("never ends; incidents {kinds:?}")))
            }
        }
    }
}

pub(super) fn may_reuse(asked: &StartAsked, outcome: Outcome) -> bool {
    match asked.id_reuse {
        IdReuse::RejectDuplicate => false,
        IdReuse::AllowDuplicate => true,
        IdReuse::AllowDuplicateFailedOnly => outcome != Outcome::Completed,
    }
}

/// Whether a transition goes on with the input of the one before.
fn continues(run: &Run, transition: &Transition) -> bool {
    transition.first_seq > 1 && run.last_cause == Some(place_of(transition))
}

fn place_of(transition: &Transition) -> (Arc<str>, i64) {
    (transition.cause.topic.clone(), transition.cause.offset)
}

fn is_accepted(event: &Event) -> bool {
    matches!(event, Event::ReplyRequested(event) if event.answer.outcome == AnswerOutcome::Accepted)
}

/// Whether a person's act that a transition is about is to change the run, which only the program may know; none: it is about
/// no act, or goes on with one.
fn wanted(
    run: &Run,
    transition: &Transition,
    by: Option<&Input>,
    identity: &Identity,
) -> Option<Option<bool>> {
    let Some(Asks::Operate(asked)) = by.map(|input| &input.asks) else {
        return None;
    };
    let wanted = match run.seen.contains(identity) {
        true => Some(false),
        false => run.is_changed_by(asked),
    };
    (!continues(run, transition)).then_some(wanted)
}

/// I7: an input changes a run once, however often it comes. Workers' answers are told by their attempt instead.
fn check_identity(
    run: &mut Run,
    transition: &Transition,
    by: Option<&Input>,
    identity: &Identity,
) -> Result<(), Violation> {
    let asks = by.map(|input| &input.asks);
    let counts = matches!(
        asks,
        Some(
            Asks::Start(_)
                | Asks::Cancel(_)
                | Asks::Terminate(_)
                | Asks::Operate(_)
                | Asks::Signal(_)
                | Asks::StartWith(..)
                | Asks::Update(_)
                | Asks::StopChild(_)
                | Asks::ChildClosed(_)
                | Asks::SignalOf(..)
                | Asks::SignalTold(..)
        )
    );
    let only_answers = transition
        .events
        .iter()
        .all(|event| matches!(event, Event::ReplyRequested(_)));
    let continues = continues(run, transition);
    run.last_cause = Some(place_of(transition));
    // One that a failed run cut off, or a reset took back, is taken by the next: there its id tells whether it is known.
    let is_next = run.is_retried() || run.is_of_reset();
    let cut_off = matches!(asks, Some(Asks::Update(_))) && is_next;
    if !counts || only_answers || continues || run.seen.insert(identity.clone()) || cut_off {
        return Ok(());
    }
    Err(run.violates(
        "I7",
        format!("{identity:?} changes it again: {:?}", transition.events),
    ))
}
