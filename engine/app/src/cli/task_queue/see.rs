//! `task-queue list` and `describe`: Kafka says what lies in a queue's topic and who reads it, the journal what waits before.

use std::collections::BTreeMap;

use sagaline_core::{
    Activity, Millis, Name, Queue, Timestamp,
    run::ActivityState,
    view::{QueueView, age, limits},
};
use sagaline_journal::{
    kafka::{Admin, Group, GroupMember, Kafka},
    wire::topic,
};
use serde::Serialize;

use super::Session;
use crate::{
    fault::{Fault, Outcome},
    journal::Journal,
    output::{Format, Output, visible},
    runs::{Keep, Runs},
};

/// What is known of all queues.
struct Queues {
    /// Partitions of each topic.
    topics: BTreeMap<Name, i32>,
    folded: Vec<Runs>,
}

/// One queue as it is seen now; its JSON is that of `GET /task-queues`.
#[derive(Debug, Serialize)]
struct Seen<'a> {
    name: &'a Name,
    workers: Vec<Worker>,
    /// Tasks in its topic that no worker has committed.
    backlog: i64,
    /// For how long the oldest attempt waits that no worker said to have begun with.
    oldest_ms: Option<u64>,
    /// The same of those that wait before the topic.
    #[serde(skip)]
    oldest_held_ms: Option<u64>,
    #[serde(skip)]
    oldest_queued_ms: Option<u64>,
    /// Activities that have no outcome.
    pending: u64,
    /// How many came and went since an earlier look, which is a server's.
    rates: Option<()>,
    limits: Option<QueueView<'a>>,
    #[serde(skip)]
    queue: Option<&'a Queue>,
}

#[derive(Debug, Serialize)]
struct Worker {
    id: String,
    client_id: String,
    host: String,
}

#[derive(Serialize)]
struct List<'a> {
    task_queues: Vec<Seen<'a>>,
    left_out: usize,
    incomplete: bool,
}

pub(super) const HEADINGS: &[&str] = &[
    "QUEUE", "WORKERS", "BACKLOG", "OLDEST", "HELD", "OUT", "LIMITS",
];

pub(super) fn list(session: &Session) -> Outcome {
    let queues = Queues::read(session)?;
    let kafka = session.kafka()?;
    let mut names = queues.names();
    names.retain(|name| queues.is_in_use(name));
    let seen: Vec<Seen<'_>> = names
        .into_iter()
        .map(|name| queues.see(session, &kafka, name))
        .collect::<Outcome<_>>()?;
    match session.output.format {
        Format::Json => session.output.json(&List {
            task_queues: seen,
            left_out: 0,
            incomplete: false,
        })?,
        Format::Jsonl => seen.iter().try_for_each(|one| session.output.json(one))?,
        Format::Table if seen.is_empty() => session
            .output
            .line("No task queue yet: the first is made when an activity is scheduled.")?,
        Format::Table => {
            let rows: Vec<Vec<String>> = seen.iter().map(Seen::cells).collect();
            session.output.table(HEADINGS, &rows)?;
        }
    }
    Ok(())
}

pub(super) fn describe(session: &Session, name: &Name) -> Outcome {
    let queues = Queues::read(session)?;
    if !queues.names().contains(&name) {
        return Err(Fault::refused(format!("task queue {name} is not known"))
            .hint("`task-queue list` prints those that are"));
    }
    let seen = queues.see(session, &session.kafka()?, name)?;
    match session.output.format {
        Format::Json | Format::Jsonl => session.output.json(&seen)?,
        Format::Table => session.output.line(&seen.text(session.output))?,
    }
    Ok(())
}

impl Queues {
    fn read(session: &Session) -> Outcome<Self> {
        let prefix = topic::tasks(&session.settings.namespace, "");
        let journal = Journal::open(session)?;
        let topics = Admin::open(&session.kafka()?)?.topics()?;
        let of_queue = |(topic, partitions): (String, i32)| {
            let name = topic.strip_prefix(&prefix)?;
            Some((Name::new(name).ok()?, partitions))
        };
        let folded = (0..journal.partitions).map(|partition| journal.fold(partition, Keep::Runs));
        Ok(Self {
            topics: topics.into_iter().filter_map(of_queue).collect(),
            folded: folded.collect::<Outcome<_>>()?,
        })
    }

    /// Those with a topic, those that somebody limited, and those that an attempt waits for.
    fn names(&self) -> Vec<&Name> {
        let limited = self.folded.iter().flat_map(|runs| runs.queues().keys());
        let waited_for = self.waiting().map(|one| &one.scheduled.task_queue);
        let mut names: Vec<&Name> = self
            .topics
            .keys()
            .chain(limited)
            .chain(waited_for)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether it has a topic, or something waits for it, or limits it: others only had limits once.
    fn is_in_use(&self, name: &Name) -> bool {
        let mut known = self
            .folded
            .iter()
            .filter_map(|runs| runs.queues().get(name));
        self.topics.contains_key(name)
            || known.any(matters)
            || self.waiting().any(|one| one.scheduled.task_queue == *name)
    }

    /// Activities that have no outcome.
    fn pending(&self) -> impl Iterator<Item = &Activity> {
        let runs = self.folded.iter().flat_map(Runs::iter);
        let open = runs.filter(|(_, seen)| seen.run.closed.is_none());
        open.flat_map(|(_, seen)| seen.run.activities.iter())
    }

    /// Of these, those that no worker said to have begun with.
    fn waiting(&self) -> impl Iterator<Item = &Activity> {
        self.pending()
            .filter(|one| matches!(one.state, ActivityState::Held | ActivityState::Queued))
    }

    fn see<'a>(&'a self, session: &Session, kafka: &Kafka, name: &'a Name) -> Outcome<Seen<'a>> {
        let namespace = &session.settings.namespace;
        let group = Group::open(kafka, &topic::worker_group(namespace, name.as_str()))?;
        let topic = topic::tasks(namespace, name.as_str());
        let backlog = match self.topics.get(name) {
            Some(partitions) => backlog(&group, &topic, *partitions)?,
            None => 0,
        };
        let queue = self.home_of(name);
        let now = session.output.now;
        let oldest_held_ms = self.oldest_ms(name, &ActivityState::Held, now);
        // What Kafka has no task of, a worker has, whether it said so or not.
        let oldest_queued_ms = match backlog {
            0 => None,
            _ => self.oldest_ms(name, &ActivityState::Queued, now),
        };
        Ok(Seen {
            name,
            workers: group.members()?.into_iter().map(Worker::of).collect(),
            backlog,
            oldest_ms: oldest_held_ms.max(oldest_queued_ms),
            oldest_held_ms,
            oldest_queued_ms,
            pending: self
                .pending()
                .map(|one| u64::from(one.scheduled.task_queue == *name))
                .sum(),
            rates: None,
            limits: queue.map(QueueView::of),
            queue,
        })
    }

    /// The queue as its home knows it.
    fn home_of(&self, name: &Name) -> Option<&Queue> {
        let known = (0..).zip(&self.folded);
        let mut known =
            known.filter_map(|(partition, runs)| Some((partition, runs.queues().get(name)?)));
        let is_home = |queue: &Queue, partition: i32| {
            queue
                .settings()
                .is_some_and(|one| one.home_partition == partition)
        };
        known.find_map(|(partition, queue)| is_home(queue, partition).then_some(queue))
    }

    fn oldest_ms(&self, name: &Name, state: &ActivityState, now: Timestamp) -> Option<u64> {
        let waits = |one: &&Activity| one.scheduled.task_queue == *name && one.state == *state;
        let oldest = self.waiting().filter(waits).map(|one| one.attempt_at).min();
        oldest.map(|at| now.since(at).0)
    }
}

/// Whether something limits a queue, or its home holds or has sent tasks of it.
fn matters(queue: &Queue) -> bool {
    let tasks = queue.waiting() + queue.held_back() + queue.outstanding();
    tasks > 0 || in_force(queue).is_some()
}

/// What limits a queue: `10 at once and 5 a second; charge paused by ada`; none: nothing does.
pub(super) fn in_force(queue: &Queue) -> Option<String> {
    let view = QueueView::of(queue);
    let paused = view.paused.iter().map(|one| match one.activity {
        Some(activity) => format!("{activity} paused {}", one.text()),
        None => format!("paused {}", one.text()),
    });
    let all: Vec<String> = limits(queue).into_iter().chain(paused).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Tasks of the topic above what the group committed.
fn backlog(group: &Group, topic: &str, partitions: i32) -> Outcome<i64> {
    let partitions: Vec<i32> = (0..partitions).collect();
    let committed = group.committed(topic, &partitions)?;
    let bounds = group.bounds(topic, &partitions)?;
    let left = bounds.into_iter().zip(committed);
    Ok(left
        .map(|((begin, end), committed)| end - committed.unwrap_or(begin).clamp(begin, end))
        .sum())
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

impl Seen<'_> {
    fn cells(&self) -> Vec<String> {
        let none = || "-".to_owned();
        let limits = self.limits.as_ref();
        let waits = limits.map(|one| one.waiting + one.held_back);
        vec![
            self.name.to_string(),
            match self.workers.len() {
                0 => "none".to_owned(),
                some => some.to_string(),
            },
            self.backlog.to_string(),
            self.oldest_ms
                .map_or_else(none, |oldest| age(Millis(oldest))),
            waits.map_or_else(none, |waits| waits.to_string()),
            limits.map_or_else(none, |one| one.outstanding.to_string()),
            self.limited().unwrap_or_else(none),
        ]
    }

    fn limited(&self) -> Option<String> {
        self.queue.and_then(in_force)
    }

    fn text(&self, output: Output) -> String {
        let mut lines = vec![self.name.to_string(), String::new()];
        let mut line = |what: &str, text: String| lines.push(format!("  {what:<13}{text}"));
        let since = |oldest: Option<u64>| {
            let oldest = oldest.map(|oldest| format!(", the oldest for {}", age(Millis(oldest))));
            oldest.unwrap_or_default()
        };
        let oldest = since(self.oldest_queued_ms);
        line("Backlog", format!("{} tasks{oldest}", self.backlog));
        if let Some(limits) = &self.limits {
            let oldest = since(self.oldest_held_ms);
            line(
                "Held",
                format!(
                    "{} wait for their turn, {} are paused{oldest}",
                    limits.waiting, limits.held_back
                ),
            );
            line("Outstanding", limits.outstanding.to_string());
        }
        line(
            "Limits",
            self.limited().unwrap_or_else(|| "none".to_owned()),
        );
        if let Some(changed_at) = self.queue.and_then(Queue::changed_at) {
            line("Changed", output.time(*changed_at));
        }
        match self.workers.as_slice() {
            [] => line("Workers", "none: no worker reads it".to_owned()),
            workers => {
                for (number, worker) in workers.iter().enumerate() {
                    let what = if number == 0 { "Workers" } else { "" };
                    line(what, format!("{} from {}", worker.client_id, worker.host));
                }
            }
        }
        let lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sagaline_core::{Cause, Event, PausedType, event::QueueChanged};

    use super::*;
    use crate::output::{Terminal, TimeStyle};

    const OUTPUT: Output = Output {
        format: Format::Table,
        time: TimeStyle::Utc,
        terminal: Terminal::NONE,
        now: Timestamp::from_micros(1_790_000_000_000_000),
        coding: None,
    };

    fn queue(reason: &str) -> Queue {
        let mut queue = Queue::default();
        let changed = QueueChanged {
            queue: Name::from("payments"),
            version: 1,
            home_partition: 0,
            max_outstanding: Some(10),
            rate_per_hour: None,
            paused: vec![PausedType {
                activity: None,
                at: OUTPUT.now,
                actor: Name::from("ada"),
                reason: Some(reason.into()),
            }],
            actor: Name::from("ada"),
            reason: None,
        };
        let changed = Event::QueueChanged(Arc::new(changed));
        queue.event(&Cause::lane(0, "1"), OUTPUT.now, &changed);
        queue
    }

    fn seen<'a>(name: &'a Name, queue: &'a Queue) -> Seen<'a> {
        Seen {
            name,
            workers: vec![Worker {
                id: "1".to_owned(),
                client_id: "w\u{1b}[2J".to_owned(),
                host: "/127.0.0.1".to_owned(),
            }],
            backlog: 0,
            oldest_ms: Some(7_000),
            oldest_held_ms: Some(7_000),
            oldest_queued_ms: None,
            pending: 0,
            rates: None,
            limits: Some(QueueView::of(queue)),
            queue: Some(queue),
        }
    }

    #[test]
    fn what_strangers_wrote_moves_no_cursor_and_makes_no_line() {
        let (name, queue) = (
            Name::from("pay\u{202e}ments"),
            queue("\u{1b}]0;x\u{7}\n  Workers      many"),
        );

        let text = seen(&name, &queue).text(OUTPUT);

        let control = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(control), "{text:?}");
        assert!(!text.contains("\n  Workers      many"), "{text}");
    }

    #[test]
    fn a_queue_that_only_had_limits_once_matters_no_more() {
        let mut queue = queue("why");
        assert!(matters(&queue));

        let settings = queue.settings().unwrap();
        let lifted = QueueChanged {
            version: 2,
            max_outstanding: None,
            paused: Vec::new(),
            ..settings.clone()
        };
        let lifted = Event::QueueChanged(Arc::new(lifted));
        queue.event(&Cause::lane(0, "2"), OUTPUT.now, &lifted);

        assert!(!matters(&queue));
    }

    #[test]
    fn the_oldest_is_told_where_it_waits() {
        let (name, queue) = (Name::from("payments"), queue("why"));

        let text = seen(&name, &queue).text(OUTPUT);

        let line = |what: &str| text.lines().find(|line| line.contains(what));
        let backlog = line("Backlog").unwrap();
        assert!(backlog.ends_with("0 tasks"), "{backlog}");
        let held = line("Held").unwrap();
        assert!(held.ends_with("are paused, the oldest for 7 s"), "{held}");
    }
}
