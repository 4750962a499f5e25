//! Acts of batches, from the engine's process: signed records, and what was answered to each.
//!
//! An attempt may be the second at the same chunk: the first sent some of it, and its engine died. So each act has the same
//! identity, by which its workflow drops a repeat, and the same correlation; and what was answered before is read first, from
//! where the chunk before had heard everything. Invariant: an attempt ends well only when each of its acts was answered.

use std::{
    fmt,
    ops::ControlFlow,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sagaline_journal::{
    Error as KafkaError, ErrorKind, NewRecord,
    kafka::{Admin, Kafka, Producer, Reader, TopicState},
    wire::topic,
};
use sagaline_runtime::Keys;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Batch, Tally, Target, answers::Answers, template::Template};
use crate::{ActivityContext, Error, Result, activity, client::REPLY_PARTITION};

/// An attempt gives up when nothing was answered for so long; the next asks again for what is missing.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// An attempt gives up after this, well before its time runs out.
const ATTEMPT_MAX: Duration = Duration::from_secs(90);

/// Most bytes of acts on their way at once, half of what the producer takes.
const IN_FLIGHT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What an act has beside its body, roughly.
const HEADERS_BYTES_USUAL: usize = 2 * 1024;

/// Some of what a batch acts on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Chunk {
    pub(super) batch: Batch,
    /// Place of the first target in the batch.
    pub(super) first: u64,
    pub(super) targets: Vec<Target>,
    /// Offset on the topic of replies before which none of its answers can stand.
    pub(super) heard_to: Option<i64>,
}

/// What became of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Acted {
    #[serde(default)]
    pub(super) tally: Tally,
    /// The same for the next chunk.
    pub(super) heard_to: Option<i64>,
}

/// Acts on a chunk; on none, it says only where the topic of replies ends.
#[activity(name = "sagaline.batch-act")]
pub(crate) async fn act(cx: ActivityContext, chunk: Chunk) -> Result<Acted> {
    let acting = cx.data::<Arc<Acting>>()?.clone();
    let batch_id = cx.workflow_id().to_owned();
    let stop = Stop::default();
    let stopped = stop.0.clone();
    let acting = move || acting.act(&batch_id, &chunk, &stopped);
    tokio::task::spawn_blocking(acting).await?
}

/// Ends what blocks a thread when nobody awaits it any more.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What acts need: the way to the inbox, the answers, and the keys.
pub(crate) struct Acting {
    kafka: Kafka,
    namespace: String,
    keys: Keys,
    producer: Producer,
    partitions: OnceLock<i32>,
    /// Those that nobody reads by now.
    readers: Mutex<Vec<Reader>>,
}

impl Acting {
    pub(crate) fn open(kafka: &Kafka, namespace: &str, keys: Keys) -> Result<Self, KafkaError> {
        Ok(Self {
            kafka: kafka.clone(),
            namespace: namespace.to_owned(),
            keys,
            producer: Producer::open(kafka)?,
            partitions: OnceLock::new(),
            readers: Mutex::default(),
        })
    }

    fn act(&self, batch_id: &str, chunk: &Chunk, stop: &AtomicBool) -> Result<Acted> {
        let partitions = self.partitions()?;
        let idle = self.lock().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.kafka)?,
        };
        let pass = Pass {
            acting: self,
            reader,
            replies: topic::replies(&self.namespace),
            partitions,
            stop,
            give_up_at: Instant::now() + ATTEMPT_MAX,
        };
        let acted = pass.act(batch_id, chunk);
        self.lock().push(pass.reader);
        acted
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The partitions of the inbox that have a journal.
    fn partitions(&self) -> Result<i32, KafkaError> {
        if let Some(partitions) = self.partitions.get() {
            return Ok(*partitions);
        }
        let admin = Admin::open(&self.kafka)?;
        let of = |topic: &str| match admin.topic(topic)? {
            TopicState::Present(info) => Ok(info.partitions),
            TopicState::Missing | TopicState::Denied => {
                let text = format!("the topic {topic} is not to be seen");
                Err(KafkaError::new(
                    ErrorKind::Unavailable,
                    "client-no-inbox",
                    text,
                ))
            }
        };
        let partitions = of(&topic::inbox(&self.namespace))?;
        let partitions = partitions.min(of(&topic::journal(&self.namespace))?);
        Ok(*self.partitions.get_or_init(|| partitions))
    }
}

impl fmt::Debug for Acting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acting")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// One attempt.
struct Pass<'a> {
    acting: &'a Acting,
    reader: Reader,
    replies: String,
    /// Of the inbox.
    partitions: i32,
    stop: &'a AtomicBool,
    give_up_at: Instant,
}

impl Pass<'_> {
    fn act(&self, batch_id: &str, chunk: &Chunk) -> Result<Acted> {
        let template = chunk.batch.checked()?;
        let end = self.reader.end(&self.replies, REPLY_PARTITION)?;
        if chunk.targets.is_empty() {
            return Ok(Acted {
                heard_to: Some(end),
                ..Acted::default()
            });
        }
        let mut answers = Answers::new(batch_id, chunk.first, chunk.targets.len());
        let mut next = self.hear_before(chunk.heard_to.unwrap_or(end), end, &mut answers)?;
        let mut tally = Tally::default();
        let mut wanted = Vec::new();
        for (at, target) in chunk.targets.iter().enumerate() {
            match self.record(&template, batch_id, target, &answers.correlation(at)) {
                Ok(_) if answers.has(at) => {}
                Ok(record) => wanted.push((at, record)),
                Err(code) => tally.fail(&target.workflow_id, code),
            }
        }
        let at_once = IN_FLIGHT_BYTES_MAX / (template.bytes() + HEADERS_BYTES_USUAL);
        while !wanted.is_empty() {
            let rest = wanted.split_off(at_once.clamp(1, wanted.len()));
            next = self.ask(wanted, next, &mut answers)?;
            wanted = rest;
        }
        for (at, target) in chunk.targets.iter().enumerate() {
            answers.count(at, target, &mut tally);
        }
        Ok(Acted {
            tally,
            heard_to: Some(next),
        })
    }

    /// Hears what an attempt before this one was answered. What is so old that it was deleted, nobody hears any more.
    fn hear_before(&self, from: i64, end: i64, answers: &mut Answers) -> Result<i64> {
        let beginning = self.reader.beginning(&self.replies, REPLY_PARTITION)?;
        let from = from.clamp(beginning.min(end), end);
        let hear = |record: &_| {
            answers.take(record);
            ControlFlow::Continue(())
        };
        let replies = (&*self.replies, REPLY_PARTITION);
        Ok(self
            .reader
            .read(replies.0, replies.1, from, Some(end), hear)?)
    }

    /// The signed act on one; or a word for why there can be none.
    fn record(
        &self,
        template: &Template,
        batch_id: &str,
        target: &Target,
        correlation: &str,
    ) -> Result<NewRecord, &'static str> {
        let request = template.request(batch_id, target)?;
        let inbox = topic::inbox(&self.acting.namespace).into();
        let record = request.into_record(&inbox, self.partitions, &self.replies, correlation);
        let mut record = record.map_err(|_| "too_large")?;
        self.acting.keys.sign_record(&mut record);
        Ok(record)
    }

    /// Sends acts and waits for their answers. Gives up when they are silent, or nobody waits any more.
    fn ask(
        &self,
        wanted: Vec<(usize, NewRecord)>,
        from: i64,
        answers: &mut Answers,
    ) -> Result<i64> {
        let (places, records): (Vec<usize>, Vec<NewRecord>) = wanted.into_iter().unzip();
        for sent in self.acting.producer.send_all_blocking(records) {
            sent?;
        }
        let mut open = places.len();
        let mut silent_at = Instant::now() + SILENCE_MAX;
        // Two closures share it, of which one is called at a time.
        let go_on = |open: usize, silent_at: Instant| {
            let now = Instant::now();
            let given_up = now >= silent_at || now >= self.give_up_at;
            match open == 0 || given_up || self.stop.load(Ordering::SeqCst) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let shared = std::cell::Cell::new((open, silent_at));
        let visit = |record: &_| {
            if answers.take(record) {
                open = places.iter().filter(|at| !answers.has(**at)).count();
                silent_at = Instant::now() + SILENCE_MAX;
                shared.set((open, silent_at));
            }
            go_on(open, silent_at)
        };
        let idle = || {
            let (open, silent_at) = shared.get();
            go_on(open, silent_at)
        };
        let next = self
            .reader
            .tail(&self.replies, REPLY_PARTITION, from, visit, idle)?;
        match shared.get().0 {
            0 => Ok(next),
            open => {
                let text = format!("{open} of {} acts are not answered yet", places.len());
                Err(Error::new(NOT_ANSWERED, text))
            }
        }
    }
}

/// Type of the error of an attempt after which another asks again.
const NOT_ANSWERED: &str = "sagaline.NotAnswered";
