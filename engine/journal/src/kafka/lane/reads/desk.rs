//! The thread that reads.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, TryRecvError},
    },
    time::Duration,
};

use rdkafka::ClientConfig;

use super::{
    Job,
    range::{self, Range, Step},
};
use crate::{
    Error,
    kafka::{
        Kafka, LaneTopics,
        config::Isolation,
        ends::{self, Edge},
        lane::inbox::Inbox,
        splits::Splits,
        wake::Wake,
    },
};

pub(super) struct Desk {
    journal: Source,
    inputs: Source,
    journal_topic: Arc<str>,
    ordered: Receiver<(Job, Arc<AtomicBool>)>,
    queued: VecDeque<(Job, Arc<AtomicBool>)>,
    running: Vec<Range>,
    inbox: Arc<Inbox>,
    wake: Arc<Wake>,
}

impl Desk {
    pub(super) fn new(
        kafka: &Kafka,
        topics: &LaneTopics,
        ordered: Receiver<(Job, Arc<AtomicBool>)>,
        inbox: Arc<Inbox>,
        wake: Arc<Wake>,
    ) -> Self {
        Self {
            journal: Source::new(kafka, topics, Isolation::Uncommitted, wake.clone()),
            inputs: Source::new(kafka, topics, Isolation::Committed, wake.clone()),
            journal_topic: topics.journal.clone(),
            ordered,
            queued: VecDeque::new(),
            running: Vec::new(),
            inbox,
            wake,
        }
    }

    pub(super) fn run(&mut self) {
        while self.receive() {
            self.begin();
            let pause = self.advance();
            self.wake.wait(pause);
        }
    }

    /// Takes new jobs; says whether there will ever be more.
    fn receive(&mut self) -> bool {
        loop {
            match self.ordered.try_recv() {
                Ok(job) => self.queued.push_back(job),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Begins what can begin, in the order asked for.
    fn begin(&mut self) {
        for (job, cancelled) in std::mem::take(&mut self.queued) {
            if cancelled.load(Ordering::SeqCst) {
                continue;
            }
            let busy = self.running.len() >= RANGES_MAX
                || self
                    .running
                    .iter()
                    .any(|range| range.is_at(&job.topic, job.partition));
            if busy {
                self.queued.push_back((job, cancelled));
                continue;
            }
            match self.open(&job, cancelled) {
                Ok(Some(range)) => self.running.push(range),
                Ok(None) => self.inbox.push(job.chunk(Vec::new(), job.from, true)),
                Err(error) => self.inbox.push(job.failed(Vec::new(), job.from, error)),
            }
        }
    }

    /// Assigns a range; `None` when there is nothing in it.
    fn open(&mut self, job: &Job, cancelled: Arc<AtomicBool>) -> Result<Option<Range>, Error> {
        let place = (&*job.topic, job.partition);
        let splits = self.source(&job.topic).open()?;
        let to = match job.to {
            Some(to) => to,
            None => ends::ask_one(splits.consumer(), place, Edge::End)?,
        };
        if job.to.is_none() && to < job.from {
            return Err(range::ends_early(job, to, job.from));
        }
        if to <= job.from {
            return Ok(None);
        }
        Range::open(job.clone(), to, cancelled, splits).map(Some)
    }

    /// Moves every range on, and says how long nothing will happen.
    fn advance(&mut self) -> Duration {
        let mut pause = IDLE_PAUSE;
        let mut index = 0;
        while index < self.running.len() {
            if self.step(index) {
                let range = self.running.swap_remove(index);
                if let Some(splits) = &self.source(range.topic()).splits {
                    range.close(splits);
                }
                // A read of the same partition may wait for this one.
                pause = Duration::ZERO;
                continue;
            }
            pause = pause.min(self.running[index].pause(self.inbox.is_full()));
            index += 1;
        }
        for source in [&self.journal, &self.inputs] {
            source.splits.iter().for_each(Splits::serve);
        }
        pause
    }

    /// Moves one range on by a chunk; says whether it is over.
    fn step(&mut self, index: usize) -> bool {
        let full = self.inbox.is_full();
        let source = if self.running[index].topic() == &*self.journal_topic {
            &self.journal
        } else {
            &self.inputs
        };
        let range = &mut self.running[index];
        let splits = source.splits.as_ref().expect("a range was opened from it");
        if range.is_cancelled() {
            return true;
        }
        if full {
            // The wait is the lane's, not the log's.
            range.touch();
            return false;
        }
        match range.step(splits) {
            Step::Idle => false,
            Step::Chunk(records) => {
                self.inbox
                    .push(range.job().chunk(records, range.next(), false));
                false
            }
            Step::Done(records) => {
                self.inbox
                    .push(range.job().chunk(records, range.next(), true));
                true
            }
            Step::Failed(records, error) => {
                self.inbox
                    .push(range.job().failed(records, range.next(), error));
                true
            }
        }
    }

    fn source(&mut self, topic: &str) -> &mut Source {
        if topic == &*self.journal_topic {
            &mut self.journal
        } else {
            &mut self.inputs
        }
    }
}

/// A consumer that is made at the first read.
struct Source {
    config: ClientConfig,
    wake: Arc<Wake>,
    splits: Option<Splits>,
}

impl Source {
    fn new(kafka: &Kafka, topics: &LaneTopics, isolation: Isolation, wake: Arc<Wake>) -> Self {
        let mut config = kafka.consumer(&topics.group, isolation);
        config
            .set("enable.partition.eof", "true")
            // The next range waits for the answer to a fetch of this one; and at the end of a range nobody waits for news.
            .set("fetch.wait.max.ms", "5")
            .set("queued.max.messages.kbytes", "4096");
        Self {
            config,
            wake,
            splits: None,
        }
    }

    fn open(&mut self) -> Result<&Splits, Error> {
        if self.splits.is_none() {
            self.splits = Some(Splits::open(&self.config, self.wake.clone())?);
        }
        Ok(self.splits.as_ref().expect("it was just made"))
    }
}

/// Ranges that are read at a time, with 4 MB of each read ahead.
const RANGES_MAX: usize = 32;

/// With nothing to do the thread sleeps until it is woken.
const IDLE_PAUSE: Duration = Duration::from_secs(3_600);
