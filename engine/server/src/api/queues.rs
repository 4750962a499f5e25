//! Task queues: what lies in their topics and who reads them, as Kafka says it; what is pending and what limits them, as the
//! journal does.
//!
//! Invariant: what Kafka does not say in time is null, and the answer says that it is incomplete.

mod kafka;
mod limits;

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use sagaline_core::{Name, Timestamp};
use sagaline_journal::kafka::GroupMember;
use sagaline_projection::QueueWork;
use serde::Serialize;

pub(super) use self::kafka::Watch;
use self::{
    kafka::{InKafka, Rates},
    limits::Limits,
};
use super::{
    Api, answer,
    call::Call,
    journal::now,
    reads::{Consistency, unread_error},
    refusal::Subject,
};
use crate::problem::Problem;

/// Most queues of a list.
const QUEUES_MAX: usize = 200;

#[derive(Serialize)]
struct Queues {
    task_queues: Vec<Queue>,
    /// How many more there are.
    left_out: usize,
    /// Kafka did not say everything in time.
    incomplete: bool,
}

/// A queue as it is now.
#[derive(Serialize)]
struct Queue {
    name: Name,
    /// Null: Kafka did not say.
    workers: Option<Vec<Worker>>,
    /// Tasks in its topic that no worker has committed; null: Kafka did not say.
    backlog: Option<i64>,
    /// Activities that have no outcome.
    pending: u64,
    /// For how long the oldest attempt waits that no worker said to have begun with.
    oldest_ms: Option<u64>,
    /// Null: this process was not asked for it lately.
    rates: Option<Rates>,
    /// Null: nothing limits it, nor did.
    limits: Option<Limits>,
}

#[derive(Serialize)]
struct Worker {
    id: String,
    client_id: String,
    host: String,
}

/// What the journal says of queues.
struct Known {
    work: BTreeMap<Name, QueueWork>,
    limits: BTreeMap<Name, Limits>,
}

pub(crate) async fn list(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let known = api.known_queues().await?;
    let topics = api.queue_topics().await?;
    let limited = known.limits.iter().filter(|(_, limits)| limits.matter());
    let mut names: Vec<Name> = topics
        .keys()
        .chain(known.work.keys())
        .chain(limited.map(|(name, _)| name))
        .cloned()
        .collect();
    names.sort_unstable();
    names.dedup();
    let left_out = names.len().saturating_sub(QUEUES_MAX);
    names.truncate(QUEUES_MAX);
    let (task_queues, incomplete) = api.see(names, topics, known).await?;
    Ok(answer::json(&Queues {
        task_queues,
        left_out,
        incomplete,
    }))
}

pub(crate) async fn describe(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let name = call.name("name")?;
    let known = api.known_queues().await?;
    let topics = api.queue_topics().await?;
    let is_known = topics.contains_key(&name)
        || known.work.contains_key(&name)
        || known.limits.contains_key(&name);
    if !is_known {
        let (code, hint) = Subject::Queue.missing();
        let text = format!("task queue {name} is not known");
        return Err(Problem::not_found(code, text).hint(hint));
    }
    let (mut seen, _) = api.see(vec![name], topics, known).await?;
    let seen = seen.pop();
    seen.map(|queue| answer::json(&queue))
        .ok_or_else(|| Problem::internal("a queue was not seen"))
}

impl Api {
    /// What the journal says, with what this process has lately written.
    async fn known_queues(&self) -> Result<Known, Problem> {
        self.all_fresh(Consistency::Eventual).await?;
        let work = self.projection().queue_work().await;
        let work = work.map_err(|error| unread_error(&error))?;
        let settings = self.projection().queue_settings().await;
        let settings = settings.map_err(|error| unread_error(&error))?;
        let lanes = self.engine().statuses();
        Ok(Known {
            work: work
                .into_iter()
                .map(|one| (one.task_queue.clone(), one))
                .collect(),
            limits: limits::of(&settings, &lanes),
        })
    }

    async fn see(
        &self,
        names: Vec<Name>,
        topics: BTreeMap<Name, i32>,
        mut known: Known,
    ) -> Result<(Vec<Queue>, bool), Problem> {
        let asked: Vec<(Name, i32)> = names
            .iter()
            .map(|name| (name.clone(), topics.get(name).copied().unwrap_or_default()))
            .collect();
        let in_kafka = self.queues_in_kafka(asked).await?;
        let now = now();
        let seen = names.into_iter().zip(in_kafka).map(|(name, in_kafka)| {
            let limits = known.limits.remove(&name);
            Queue::of(name, in_kafka, (&known.work, limits), now)
        });
        let seen: Vec<Queue> = seen.collect();
        let incomplete = seen
            .iter()
            .any(|queue| queue.workers.is_none() || queue.backlog.is_none());
        Ok((seen, incomplete))
    }
}

impl Queue {
    fn of(
        name: Name,
        in_kafka: InKafka,
        (work, limits): (&BTreeMap<Name, QueueWork>, Option<Limits>),
        now: Timestamp,
    ) -> Self {
        let work = work.get(&name);
        // What Kafka has no task of, a worker has, whether it said so or not.
        let oldest = work.and_then(|work| work.oldest);
        let oldest = oldest.filter(|_| in_kafka.backlog != Some(0));
        let workers = in_kafka.workers;
        Self {
            workers: workers.map(|workers| workers.into_iter().map(Worker::of).collect()),
            backlog: in_kafka.backlog,
            pending: work.map_or(0, |work| work.pending),
            oldest_ms: oldest.map(|at| now.since(at).0),
            rates: in_kafka.rates,
            limits,
            name,
        }
    }
}

impl Worker {
    fn of(member: GroupMember) -> Self {
        Self {
            id: member.id,
            client_id: member.client_id,
            host: member.host,
        }
    }
}
