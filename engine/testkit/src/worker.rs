//! Workers: they take tasks, mostly do them, and answer as Kafka clients do: at least once, late, wrongly, or never.

mod answer;

use sagaline_core::RunId;
use sagaline_journal::{Record, wire::header};

use crate::{
    counters::Counters, event::Event, faults::WorkerFaults, inputs::What, time::Span, world::World,
};

/// What workers remember.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    answers: u64,
    pub(crate) counters: Counters,
}

/// A task as a worker sees it.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    workflow_id: String,
    run_id: RunId,
    activity_id: u32,
    attempt: u32,
    activity: String,
    input: Vec<u8>,
    token: String,
    partition: i32,
    heartbeat_ms: Option<u64>,
}

/// What a worker does next.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    /// Reads a task.
    Take(Task),
    /// Answers.
    Answer(Task, What, How),
}

/// How an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// As PROTOCOL §4 says.
    Well,
    /// With a token that was changed.
    Forged,
    WithoutToken,
    /// To a partition that is not the run's.
    Misrouted,
    /// To the inbox.
    ToInbox,
}

impl World {
    /// A task has reached its queue: some worker will read it, perhaps twice.
    pub(crate) fn give_to_worker(&mut self, record: &Record) {
        let Some(task) = task(record) else { return };
        if self.rng.ppm(self.faults.workers.redelivered) {
            let after = Span::millis(self.rng.between(10, 20_000));
            self.push(after, Event::Work(Job::Take(task.clone())));
        }
        let after = self.rng.delay(Span::millis(3));
        self.push(after, Event::Work(Job::Take(task)));
    }

    pub(crate) fn work(&mut self, job: Job) {
        match job {
            Job::Take(task) => self.take(&task),
            Job::Answer(task, what, how) => self.answer(task, what, how),
        }
    }

    fn take(&mut self, task: &Task) {
        let faults = self.faults.workers;
        if self.rng.ppm(faults.silent) {
            return;
        }
        let mut after = self.rng.delay(Span::millis(20));
        if self.rng.percent(15) {
            let job = Job::Answer(task.clone(), What::Started, How::Well);
            self.push(Span(after.0 / 2), Event::Work(job));
        }
        if self.rng.ppm(faults.late) {
            after = after + Span::millis(self.rng.between(900, 15_000));
        }
        self.beat(task);
        let how = self.draw_how(faults);
        let times = if self.rng.ppm(faults.twice) { 2 } else { 1 };
        for _ in 0..times {
            let what = self.draw_what(faults);
            self.push(after, Event::Work(Job::Answer(task.clone(), what, how)));
            after = after + self.rng.delay(Span::millis(50));
        }
        // Whoever answered wrongly mends it some day.
        if how != How::Well && self.rng.percent(70) {
            let what = self.draw_what(faults);
            let after = after + Span::millis(self.rng.below(2_000));
            self.push(
                after,
                Event::Work(Job::Answer(task.clone(), what, How::Well)),
            );
        }
    }

    /// Some heartbeats of an attempt, more or less in time, also after its end.
    fn beat(&mut self, task: &Task) {
        let apart = match task.heartbeat_ms {
            Some(heartbeat_ms) => heartbeat_ms,
            None if self.rng.percent(3) => 5_000,
            None => return,
        };
        let mut after = Span(0);
        for _ in 0..self.rng.below(8) {
            after = after + Span::millis(self.rng.between(apart / 8, apart));
            let progress = self
                .rng
                .percent(70)
                .then(|| after.0.to_string().into_bytes());
            let job = Job::Answer(task.clone(), What::Heartbeat(progress), How::Well);
            self.push(after, Event::Work(job));
        }
    }

    fn draw_how(&mut self, faults: WorkerFaults) -> How {
        if self.rng.ppm(faults.forged) {
            *self
                .rng
                .pick(&[How::Forged, How::WithoutToken, How::ToInbox])
        } else if self.rng.ppm(faults.misrouted) {
            How::Misrouted
        } else {
            How::Well
        }
    }

    fn draw_what(&mut self, faults: WorkerFaults) -> What {
        self.workers.answers += 1;
        let failed = |error_type: &str, non_retryable| What::Failed {
            error_type: error_type.into(),
            non_retryable,
        };
        if self.rng.ppm(faults.fails) {
            return failed("Flaky", false);
        }
        if self.rng.ppm(faults.fails_for_good) {
            return failed("Broken", true);
        }
        if self.rng.ppm(faults.unknown_activity) {
            return failed(sagaline_core::error_type::UNKNOWN_ACTIVITY, false);
        }
        if self.rng.ppm(faults.fails / 10) {
            return What::Canceled;
        }
        let mut result = format!("\"{}", self.workers.answers).into_bytes();
        if self.rng.ppm(self.faults.mischief.large) {
            let bytes = self.rng.between(300_000, 1_000_000);
            result.resize(usize::try_from(bytes).unwrap_or_default(), b'r');
        }
        result.push(b'"');
        What::Completed(result)
    }
}

fn task(record: &Record) -> Option<Task> {
    let text = |name: &str| std::str::from_utf8(record.header(name)?).ok();
    Some(Task {
        workflow_id: text(header::WORKFLOW_ID)?.to_owned(),
        run_id: text(header::RUN_ID)?.parse().ok()?,
        activity_id: text(header::ACTIVITY_ID)?.parse().ok()?,
        attempt: text(header::ATTEMPT)?.parse().ok()?,
        activity: text(header::ACTIVITY)?.to_owned(),
        input: record.value().unwrap_or_default().to_vec(),
        token: text(header::TOKEN)?.to_owned(),
        partition: text(header::REPLY_PARTITION)?.parse().ok()?,
        heartbeat_ms: text(header::HEARTBEAT_TIMEOUT_MS).and_then(|ms| ms.parse().ok()),
    })
}
