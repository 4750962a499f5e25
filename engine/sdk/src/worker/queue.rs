//! The worker of one task queue.
//!
//! ```text
//! next record ─▶ permit ─▶ spawn: attempt ─▶ answer until acknowledged ─▶ offsets ─▶ commit
//!                                  └─ heartbeat acknowledged, and long ─▶────┘
//! ```
//! Everything goes in groups, as many as are there: a wake-up for each task would cost more than the task.
//! Invariant: a task counts as done only when its answer was acknowledged, or when nobody could be told; or when it is long,
//! and its silence will be noticed.

use std::{collections::HashMap, convert::Infallible, ops::ControlFlow, sync::Arc, time::Duration};

use sagaline_core::Payload;
use sagaline_journal::{Error as KafkaError, ErrorKind, Record};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::{JoinSet, yield_now},
    time::{Instant, sleep_until},
};

use super::{
    answer::Answer,
    attempt::Attempts,
    offsets::{Offsets, Place, Ticket},
    open::{LONG, Open, heartbeat_every},
    port::{Answers, Event, HandOver, Port, Tasks},
    recent::Recent,
    saying::{Ended, Said, Saying},
    task::{Task, Unreadable},
};
use crate::{Error, activity::Link, completion::Address, json};

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
    /// What attempts say while they run.
    notes: (Notes, mpsc::UnboundedReceiver<(Arc<Address>, Note)>),
    saying: Saying,
    /// By task id.
    open: HashMap<String, Open>,
    /// What comes again after a rebalance is not run again.
    answered_lately: Recent,
    canceled: mpsc::UnboundedReceiver<Arc<str>>,
    /// What has not begun by then never does.
    canceled_lately: Recent,
    offsets: Offsets,
    /// Where to commit to, by the next commit.
    moved: HashMap<Place, i64>,
    /// Partitions that go when what runs on them has ended.
    leaving: Option<(Vec<Place>, HandOver)>,
}

type Notes = mpsc::UnboundedSender<(Arc<Address>, Note)>;

/// What an attempt says while it runs.
enum Note {
    /// It has run for [`STARTED_AFTER`].
    Began,
    /// It has run for [`LONG`].
    RunsLong,
    Heartbeat(Payload),
}

impl<T: Tasks, A: Answers> QueueWorker<T, A> {
    pub(crate) fn new(attempts: Arc<Attempts>, port: Port<T, A>, limits: Limits) -> Self {
        Self {
            saying: Saying::new(attempts.worker.clone()),
            attempts,
            tasks: port.tasks,
            answers: port.answers,
            canceled: port.canceled,
            limits,
            waiting: None,
            running: JoinSet::new(),
            ended: Vec::new(),
            notes: mpsc::unbounded_channel(),
            open: HashMap::new(),
            answered_lately: Recent::default(),
            canceled_lately: Recent::default(),
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
                tasks = self.open.len(),
                "attempts did not end in time; another worker begins them again"
            );
        }
        let left = self.let_go_attempts();
        if left > 0 {
            tracing::info!(
                attempts = left,
                "long attempts are left; the next ones follow when their heartbeats stay away"
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
    /// While a task waits for a permit no other is read.
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
            canceled,
            ..
        } = self;
        let is_full = waiting.is_some();
        let event = async {
            match is_full {
                true => tasks.next_change().await,
                false => tasks.next().await,
            }
        };
        tokio::select! {
            biased;
            outcomes = answers.ended() => self.answered(outcomes),
            Some(task_id) = canceled.recv() => self.cancel(task_id),
            Some(attempt) = running.join_next() => self.gather(attempt.ok()),
            () = yield_now(), if !ended.is_empty() => self.say_ended(),
            Some((of, note)) = notes.1.recv() => self.note(of, note),
            () = next_look(saying) => self.look(),
            event = event => match event {
                Some(event) => {
                    self.take(event);
                    self.begin_more();
                }
                None => {
                    let text = "the consumer of a task queue ended by itself";
                    return ControlFlow::Break(KafkaError::new(ErrorKind::Internal, "worker-consumer", text));
                }
            },
            permit = limits.permits.clone().acquire_owned(), if is_full => {
                let permit = permit.expect("nobody closes the semaphore");
                if let Some(record) = self.waiting.take() {
                    self.begin(&record, permit);
                }
                self.begin_more();
            }
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
            // Whoever has the partitions next reads again what was not begun.
            Event::Leaving(places, hand_over) => {
                self.waiting = None;
                self.leaving = Some((places, hand_over));
                self.let_go_when_idle();
            }
            Event::Lost | Event::Assigned => {
                self.waiting = None;
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
                let open = self.open.entry(address.task_id.clone()).or_default();
                open.tickets.push(ticket);
                self.say(Said::new(address, Answer::Failed(error), permit));
            }
            Ok(task)
                if self.attempts.is_expired(&task)
                    || self.answered_lately.contains(&task.address.task_id) =>
            {
                self.finish(&[ticket]);
            }
            Ok(task) => match self.open.get_mut(&task.address.task_id) {
                Some(open) => {
                    let released = open.read_again(ticket);
                    self.finish(&released);
                }
                None => self.begin_attempt(ticket, permit, task),
            },
        }
    }

    /// Makes the attempt, unless it shall stop already.
    fn begin_attempt(&mut self, ticket: Ticket, permit: OwnedSemaphorePermit, task: Task) {
        let (address, notes) = (task.address.clone(), self.notes.0.clone());
        let link = Link::new(address.clone(), heartbeat_every(&task), {
            let (address, notes) = (address.clone(), notes.clone());
            // Nobody reads notes of a worker that ended.
            move |progress| drop(notes.send((address.clone(), Note::Heartbeat(progress))))
        });
        let link = Arc::new(link);
        let open = Open::new(ticket, &task, link.clone());
        self.open.insert(address.task_id.clone(), open);
        if self.canceled_lately.contains(&address.task_id) {
            let error = Error::canceled("it was cancelled before it began");
            return self.say(Said::new(address, Answer::Canceled(error), permit));
        }
        let attempts = self.attempts.clone();
        self.running.spawn(async move {
            let answer = make(&attempts, &notes, task, link).await;
            Said::new(address, answer, permit)
        });
    }

    fn cancel(&mut self, task_id: Arc<str>) {
        if let Some(open) = self.open.get(&*task_id) {
            open.cancel();
        }
        self.canceled_lately.insert((*task_id).into());
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
        // What they said before comes before.
        while let Ok((of, note)) = self.notes.1.try_recv() {
            self.note(of, note);
        }
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

    /// An attempt says something while it runs.
    fn note(&mut self, of: Arc<Address>, note: Note) {
        let note = match note {
            Note::Began => Answer::Started,
            Note::Heartbeat(progress) => Answer::Heartbeat {
                progress: self.attempts.progress(progress),
                at: (self.attempts.now)(),
            },
            Note::RunsLong => return self.let_go(&of, Open::runs_long),
        };
        self.saying.note(of, &note, &mut self.answers);
        self.answers.flush();
    }

    /// A task may hold its offset no longer.
    fn let_go(&mut self, of: &Address, change: impl FnOnce(&mut Open) -> Vec<Ticket>) {
        let released = self.open.get_mut(&of.task_id).map(change);
        self.finish(&released.unwrap_or_default());
        self.commit();
        self.let_go_when_idle();
    }

    /// What became of answers and heartbeats.
    fn answered(&mut self, ended: Vec<(u64, Result<(), KafkaError>)>) {
        for (mark, outcome) in ended {
            match self.saying.ended(mark, outcome) {
                Some(Ended::Said(said)) => {
                    let task_id = &said.address.task_id;
                    let open = self.open.remove(task_id).unwrap_or_default();
                    self.answered_lately.insert(task_id.as_str().into());
                    self.finish(&open.tickets);
                }
                Some(Ended::Heard(of)) => self.let_go(&of, Open::heard),
                Some(Ended::Unheard(of)) => {
                    if let Some(open) = self.open.get(&of.task_id) {
                        open.repeat();
                    }
                }
                None => {}
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

    /// How many attempts hold no offset.
    fn let_go_attempts(&self) -> usize {
        self.open.values().filter(|open| open.is_let_go()).count()
    }

    /// What holds no offset is left to whoever gets the next attempt.
    async fn finish_running(&mut self) {
        while self.running.len() > self.let_go_attempts()
            || !self.ended.is_empty()
            || !self.saying.is_empty()
        {
            let Self {
                running,
                ended,
                answers,
                saying,
                notes,
                canceled,
                ..
            } = self;
            tokio::select! {
                biased;
                outcomes = answers.ended() => self.answered(outcomes),
                Some(task_id) = canceled.recv() => self.cancel(task_id),
                Some(attempt) = running.join_next() => self.gather(attempt.ok()),
                () = yield_now(), if !ended.is_empty() => self.say_ended(),
                Some((of, note)) = notes.1.recv() => self.note(of, note),
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

/// Makes the attempt, and says what it has to say meanwhile.
async fn make(attempts: &Attempts, notes: &Notes, task: Task, link: Arc<Link>) -> Answer {
    let address = task.address.clone();
    let ended = tokio::select! {
        biased;
        ended = attempts.make(task, link.clone()) => ended,
        never = link.pulse() => match never {},
        never = tell_its_age(notes, &address) => match never {},
    };
    if ended.is_err() {
        // For the next attempt.
        link.flush();
    }
    Answer::to(ended)
}

async fn tell_its_age(notes: &Notes, address: &Arc<Address>) -> Infallible {
    tokio::time::sleep(STARTED_AFTER).await;
    // Nobody reads notes of a worker that ended.
    drop(notes.send((address.clone(), Note::Began)));
    tokio::time::sleep(LONG - STARTED_AFTER).await;
    drop(notes.send((address.clone(), Note::RunsLong)));
    std::future::pending().await
}

#[cfg(test)]
mod tests;
