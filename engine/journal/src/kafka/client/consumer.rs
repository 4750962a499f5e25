//! A consumer group's member for workers. Its thread keeps the membership alive however long the records take, reads
//! ahead no more than asked, and tells when partitions come and go.
//!
//! Every revocation comes with a [`HandOver`]: work on those partitions may be finished and committed before they go.
//! The group rebalances eagerly, by `range` or `roundrobin`: what clients of every language have in common, so that
//! workers written in several may share a queue.

mod desk;
mod room;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        mpsc::{self as sync, Sender},
    },
    thread,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use self::{
    desk::{Command, Desk, Item, Notice},
    room::Room,
};
use crate::{
    Error, ErrorKind, Record,
    kafka::{
        HandOver, Kafka,
        config::Isolation,
        fault,
        member::{Member, Protocol},
        wake::Wake,
    },
};

/// How to be a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// The group.
    pub group: String,
    /// What to read. A topic that is not there yet is waited for.
    pub topics: Vec<String>,
    /// Records that may wait for [`GroupConsumer::next`].
    pub records_max: usize,
    /// Bytes of a partition that one fetch brings, or one record that is larger; `None`: as librdkafka or the user has it.
    pub fetch_bytes: Option<usize>,
    /// A member that is silent for so long has died: its thread keeps a busy one alive. Brokers take 6 s or more.
    pub session: Duration,
    /// How long a revocation waits for its hand-over.
    pub hand_over_max: Duration,
}

/// What a member sees.
#[derive(Debug)]
pub enum GroupEvent {
    /// A record, in its partition's order. A group that is new to a partition begins with its first record.
    Record(Record),
    /// These partitions of these topics came.
    Assigned(Vec<(Arc<str>, i32)>),
    /// These go once they are handed over. No record of them follows. What is committed before [`HandOver::done`]
    /// counts, what is committed later is ignored.
    Revoked(Vec<(Arc<str>, i32)>, HandOver),
    /// Somebody else may have these already: what was read of them will be read again. Commits are ignored.
    Lost(Vec<(Arc<str>, i32)>),
}

/// A member of a consumer group. Dropping it begins to leave the group, after the last commit; [`GroupConsumer::close`]
/// waits for it.
pub struct GroupConsumer {
    notices: mpsc::UnboundedReceiver<Notice>,
    records: mpsc::UnboundedReceiver<Vec<Item>>,
    /// The rest of those that came together.
    current: std::vec::IntoIter<Item>,
    room: Arc<Room>,
    /// The assignment in which a partition went away last.
    gone: HashMap<(Arc<str>, i32), u64>,
    commands: Sender<Command>,
    wake: Arc<Wake>,
    ended: oneshot::Receiver<()>,
}

impl GroupConsumer {
    /// Joins the group. Returns at once.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: librdkafka refuses the properties, or a setting cannot be.
    /// [`ErrorKind::Unavailable`]: no thread.
    pub fn open(kafka: &Kafka, settings: &GroupSettings) -> Result<Self, Error> {
        if settings.records_max == 0 || settings.topics.is_empty() {
            let message = format!("join {}: no topic, or no room for a record", settings.group);
            return Err(Error::new(ErrorKind::Invalid, "kafka-refused", message));
        }
        let mut config = kafka.consumer(&settings.group, Isolation::Committed);
        config
            .set("auto.offset.reset", "earliest")
            .set(
                "session.timeout.ms",
                settings.session.as_millis().to_string(),
            )
            .set(
                "heartbeat.interval.ms",
                (settings.session / 3).as_millis().to_string(),
            )
            .set("queued.min.messages", "1000")
            .set("queued.max.messages.kbytes", "4096");
        if let Some(bytes) = settings.fetch_bytes {
            config.set("fetch.message.max.bytes", bytes.to_string());
        }
        let wake = Arc::new(Wake::default());
        let topics: Vec<_> = settings.topics.iter().map(String::as_str).collect();
        let member = Member::join(&mut config, Protocol::Eager, &topics, wake.clone())?;
        let (commands, ordered) = sync::channel();
        let (notices_out, notices) = mpsc::unbounded_channel();
        let (records_out, records) = mpsc::unbounded_channel();
        let room = Arc::new(Room::new(settings.records_max));
        let desk = Desk::new(
            member,
            settings.hand_over_max,
            ordered,
            (notices_out, records_out),
            room.clone(),
        );
        let (ending, ended) = oneshot::channel();
        thread::Builder::new()
            .name("kafka-group".to_owned())
            .spawn(move || {
                desk.run();
                // Nobody waits for it when the consumer was only dropped.
                let _ = ending.send(());
            })
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self {
            notices,
            records,
            current: Vec::new().into_iter(),
            room,
            gone: HashMap::new(),
            commands,
            wake,
            ended,
        })
    }

    /// What comes next; `None` only after the thread has failed. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<GroupEvent> {
        loop {
            if let Some(event) = self.try_next() {
                return Some(event);
            }
            tokio::select! {
                biased;
                notice = self.notices.recv() => return Some(self.announce(notice?)),
                items = self.records.recv() => self.current = items?.into_iter(),
            }
        }
    }

    /// What happens next to the partitions, for whoever has no room for a record: no event of this is one. `None` only
    /// after the thread has failed. Dropping the future loses nothing.
    pub async fn next_change(&mut self) -> Option<GroupEvent> {
        let notice = self.notices.recv().await?;
        Some(self.announce(notice))
    }

    /// What is there already, without waiting.
    pub fn try_next(&mut self) -> Option<GroupEvent> {
        if let Ok(notice) = self.notices.try_recv() {
            return Some(self.announce(notice));
        }
        loop {
            for Item { record, assignment } in self.current.by_ref() {
                if self.room.free() {
                    self.wake.wake();
                }
                if self.gone.is_empty() {
                    return Some(GroupEvent::Record(record));
                }
                let place = (record.topic.clone(), record.partition);
                if self.gone.get(&place).is_none_or(|gone| assignment > *gone) {
                    return Some(GroupEvent::Record(record));
                }
            }
            self.current = self.records.try_recv().ok()?.into_iter();
        }
    }

    /// Says that everything before `next` is done in a partition. Returns at once; several in a row cost one commit.
    pub fn commit(&self, topic: &Arc<str>, partition: i32, next: i64) {
        self.committer().commit(topic, partition, next);
    }

    /// Hands nothing more out of a partition until [`GroupConsumer::resume`], or until the partition goes; what waits
    /// for [`GroupConsumer::next`] already still comes. What was read ahead is kept. Returns at once.
    pub fn hold(&self, topic: &Arc<str>, partition: i32) {
        self.order(Command::Hold(topic.clone(), partition, true));
    }

    /// Goes on with a partition that was held. Returns at once.
    pub fn resume(&self, topic: &Arc<str>, partition: i32) {
        self.order(Command::Hold(topic.clone(), partition, false));
    }

    /// What commits for this member from elsewhere.
    #[must_use]
    pub fn committer(&self) -> Committer {
        Committer {
            commands: self.commands.clone(),
            wake: self.wake.clone(),
        }
    }

    /// Leaves the group after the last commit, and waits until it has: its partitions move at once.
    pub async fn close(mut self) {
        self.order_close();
        // An error means that the thread has ended, too.
        drop((&mut self.ended).await);
    }

    /// After the thread has ended there is nothing to order.
    fn order(&self, command: Command) {
        drop(self.commands.send(command));
        self.wake.wake();
    }

    fn order_close(&mut self) {
        self.order(Command::Close);
        // A revocation that was not given out would be waited for.
        self.notices.close();
        while self.notices.try_recv().is_ok() {}
    }

    fn announce(&mut self, notice: Notice) -> GroupEvent {
        match notice {
            Notice::Assigned(places) => GroupEvent::Assigned(places),
            Notice::Revoked {
                places,
                assignment,
                hand_over,
            } => {
                self.forget(&places, assignment);
                GroupEvent::Revoked(places, hand_over)
            }
            Notice::Lost { places, assignment } => {
                self.forget(&places, assignment);
                GroupEvent::Lost(places)
            }
        }
    }

    /// What was read of these partitions and not given out yet is dropped.
    fn forget(&mut self, places: &[(Arc<str>, i32)], assignment: u64) {
        for place in places {
            self.gone.insert(place.clone(), assignment);
        }
    }
}

impl Drop for GroupConsumer {
    fn drop(&mut self) {
        self.order_close();
    }
}

impl fmt::Debug for GroupConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupConsumer").finish_non_exhaustive()
    }
}

/// Commits for a [`GroupConsumer`], from whichever thread finished the work.
#[derive(Clone, Debug)]
pub struct Committer {
    commands: Sender<Command>,
    wake: Arc<Wake>,
}

impl Committer {
    /// As [`GroupConsumer::commit`].
    pub fn commit(&self, topic: &Arc<str>, partition: i32, next: i64) {
        let command = Command::Commit(topic.clone(), partition, next);
        if self.commands.send(command).is_ok() {
            self.wake.wake();
        }
    }
}
