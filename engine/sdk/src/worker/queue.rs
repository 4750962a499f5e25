//! The worker of one task queue.
//!
//! ```text
//! next record ─▶ permit ─▶ spawn: attempt ─▶ answer until acknowledged ─▶ offsets ─▶ commit
//! ```
//! Everything goes in groups, as many as are there: a wake-up for each task would cost more than the task.
//! Invariant: a task counts as done only when its answer was acknowledged, or when nobody could be told.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc, time::Duration};

use sagaline_journal::{Error as KafkaError, ErrorKind, NewRecord, Record};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::{JoinSet, yield_now},
    time::{Instant, sleep_until},
};

use super::{
    answer::Answer,
    attempt::Attempts,
    offsets::{Offsets, Place, Ticket},
    port::{Answers, Event, HandOver, Tasks},
    recent::Recent,
    saying::{Said, Saying},
    task::{Task, Unreadable},
};
use crate::{Error, json};

/// An attempt that runs longer than this is told to the engine, whose clock then starts.
const STARTED_AFTER: Duration = Duration::from_secs(1);

/// So many answers are sent without waiting for attempts that are about to end.
const GATHERED_MAX: usize = 256;

/// How long answers that have arrived wait for others that have not.
const PATIENCE: Duration = Duration::from_millis(20);

/// What all queues of a worker share.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// One for each attempt that may run.
    pub(crate) permits: Arc<Semaphore>,
    /// How long the end waits for what runs.
    pub(crate) drain: Duration,
}

pub(crate) struct QueueWorker<T, A> {
    attempts: Arc<Attempts>,
    tasks: T,
    answers: A,
    limits: Limits,
    /// Read, and waiting for a permit.
    waiting: Option<Record>,
    running: JoinSet<Said>,
    /// Ended, and not said yet.
    ended: Vec<Said>,
    /// Attempts that take long say so here.
    notes: (
        mpsc::UnboundedSender<NewRecord>,
        mpsc::UnboundedReceiver<NewRecord>,
    ),
    saying: Saying,
    /// The tickets of each task that is not done: more than one when it was read again after a rebalance.
    tickets: HashMap<String, Vec<Ticket>>,
    recent: Recent,
    offsets: Offsets,
    /// Where to commit to, by the next commit.
    moved: HashMap<Place, i64>,
    /// Partitions that go when what runs on them has ended.
    leaving: Option<(Vec<Place>, HandOver)>,
}

impl<T: Tasks, A: Answers> QueueWorker<T, A> {
    pub(crate) fn new(attempts: Arc<Attempts>, tasks: T, answers: A, limits: Limits) -> Self {
        Self {
            saying: Saying::new(attempts.worker.clone()),
            attempts,
            tasks,
            answers,
            limits,
            waiting: None,
            running: JoinSet::new(),
            ended: Vec::new(),
            notes: mpsc::unbounded_channel(),
            tickets: HashMap::new(),
            recent: Recent::default(),
            offsets: Offsets::default(),
            moved: HashMap::new(),
            leaving: None,
        }
    }

    /// Works until `stopping` says so, then ends what runs and leaves the group.
    pub(crate) async fn run(
        mut self,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), KafkaError> {
        loop {
            let step = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => break,
                step = self.step() => step,
            };
            if let ControlFlow::Break(error) = step {
                return Err(error);
            }
        }
        let drain = self.limits.drain;
        if tokio::time::timeout(drain, self.finish_running())
            .await
            .is_err()
        {
            tracing::warn!(
                tasks = self.tickets.len(),
                "attempts did not end in time; another worker begins them again"
            );
        }
        // Not waited for: one that blocks its thread would never end.
        self.running.abort_all();
        drop(self.leaving.take());
        self.tasks.close().await;
        Ok(())
    }

    /// Whatever comes first. Dropped in between it has lost nothing.
    ///
    /// While a task waits for a permit nothing more is read, not even that partitions go: a worker that is full learns of a
    /// rebalance when an attempt ends. The group does not wait longer than for any hand-over.
    async fn step(&mut self) -> ControlFlow<KafkaError> {
        let Self {
            tasks,
            running,
            ended,
            waiting,
            limits,
            answers,
            saying,
            notes,
            ..
        } = self;
        tokio::select! {
            biased;
            outcomes = answers.ended() => self.answered(outcomes),
            Some(attempt) = running.join_next() => self.gather(attempt.ok()),
            () = yield_now(), if !ended.is_empty() => self.say_ended(),
            Some(note) = notes.1.recv() => self.tell(note),
            () = next_look(saying) => self.look(),
            permit = limits.permits.clone().acquire_owned(), if waiting.is_some() => {
                let permit = permit.expect("nobody closes the semaphore");
                if let Some(record) = self.waiting.take() {
                    self.begin(&record, permit);
                }
                self.begin_more();
            }
            event = tasks.next(), if waiting.is_none() => match event {
                Some(event) => {
                    self.take(event);
                    self.begin_more();
                }
                None => {
                    let text = "the consumer of a task queue ended by itself";
                    return ControlFlow::Break(KafkaError::new(ErrorKind::Internal, "worker-consumer", text));
                }
            },
        }
        ControlFlow::Continue(())
    }

    /// Begins what is there already, as far as there are permits.
    fn begin_more(&mut self) {
        loop {
            if let Some(record) = self.waiting.take() {
                let Ok(permit) = self.limits.permits.clone().try_acquire_owned() else {
                    self.waiting = Some(record);
                    break;
                };
                self.begin(&record, permit);
            }
            match self.tasks.try_next() {
                Some(event) => self.take(event),
                None => break,
            }
        }
        self.answers.flush();
        self.commit();
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Record(record) => self.waiting = Some(record),
            Event::Leaving(places, hand_over) => {
                // Not begun: whoever has the partition next reads it again.
                self.waiting = None;
                self.leaving = Some((places, hand_over));
                self.let_go_when_idle();
            }
            Event::Lost | Event::Assigned => {
                self.leaving = None;
                self.forget();
            }
        }
    }

    fn begin(&mut self, record: &Record, permit: OwnedSemaphorePermit) {
        let ticket = self.offsets.begin(record);
        match Task::read(record) {
            Err(Unreadable::Lost(reason)) => {
                tracing::error!(
                    ?record,
                    reason,
                    "a task cannot be read, and does not say who could be told: it is skipped"
                );
                self.finish(&[ticket]);
            }
            Err(Unreadable::Answerable(address, reason)) => {
                let error = Error::new(
                    json::UNDECODABLE,
                    format!("the task cannot be read: {reason}"),
                )
                .non_retryable();
                let tickets = self.tickets.entry(address.task_id.clone());
                tickets.or_default().push(ticket);
                self.say(Said::new(*address, Answer::Failed(error), permit));
            }
            Ok(task)
                if self.attempts.is_expired(&task)
                    || self.recent.contains(&task.address.task_id) =>
            {
                self.finish(&[ticket]);
            }
            Ok(task) => match self.tickets.get_mut(&task.address.task_id) {
                Some(tickets) => tickets.push(ticket),
                None => self.spawn(ticket, permit, task),
            },
        }
    }

    /// Makes the attempt.
    fn spawn(&mut self, ticket: Ticket, permit: OwnedSemaphorePermit, task: Task) {
        self.tickets
            .insert(task.address.task_id.clone(), vec![ticket]);
        let (attempts, notes) = (self.attempts.clone(), self.notes.0.clone());
        self.running.spawn(async move {
            let address = task.address.clone();
            let answer = make(&attempts, &notes, task).await;
            Said::new(address, answer, permit)
        });
    }

    /// Attempts ended: this one and all that have by now. Those that are about to have their turn first.
    fn gather(&mut self, first: Option<Said>) {
        // An attempt itself cannot panic through; were it to, its task stays uncommitted and is read again.
        self.ended.extend(first);
        while let Some(next) = self.running.try_join_next() {
            self.ended.extend(next.ok());
        }
        if self.ended.len() >= GATHERED_MAX {
            self.say_ended();
        }
    }

    fn say_ended(&mut self) {
        for said in std::mem::take(&mut self.ended) {
            self.say(said);
        }
        self.answers.flush();
    }

    fn say(&mut self, said: Said) {
        self.saying.say(said, &mut self.answers);
    }

    /// Hears of some answers while others are on their way, and sends again what is due.
    fn look(&mut self) {
        let ended = self.answers.try_ended();
        self.answered(ended);
        self.saying.say_again(&mut self.answers);
        self.answers.flush();
    }

    /// Something that is said once and not waited for.
    fn tell(&mut self, note: NewRecord) {
        let mark = self.saying.mark_of_a_note();
        self.answers.send(mark, note);
        self.answers.flush();
    }

    /// What became of answers.
    fn answered(&mut self, ended: Vec<(u64, Result<(), KafkaError>)>) {
        for (mark, outcome) in ended {
            if let Some(said) = self.saying.ended(mark, outcome) {
                let task_id = said.address.task_id;
                let tickets = self.tickets.remove(&task_id).unwrap_or_default();
                self.recent.insert(task_id.into());
                self.finish(&tickets);
            }
        }
        self.commit();
        self.let_go_when_idle();
    }

    fn finish(&mut self, tickets: &[Ticket]) {
        for ticket in tickets {
            if let Some((place, next)) = self.offsets.finish(ticket) {
                self.moved.insert(place, next);
            }
        }
    }

    fn commit(&mut self) {
        for (place, next) in self.moved.drain() {
            self.tasks.commit(&place, next);
        }
    }

    fn let_go_when_idle(&mut self) {
        if let Some((places, _)) = &self.leaving
            && !self.offsets.is_busy(places)
        {
            self.forget();
            self.leaving = None;
        }
    }

    /// The partitions went away; what was done before that is committed first.
    fn forget(&mut self) {
        self.commit();
        self.offsets.forget();
    }

    async fn finish_running(&mut self) {
        while !(self.running.is_empty() && self.ended.is_empty() && self.saying.is_empty()) {
            let Self {
                running,
                ended,
                answers,
                saying,
                notes,
                ..
            } = self;
            tokio::select! {
                biased;
                outcomes = answers.ended() => self.answered(outcomes),
                Some(attempt) = running.join_next() => self.gather(attempt.ok()),
                () = yield_now(), if !ended.is_empty() => self.say_ended(),
                Some(note) = notes.1.recv() => self.tell(note),
                () = next_look(saying) => self.look(),
            }
        }
    }
}

/// Until an answer is to be sent again, or until nobody should wait any longer for all of them: one partition's broker may
/// be away.
async fn next_look(saying: &Saying) {
    if saying.is_empty() {
        return std::future::pending().await;
    }
    let look = Instant::now() + PATIENCE;
    sleep_until(saying.next_try().map_or(look, |again| again.min(look))).await;
}

/// Makes the attempt, telling the engine when it takes long.
async fn make(attempts: &Attempts, notes: &mpsc::UnboundedSender<NewRecord>, task: Task) -> Answer {
    let address = task.address.clone();
    let mut attempt = std::pin::pin!(attempts.make(task));
    tokio::select! {
        biased;
        ended = &mut attempt => return Answer::to(ended),
        () = tokio::time::sleep(STARTED_AFTER) => {}
    }
    // Nobody reads notes of a worker that ended.
    drop(notes.send(Answer::Started.record(&address, &attempts.worker)));
    Answer::to(attempt.await)
}

#[cfg(test)]
mod tests;
