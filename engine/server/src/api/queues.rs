//! Task queues: what lies in their topics and who reads them, as Kafka says it, and what is pending, as the journal does.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use sagaline_core::Name;
use sagaline_journal::{
    Error,
    kafka::{Admin, Group, GroupMember, Kafka},
    wire::topic,
};
use sagaline_projection::QueueWork;
use serde::Serialize;

use super::{Api, answer, call::Call, journal::now, reads::unread_error, refusal::Subject};
use crate::problem::Problem;

/// Most queues of a list.
const QUEUES_MAX: usize = 200;

#[derive(Serialize)]
struct Queues {
    task_queues: Vec<Queue>,
    /// How many more there are.
    left_out: usize,
}

/// A queue as it is now.
#[derive(Serialize)]
struct Queue {
    name: Name,
    workers: Vec<Worker>,
    /// Tasks in its topic that no worker has committed.
    backlog: i64,
    /// Activities that have no outcome.
    pending: u64,
    /// For how long the oldest attempt waits that no worker said to have begun with.
    oldest_ms: Option<u64>,
    /// What limits it, as its home has it; null: nothing, or another process has its home.
    limits: Option<Limits>,
}

#[derive(Serialize)]
struct Worker {
    id: String,
    client_id: String,
    host: String,
}

#[derive(Serialize)]
struct Limits {
    max_outstanding: Option<u32>,
    rate_per_second: Option<f64>,
    is_paused: bool,
    waiting: usize,
    held_back: usize,
    outstanding: usize,
}

/// What Kafka says of a queue.
struct InKafka {
    workers: Vec<GroupMember>,
    backlog: i64,
}

pub(crate) async fn list(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let work = api.queue_work().await?;
    let topics = api.queue_topics().await?;
    let mut names: Vec<Name> = topics.keys().chain(work.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    let left_out = names.len().saturating_sub(QUEUES_MAX);
    names.truncate(QUEUES_MAX);
    let task_queues = api.see(names, (topics, work)).await?;
    Ok(answer::json(&Queues {
        task_queues,
        left_out,
    }))
}

pub(crate) async fn describe(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let name = call.name("name")?;
    let work = api.queue_work().await?;
    let topics = api.queue_topics().await?;
    if !topics.contains_key(&name) && !work.contains_key(&name) {
        let (code, hint) = Subject::Queue.missing();
        let text = format!("task queue {name} is not known");
        return Err(Problem::not_found(code, text).hint(hint));
    }
    let mut seen = api.see(vec![name], (topics, work)).await?;
    let seen = seen.pop();
    seen.map(|queue| answer::json(&queue))
        .ok_or_else(|| Problem::internal("a queue was not seen"))
}

impl Api {
    async fn queue_work(&self) -> Result<BTreeMap<Name, QueueWork>, Problem> {
        let work = self.projection().queue_work().await;
        let work = work.map_err(|error| unread_error(&error))?;
        let named = work.into_iter().map(|one| (one.task_queue.clone(), one));
        Ok(named.collect())
    }

    /// Queues that have a topic, and its partitions.
    async fn queue_topics(&self) -> Result<BTreeMap<Name, i32>, Problem> {
        let prefix = topic::tasks(self.namespace(), "");
        self.ask_kafka(move |kafka| {
            let topics = Admin::open(kafka)?.topics()?.into_iter();
            let of_queue = |(topic, partitions): (String, i32)| {
                let name = topic.strip_prefix(&prefix)?;
                Some((Name::new(name).ok()?, partitions))
            };
            Ok(topics.filter_map(of_queue).collect())
        })
        .await
    }

    async fn see(
        &self,
        names: Vec<Name>,
        (topics, work): (BTreeMap<Name, i32>, BTreeMap<Name, QueueWork>),
    ) -> Result<Vec<Queue>, Problem> {
        let namespace = self.namespace().to_owned();
        let asked = names.clone();
        let in_kafka = self
            .ask_kafka(move |kafka| {
                let see = |name: &Name| in_kafka(kafka, &namespace, name, topics.get(name));
                asked.iter().map(see).collect::<Result<Vec<_>, Error>>()
            })
            .await?;
        let now = now();
        let seen = names.into_iter().zip(in_kafka).map(|(name, in_kafka)| {
            let work = work.get(&name);
            // What Kafka has no task of, a worker has, whether it said so or not.
            let oldest = work.and_then(|work| work.oldest);
            let oldest = oldest.filter(|_| in_kafka.backlog > 0);
            Queue {
                limits: self.limits_of(&name),
                workers: in_kafka.workers.into_iter().map(Worker::of).collect(),
                backlog: in_kafka.backlog,
                pending: work.map_or(0, |work| work.pending),
                oldest_ms: oldest.map(|at| now.since(at).0),
                name,
            }
        });
        Ok(seen.collect())
    }

    fn limits_of(&self, name: &Name) -> Option<Limits> {
        let lanes = self.engine().statuses();
        let mut queues = lanes.iter().flat_map(|lane| lane.queues.iter());
        let queue = queues.find(|queue| queue.queue == *name)?;
        #[expect(clippy::cast_precision_loss, reason = "no rate is near 2^53 an hour")]
        let per_second = |per_hour: u64| per_hour as f64 / 3_600.0;
        Some(Limits {
            max_outstanding: queue.max_outstanding,
            rate_per_second: queue.rate_per_hour.map(per_second),
            is_paused: queue.is_paused,
            waiting: queue.waiting,
            held_back: queue.held_back,
            outstanding: queue.outstanding,
        })
    }

    /// Asks the brokers something, on a thread that may wait.
    async fn ask_kafka<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Kafka) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let _permit = self.kafka_permits().acquire().await;
        let kafka = self.settings().kafka.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&kafka)).await;
        let asked = asked.map_err(|error| Problem::internal(error.to_string()))?;
        asked.map_err(|error| unread_error(&error))
    }
}

fn in_kafka(
    kafka: &Kafka,
    namespace: &str,
    name: &Name,
    partitions: Option<&i32>,
) -> Result<InKafka, Error> {
    let group = Group::open(kafka, &topic::worker_group(namespace, name.as_str()))?;
    let topic = topic::tasks(namespace, name.as_str());
    let backlog = match partitions {
        Some(partitions) => backlog(&group, &topic, *partitions)?,
        None => 0,
    };
    Ok(InKafka {
        workers: group.members()?,
        backlog,
    })
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

fn backlog(group: &Group, topic: &str, partitions: i32) -> Result<i64, Error> {
    let partitions: Vec<i32> = (0..partitions).collect();
    let committed = group.committed(topic, &partitions)?;
    let bounds = group.bounds(topic, &partitions)?;
    let left = bounds.into_iter().zip(committed);
    Ok(left
        .map(|((begin, end), committed)| end - committed.unwrap_or(begin).clamp(begin, end))
        .sum())
}
