//! The topics: made at start, or named with the command that makes them; those of new queues made at their first task.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, mpsc},
};

use sagaline_journal::{
    Error, ErrorKind,
    kafka::{Admin, Creation, TopicSpec, TopicState},
    wire::topic,
};

use super::{EngineSettings, watch::lock};
use crate::{Workflows, lane::QueueTopics};

/// Partitions of inbox, results and journal where nothing else is said.
pub const DEFAULT_PARTITIONS: i32 = 12;

const MAX_MESSAGE_BYTES: &str = "8388608";

/// What is known of topics, and who makes them.
pub(super) struct TopicBook {
    admin: Admin,
    partitions: i32,
    replication: i32,
    queues: Mutex<BTreeMap<String, Option<i32>>>,
    asked: Mutex<mpsc::Sender<String>>,
    to_make: Mutex<Option<mpsc::Receiver<String>>>,
}

impl TopicBook {
    /// Makes what is missing; otherwise names it with the commands.
    pub(super) fn prepare(
        admin: Admin,
        settings: &EngineSettings,
        workflows: &dyn Workflows,
    ) -> Result<Arc<Self>, Error> {
        let brokers = admin.cluster()?.brokers.len();
        let replication = if brokers >= 3 { 3 } else { 1 };
        let namespace = &settings.namespace;
        let partitions = match admin.topic(&topic::journal(namespace))? {
            TopicState::Present(info) => info.partitions,
            TopicState::Missing | TopicState::Denied => {
                match admin.topic(&topic::inbox(namespace))? {
                    TopicState::Present(info) => info.partitions,
                    TopicState::Missing | TopicState::Denied => settings.partitions,
                }
            }
        };
        let mut specs = specs(namespace, partitions, replication);
        specs.extend(workflows.task_queues().iter().map(|queue| {
            task_spec(
                topic::tasks(namespace, queue.as_str()),
                partitions,
                replication,
            )
        }));
        make(&admin, &specs)?;
        if replication == 1 {
            tracing::warn!(
                brokers,
                "fewer than three brokers: topics have one copy, and a lost disk loses sagas"
            );
        }
        let (sender, receiver) = mpsc::channel();
        let book = Self {
            admin,
            partitions,
            replication,
            queues: Mutex::default(),
            asked: Mutex::new(sender),
            to_make: Mutex::new(Some(receiver)),
        };
        Ok(Arc::new(book))
    }

    pub(super) const fn admin(&self) -> &Admin {
        &self.admin
    }

    pub(super) const fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Looks up, or makes, the queues' topics that lanes ask for, until nobody can ask any more.
    pub(super) fn serve(&self, stopped: impl Fn() -> bool) {
        let Some(receiver) = lock(&self.to_make).take() else {
            return;
        };
        while !stopped() {
            let Ok(name) = receiver.recv_timeout(std::time::Duration::from_millis(200)) else {
                continue;
            };
            let known = self.find_or_make(&name);
            if let Err(error) = &known {
                tracing::warn!(topic = name, %error, "the topic of a task queue is not to be had; trying again");
            }
            match known.ok().flatten() {
                Some(partitions) => lock(&self.queues).insert(name, Some(partitions)),
                // Forgotten, so that the next look asks again.
                None => lock(&self.queues).remove(&name),
            };
        }
    }

    fn find_or_make(&self, name: &str) -> Result<Option<i32>, Error> {
        if let TopicState::Present(info) = self.admin.topic(name)? {
            return Ok(Some(info.partitions));
        }
        make(
            &self.admin,
            &[task_spec(
                name.to_owned(),
                self.partitions,
                self.replication,
            )],
        )?;
        match self.admin.topic(name)? {
            TopicState::Present(info) => Ok(Some(info.partitions)),
            TopicState::Missing | TopicState::Denied => Ok(None),
        }
    }
}

impl QueueTopics for TopicBook {
    fn partitions(&self, topic: &str) -> Option<i32> {
        let mut queues = lock(&self.queues);
        if let Some(known) = queues.get(topic) {
            return *known;
        }
        queues.insert(topic.to_owned(), None);
        drop(lock(&self.asked).send(topic.to_owned()));
        None
    }
}

impl fmt::Debug for TopicBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicBook")
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// The topics of a namespace that do not exist, each with the command that makes it.
///
/// # Errors
/// [`ErrorKind::Unavailable`]: no broker answers.
pub fn missing_topics(
    admin: &Admin,
    namespace: &str,
    partitions: i32,
) -> Result<Vec<String>, Error> {
    let replication = if admin.cluster()?.brokers.len() >= 3 {
        3
    } else {
        1
    };
    let mut commands = Vec::new();
    for spec in specs(namespace, partitions, replication) {
        if !matches!(admin.topic(&spec.name)?, TopicState::Present(_)) {
            commands.push(command(&spec));
        }
    }
    Ok(commands)
}

fn make(admin: &Admin, specs: &[TopicSpec]) -> Result<(), Error> {
    let mut missing = Vec::new();
    for spec in specs {
        if !matches!(admin.topic(&spec.name)?, TopicState::Present(_)) {
            missing.push(spec.clone());
        }
    }
    let outcomes = admin.create_topics(&missing)?;
    let mut refused = Vec::new();
    for (spec, outcome) in missing.iter().zip(outcomes) {
        match outcome {
            Creation::Created => tracing::info!(
                topic = spec.name,
                partitions = spec.partitions,
                "topic made"
            ),
            Creation::Exists => {}
            Creation::Denied(reason) | Creation::Refused(reason) => {
                refused.push(format!("{} ({reason}): {}", spec.name, command(spec)))
            }
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let message = format!(
        "topics are missing and could not be made:\n  {}",
        refused.join("\n  ")
    );
    Err(Error::new(ErrorKind::NotFound, "topics-missing", message))
}

fn command(spec: &TopicSpec) -> String {
    let configs: Vec<String> = spec
        .config
        .iter()
        .map(|(key, value)| format!(" --config {key}={value}"))
        .collect();
    format!(
        "kafka-topics.sh --bootstrap-server HOST:PORT --create --topic {} --partitions {} --replication-factor {}{}",
        spec.name,
        spec.partitions,
        spec.replication,
        configs.concat()
    )
}

fn specs(namespace: &str, partitions: i32, replication: i32) -> Vec<TopicSpec> {
    let forever = [
        ("retention.ms", "-1"),
        ("message.timestamp.type", "LogAppendTime"),
        ("max.message.bytes", MAX_MESSAGE_BYTES),
    ];
    vec![
        spec(topic::inbox(namespace), partitions, replication, &forever),
        spec(topic::results(namespace), partitions, replication, &forever),
        spec(topic::journal(namespace), partitions, replication, &forever),
        spec(
            topic::replies(namespace),
            1,
            replication,
            &[("retention.ms", "3600000")],
        ),
    ]
}

fn task_spec(name: String, partitions: i32, replication: i32) -> TopicSpec {
    spec(
        name,
        partitions,
        replication,
        &[
            ("retention.ms", "604800000"),
            ("max.message.bytes", MAX_MESSAGE_BYTES),
        ],
    )
}

fn spec(name: String, partitions: i32, replication: i32, settings: &[(&str, &str)]) -> TopicSpec {
    let mut config: BTreeMap<String, String> = settings
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    config.insert("cleanup.policy".to_owned(), "delete".to_owned());
    if replication >= 3 {
        config.insert("min.insync.replicas".to_owned(), "2".to_owned());
        config.insert(
            "unclean.leader.election.enable".to_owned(),
            "false".to_owned(),
        );
    }
    TopicSpec {
        name,
        partitions,
        replication,
        config,
    }
}
