//! The worker of one task queue.
//!
//! ```text
//! next record ─▶ permit ─▶ spawn: attempt ─▶ answer until acknowledged ─▶ Done ─▶ offsets ─▶ commit
//! ```
//! Invariant: a task counts as done only when its answer was acknowledged, or when nobody could be told.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc, time::Duration};

use sagaline_journal::{Error as KafkaError, ErrorKind, Record};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use super::{
    answer::Answer,
    attempt::Attempts,
    offsets::{Offsets, Place, Ticket},
    port::{Answers, Event, HandOver, Tasks},
    recent::Recent,
    task::{Address, Task, Unreadable},
};
use crate::{Error, json};

/// An attempt that runs longer than this is told to the engine, whose clock then starts.
const STARTED_AFTER: Duration = Duration::from_secs(1);

/// Waits between tries to send an answer.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

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
    running: JoinSet<String>,
    /// The tickets of each running task: more than one when it was read again after a rebalance.
    tickets: HashMap<String, Vec<Ticket>>,
    recent: Recent,
    offsets: Offsets,
    /// Partitions that go when what runs on them has ended.
    leaving: Option<(Vec<Place>, HandOver)>,
}

impl<T: Tasks, A: Answers> QueueWorker<T, A> {
    pub(crate) fn new(attempts: Arc<Attempts>, tasks: T, answers: A, limits: Limits) -> Self {
        Self {
            attempts,
            tasks,
            answers,
            limits,
            waiting: None,
            running: JoinSet::new(),
            tickets: HashMap::new(),
            recent: Recent::default(),
            offsets: Offsets::default(),
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
                tasks = self.running.len(),
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
            waiting,
            limits,
            ..
        } = self;
        tokio::select! {
            biased;
            Some(ended) = running.join_next() => self.ended(ended),
            permit = limits.permits.clone().acquire_owned(), if waiting.is_some() => {
                let permit = permit.expect("nobody closes the semaphore");
                if let Some(record) = self.waiting.take() {
                    self.begin(&record, permit);
                }
            }
            event = tasks.next(), if waiting.is_none() => match event {
                Some(event) => self.take(event),
                None => {
                    let text = "the consumer of a task queue ended by itself";
                    return ControlFlow::Break(KafkaError::new(ErrorKind::Internal, "worker-consumer", text));
                }
            },
        }
        ControlFlow::Continue(())
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
                self.offsets.forget();
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
                self.spawn(ticket, permit, *address, Err(error));
            }
            Ok(task)
                if self.attempts.is_expired(&task)
                    || self.recent.contains(&task.address.task_id) =>
            {
                self.finish(&[ticket]);
            }
            Ok(task) => match self.tickets.get_mut(&task.address.task_id) {
                Some(tickets) => tickets.push(ticket),
                None => self.spawn(ticket, permit, task.address.clone(), Ok(task)),
            },
        }
    }

    /// Makes the attempt, unless the task cannot be read, and answers.
    fn spawn(
        &mut self,
        ticket: Ticket,
        permit: OwnedSemaphorePermit,
        address: Address,
        task: Result<Task, Error>,
    ) {
        self.tickets.insert(address.task_id.clone(), vec![ticket]);
        let (attempts, answers) = (self.attempts.clone(), self.answers.clone());
        self.running.spawn(async move {
            let answer = match task {
                Ok(task) => make(&attempts, &answers, task).await,
                Err(error) => Answer::Failed(error),
            };
            deliver(&answers, &address, &answer, &attempts.worker).await;
            drop(permit);
            address.task_id
        });
    }

    fn ended(&mut self, ended: Result<String, tokio::task::JoinError>) {
        // The attempt itself cannot panic through; were it to, its task stays uncommitted and is read again.
        let Ok(task_id) = ended else { return };
        let tickets = self.tickets.remove(&task_id).unwrap_or_default();
        self.recent.insert(task_id.into());
        self.finish(&tickets);
        self.let_go_when_idle();
    }

    fn finish(&mut self, tickets: &[Ticket]) {
        for ticket in tickets {
            if let Some((place, next)) = self.offsets.finish(ticket) {
                self.tasks.commit(&place, next);
            }
        }
    }

    fn let_go_when_idle(&mut self) {
        if let Some((places, _)) = &self.leaving
            && !self.offsets.is_busy(places)
        {
            self.leaving = None;
            self.offsets.forget();
        }
    }

    async fn finish_running(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            self.ended(ended);
        }
    }
}

/// Makes the attempt, telling the engine when it takes long.
async fn make<A: Answers>(attempts: &Attempts, answers: &A, task: Task) -> Answer {
    let address = task.address.clone();
    let mut attempt = std::pin::pin!(attempts.make(task));
    tokio::select! {
        biased;
        ended = &mut attempt => return Answer::to(ended),
        () = tokio::time::sleep(STARTED_AFTER) => {}
    }
    let started = Answer::Started.record(&address, &attempts.worker);
    let told = async {
        if let Err(error) = answers.send(started).await {
            tracing::debug!(task_id = address.task_id, %error, "the engine was not told that an attempt has begun");
        }
    };
    let (ended, ()) = tokio::join!(attempt, told);
    Answer::to(ended)
}

/// Sends an answer until it is acknowledged, however long that takes.
async fn deliver<A: Answers>(answers: &A, address: &Address, answer: &Answer, worker: &str) {
    let mut wait = BACKOFF_MIN;
    while let Err(error) = answers.send(answer.record(address, worker)).await {
        tracing::warn!(task_id = address.task_id, %error, wait_ms = wait.as_millis(), "an answer was not acknowledged");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(BACKOFF_MAX);
    }
}

#[cfg(test)]
mod tests;
