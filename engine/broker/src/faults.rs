//! Hooks that make a running broker misbehave, for tests alone: cargo feature `faults`, which no binary has.
//!
//! A fault is told to the next requests of an API and is used up by them. What is lost is lost as in a network that fails:
//! the connection closes instead of being answered. A crash ends the broker's thread as it stands: no log is closed.

use std::{
    collections::HashMap,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use kafka_protocol::messages::{
    ApiKey, FindCoordinatorResponse, HeartbeatResponse, OffsetCommitRequest, OffsetCommitResponse,
    ProduceRequest, ProduceResponse,
    offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
    produce_response::{PartitionProduceResponse, TopicProduceResponse},
};
use tokio::sync::Notify;

use crate::{
    api,
    connection::Peer,
    connections::Place,
    node::Node,
    wire::{self, Answer, Frame, Garbled},
};

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered so much later.
    Delay(Duration),
    /// It is done, and the connection is closed instead of answered.
    LoseAnswer,
    /// It is done, and answered twice.
    AnswerTwice,
    /// It is not done, and answered with this code of Kafka's. For Produce, OffsetCommit, FindCoordinator and Heartbeat;
    /// others lose their connection.
    Fail(i16),
    /// The broker ends before it is done.
    CrashBefore,
    /// The broker ends after it is done and before it is answered.
    CrashAfter,
    /// The code that answers it panics.
    Panic,
    /// The whole broker stands still for so long first.
    Pause(Duration),
}

/// The requests that faults are told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
#[expect(missing_docs, reason = "Kafka's names")]
pub enum Api {
    Produce = 0,
    Fetch = 1,
    Metadata = 3,
    OffsetCommit = 8,
    FindCoordinator = 10,
    Heartbeat = 12,
}

/// A broker's faults, told from any thread.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    waiting: Arc<Mutex<HashMap<i16, Vec<Fault>>>>,
    crash: Arc<Notify>,
}

impl Faults {
    /// Tells a fault to the next `times` requests of an API, after those that were told before.
    pub fn tell(&self, api: Api, times: usize, fault: Fault) {
        let mut waiting = self.waiting();
        let of_api = waiting.entry(api as i16).or_default();
        of_api.extend(std::iter::repeat_n(fault, times));
    }

    /// How many faults no request has come for yet.
    #[must_use]
    pub fn left(&self) -> usize {
        self.waiting().values().map(Vec::len).sum()
    }

    /// Ends the broker as a crash does.
    pub fn crash(&self) {
        self.crash.notify_one();
    }

    pub(crate) async fn crashed(&self) {
        self.crash.notified().await;
    }

    fn take(&self, api: ApiKey) -> Option<Fault> {
        let mut waiting = self.waiting();
        let of_api = waiting.get_mut(&(api as i16))?;
        (!of_api.is_empty()).then(|| of_api.remove(0))
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<i16, Vec<Fault>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a request, or does to it what was told.
pub(crate) async fn answer(
    node: &Rc<Node>,
    from: (Peer, &Rc<Place>),
    frame: Frame,
) -> Result<Answer, Garbled> {
    let lost = || Garbled::new("a fault was told to it");
    match node.faults.take(frame.api) {
        None => api::answer(node, from, frame).await,
        Some(Fault::Delay(time)) => {
            let answer = api::answer(node, from, frame).await;
            tokio::time::sleep(time).await;
            answer
        }
        Some(Fault::LoseAnswer) => {
            api::answer(node, from, frame).await?;
            Err(lost())
        }
        Some(Fault::AnswerTwice) => {
            let mut answer = api::answer(node, from, frame).await?;
            let once = answer.copy_to_bytes(answer.remaining());
            let mut twice = BytesMut::from(&*once);
            twice.extend_from_slice(&once);
            Ok(twice.into())
        }
        Some(Fault::Fail(code)) => fail(frame, code)?.ok_or_else(lost),
        Some(Fault::CrashBefore) => {
            node.faults.crash();
            std::future::pending().await
        }
        Some(Fault::CrashAfter) => {
            api::answer(node, from, frame).await?;
            node.faults.crash();
            std::future::pending().await
        }
        #[expect(clippy::panic, reason = "that is the fault")]
        Some(Fault::Panic) => panic!("a fault was told to a request"),
        Some(Fault::Pause(time)) => {
            stand_still(time);
            api::answer(node, from, frame).await
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing else on the broker's thread is to run"
)]
fn stand_still(time: Duration) {
    std::thread::sleep(time);
}

/// The answer with a code, if there is one for that API.
fn fail(mut frame: Frame, code: i16) -> Result<Option<Answer>, Garbled> {
    let mut bytes = BytesMut::new();
    let (correlation, version) = (frame.correlation, frame.version);
    match frame.api {
        ApiKey::Produce => {
            let answer = produce_failed(frame.decode()?, code);
            wire::encode(correlation, version, &answer, &mut bytes)?;
        }
        ApiKey::OffsetCommit => {
            let answer = commit_failed(frame.decode()?, code);
            wire::encode(correlation, version, &answer, &mut bytes)?;
        }
        ApiKey::FindCoordinator if version < 4 => {
            let answer = FindCoordinatorResponse::default().with_error_code(code);
            wire::encode(correlation, version, &answer, &mut bytes)?;
        }
        ApiKey::Heartbeat => {
            let answer = HeartbeatResponse::default().with_error_code(code);
            wire::encode(correlation, version, &answer, &mut bytes)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(bytes.into()))
}

fn produce_failed(request: ProduceRequest, code: i16) -> ProduceResponse {
    let topics = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_error_code(code)
                .with_base_offset(-1)
        });
        let partitions = partitions.collect();
        TopicProduceResponse::default()
            .with_name(topic.name)
            .with_partition_responses(partitions)
    });
    ProduceResponse::default().with_responses(topics.collect())
}

fn commit_failed(request: OffsetCommitRequest, code: i16) -> OffsetCommitResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        let partitions = partitions.collect();
        OffsetCommitResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
