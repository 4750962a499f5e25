//! The topics: made at start, or named with the command that makes them; those of new queues made at their first task.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::{
    Error, ErrorKind,
    kafka::{Admin, Creation, Kafka, TopicSpec, TopicState},
    wire::topic,
};

use super::{EngineSettings, layout::Layout, queues::Queues, replies::ReplyBook, watch::lock};
use crate::{
    Workflows, clock,
    lane::{QueueTopic, QueueTopics, ReplyTopic, SentTask},
};

/// Partitions of inbox, results and journal where nothing else is said.
pub const DEFAULT_PARTITIONS: i32 = 12;

/// How long a topic that is there is taken to be there as it was.
const THERE_FOR: Millis = Millis(5_000);

/// Pause before a topic that is not there is looked for, or made, again.
const AGAIN_AFTER: Millis = Millis(500);

/// How often the serving thread looks whether it is to stop.
const SERVE_PAUSE: Millis = Millis(200);

/// From one look at all topics to the next, at least.
const LOOK_PAUSE: Millis = Millis(250);

/// How long brokers that are busy are asked for the topics again before the engine gives up its start.
const MAKE_WAIT_MAX: Millis = Millis(90_000);

/// What is known of one queue's topic.
#[derive(Debug)]
struct Known {
    topic: QueueTopic,
    /// It is being looked up.
    asked: bool,
    /// Not to be looked up again before.
    look_at: Millis,
    /// Why it was not to be had, as the log has it.
    said: Option<String>,
}

/// What is known of topics, and who makes them.
pub(super) struct TopicBook {
    admin: Admin,
    layout: Layout,
    queues: Mutex<BTreeMap<String, Known>>,
    replies: ReplyBook,
    workers: Arc<Queues>,
    asked: Mutex<mpsc::Sender<Wanted>>,
    to_serve: Mutex<Option<mpsc::Receiver<Wanted>>>,
}

/// What lanes ask for.
#[derive(Debug)]
enum Wanted {
    /// The topic of a queue.
    Queue(String),
    /// Which topics that want replies are there.
    Replies,
}

impl TopicBook {
    /// Makes what is missing; otherwise names it with the commands.
    pub(super) fn prepare(
        admin: Admin,
        settings: &EngineSettings,
        workflows: &dyn Workflows,
    ) -> Result<Arc<Self>, Error> {
        let layout = Layout::of(
            &admin,
            &settings.kafka,
            &settings.namespace,
            settings.partitions,
        )?;
        let mut specs = layout.specs();
        let queues = workflows.task_queues();
        specs.extend(queues.iter().map(|queue| {
            let name = topic::tasks(&settings.namespace, queue.as_str());
            layout.task_spec(name)
        }));
        make_patiently(&admin, &layout, &specs)?;
        let workers = Arc::new(Queues::new(settings.kafka.clone(), &settings.namespace));
        let (sender, receiver) = mpsc::channel();
        let book = Self {
            admin,
            layout,
            queues: Mutex::default(),
            replies: ReplyBook::default(),
            workers,
            asked: Mutex::new(sender),
            to_serve: Mutex::new(Some(receiver)),
        };
        Ok(Arc::new(book))
    }

    pub(super) const fn admin(&self) -> &Admin {
        &self.admin
    }

    pub(super) const fn partitions(&self) -> i32 {
        self.layout.partitions
    }

    /// How far the workers of the queues are.
    pub(super) const fn workers(&self) -> &Arc<Queues> {
        &self.workers
    }

    /// Warns if a lost disk loses sagas.
    pub(super) fn warn(&self) {
        if self.layout.replication == 1 {
            tracing::warn!(
                brokers = self.layout.brokers,
                "fewer than three brokers: topics have one copy, and a lost disk loses sagas"
            );
        }
    }

    /// Looks up what lanes ask for, and makes the queues' topics, until it is stopped.
    pub(super) fn serve(&self, stopped: impl Fn() -> bool) {
        let Some(receiver) = lock(&self.to_serve).take() else {
            return;
        };
        let (mut look_at, mut next_look) = (None, Millis(0));
        while !stopped() {
            let wait = look_at.map_or(SERVE_PAUSE.0, |at: Millis| {
                at.0.saturating_sub(clock::monotonic().0)
            });
            match receiver.recv_timeout(Duration::from_millis(wait.min(SERVE_PAUSE.0))) {
                Ok(Wanted::Queue(name)) => self.serve_queue(&name),
                Ok(Wanted::Replies) => look_at = Some(next_look.max(clock::monotonic())),
                Err(_) => {}
            }
            if look_at.is_some_and(|at| at <= clock::monotonic()) {
                look_at = None;
                self.look_for_replies();
                next_look = Millis(clock::monotonic().0 + LOOK_PAUSE.0);
            }
        }
    }

    fn serve_queue(&self, name: &str) {
        let found = self.find_or_make(name).or_else(|error| match error.kind() {
            ErrorKind::Invalid => Ok(QueueTopic::Refused(error.to_string().into())),
            _ => Err(error),
        });
        if let Ok(QueueTopic::There(partitions)) = found {
            self.workers.watch(name, partitions);
        }
        if let Some(known) = lock(&self.queues).get_mut(name) {
            known.learn(name, found);
        }
    }

    fn look_for_replies(&self) {
        let found = self.admin.topics();
        if let Err(error) = &found {
            tracing::warn!(%error, "the topics that want replies are not known; trying again");
        }
        self.replies.learn(found.as_ref(), clock::monotonic());
    }

    fn find_or_make(&self, name: &str) -> Result<QueueTopic, Error> {
        if let TopicState::Present(info) = self.admin.topic(name)? {
            return Ok(QueueTopic::There(info.partitions));
        }
        let spec = self.layout.spec_of(name);
        match create(&self.admin, &spec)? {
            Creation::Denied(reason) | Creation::Refused(reason) => {
                let command = self.layout.command(&spec);
                let reason = format!(
                    "topic {name} is not there and could not be made ({reason}); make it: {command}"
                );
                Ok(QueueTopic::Refused(reason.into()))
            }
            Creation::Created | Creation::Exists => Ok(match self.admin.topic(name)? {
                TopicState::Present(info) => QueueTopic::There(info.partitions),
                TopicState::Missing => QueueTopic::Coming,
                TopicState::Denied => {
                    QueueTopic::Refused(format!("topic {name} is there and may not be seen: allow the engine's principal to describe and write it").into())
                }
            }),
            Creation::Unavailable(reason) => {
                let message = format!("make the topic {name}: {reason}");
                Err(Error::new(ErrorKind::Unavailable, "kafka-unavailable", message))
            }
        }
    }
}

impl Known {
    /// Takes what a look came to. Tells people once why the topic is not to be had.
    fn learn(&mut self, name: &str, found: Result<QueueTopic, Error>) {
        let reason = match &found {
            Ok(QueueTopic::Refused(reason)) => Some(reason.to_string()),
            Ok(QueueTopic::There(_) | QueueTopic::Coming) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason
            .as_ref()
            .filter(|reason| self.said.as_ref() != Some(reason))
        {
            tracing::warn!(
                topic = name,
                reason,
                "the topic of a task queue is not to be had; trying again"
            );
        }
        self.said = reason;
        self.topic = match (found, &self.topic) {
            (Ok(topic), _) => topic,
            // What was there still is, as far as anybody knows.
            (Err(_), QueueTopic::There(partitions)) => QueueTopic::There(*partitions),
            (Err(_), _) => QueueTopic::Coming,
        };
        let pause = match self.topic {
            QueueTopic::There(_) => THERE_FOR,
            QueueTopic::Coming | QueueTopic::Refused(_) => AGAIN_AFTER,
        };
        self.look_at = Millis(clock::monotonic().0 + pause.0);
        self.asked = false;
    }
}

impl QueueTopics for TopicBook {
    fn topic(&self, name: &str) -> QueueTopic {
        let mut queues = lock(&self.queues);
        if !queues.contains_key(name) {
            let known = Known {
                topic: QueueTopic::Coming,
                asked: false,
                look_at: Millis(0),
                said: None,
            };
            queues.insert(name.to_owned(), known);
        }
        let Some(known) = queues.get_mut(name) else {
            return QueueTopic::Coming;
        };
        if !known.asked && clock::monotonic() >= known.look_at {
            known.asked = true;
            drop(lock(&self.asked).send(Wanted::Queue(name.to_owned())));
        }
        known.topic.clone()
    }

    fn queued_until(&self, topic: &str, task: SentTask, now: Timestamp) -> Option<Timestamp> {
        self.workers.queued_until(topic, task, now)
    }

    fn reply_topic(&self, name: &str) -> ReplyTopic {
        let (topic, must_look) = self.replies.topic(name, clock::monotonic());
        if must_look {
            drop(lock(&self.asked).send(Wanted::Replies));
        }
        topic
    }
}

impl fmt::Debug for TopicBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicBook")
            .field("partitions", &self.layout.partitions)
            .finish_non_exhaustive()
    }
}

/// The topics of a namespace that do not exist, each with the command that makes it; `partitions` is how many they get
/// where none tells how many there must be.
///
/// # Errors
/// [`ErrorKind::Unavailable`]: no broker answers.
pub fn missing_topics(
    admin: &Admin,
    kafka: &Kafka,
    namespace: &str,
    partitions: i32,
) -> Result<Vec<String>, Error> {
    let layout = Layout::of(admin, kafka, namespace, partitions)?;
    let mut commands = Vec::new();
    for spec in layout.specs() {
        if !matches!(admin.topic(&spec.name)?, TopicState::Present(_)) {
            commands.push(layout.command(&spec));
        }
    }
    Ok(commands)
}

/// Makes what is missing. Brokers that have answered once, and do not now, are busy: they are asked again for a while.
fn make_patiently(admin: &Admin, layout: &Layout, specs: &[TopicSpec]) -> Result<(), Error> {
    let late = Millis(clock::monotonic().0 + MAKE_WAIT_MAX.0);
    loop {
        match make(admin, layout, specs) {
            Err(error) if error.kind() == ErrorKind::Unavailable && clock::monotonic() < late => {
                tracing::warn!(%error, "the topics are not made yet; trying again");
                thread::park_timeout(Duration::from_millis(AGAIN_AFTER.0));
            }
            made => return made,
        }
    }
}

fn make(admin: &Admin, layout: &Layout, specs: &[TopicSpec]) -> Result<(), Error> {
    let mut missing = Vec::new();
    for spec in specs {
        if !matches!(admin.topic(&spec.name)?, TopicState::Present(_)) {
            missing.push(spec.clone());
        }
    }
    let outcomes = admin.create_topics(&missing)?;
    let (mut refused, mut unavailable) = (Vec::new(), None);
    for (spec, outcome) in missing.iter().zip(outcomes) {
        say_made(spec, &outcome);
        match outcome {
            Creation::Created | Creation::Exists => {}
            Creation::Denied(reason) | Creation::Refused(reason) => refused.push(format!(
                "{} ({reason}): {}",
                spec.name,
                layout.command(spec)
            )),
            Creation::Unavailable(reason) => {
                unavailable = Some(format!("make the topic {}: {reason}", spec.name));
            }
        }
    }
    if refused.is_empty() {
        return unavailable.map_or(Ok(()), |message| {
            Err(Error::new(
                ErrorKind::Unavailable,
                "kafka-unavailable",
                message,
            ))
        });
    }
    let message = format!(
        "topics are missing and could not be made:\n  {}",
        refused.join("\n  ")
    );
    Err(Error::new(ErrorKind::NotFound, "topics-missing", message))
}

/// Makes one topic.
fn create(admin: &Admin, spec: &TopicSpec) -> Result<Creation, Error> {
    let outcomes = admin.create_topics(std::slice::from_ref(spec))?;
    let unanswered = || Creation::Unavailable("no answer".to_owned());
    let outcome = outcomes.into_iter().next().unwrap_or_else(unanswered);
    say_made(spec, &outcome);
    Ok(outcome)
}

fn say_made(spec: &TopicSpec, outcome: &Creation) {
    if *outcome == Creation::Created {
        tracing::info!(
            topic = spec.name,
            partitions = spec.partitions,
            "topic made"
        );
    }
}
