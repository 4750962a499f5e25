//! The lease: which partitions this process may try to own. One consumer per process, in the namespace's engine group,
//! subscribed to the inbox alone, with everything paused: it never reads a record.
//!
//! The lease says who tries, the journal's claims say who may. So it may be given away too early, never too late without
//! being noticed: [`Lease::handle`]'s proof is an OffsetCommit that the coordinator accepted after it was asked for.

mod desk;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc, Weak,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use rdkafka::consumer::{BaseConsumer, Consumer};

use self::desk::{Command, Desk};
use super::{
    Kafka, LaneTopics,
    clock::Deadline,
    config::Isolation,
    fault,
    member::{self, HandOver, Member, Protocol},
    wake::Wake,
};
use crate::{Error, ErrorKind};

/// What happened to the lease.
#[derive(Debug)]
pub enum LeaseEvent {
    /// These partitions may be claimed.
    Assigned(Vec<i32>),
    /// These go to somebody else once they are handed over: after [`HandOver::done`], at the latest after 3 s.
    Revoked(Vec<i32>, HandOver),
    /// These may belong to somebody else already.
    Lost(Vec<i32>),
}

/// A member of the engine's group. Dropping it leaves the group.
pub struct Lease {
    handle: LeaseHandle,
    consumer: Weak<BaseConsumer<member::Desk>>,
    group: Arc<str>,
    /// Told when the group is left.
    left: Option<Receiver<()>>,
}

impl Lease {
    /// Joins the engine's group. Events come through the returned channel.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: librdkafka refuses the properties. [`ErrorKind::Unavailable`]: no thread.
    pub fn open(kafka: &Kafka, topics: &LaneTopics) -> Result<(Self, Receiver<LeaseEvent>), Error> {
        let mut config = kafka.consumer(&topics.group, Isolation::Committed);
        config
            .set("auto.offset.reset", "latest")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "2000")
            .set("queued.max.messages.kbytes", "1024");
        let wake = Arc::new(Wake::default());
        let member = Member::join(
            &mut config,
            Protocol::Cooperative,
            &[&topics.inbox],
            wake.clone(),
        )?;
        let consumer = Arc::downgrade(member.consumer());
        let (commands, ordered) = mpsc::channel();
        let (events, received) = mpsc::channel();
        let desk = Desk::new(member, topics.inbox.clone(), ordered, events);
        let (leaving, left) = mpsc::channel();
        thread::Builder::new()
            .name("kafka-lease".to_owned())
            .spawn(move || {
                desk.run();
                // Nobody waits for it when the group was left in a hurry.
                let _ = leaving.send(());
            })
            .map_err(|error| fault::no_thread(&error))?;
        let handle = LeaseHandle { commands, wake };
        Ok((
            Self {
                handle,
                consumer,
                group: topics.group.clone(),
                left: Some(left),
            },
            received,
        ))
    }

    /// What lane threads prove the lease with.
    #[must_use]
    pub fn handle(&self) -> LeaseHandle {
        self.handle.clone()
    }

    /// Commits positions, each the offset of the next inbox record, so that the lag can be seen. Those of partitions
    /// that are not held are ignored. Returns at once.
    pub fn commit(&self, positions: Vec<(i32, i64)>) {
        self.handle.order(Command::Commit(positions));
    }

    /// How many members the group has, this one included: whether this process is alone. Waits for the answer.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: no answer within 1 s, or the lease is closed.
    pub fn members(&self) -> Result<usize, Error> {
        let doing = || format!("count the members of {}", self.group);
        let Some(consumer) = self.consumer.upgrade() else {
            let message = format!("{}: the lease is closed", doing());
            return Err(Error::new(
                ErrorKind::Unavailable,
                "kafka-lease-closed",
                message,
            ));
        };
        let groups = consumer
            .fetch_group_list(Some(&self.group), MEMBERS_WAIT)
            .map_err(|error| fault::error(&doing(), &error))?;
        Ok(groups
            .groups()
            .iter()
            .map(|group| group.members().len())
            .sum())
    }

    /// Leaves the group, after the last commit. The partitions move at once; if that takes longer than `within`, in the
    /// background, or when the group notices that this member is silent.
    pub fn close(mut self, within: Duration) {
        self.leave(Deadline::after(within));
    }

    fn leave(&mut self, by: Deadline) {
        let Some(left) = self.left.take() else { return };
        self.handle.order(Command::Close(by));
        match left.recv_timeout(by.remaining()) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!(group = %self.group, "the group is not left in time: its brokers do not answer");
            }
            Err(RecvTimeoutError::Disconnected) => {
                tracing::warn!("the lease's thread had panicked");
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leave(Deadline::after(LEAVE_WAIT));
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// Asks the lease of the process for proof.
#[derive(Clone, Debug)]
pub struct LeaseHandle {
    commands: Sender<Command>,
    wake: Arc<Wake>,
}

impl LeaseHandle {
    /// Asks for proof that a partition is held now. `answer` is called once, on the lease's thread or on this one:
    /// `true` when the coordinator accepted a commit of this member that was sent after this call, `false` when it did
    /// not within 5 s: then nothing is known.
    pub fn prove(&self, partition: i32, answer: impl FnOnce(bool) + Send + 'static) {
        self.order(Command::Prove(partition, Box::new(answer)));
    }

    /// The handle of a lease that is over.
    #[cfg(test)]
    pub(super) fn closed() -> Self {
        let (commands, _) = mpsc::channel();
        let wake = Arc::new(Wake::default());
        Self { commands, wake }
    }

    fn order(&self, command: Command) {
        match self.commands.send(command) {
            Ok(()) => self.wake.wake(),
            Err(mpsc::SendError(Command::Prove(_, answer))) => answer(false),
            Err(mpsc::SendError(Command::Commit(_) | Command::Close(_))) => {}
        }
    }
}

/// How long [`Lease::members`] waits.
const MEMBERS_WAIT: Duration = Duration::from_secs(1);

/// How long leaving the group may take when the lease is dropped.
const LEAVE_WAIT: Duration = Duration::from_secs(5);
