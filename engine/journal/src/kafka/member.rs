//! Membership in a consumer group, for a loop on a thread of its own: what the lease and a worker's consumer share.
//!
//! librdkafka calls back when partitions come and go; here that only becomes a [`Change`], which the loop answers when
//! it is ready ([`Member::accept`], [`Member::let_go`]). So a revocation can wait for a hand-over while the loop goes
//! on serving commits, and the group waits for the loop.
//!
//! Commits have a thread of their own: librdkafka tells how one ended only to a caller that waits for it.

mod committer;
mod hand_over;

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};

use self::committer::Committer;
pub use self::hand_over::HandOver;
use super::{
    clock::Deadline,
    context::Notes,
    fault, splits,
    wake::{Wake, lock},
};
use crate::Error;

/// A consumer that is in a group.
pub(super) struct Member {
    consumer: Arc<BaseConsumer<Desk>>,
    protocol: Protocol,
    wake: Arc<Wake>,
    committer: Committer,
    /// Until when leaving the group waits for commits.
    leave_by: Option<Deadline>,
}

/// How partitions change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Only what moves is revoked.
    Cooperative,
    /// Everything is revoked, then assigned anew: what every client library can do.
    Eager,
}

/// What the group did.
#[derive(Debug)]
pub(super) enum Change {
    /// These partitions come; [`Member::accept`] them.
    Assigned(TopicPartitionList),
    /// These go; [`Member::let_go`] of them. `lost`: somebody else may have them already.
    Revoked {
        list: TopicPartitionList,
        lost: bool,
    },
}

/// How a commit ended; they end in the order in which they began.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Whether the coordinator took all of it.
    pub(super) accepted: bool,
}

impl Member {
    /// Joins the group; `wake` is called whenever the loop has something to serve.
    pub(super) fn join(
        config: &mut ClientConfig,
        protocol: Protocol,
        topics: &[&str],
        wake: Arc<Wake>,
    ) -> Result<Self, Error> {
        config.set(
            "partition.assignment.strategy",
            match protocol {
                Protocol::Cooperative => "cooperative-sticky",
                Protocol::Eager => "range,roundrobin",
            },
        );
        let desk = Desk {
            protocol,
            ..Desk::default()
        };
        let mut consumer = BaseConsumer::from_config_and_context(config, desk)
            .map_err(|error| fault::error("make a consumer", &error))?;
        consumer.set_nonempty_callback({
            let wake = wake.clone();
            move || wake.wake()
        });
        consumer
            .subscribe(topics)
            .map_err(|error| fault::error(&format!("subscribe to {topics:?}"), &error))?;
        let consumer = Arc::new(consumer);
        let committer = Committer::start(consumer.clone(), wake.clone())?;
        Ok(Self {
            consumer,
            protocol,
            wake,
            committer,
            leave_by: None,
        })
    }

    pub(super) fn consumer(&self) -> &Arc<BaseConsumer<Desk>> {
        &self.consumer
    }

    pub(super) fn wake(&self) -> &Arc<Wake> {
        &self.wake
    }

    /// Serves the group. Must be called at least every few seconds.
    pub(super) fn serve(&self) {
        splits::serve(&self.consumer, &self.desk().notes);
    }

    /// What the group did since the last call.
    pub(super) fn changes(&self) -> VecDeque<Change> {
        std::mem::take(&mut lock(&self.desk().changes))
    }

    /// The commits that ended since the last call.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        std::mem::take(&mut lock(&self.desk().outcomes))
    }

    /// Takes assigned partitions, each from the offset in the list.
    pub(super) fn accept(&self, list: &TopicPartitionList) -> Result<(), Error> {
        match self.protocol {
            Protocol::Cooperative => self.consumer.incremental_assign(list),
            Protocol::Eager => self.consumer.assign(list),
        }
        .map_err(|error| fault::error("take assigned partitions", &error))
    }

    /// Lets revoked partitions go; the group goes on.
    pub(super) fn let_go(&self, list: &TopicPartitionList) {
        self.desk().let_go(&self.consumer, list);
    }

    /// Whether the group may have given away what this member still holds.
    pub(super) fn is_lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    /// Begins to commit positions.
    pub(super) fn commit<'a>(&self, positions: impl IntoIterator<Item = (&'a str, i32, i64)>) {
        self.committer.order(list(positions));
    }

    /// Leaving the group is to wait for commits until then at most, not [`COMMITS_WAIT`].
    pub(super) fn leave_by(&mut self, deadline: Deadline) {
        self.leave_by = Some(deadline);
    }

    /// Sends a commit before whatever the group is told next. How it ends is not told.
    pub(super) fn commit_last<'a>(&self, positions: impl IntoIterator<Item = (&'a str, i32, i64)>) {
        let list = list(positions);
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::warn!(?list, %error, "positions were not committed");
        }
    }
}

/// Leaves the group, so that its partitions move at once.
impl Drop for Member {
    fn drop(&mut self) {
        self.desk().closing.store(true, Ordering::SeqCst);
        let wait = self.leave_by.map_or(COMMITS_WAIT, Deadline::remaining);
        self.committer.end(wait);
        // A change that still waits for its answer would hold the consumer's own drop up for ever.
        for change in self.changes() {
            match change {
                Change::Assigned(list) => drop(self.accept(&list)),
                Change::Revoked { list, .. } => self.let_go(&list),
            }
        }
    }
}

impl Member {
    fn desk(&self) -> &Arc<Desk> {
        self.consumer.context()
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// The consumer's context: notes what happened for the loop.
pub(super) struct Desk {
    protocol: Protocol,
    notes: Notes,
    closing: AtomicBool,
    changes: Mutex<VecDeque<Change>>,
    outcomes: Mutex<Vec<Outcome>>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            protocol: Protocol::Eager,
            notes: Notes::default(),
            closing: AtomicBool::new(false),
            changes: Mutex::default(),
            outcomes: Mutex::default(),
        }
    }
}

impl Desk {
    fn let_go(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let done = match self.protocol {
            Protocol::Cooperative => consumer.incremental_unassign(list),
            Protocol::Eager => consumer.unassign(),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "revoked partitions could not be let go");
        }
    }
}

impl ClientContext for Desk {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.notes.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.notes.error(&error, reason);
    }
}

impl ConsumerContext for Desk {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        self.notes.serve();
        let assigned = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::SeqCst) {
            self.let_go(consumer, list);
        } else if assigned {
            lock(&self.changes).push_back(Change::Assigned(list.clone()));
        } else {
            let lost = consumer.assignment_lost();
            lock(&self.changes).push_back(Change::Revoked {
                list: list.clone(),
                lost,
            });
        }
    }
}

fn list<'a>(positions: impl IntoIterator<Item = (&'a str, i32, i64)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition, next) in positions {
        if let Err(error) = list.add_partition_offset(topic, partition, Offset::Offset(next)) {
            tracing::warn!(topic, partition, next, %error, "no position to commit");
        }
    }
    list
}

/// How long leaving the group waits for commits, if nothing else is said.
const COMMITS_WAIT: Duration = Duration::from_secs(5);

/// How often the group is looked after when nothing wakes the loop.
pub(super) const SERVE_PAUSE: Duration = Duration::from_secs(1);
