//! I8, I9: nothing leaves without its event, and nothing that an event asks for is left out.

mod signal;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sagaline_core::{
    ActivityId, Event, LOCAL_QUEUE, RunId, Timestamp, Transition, WorkflowId,
    event::{UpdateCompleted, WorkflowFailed, WorkflowTerminated, WorkflowTimedOut},
};
use sagaline_journal::{
    NewRecord, Record,
    wire::{ce_type, header, outcome},
};

use super::{
    outside::{AttemptKey, attempt_of},
    queues::{Queues, key_of},
    run::Run,
    runs::{Runs, child_refused},
};
use crate::{
    Violation,
    clients::NOWHERE,
    inputs::{ChildKey, MARK},
    log::{Log, Topics},
};

/// What leaves, however often.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    Task(AttemptKey),
    /// By the attempt that is to be made, and when.
    Retry(AttemptKey, String),
    Cancel(AttemptKey),
    /// By correlation and outcome.
    Reply(String, String),
    /// By its `ce_id`.
    Queue(String),
    /// The start of a child.
    Child(ChildKey),
    /// What runs tell each other else, by its `ce_id`.
    Family(String),
    /// A signal to another run, or what became of one, by its `ce_id`.
    Signal(String),
    /// By the record's mark.
    Forward(String),
}

/// A question about a run.
#[derive(Debug)]
struct Asked {
    /// Where it lies.
    offset: i64,
    /// The run that was open then, and how many updates its program had been given at least.
    run: Option<(RunId, u64)>,
}

/// The effects of one partition.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Asked for by events of valid batches.
    due: BTreeSet<Effect>,
    landed: BTreeSet<Effect>,
    by_batch: VecDeque<(u64, Vec<Effect>)>,
    /// Questions, by correlation.
    asked: BTreeMap<String, Asked>,
}

impl Effects {
    /// A question is in the inbox.
    pub(super) fn question(&mut self, record: &Record, runs: &Runs) {
        if let Some(correlation) = text(record.header(header::CORRELATION)) {
            let id = text(record.key()).and_then(|key| WorkflowId::new(&key).ok());
            let run = id.and_then(|id| runs.open(&id));
            let asked = Asked {
                offset: record.offset,
                run: run.map(|run| (run.run_id, run.updates_given().0)),
            };
            self.asked.entry(correlation).or_insert(asked);
        }
    }

    /// An answer that a durable state could give: of one that was so when the question came, or later.
    fn check_answer(asked: &Asked, record: &NewRecord, runs: &Runs) -> Result<(), String> {
        let of = |name| text(record.headers.get(name)).unwrap_or_default();
        let is_count = of(header::CE_ID).starts_with("query/");
        if !is_count || of(header::OUTCOME) != outcome::COMPLETED {
            return Ok(());
        }
        let run_id = of(header::RUN_ID).parse::<RunId>().ok();
        let run = run_id.and_then(|run_id| runs.run(run_id));
        let at_most = run.map_or(0, |run| run.updates_given().1);
        let same = asked.run.filter(|(run, _)| Some(*run) == run_id);
        let at_least = same.map_or(0, |(_, given)| given);
        let said = text(record.value.as_deref());
        let said = said.and_then(|said| said.parse::<u64>().ok());
        match said.is_some_and(|said| (at_least..=at_most).contains(&said)) {
            true => Ok(()),
            false => Err(format!("{said:?} updates, of {at_least} to {at_most}")),
        }
    }

    /// A valid batch: what it asks for, and what it says was done.
    pub(super) fn batch(
        &mut self,
        (batch_no, done): (u64, u64),
        transitions: &[Transition],
        known: (&Runs, &Queues),
        log: &Log,
    ) -> Result<(), Violation> {
        let of_end = |key: &AttemptKey| Effect::Queue(queue_id(key, "end"));
        let mut effects: Vec<Effect> = known.0.ended.iter().map(of_end).collect();
        // What is copied had its effects where it happened.
        let is_copied = |one: &&Transition| {
            let run = one.run_id.and_then(|run_id| known.0.run(run_id));
            run.is_some_and(|run| run.copies(one.first_seq))
        };
        for transition in transitions.iter().filter(|one| !is_copied(one)) {
            for event in &transition.events {
                match of_child(transition, event).or_else(|| signal::of(transition, event)) {
                    Some(effect) => effects.push(effect),
                    None => effects.extend(asked_for(transition, event, known, log)),
                }
            }
        }
        self.due.extend(effects.iter().cloned());
        effects.retain(|effect| !is_local(effect, known.0));
        self.by_batch.push_back((batch_no, effects));
        while self
            .by_batch
            .front()
            .is_some_and(|(batch_no, _)| *batch_no <= done)
        {
            for effect in self
                .by_batch
                .pop_front()
                .map(|(_, effects)| effects)
                .unwrap_or_default()
            {
                if !self.is_done(&effect, known) {
                    let what =
                        format!("the footer of batch {batch_no} says that {effect:?} was done");
                    return Err(Violation::new("I8", what));
                }
            }
        }
        Ok(())
    }

    fn is_done(&self, effect: &Effect, (runs, queues): (&Runs, &Queues)) -> bool {
        let wanted = match effect {
            Effect::Task((run_id, activity_id, attempt)) => {
                let run = runs.run(*run_id);
                run.is_some_and(|run| run.wants(*activity_id, *attempt))
            }
            Effect::Retry((run_id, activity_id, attempt), at) => {
                let run = runs.run(*run_id);
                let run = run.filter(|run| run.awaits(*activity_id, *attempt));
                let due = run.and_then(|run| run.due(*activity_id));
                due.is_some_and(|due| deliver_at(due) == *at)
            }
            Effect::Reply(correlation, _) => !correlation.starts_with(NOWHERE),
            Effect::Queue(id) => match id.rsplit_once('/') {
                Some((task, "offer")) => attempt_in(task).is_some_and(|(run_id, id, attempt)| {
                    let run = runs.run(run_id);
                    run.is_some_and(|run| run.waits_for_turn(id, attempt))
                }),
                Some((task, "release")) => {
                    attempt_in(task).is_some_and(|key| queues.is_outstanding(&key))
                }
                _ => true,
            },
            Effect::Child((run_id, id)) => {
                let run = runs.run(*run_id);
                run.is_some_and(|run| run.wants_child(*id))
            }
            Effect::Signal(id) => match signal::sent_by(id) {
                Some((run_id, id)) => !runs.run(run_id).is_some_and(|run| run.knows_of_signal(id)),
                None => true,
            },
            Effect::Cancel(_) | Effect::Forward(_) | Effect::Family(_) => true,
        };
        self.landed.contains(effect) || !wanted
    }

    /// A lane sends a record; its inbox was durably read up to `position`.
    pub(super) fn asked(
        &self,
        record: &NewRecord,
        position: i64,
        runs: &Runs,
    ) -> Result<(), Violation> {
        let header_of = |name: &str| record.headers.get(name);
        let broken = |what: String| {
            Err(Violation::new(
                "I8",
                format!("{} gets {what}", record.topic),
            ))
        };
        let Some(effect) = effect_of(&record.topic, header_of) else {
            let correlation = text(header_of(header::CORRELATION)).unwrap_or_default();
            return match self.asked.get(&correlation) {
                Some(asked) if asked.offset < position => {
                    Self::check_answer(asked, record, runs).or_else(broken)
                }
                other => broken(format!(
                    "an answer to {correlation}, asked at {other:?}, read up to {position}"
                )),
            };
        };
        if !self.due.contains(&effect) {
            return broken(format!("{effect:?}, which no valid event asks for"));
        }
        if let Effect::Task((run_id, activity_id, attempt)) = effect {
            let run = runs.run(run_id);
            let task = run.and_then(|run| run.task(activity_id, attempt));
            let fits = task.is_some_and(|(queue, input)| {
                record.topic.ends_with(&format!(".tasks.{queue}"))
                    && record.value.as_deref() == Some(input)
            });
            if !fits {
                return broken(format!("{effect:?}, which is not the activity's"));
            }
        }
        Ok(())
    }

    /// An effect is in its topic.
    pub(super) fn landed(&mut self, record: &Record) {
        self.landed
            .extend(effect_of(&record.topic, |name| record.header(name)));
    }

    /// Everything is done: nothing is missing.
    pub(super) fn finish(&self, known: (&Runs, &Queues)) -> Result<(), Violation> {
        match self.due.iter().find(|effect| !self.is_done(effect, known)) {
            None => Ok(()),
            Some(effect) => Err(Violation::new("I8", format!("{effect:?} never came"))),
        }
    }
}

/// Whether no footer says when it is done.
fn is_local(effect: &Effect, runs: &Runs) -> bool {
    if let Effect::Task((run_id, activity_id, _)) = effect {
        let queue = runs
            .run(*run_id)
            .and_then(|run| run.task_queue(*activity_id));
        return queue == Some(LOCAL_QUEUE);
    }
    false
}

/// What an event asks for; `runs` are as after the batch.
fn asked_for(
    transition: &Transition,
    event: &Event,
    (runs, queues): (&Runs, &Queues),
    log: &Log,
) -> Vec<Effect> {
    let run = transition.run_id.and_then(|run_id| runs.run(run_id));
    match event {
        Event::ActivityAttemptScheduled(event) => {
            let key = |run_id| (run_id, event.activity_id.get(), event.attempt.get());
            transition
                .run_id
                .map(|run_id| match event.held {
                    Some(true) => Effect::Queue(queue_id(&key(run_id), "offer")),
                    _ => Effect::Task(key(run_id)),
                })
                .into_iter()
                .collect()
        }
        Event::ActivityAttemptFailed(event) => {
            let next = event.attempt.get() + 1;
            let key = |run_id| (run_id, event.activity_id.get(), next);
            let at = event.next_attempt_at.map(deliver_at);
            let retry = transition.run_id.map(key).zip(at);
            retry
                .map(|(key, at)| Effect::Retry(key, at))
                .into_iter()
                .collect()
        }
        Event::ActivityOptionsUpdated(event) => {
            let id = event.activity_id.get();
            let hastened = |due| Some((run?.hastened(id, due)?, deliver_at(due)));
            let next = event.next_attempt_at.and_then(hastened);
            let retry = transition.run_id.zip(next);
            let effect = |(run_id, (attempt, at))| Effect::Retry((run_id, id, attempt), at);
            retry.map(effect).into_iter().collect()
        }
        Event::ActivityCancelRequested(event) => {
            let asked = run.and_then(|run| run.canceled_attempt(event.activity_id.get()));
            let key = |attempt| Some((transition.run_id?, event.activity_id.get(), attempt));
            asked
                .and_then(key)
                .map(Effect::Cancel)
                .into_iter()
                .collect()
        }
        Event::ReplyRequested(event) => {
            let correlation = event.reply.correlation.to_string();
            let outcome = event.answer.outcome.as_str().into();
            vec![Effect::Reply(correlation, outcome)]
        }
        Event::WorkflowContinuedAsNew(_)
        | Event::WorkflowCompleted(_)
        | Event::WorkflowFailed(_)
        | Event::WorkflowCanceled(_)
        | Event::WorkflowTerminated(_)
        | Event::WorkflowTimedOut(_) => of_close(run, event),
        Event::UpdateCompleted(event) => of_update(run, event),
        Event::InputForwarded(_) => {
            let cause = &transition.cause;
            let record = log.record(&cause.topic, cause.partition, cause.offset);
            record
                .and_then(|record| text(record.header(MARK)))
                .map(Effect::Forward)
                .into_iter()
                .collect()
        }
        _ => of_queue(transition, event, queues),
    }
}

/// What the end of a run asks for.
fn of_close(run: Option<&Run>, event: &Event) -> Vec<Effect> {
    let outcome = match event {
        Event::WorkflowCompleted(_) => outcome::COMPLETED,
        Event::WorkflowFailed(WorkflowFailed {
            new_run_id: None, ..
        }) => outcome::FAILED,
        Event::WorkflowTimedOut(WorkflowTimedOut {
            new_run_id: None, ..
        }) => outcome::TIMED_OUT,
        Event::WorkflowCanceled(_) => outcome::CANCELED,
        Event::WorkflowTerminated(WorkflowTerminated {
            new_run_id: None, ..
        }) => outcome::TERMINATED,
        // Another run goes on, of which those who wait hear; updates that were under way are cut off.
        _ => return cut_off(run).collect(),
    };
    let answers = answered(run, outcome).into_iter();
    answers.chain(run.into_iter().flat_map(of_end)).collect()
}

/// Who is told of the end of a run: those who wait for it, or for an update that was under way.
fn answered(run: Option<&Run>, outcome: &str) -> Vec<Effect> {
    let followers = run.map(|run| run.followers.as_slice()).unwrap_or_default();
    let reply = |correlation: &String| Effect::Reply(correlation.clone(), outcome.into());
    let told = followers.iter().map(reply);
    told.chain(cut_off(run)).collect()
}

/// Who is told that an update was still under way when its run closed.
fn cut_off(run: Option<&Run>) -> impl Iterator<Item = Effect> {
    let failed =
        |correlation: &String| Effect::Reply(correlation.clone(), outcome::FAILED.to_owned());
    let pending = run.into_iter().flat_map(Run::followers_of_pending);
    pending.map(failed)
}

/// Who is told of the end of an update.
fn of_update(run: Option<&Run>, event: &UpdateCompleted) -> Vec<Effect> {
    let outcome = match event.failure {
        Some(_) => outcome::FAILED,
        None => outcome::COMPLETED,
    };
    let followers = run.map(|run| run.followers_of_update(event.update_id.as_str()));
    let reply = |correlation: &String| Effect::Reply(correlation.clone(), outcome.into());
    followers.into_iter().flatten().map(reply).collect()
}

/// What an event that is about a child asks for; none: it is about none.
fn of_child(transition: &Transition, event: &Event) -> Option<Effect> {
    let key = |id: ActivityId| Some((transition.run_id?, id.get()));
    match event {
        Event::ChildStarted(event) => key(event.child_id).map(Effect::Child),
        Event::ChildCancelRequested(event) => {
            let word = match event.terminate {
                Some(true) => "terminate",
                _ => "cancel",
            };
            key(event.child_id).map(|key| Effect::Family(family_id(key, word)))
        }
        Event::ReplyRequested(event) => {
            child_refused(event).map(|key| Effect::Family(family_id(key, "closed")))
        }
        _ => None,
    }
}

/// What the end of a run asks for: its children are stopped, and its parent is told.
fn of_end(run: &Run) -> Vec<Effect> {
    let stop = |(id, at_once): &(u32, bool)| {
        let word = match at_once {
            true => "terminate",
            false => "cancel",
        };
        Effect::Family(family_id((run.run_id, *id), word))
    };
    let stops = run.stops().iter().map(stop);
    let parent = run.child_key().map(|key| family_id(key, "closed"));
    stops.chain(parent.map(Effect::Family)).collect()
}

/// What an event of a queue asks for.
fn of_queue(transition: &Transition, event: &Event, queues: &Queues) -> Vec<Effect> {
    match event {
        Event::QueueTaskReleased(event) => {
            let key = key_of(&event.task);
            vec![match event.at_home {
                true => Effect::Queue(queue_id(&key, "release")),
                false => Effect::Task(key),
            }]
        }
        Event::QueueTaskEnded(event) if !event.at_home => {
            vec![Effect::Queue(queue_id(&key_of(&event.task), "end"))]
        }
        Event::QueueChanged(change) if transition.cause.partition == change.home_partition => {
            let others = (0..queues.partitions).filter(|one| *one != change.home_partition);
            let id = |partition| format!("{}/{}/{partition}", change.queue, change.version);
            others
                .map(|partition| Effect::Queue(id(partition)))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What a record is; none: an answer to a question, which has no event.
fn effect_of<'a>(topic: &str, header_of: impl Fn(&str) -> Option<&'a [u8]>) -> Option<Effect> {
    if Topics::is_tasks(topic) {
        return attempt_of(header_of).map(Effect::Task);
    }
    if Topics::is_retry(topic) {
        let at = text(header_of(header::DELIVER_AT))?;
        return attempt_of(header_of).map(|key| Effect::Retry(key, at));
    }
    if text(header_of(header::CE_TYPE)).as_deref() == Some(ce_type::ACTIVITY_CANCEL) {
        return attempt_of(header_of).map(Effect::Cancel);
    }
    let ce_type = text(header_of(header::CE_TYPE)).unwrap_or_default();
    if ce_type.starts_with(ce_type::QUEUE_PREFIX) {
        return text(header_of(header::CE_ID)).map(Effect::Queue);
    }
    if ce_type.starts_with(ce_type::SIGNAL_PREFIX) {
        return text(header_of(header::CE_ID)).map(Effect::Signal);
    }
    if ce_type.starts_with(ce_type::CHILD_PREFIX) {
        let id = text(header_of(header::CE_ID))?;
        let key = id.split_once('/');
        let key = key.and_then(|(run_id, id)| Some((run_id.parse().ok()?, id.parse().ok()?)));
        return Some(key.map_or(Effect::Family(id), Effect::Child));
    }
    if let Some(mark) = text(header_of(MARK)) {
        return Some(Effect::Forward(mark));
    }
    let id = text(header_of(header::CE_ID)).unwrap_or_default();
    if id.starts_with("describe/") || id.starts_with("query/") {
        return None;
    }
    Some(Effect::Reply(
        text(header_of(header::CORRELATION))?,
        text(header_of(header::OUTCOME))?,
    ))
}

/// As a record says it: whole milliseconds, not before.
fn deliver_at(due: Timestamp) -> String {
    Timestamp::from_micros(due.as_micros() + 999).to_rfc3339()
}

/// `ce_id` of a message about an attempt's place.
fn queue_id((run_id, activity_id, attempt): &AttemptKey, word: &str) -> String {
    format!("{run_id}/{activity_id}/{attempt}/{word}")
}

/// `ce_id` of a message about a child.
fn family_id((run_id, id): ChildKey, word: &str) -> String {
    format!("{run_id}/{id}/{word}")
}

fn attempt_in(task: &str) -> Option<AttemptKey> {
    let mut parts = task.split('/');
    let run_id = parts.next()?.parse().ok()?;
    Some((
        run_id,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    ))
}

fn text(bytes: Option<&[u8]>) -> Option<String> {
    String::from_utf8(bytes?.to_vec()).ok()
}
