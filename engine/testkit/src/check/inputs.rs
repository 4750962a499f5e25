//! I6: every input below a footer's position was applied, answered, forwarded, dropped for a reason, or refused.

mod acts;
mod signals;

use std::collections::{BTreeMap, BTreeSet};

use sagaline_core::{Event, IdConflict, Name, RunId, Timestamp, Transition, event::RejectReason};
use sagaline_journal::{
    Record,
    wire::{ce_type, header, partition_of},
};
use sagaline_schemas::Footer;

use self::acts::{deletes, is_so_already, may_delete};
use super::{
    queues::Queues,
    run::Run,
    runs::{IdState, Runs, may_reuse},
};
use crate::{
    Violation,
    inputs::{Asks, ByHand, Input, Inputs, OperateAsked, QueueAsked, StartAsked, StopChildAsked},
    log::Log,
};

/// Topic and offset.
pub(super) type Spot = (String, i64);

/// What one batch did with the inputs of its partition.
#[derive(Debug)]
pub(super) struct Took<'a> {
    pub(super) partition: i32,
    pub(super) partitions: i32,
    pub(super) log: &'a Log,
    pub(super) inputs: &'a Inputs,
    pub(super) runs: &'a Runs,
    queues: &'a Queues,
    /// The time of the batch before: what was read since was read then or later.
    since: Timestamp,
    /// Runs that it changed.
    touched: BTreeSet<RunId>,
    /// The batch's transitions that records caused, by where these lie.
    by_cause: BTreeMap<Spot, Vec<&'a Transition>>,
}

impl<'a> Took<'a> {
    pub(super) fn new(
        (partition, partitions): (i32, i32),
        (log, inputs): (&'a Log, &'a Inputs),
        (runs, queues): (&'a Runs, &'a Queues),
        transitions: &'a [Transition],
    ) -> Self {
        let mut by_cause: BTreeMap<Spot, Vec<&Transition>> = BTreeMap::new();
        let is_aside = |one: &&Transition| {
            let run = one.run_id.and_then(|run_id| runs.run(run_id));
            run.is_some_and(|run| run.is_aside(one.first_seq))
        };
        let of_inputs = transitions.iter().filter(|one| one.cause.is_record());
        for transition in of_inputs.filter(|one| !is_aside(one)) {
            let spot = (transition.cause.topic.to_string(), transition.cause.offset);
            by_cause.entry(spot).or_default().push(transition);
        }
        Self {
            partition,
            partitions,
            log,
            inputs,
            runs,
            queues,
            since: Timestamp::default(),
            touched: transitions.iter().flat_map(touched).collect(),
            by_cause,
        }
    }

    /// Between two footers: every input in turn, and nothing else.
    pub(super) fn check(mut self, before: Option<&Footer>, now: &Footer) -> Result<(), Violation> {
        self.since = before.map_or(Timestamp::default(), |before| before.now);
        for input in &now.inputs {
            let from = before
                .and_then(|footer| footer.inputs.iter().find(|one| one.topic == input.topic))
                .map_or(0, |one| one.next_offset);
            if input.next_offset > self.log.end(&input.topic, self.partition) {
                return Err(self.broken(format!(
                    "{} was read beyond its end: up to {}",
                    input.topic, input.next_offset
                )));
            }
            let log = self.log;
            let records = log.range(&input.topic, self.partition, from, input.next_offset);
            for record in records {
                let did = self.by_cause.remove(&(input.topic.clone(), record.offset));
                self.judge(record, &did.unwrap_or_default())?;
            }
        }
        match self.by_cause.keys().next() {
            None => Ok(()),
            Some(spot) => Err(self.broken(format!("{spot:?} was taken out of turn"))),
        }
    }

    fn broken(&self, what: String) -> Violation {
        Violation::new("I6", format!("partition {}: {what}", self.partition))
    }

    fn judge(&self, record: &Record, did: &[&Transition]) -> Result<(), Violation> {
        let Some(input) = self.inputs.of(record) else {
            return Err(self.broken(format!("{record:?} is nobody's")));
        };
        let what = self.what_was_done(record, input, did);
        match what {
            Ok(()) => Ok(()),
            Err(why) => Err(self.broken(format!("{record:?} asks {input:?}; {why}: {did:?}"))),
        }
    }

    fn what_was_done(
        &self,
        record: &Record,
        input: &Input,
        did: &[&Transition],
    ) -> Result<(), &'static str> {
        self.check_identity(record, input, did)?;
        if let Some(home) = self.misrouted(record, input) {
            return was_forwarded(home, did);
        }
        let rejected = did
            .iter()
            .flat_map(|one| &one.events)
            .find_map(|event| match event {
                Event::InputRejected(rejected) => Some(rejected.reason),
                _ => None,
            });
        match (&input.asks, rejected) {
            (Asks::Bad(reason), Some(told)) if *reason == told => Ok(()),
            (Asks::Bad(_), _) => Err("it was to be refused"),
            (Asks::Describe, None) if did.is_empty() => Ok(()),
            (Asks::Delayed, Some(_)) => Ok(()),
            (
                Asks::Describe
                | Asks::Report(_)
                | Asks::RetryDue(..)
                | Asks::Queue(_)
                | Asks::StopChild(_)
                | Asks::ChildClosed(_)
                | Asks::SignalTold(..),
                Some(_),
            )
            | (Asks::Describe | Asks::Delayed, _) => Err("nothing is wrong with it"),
            (
                Asks::Start(asked) | Asks::StartWith(asked, _),
                Some(RejectReason::UnknownWorkflow),
            ) if asked.may_be_unknown => Ok(()),
            (Asks::Start(_) | Asks::StartWith(..), Some(_)) => Err("nothing is wrong with it"),
            (
                Asks::Cancel(_)
                | Asks::Terminate(_)
                | Asks::Operate(_)
                | Asks::Signal(_)
                | Asks::SignalOf(..)
                | Asks::Update(_),
                Some(RejectReason::NoOpenRun),
            ) => self.had_no_open_run(input),
            (
                Asks::Cancel(_)
                | Asks::Terminate(_)
                | Asks::Operate(_)
                | Asks::Signal(_)
                | Asks::SignalOf(..)
                | Asks::Update(_),
                Some(_),
            ) => Err("nothing is wrong with it"),
            (Asks::StartWith(..), None) if self.starts_without_signal(record, input, did) => {
                Err("its signal is not kept")
            }
            (Asks::Signal(asked) | Asks::SignalOf(_, asked), None) => {
                self.may_keep_signal(record, input, asked, did)
            }
            (Asks::Queue(_), None) if !did.is_empty() => Ok(()),
            (Asks::Queue(asked), None) => self.may_drop_word(input, asked),
            (Asks::Operate(asked), None) if did.iter().any(deletes) => {
                may_delete(asked, &self.states(input))
            }
            (_, None) if did.iter().any(|one| one.run_id.is_some()) => Ok(()),
            (asks, None) => self.may_drop(record, input, asks, did.is_empty()),
        }
    }

    /// It was refused since no run was open: at some time in the batch none was.
    fn had_no_open_run(&self, input: &Input) -> Result<(), &'static str> {
        let meant = match &input.asks {
            Asks::Operate(asked) => asked.run_id,
            _ => None,
        };
        let is_open = |state: &IdState| match state {
            IdState::Open(run_id) => meant.is_none_or(|meant| meant == *run_id),
            IdState::Unknown | IdState::Closed(_) => false,
        };
        match self.states(input).iter().all(is_open) {
            true => Err("there is an open run"),
            false => Ok(()),
        }
    }

    /// Nothing was done to a run: for a good reason?
    fn may_drop(
        &self,
        record: &Record,
        input: &Input,
        asks: &Asks,
        silently: bool,
    ) -> Result<(), &'static str> {
        let identity = identity(record, input);
        match asks {
            Asks::Report(reported) => {
                let run = self.runs.run(reported.run_id);
                let wanted = run.is_some_and(|run| run.listens_to(reported));
                if wanted {
                    Err("it is still waited for")
                } else {
                    Ok(())
                }
            }
            Asks::RetryDue(run_id, activity_id, attempt) => {
                let run = self.runs.run(*run_id);
                let waits = run.filter(|run| run.awaits(*activity_id, *attempt));
                let held = |run: &&Run| !run.is_held(*activity_id);
                let due = waits.filter(held).and_then(|run| run.due(*activity_id));
                // It may have been read early, and its time have come before this footer.
                if due.is_some_and(|due| due <= self.since) {
                    Err("it is due and still waited for")
                } else {
                    Ok(())
                }
            }
            Asks::Update(_) => Err("nobody was told"),
            Asks::Start(asked) | Asks::StartWith(asked, _) => {
                self.may_drop_start(input, asked, &identity, silently)
            }
            Asks::StopChild(asked) => self.may_drop_stop(input, asked, &identity),
            Asks::ChildClosed((run_id, id)) => {
                match self
                    .runs
                    .run(*run_id)
                    .is_some_and(|run| run.has_open_child(*id))
                {
                    true => Err("its parent was to be told"),
                    false => Ok(()),
                }
            }
            Asks::Cancel(asked) | Asks::Terminate(asked) => {
                if asked.wants_reply {
                    return Err("nobody was told");
                }
                let cancels = matches!(asks, Asks::Cancel(_));
                let ignores = |run_id| {
                    let run = self.runs.run(run_id);
                    run.is_some_and(|run| {
                        run.seen.contains(&identity)
                            || is_so_already(run.cancel, run.undo.is_some(), cancels, asked)
                    })
                };
                let ignored = self
                    .states(input)
                    .iter()
                    .any(|state| matches!(state, IdState::Open(run_id) if ignores(*run_id)));
                if ignored {
                    Ok(())
                } else {
                    Err("it was to stop a run")
                }
            }
            Asks::Operate(asked) => self.may_drop_act(input, asked, (&identity, silently)),
            Asks::SignalTold(key, refused) => self.may_drop_told(*key, refused.is_some()),
            Asks::Describe
            | Asks::Delayed
            | Asks::Queue(_)
            | Asks::Signal(_)
            | Asks::SignalOf(..)
            | Asks::Bad(_) => Ok(()),
        }
    }

    /// A start: was it taken before, or do the rules of its id refuse it? A parent is told.
    fn may_drop_start(
        &self,
        input: &Input,
        asked: &StartAsked,
        identity: &(String, String),
        silently: bool,
    ) -> Result<(), &'static str> {
        if silently && asked.wants_reply {
            return Err("nobody was told");
        }
        let id = input.workflow_id.as_ref();
        let started = id.is_some_and(|id| self.runs.was_started_by(id, identity));
        let repeated = started || asked.parent.is_some_and(|key| self.runs.knows(key));
        let states = self.states(input);
        let refused = states.iter().any(|state| refuses(*state, asked));
        let may_be_refused = match asked.parent {
            None => refused,
            Some(_) => !silently && (refused || asked.may_be_unknown),
        };
        match repeated || may_be_refused {
            true => Ok(()),
            false => Err("it was to start a run"),
        }
    }

    /// A parent's word to its child: is that one gone, another's, or at it already?
    fn may_drop_stop(
        &self,
        input: &Input,
        asked: &StopChildAsked,
        identity: &(String, String),
    ) -> Result<(), &'static str> {
        let obeys = |run_id| {
            let run = self.runs.run(run_id);
            run.is_some_and(|run| run.obeys(asked) && !run.seen.contains(identity))
        };
        let states = self.states(input);
        let mut states = states.iter();
        match states.all(|state| matches!(state, IdState::Open(run_id) if obeys(*run_id))) {
            true => Err("it was to stop"),
            false => Ok(()),
        }
    }

    /// Something about a queue: is it so already?
    fn may_drop_word(&self, input: &Input, asked: &QueueAsked) -> Result<(), &'static str> {
        let queue = input.workflow_id.as_ref();
        let queue = queue.and_then(|key| Name::new(key.as_str()).ok());
        let dropped = match asked {
            QueueAsked::Change { wants_reply, .. } => !wants_reply,
            // What is not in force is told by its end.
            QueueAsked::End(_) => true,
            QueueAsked::Adopt(queue, version) => self.queues.version(queue) >= *version,
            QueueAsked::Offer(key) => {
                queue.is_some_and(|queue| self.queues.was_offered(&queue, key))
            }
            QueueAsked::Send(key) => self.runs.was_sent(key),
        };
        match dropped {
            true => Ok(()),
            false => Err("it was to change something"),
        }
    }

    /// An act of a person: was there nothing to do?
    fn may_drop_act(
        &self,
        input: &Input,
        asked: &OperateAsked,
        (identity, silently): (&(String, String), bool),
    ) -> Result<(), &'static str> {
        let is_reset = matches!(asked.act, ByHand::Reset(_));
        if is_reset && !silently {
            return Ok(());
        }
        if asked.wants_reply {
            return Err("nobody was told");
        }
        // Where nothing else happened to the run, it is now what it was then.
        let run = input.workflow_id.as_ref().and_then(|id| self.runs.open(id));
        let run = run.filter(|run| !self.touched.contains(&run.run_id));
        let run = run.filter(|run| !run.seen.contains(identity));
        match run.and_then(|run| run.is_changed_by(asked)) {
            Some(true) => Err("it was to be done"),
            Some(false) | None => Ok(()),
        }
    }

    fn states(&self, input: &Input) -> Vec<IdState> {
        let id = input.workflow_id.as_ref();
        id.map(|id| self.runs.visited(id)).unwrap_or_default()
    }

    /// The partition that it belongs to, when that is another one and nothing else is wrong.
    fn misrouted(&self, record: &Record, input: &Input) -> Option<i32> {
        let home = partition_of(
            input.workflow_id.as_ref()?.as_str().as_bytes(),
            self.partitions,
        );
        let bad = matches!(input.asks, Asks::Bad(_));
        (home != self.partition && !is_forwarded(record) && !bad).then_some(home)
    }

    /// What was journaled names the record's own identity.
    fn check_identity(
        &self,
        record: &Record,
        input: &Input,
        did: &[&Transition],
    ) -> Result<(), &'static str> {
        if matches!(input.asks, Asks::Bad(_)) {
            return Ok(());
        }
        let (source, id) = identity(record, input);
        let same = |one: &&Transition| *one.cause.source == *source && *one.cause.id == *id;
        if did.iter().all(same) {
            Ok(())
        } else {
            Err("it was journaled under another identity")
        }
    }
}

/// The runs that a transition changes: its own, and those whose tasks their queue releases.
fn touched(transition: &Transition) -> impl Iterator<Item = RunId> {
    let released = transition.events.iter().filter_map(|event| match event {
        Event::QueueTaskReleased(event) => Some(event.task.run_id),
        _ => None,
    });
    transition.run_id.into_iter().chain(released)
}

fn is_forwarded(record: &Record) -> bool {
    record.header(header::CE_TYPE) == Some(ce_type::FORWARD.as_bytes())
}

/// The sender's identity; without one, the record's first place, which a forward carries along.
fn identity(record: &Record, input: &Input) -> (String, String) {
    if is_forwarded(record) {
        let text =
            |name| String::from_utf8_lossy(record.header(name).unwrap_or_default()).into_owned();
        return (text(header::CE_SOURCE), text(header::CE_ID));
    }
    let place = || {
        (
            String::new(),
            format!("{}/{}/{}", record.topic, record.partition, record.offset),
        )
    };
    input.identity.clone().unwrap_or_else(place)
}

/// Whether the id rules refuse a start, or have nothing to do for it.
fn refuses(state: IdState, asked: &StartAsked) -> bool {
    match state {
        IdState::Unknown => false,
        IdState::Open(_) => asked.id_conflict != IdConflict::TerminateExisting,
        IdState::Closed(outcome) => !may_reuse(asked, outcome),
    }
}

/// An input of another partition is sent there, and nothing else comes of it.
fn was_forwarded(home: i32, did: &[&Transition]) -> Result<(), &'static str> {
    let mut events = did.iter().flat_map(|one| &one.events);
    let forwarded = events.any(|event| {
        matches!(event, Event::InputForwarded(forwarded) if forwarded.target_partition == home)
    });
    match forwarded && did.len() == 1 {
        true => Ok(()),
        false => Err("it belongs elsewhere and was not forwarded"),
    }
}
