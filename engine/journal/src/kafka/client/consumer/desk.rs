//! The thread of a worker's consumer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, TryRecvError},
    },
    time::Duration,
};

use rdkafka::TopicPartitionList;
use tokio::sync::mpsc;

use super::room::Room;
use crate::{
    Record,
    kafka::{
        HandOver,
        clock::Deadline,
        member::{Change, Desk as Context, Member, SERVE_PAUSE},
        record,
        splits::Split,
    },
};

/// What the consumer is asked for.
#[derive(Debug)]
pub(super) enum Command {
    /// Everything before this offset is done.
    Commit(Arc<str>, i32, i64),
    /// Hand nothing more out of this partition, or go on.
    Hold(Arc<str>, i32, bool),
    /// Leave the group.
    Close,
}

/// A record and the assignment in which it was read.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) record: Record,
    pub(super) assignment: u64,
}

type Places = Vec<(Arc<str>, i32)>;

/// What happened to the membership.
#[derive(Debug)]
pub(super) enum Notice {
    Assigned(Places),
    Revoked {
        places: Places,
        assignment: u64,
        hand_over: HandOver,
    },
    Lost {
        places: Places,
        assignment: u64,
    },
}

pub(super) struct Desk {
    member: Member,
    hand_over_max: Duration,
    commands: Receiver<Command>,
    notices: mpsc::UnboundedSender<Notice>,
    records: mpsc::UnboundedSender<Vec<Item>>,
    room: Arc<Room>,
    /// Counts assignments.
    assignment: u64,
    splits: Vec<Split<Context>>,
    /// Partitions that nothing is handed out of.
    held: BTreeSet<(Arc<str>, i32)>,
    /// Whose turn it is.
    turn: usize,
    /// Positions to be committed.
    moved: BTreeMap<(Arc<str>, i32), i64>,
    committing: bool,
    /// Not before.
    next_commit: Deadline,
    leaving: Option<Leaving>,
}

struct Leaving {
    list: TopicPartitionList,
    done: Arc<AtomicBool>,
    late: Deadline,
}

impl Desk {
    pub(super) fn new(
        member: Member,
        hand_over_max: Duration,
        commands: Receiver<Command>,
        (notices, records): (
            mpsc::UnboundedSender<Notice>,
            mpsc::UnboundedSender<Vec<Item>>,
        ),
        room: Arc<Room>,
    ) -> Self {
        Self {
            member,
            hand_over_max,
            commands,
            notices,
            records,
            room,
            assignment: 0,
            splits: Vec::new(),
            held: BTreeSet::new(),
            turn: 0,
            moved: BTreeMap::new(),
            committing: false,
            next_commit: Deadline::after(Duration::ZERO),
            leaving: None,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            self.member.serve();
            for change in self.member.changes() {
                match change {
                    Change::Assigned(list) => self.take_over(&list),
                    Change::Revoked { list, lost: true } => self.lose(&list),
                    Change::Revoked { list, lost: false } => self.begin_leaving(list),
                }
            }
            if !self.obey() {
                break;
            }
            self.leave_when_due();
            let pause = self.send_commit().min(self.hand_out());
            self.member.wake().wait(pause);
        }
        self.commit_last();
        if let Some(leaving) = self.leaving.take() {
            self.member.let_go(&leaving.list);
        }
    }

    /// Takes commands; says whether to go on.
    fn obey(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Commit(topic, partition, next)) => {
                    if self
                        .splits
                        .iter()
                        .any(|split| split.is_at(&topic, partition))
                    {
                        self.moved.insert((topic, partition), next);
                    } else {
                        tracing::debug!(%topic, partition, next, "no commit: the partition is gone");
                    }
                }
                Ok(Command::Hold(topic, partition, true)) => {
                    self.held.insert((topic, partition));
                }
                Ok(Command::Hold(topic, partition, false)) => {
                    self.held.remove(&(topic, partition));
                }
                Err(TryRecvError::Empty) => return true,
                Ok(Command::Close) | Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take_over(&mut self, list: &TopicPartitionList) {
        self.assignment += 1;
        let consumer = self.member.consumer();
        let mut splits = Vec::with_capacity(list.count());
        for element in list.elements() {
            let topic = Arc::from(element.topic());
            match Split::open(consumer, self.member.wake(), &topic, element.partition()) {
                Ok(split) => splits.push(split),
                Err(error) => tracing::warn!(%error, "an assigned partition is not read"),
            }
        }
        if let Err(error) = self.member.accept(list) {
            tracing::warn!(%error, ?splits, "partitions were assigned but not taken");
            return;
        }
        self.splits = splits;
        self.tell(Notice::Assigned(self.places()));
    }

    fn begin_leaving(&mut self, list: TopicPartitionList) {
        let (hand_over, done) = HandOver::new(self.member.wake().clone());
        let late = Deadline::after(self.hand_over_max);
        self.leaving = Some(Leaving { list, done, late });
        let places = self.places();
        if places.is_empty() {
            drop(hand_over);
        } else {
            self.tell(Notice::Revoked {
                places,
                assignment: self.assignment,
                hand_over,
            });
        }
    }

    fn leave_when_due(&mut self) {
        let Some(leaving) = &self.leaving else { return };
        let lost = self.member.is_lost();
        if !(lost || leaving.done.load(Ordering::SeqCst) || leaving.late.passed()) {
            return;
        }
        if !lost {
            // Commands that came before the hand-over was done count; their commit goes out before the group is told.
            self.obey();
            self.commit_last();
        }
        let leaving = self.leaving.take().expect("it was just there");
        self.member.let_go(&leaving.list);
        self.forget();
    }

    fn lose(&mut self, list: &TopicPartitionList) {
        let places = self.places();
        self.member.let_go(list);
        self.forget();
        if !places.is_empty() {
            self.tell(Notice::Lost {
                places,
                assignment: self.assignment,
            });
        }
    }

    /// The group takes everything at a time.
    fn forget(&mut self) {
        self.splits.clear();
        self.held.clear();
        self.moved.clear();
    }

    /// Hands records out, one of each partition in turn, as far as there is room. Says how long nothing will happen
    /// unless the thread is woken: by a queue that fills, by room, by a partition that is no longer held.
    fn hand_out(&mut self) -> Duration {
        if self.leaving.is_some() {
            return LOST_PAUSE;
        }
        let room = self.room.left();
        let mut items = Vec::new();
        let mut empty = 0;
        while empty < self.splits.len() && items.len() < room {
            self.turn = (self.turn + 1) % self.splits.len();
            let split = &self.splits[self.turn];
            let is_held = !self.held.is_empty()
                && self
                    .held
                    .contains(&(split.topic().clone(), split.partition()));
            match (!is_held).then(|| split.pop()).flatten() {
                Some(Ok(message)) => {
                    let record = record::taken(&message, split.topic());
                    items.push(Item {
                        record,
                        assignment: self.assignment,
                    });
                    empty = 0;
                }
                Some(Err(error)) => {
                    tracing::warn!(?split, %error, "reading goes on after an error");
                    empty = 0;
                }
                None => empty += 1,
            }
        }
        let is_full = items.len() == room;
        if !items.is_empty() {
            self.room.take(items.len());
            // Nobody may be listening any more; then the consumer is about to be closed.
            drop(self.records.send(items));
        }
        // There may be more to hand out. Without room for it, whoever frees some wakes this thread: it is asked for here.
        match is_full && self.room.left() > 0 {
            true => Duration::ZERO,
            false => SERVE_PAUSE,
        }
    }

    /// Commits what moved, one commit at a time and not too often: each costs the broker a write. Says how long until the
    /// next.
    fn send_commit(&mut self) -> Duration {
        for outcome in self.member.outcomes() {
            self.committing = false;
            if !outcome.accepted {
                tracing::warn!("a commit was not accepted: its records will be read again");
            }
        }
        if self.committing || self.moved.is_empty() {
            return SERVE_PAUSE;
        }
        if !self.next_commit.passed() {
            return self.next_commit.remaining();
        }
        let moved = std::mem::take(&mut self.moved);
        self.member.commit(positions(&moved));
        self.committing = true;
        self.next_commit = Deadline::after(COMMIT_PAUSE);
        SERVE_PAUSE
    }

    /// Commits before the group is told that the partitions go.
    fn commit_last(&mut self) {
        let moved = std::mem::take(&mut self.moved);
        self.member.commit_last(positions(&moved));
    }

    fn places(&self) -> Places {
        self.splits
            .iter()
            .map(|split| (split.topic().clone(), split.partition()))
            .collect()
    }

    /// Nobody may be listening any more; then the consumer is about to be closed.
    fn tell(&self, notice: Notice) {
        drop(self.notices.send(notice));
    }
}

fn positions(moved: &BTreeMap<(Arc<str>, i32), i64>) -> impl Iterator<Item = (&str, i32, i64)> {
    moved
        .iter()
        .map(|((topic, partition), next)| (&**topic, *partition, *next))
}

/// Between one commit and the next: what is read again after a crash was answered within so long before.
const COMMIT_PAUSE: Duration = Duration::from_millis(100);

/// How often a hand-over looks whether there is still something to hand over.
const LOST_PAUSE: Duration = Duration::from_millis(100);
