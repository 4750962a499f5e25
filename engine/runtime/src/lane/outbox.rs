//! Effects on their way: sent after their batch is valid, sent again until acknowledged, in any order but that of a child.
//!
//! Invariant: [`Outbox::done`] never covers a batch of which an effect was neither delivered, nor unwanted, nor turned
//! into an outcome. A forward has no outcome but its delivery: it is an input that was acknowledged. That of a retry is
//! the activity's deadline.

mod children;
mod forward;
mod local;
mod reply;
mod sending;
#[cfg(test)]
pub(super) mod tests;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use sagaline_core::{
    ActivityId, Attempt, Command, Effect, Millis, Name, Reply, RunId, State, is_local,
};
use sagaline_journal::{LanePort, NewRecord, SendError, SendErrorKind, Tag};

use self::{
    children::Children,
    forward::{READS_MAX, goes_to_an_inbox},
    local::Local,
    sending::{Queue, Sending},
};
use super::{Lane, LaneShared, Now};
use crate::fold::Fold;

/// A lane makes no further batch while more effects than this are on their way.
pub(crate) const EFFECTS_MAX: usize = 20_000;

/// Pause before an effect is sent again.
const RESEND_AFTER: Millis = Millis(200);

/// A reply to a topic or partition that is still not there after so many tries is dropped: its caller named it, and what
/// is never delivered would hold up a new owner for ever.
const REPLY_TRIES_MAX: u32 = 20;

/// A retry whose topic is still not there after so many tries is left to its activity's deadline.
const RETRY_TRIES_MAX: u32 = 3;

/// How often a lane looks whether a queue's topic is there.
const TOPIC_AFTER: Millis = Millis(20);

/// As [`TOPIC_AFTER`], once the brokers refused to make it.
const TOPIC_REFUSED_AFTER: Millis = Millis(500);

/// An attempt fails when the brokers have refused to make its queue's topic for this long, or for half of the time that
/// the attempt may take, if that is less: it shall fail with the reason, not by its time-out.
const TOPIC_REFUSED_MAX: Millis = Millis::from_secs(30);

/// The effects of one lane.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Batches with effects on their way, oldest first, and how many each.
    batches: VecDeque<(u64, usize)>,
    /// The last batch with effects that is dealt with, and all before it are.
    finished: u64,
    waiting: VecDeque<Entry>,
    later: Vec<(Millis, Entry)>,
    sent: HashMap<Tag, Entry>,
    reading: HashMap<Tag, Entry>,
    /// Forwards whose records are to be read when there is room among the reads.
    unread: VecDeque<Entry>,
    forwards: HashMap<(String, i64), NewRecord>,
    children: Children,
    queues: HashMap<Name, Queue>,
    /// They hold up no batch.
    local: Local,
    /// Tasks that the log refuses for good, until the journal says what became of their attempts.
    refused: Vec<Entry>,
    undeliverable: VecDeque<Command>,
    dropped: u64,
    /// Why forwards are refused, as the log has it, until one arrives.
    forwards_refused: Option<String>,
}

#[derive(Debug)]
struct Entry {
    /// 0: an answer from state, of no batch.
    batch_no: u64,
    effect: Effect,
    /// How often its topic or partition was not there.
    missed: u32,
    /// How often the log refused it for good, and it is sent again all the same.
    refusals: u32,
    /// Since when the brokers have refused to make its queue's topic.
    refused_since: Option<Millis>,
}

impl Entry {
    const fn new(batch_no: u64, effect: Effect) -> Self {
        Self {
            batch_no,
            effect,
            missed: 0,
            refusals: 0,
            refused_since: None,
        }
    }

    /// How long it waits for a topic that the brokers refuse to make.
    fn patience(&self) -> Millis {
        match &self.effect {
            Effect::Task(task) => {
                TOPIC_REFUSED_MAX.min(Millis(task.scheduled.start_to_close_ms / 2))
            }
            Effect::Cancel(_)
            | Effect::Retry(_)
            | Effect::Reply(_)
            | Effect::Queue(_)
            | Effect::Child(_)
            | Effect::External(_)
            | Effect::Forward { .. } => TOPIC_REFUSED_MAX,
        }
    }
}

impl Outbox {
    /// What this lane or an earlier owner may not have sent, and the state still wants.
    ///
    /// The fold knows the effects of batches that it read; those of batches that this lane wrote are here alone.
    pub(super) fn after_take_over(self, fold: &mut Fold) -> Self {
        let mut outbox = Self {
            dropped: self.dropped,
            local: Local::after_take_over(fold),
            ..Self::default()
        };
        let done = fold.footer().map_or(0, |footer| footer.effects_done);
        let mut batches: BTreeMap<u64, Vec<Effect>> = fold.take_effects().into_iter().collect();
        for entry in self.into_entries() {
            if entry.batch_no > done {
                let effects = batches.entry(entry.batch_no).or_default();
                effects.push(entry.effect);
            }
        }
        let stopped = children::stopped(batches.values().flatten());
        for (batch_no, mut effects) in batches {
            effects.retain(|effect| {
                effect.local_task().is_none()
                    && (effect.is_wanted(&fold.state)
                        || children::is_to_be_stopped(effect, &stopped, &fold.state))
            });
            outbox.push(batch_no, effects, HashMap::new());
        }
        outbox
    }

    /// All that is on its way, in the same order whatever the hashes.
    fn into_entries(self) -> impl Iterator<Item = Entry> {
        let by_tag: BTreeMap<Tag, Entry> = self.sent.into_iter().chain(self.reading).collect();
        let later = self.later.into_iter().map(|(_, entry)| entry);
        let sent = by_tag.into_values();
        let others = self.waiting.into_iter().chain(self.unread);
        let others = others.chain(self.refused);
        sent.chain(later)
            .chain(others)
            .chain(self.children.into_entries())
    }

    pub(super) fn push(
        &mut self,
        batch_no: u64,
        effects: Vec<Effect>,
        forwards: HashMap<(String, i64), NewRecord>,
    ) {
        let before = self.waiting.len();
        for effect in effects {
            self.children.add(&effect);
            match effect {
                Effect::Task(task) if is_local(&task.scheduled.task_queue) => self.local.push(task),
                other => self.waiting.push_back(Entry::new(batch_no, other)),
            }
        }
        let count = self.waiting.len() - before;
        if count > 0 {
            self.batches.push_back((batch_no, count));
        }
        self.forwards.extend(forwards);
    }

    /// An answer that no event asks for: lost with its owner.
    pub(super) fn push_answer(&mut self, reply: Reply) {
        let effect = Effect::Reply(Box::new(reply));
        self.waiting.push_back(Entry::new(0, effect));
    }

    /// The last batch whose effects, and those of all before it, are dealt with; `last` is the last valid one.
    pub(super) fn done(&self, last: u64) -> u64 {
        self.batches
            .front()
            .map_or(last, |(batch_no, _)| batch_no - 1)
    }

    /// The last batch with effects up to [`Self::done`]: what a mark may tell a new owner, who would send them again.
    pub(super) const fn finished(&self) -> u64 {
        self.finished
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the task of an attempt has not arrived yet, as far as is known, or never will.
    pub(super) fn has_task(
        &self,
        run_id: RunId,
        activity_id: ActivityId,
        attempt: Attempt,
    ) -> bool {
        let on_their_way = self.waiting.iter().chain(self.sent.values());
        let on_their_way = on_their_way.chain(&self.refused);
        let later = self.later.iter().map(|(_, entry)| entry);
        let is_it = |entry: &Entry| {
            matches!(&entry.effect, Effect::Task(task)
                if (task.run_id, task.activity_id(), task.attempt) == (run_id, activity_id, attempt))
        };
        self.local.has(run_id, activity_id, attempt) || on_their_way.chain(later).any(is_it)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
            + self.later.len()
            + self.sent.len()
            + self.reading.len()
            + self.unread.len()
            + self.refused.len()
            + self.children.len()
    }

    /// Refused tasks do not count: a batch is what they wait for.
    pub(super) fn is_full(&self) -> bool {
        self.len() - self.refused.len() >= EFFECTS_MAX
    }

    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Refused tasks whose attempts are over are dealt with.
    pub(super) fn forget_refused(&mut self, state: &State) {
        if self.refused.is_empty() {
            return;
        }
        let (refused, over): (Vec<Entry>, Vec<Entry>) = std::mem::take(&mut self.refused)
            .into_iter()
            .partition(|entry| entry.effect.is_wanted(state));
        self.refused = refused;
        over.iter().for_each(|entry| self.finish(entry));
    }

    pub(super) fn next_undeliverable(&mut self) -> Option<Command> {
        self.undeliverable.pop_front()
    }

    pub(super) fn next_turn(&self, now: Millis) -> Option<Millis> {
        let until = |at: &Millis| Millis(at.0.saturating_sub(now.0).max(1));
        let later = self.later.iter().map(|(at, _)| until(at));
        later.chain(self.local.next_turn()).min()
    }

    /// Sends what can be sent now.
    pub(super) fn send_waiting(
        &mut self,
        (shared, state): (&LaneShared, &State),
        partition: i32,
        Now {
            wall,
            monotonic: now,
        }: Now,
        port: &mut dyn LanePort,
        tags: &mut Tag,
    ) {
        if !self.later.is_empty() {
            let (ready, later) = std::mem::take(&mut self.later)
                .into_iter()
                .partition(|(at, _)| *at <= now);
            self.later = later;
            let ready: Vec<(Millis, Entry)> = ready;
            for (_, entry) in ready {
                // Offered behind its end, an attempt would wait for a turn that nobody takes.
                if matches!(entry.effect, Effect::Queue(_)) && !entry.effect.is_wanted(state) {
                    self.finish(&entry);
                } else {
                    self.waiting.push_back(entry);
                }
            }
        }
        self.read_more();
        while let Some(entry) = self.waiting.pop_front() {
            let Some(entry) = self.children.hold_back(entry) else {
                continue;
            };
            *tags += 1;
            match self.record(shared, (partition, wall), &entry.effect) {
                Sending::Record(record) => {
                    if entry.missed > 0 && matches!(entry.effect, Effect::Retry(_)) {
                        // To be asked for is to be made again.
                        let _ = shared.topics.topic(&record.topic);
                    }
                    self.sent.insert(*tags, entry);
                    port.send(partition, *tags, record);
                }
                Sending::Never(reason) => self.refuse(entry, &reason),
                Sending::NobodyThere => self.await_reply_topic(entry, now),
                Sending::NoTopic(_) if !entry.effect.is_wanted(state) => self.finish(&entry),
                Sending::NoTopic(refusal) => self.await_topic(entry, refusal, now),
                Sending::Read(..) if self.reading.len() >= READS_MAX => {
                    self.unread.push_back(entry);
                }
                Sending::Read(topic, of, offset) => {
                    self.reading.insert(*tags, entry);
                    port.read(topic, of, *tags, offset, Some(offset + 1));
                }
            }
        }
    }

    /// The queue's topic is not there. While the brokers refuse to make it, its tasks have only so long; while nobody
    /// knows, as long as it takes.
    fn await_topic(&mut self, mut entry: Entry, refusal: Option<Arc<str>>, now: Millis) {
        let Some(reason) = refusal else {
            entry.refused_since = None;
            self.later.push((Millis(now.0 + TOPIC_AFTER.0), entry));
            return;
        };
        let since = *entry.refused_since.get_or_insert(now);
        if now.0 >= since.0 + entry.patience().0 {
            return self.refuse(entry, &reason);
        }
        self.later
            .push((Millis(now.0 + TOPIC_REFUSED_AFTER.0), entry));
    }

    fn finish(&mut self, entry: &Entry) {
        if let Effect::Forward { cause, .. } = &entry.effect {
            self.forwards
                .remove(&(cause.topic.to_string(), cause.offset));
        }
        self.waiting.extend(self.children.let_go(&entry.effect));
        if let Ok(at) = self
            .batches
            .binary_search_by_key(&entry.batch_no, |(batch_no, _)| *batch_no)
        {
            self.batches[at].1 -= 1;
        }
        while let Some((batch_no, 0)) = self.batches.front() {
            self.finished = *batch_no;
            self.batches.pop_front();
        }
    }

    /// It has arrived; what it was.
    fn acknowledged(&mut self, tag: Tag) -> Option<Effect> {
        let entry = self.sent.remove(&tag)?;
        if goes_to_an_inbox(&entry.effect) {
            self.forwards_refused = None;
        }
        self.finish(&entry);
        Some(entry.effect)
    }

    fn failed(&mut self, tag: Tag, error: &SendError, now: Millis) {
        let Some(mut entry) = self.sent.remove(&tag) else {
            return;
        };
        entry.missed += u32::from(error.kind == SendErrorKind::Missing);
        if let Effect::Task(task) = &entry.effect {
            // The queue's topic may be gone, or have more partitions by now.
            self.queues.remove(&task.scheduled.task_queue);
        }
        let nobody_there = match &entry.effect {
            Effect::Reply(_) | Effect::Cancel(_) => entry.missed >= REPLY_TRIES_MAX,
            Effect::Retry(_) => entry.missed >= RETRY_TRIES_MAX,
            Effect::Task(_)
            | Effect::Queue(_)
            | Effect::Child(_)
            | Effect::External(_)
            | Effect::Forward { .. } => false,
        };
        if !error.kind.is_for_good() && !nobody_there {
            self.later.push((Millis(now.0 + RESEND_AFTER.0), entry));
        } else if goes_to_an_inbox(&entry.effect) {
            self.forward_was_refused(entry, error, now);
        } else {
            self.refuse(entry, &error.reason);
        }
    }

    /// It will never go out: a task's attempt has failed; a reply, and what tells an attempt to stop, is dropped and counted.
    fn refuse(&mut self, entry: Entry, reason: &str) {
        match &entry.effect {
            Effect::Task(task) => {
                self.undeliverable.push_back(Command::Undeliverable {
                    workflow_id: task.workflow_id.clone(),
                    run_id: task.run_id,
                    activity_id: task.activity_id(),
                    attempt: task.attempt,
                    reason: reason.into(),
                });
                self.refused.push(entry);
            }
            Effect::Reply(_) | Effect::Cancel(_) => {
                self.finish(&entry);
                self.dropped += 1;
                tracing::warn!(
                    workflow_id = whose(&entry.effect),
                    reason,
                    "a reply, or what tells an attempt to stop, cannot be delivered and is dropped"
                );
            }
            // The activity's deadline makes up for it.
            Effect::Retry(_) => {
                self.finish(&entry);
                tracing::warn!(
                    workflow_id = whose(&entry.effect),
                    reason,
                    "a retry cannot wait in its topic; its attempt will be late"
                );
            }
            // There is nothing that it could become instead.
            Effect::Forward { .. } | Effect::Queue(_) | Effect::Child(_) | Effect::External(_) => {
                self.waiting.push_back(entry);
            }
        }
    }
}

/// The workflow of what may be dropped or late, for the log.
fn whose(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Reply(reply) => Some(reply.workflow_id.as_str()),
        Effect::Cancel(cancel) => Some(cancel.workflow_id.as_str()),
        Effect::Retry(retry) => Some(retry.due.workflow_id.as_str()),
        Effect::Task(_)
        | Effect::Queue(_)
        | Effect::Child(_)
        | Effect::External(_)
        | Effect::Forward { .. } => None,
    }
}

impl Lane {
    pub(super) fn sent(&mut self, tag: Tag, outcome: Result<i64, SendError>, now: Now) {
        match outcome {
            Ok(offset) => {
                if let Some(Effect::Task(task)) = self.outbox.acknowledged(tag) {
                    let queue = self.outbox.queues.get(&task.scheduled.task_queue);
                    let partitions = queue.map(|queue| queue.partitions);
                    self.placed
                        .put(&task, (partitions, offset), &self.fold.state);
                }
            }
            Err(error) => self.outbox.failed(tag, &error, now.monotonic),
        }
    }
}
