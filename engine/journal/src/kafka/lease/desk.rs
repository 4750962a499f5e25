//! The lease's thread.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, TryRecvError},
    },
    time::Duration,
};

use rdkafka::{Offset, TopicPartitionList, consumer::Consumer};

use super::LeaseEvent;
use crate::kafka::{
    clock::Deadline,
    member::{Change, HandOver, Member, SERVE_PAUSE},
};

/// What the lease is asked for.
pub(super) enum Command {
    /// Commit these positions.
    Commit(Vec<(i32, i64)>),
    /// Prove that a partition is held.
    Prove(i32, Answer),
    /// Leave the group, by then.
    Close(Deadline),
}

type Answer = Box<dyn FnOnce(bool) + Send>;

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit(positions) => f.debug_tuple("Commit").field(positions).finish(),
            Self::Prove(partition, _) => f.debug_tuple("Prove").field(partition).finish(),
            Self::Close(_) => f.write_str("Close"),
        }
    }
}

pub(super) struct Desk {
    member: Member,
    topic: Arc<str>,
    commands: Receiver<Command>,
    events: Sender<LeaseEvent>,
    /// Partitions held, those that are being handed over included.
    held: BTreeSet<i32>,
    /// Where each partition's owner stands, as far as known.
    positions: BTreeMap<i32, i64>,
    /// Partitions whose position changed since it was last committed.
    moved: BTreeSet<i32>,
    /// Proofs that no commit was sent for yet.
    asked: Vec<Proof>,
    /// The proofs that rest on the commit on its way.
    sent: Option<Vec<Proof>>,
    leaving: Option<Leaving>,
}

struct Proof {
    partition: i32,
    answer: Answer,
    late: Deadline,
}

struct Leaving {
    list: TopicPartitionList,
    done: Arc<AtomicBool>,
    late: Deadline,
}

impl Desk {
    pub(super) fn new(
        member: Member,
        topic: Arc<str>,
        commands: Receiver<Command>,
        events: Sender<LeaseEvent>,
    ) -> Self {
        Self {
            member,
            topic,
            commands,
            events,
            held: BTreeSet::new(),
            positions: BTreeMap::new(),
            moved: BTreeSet::new(),
            asked: Vec::new(),
            sent: None,
            leaving: None,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            self.member.serve();
            for change in self.member.changes() {
                match change {
                    Change::Assigned(list) => self.take_over(list),
                    Change::Revoked { list, lost: true } => self.lose(&list),
                    Change::Revoked { list, lost: false } => self.begin_leaving(list),
                }
            }
            self.answer_proofs();
            if !self.obey() {
                break;
            }
            self.leave_when_due();
            self.send_commit();
            self.member.wake().wait(self.pause());
        }
        self.close();
    }

    /// Takes commands; says whether to go on.
    fn obey(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Commit(positions)) => {
                    for (partition, next) in positions {
                        if self.held.contains(&partition)
                            && self.positions.insert(partition, next) != Some(next)
                        {
                            self.moved.insert(partition);
                        }
                    }
                }
                Ok(Command::Prove(partition, answer)) => {
                    let late = Deadline::after(ANSWER_WAIT);
                    self.asked.push(Proof {
                        partition,
                        answer,
                        late,
                    });
                }
                Err(TryRecvError::Empty) => return true,
                Ok(Command::Close(deadline)) => {
                    self.member.leave_by(deadline);
                    return false;
                }
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Takes assigned partitions and pauses them at once.
    fn take_over(&mut self, mut list: TopicPartitionList) {
        let partitions = partitions(&list);
        self.learn_positions(&list);
        for partition in &partitions {
            // A known offset: librdkafka need not ask where to begin what it will never read.
            let from = self.positions.get(partition).copied().unwrap_or(0);
            if let Err(error) =
                list.set_partition_offset(&self.topic, *partition, Offset::Offset(from))
            {
                tracing::warn!(partition, from, %error, "no offset to begin at");
            }
        }
        if let Err(error) = self.member.accept(&list) {
            tracing::warn!(%error, ?partitions, "the lease was assigned but not taken");
            return;
        }
        if partitions.is_empty() {
            return;
        }
        if let Err(error) = self.member.consumer().pause(&list) {
            tracing::warn!(%error, ?partitions, "the lease's partitions are not paused");
        }
        self.held.extend(&partitions);
        self.tell(LeaseEvent::Assigned(partitions));
    }

    /// Asks for the committed positions, so that a proof need not move them.
    fn learn_positions(&mut self, list: &TopicPartitionList) {
        if list.count() == 0 {
            return;
        }
        match self
            .member
            .consumer()
            .committed_offsets(list.clone(), POSITIONS_WAIT)
        {
            Ok(list) => {
                for element in list.elements() {
                    if let Offset::Offset(next) = element.offset() {
                        self.positions.insert(element.partition(), next);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the committed positions are not known"),
        }
    }

    fn begin_leaving(&mut self, list: TopicPartitionList) {
        let partitions = partitions(&list);
        let (hand_over, done) = HandOver::new(self.member.wake().clone());
        let late = Deadline::after(HAND_OVER_MAX);
        self.leaving = Some(Leaving { list, done, late });
        if partitions.is_empty() {
            drop(hand_over);
        } else {
            self.tell(LeaseEvent::Revoked(partitions, hand_over));
        }
    }

    fn leave_when_due(&mut self) {
        let Some(leaving) = &self.leaving else { return };
        let lost = self.member.is_lost();
        if !(lost || leaving.done.load(Ordering::SeqCst) || leaving.late.passed()) {
            return;
        }
        let leaving = self.leaving.take().expect("it was just there");
        let partitions = partitions(&leaving.list);
        if lost {
            self.tell(LeaseEvent::Lost(partitions.clone()));
        } else {
            self.commit_last(&partitions);
        }
        self.member.let_go(&leaving.list);
        self.forget(&partitions);
    }

    fn lose(&mut self, list: &TopicPartitionList) {
        let partitions = partitions(list);
        self.member.let_go(list);
        self.forget(&partitions);
        self.tell(LeaseEvent::Lost(partitions));
    }

    fn forget(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.held.remove(partition);
            self.positions.remove(partition);
            self.moved.remove(partition);
        }
    }

    /// Commits what moved and what is to be proved, one commit at a time.
    fn send_commit(&mut self) {
        let (open, refused): (_, Vec<_>) = std::mem::take(&mut self.asked)
            .into_iter()
            .partition(|proof| self.is_safely_held(proof.partition));
        self.asked = open;
        answer_all(refused, false);
        if self.sent.is_some() || (self.asked.is_empty() && self.moved.is_empty()) {
            return;
        }
        let proofs = std::mem::take(&mut self.asked);
        let mut partitions = std::mem::take(&mut self.moved);
        partitions.extend(proofs.iter().map(|proof| proof.partition));
        let partitions: Vec<_> = partitions.into_iter().collect();
        self.member
            .commit(positions(&self.topic, &partitions, &self.positions));
        self.sent = Some(proofs);
    }

    /// Commits before the group is told that the partitions go, so that the next owner's lag begins right.
    fn commit_last(&mut self, partitions: &[i32]) {
        let moved: Vec<_> = partitions
            .iter()
            .copied()
            .filter(|p| self.moved.remove(p))
            .collect();
        self.member
            .commit_last(positions(&self.topic, &moved, &self.positions));
    }

    fn answer_proofs(&mut self) {
        for outcome in self.member.outcomes() {
            for proof in self.sent.take().unwrap_or_default() {
                let held = outcome.accepted && self.is_safely_held(proof.partition);
                (proof.answer)(held);
            }
        }
        for proofs in self.sent.iter_mut().chain([&mut self.asked]) {
            let (late, open): (Vec<_>, _) = std::mem::take(proofs)
                .into_iter()
                .partition(|proof| proof.late.passed());
            *proofs = open;
            answer_all(late, false);
        }
    }

    /// Held, and not about to go.
    fn is_safely_held(&self, partition: i32) -> bool {
        self.held.contains(&partition)
            && !self.member.is_lost()
            && !self
                .leaving
                .as_ref()
                .is_some_and(|leaving| partitions(&leaving.list).contains(&partition))
    }

    fn pause(&self) -> Duration {
        let proofs = self
            .sent
            .iter()
            .flatten()
            .chain(&self.asked)
            .map(|proof| proof.late);
        let due = proofs
            .chain(self.leaving.iter().map(|leaving| leaving.late))
            .min();
        let due = due.map_or(SERVE_PAUSE, Deadline::remaining);
        // Whether what is being handed over was lost meanwhile comes by no event.
        due.min(if self.leaving.is_some() {
            LOST_PAUSE
        } else {
            SERVE_PAUSE
        })
    }

    fn close(mut self) {
        if !self.member.is_lost() {
            let moved: Vec<_> = self.moved.iter().copied().collect();
            self.commit_last(&moved);
        }
        if let Some(leaving) = self.leaving.take() {
            self.member.let_go(&leaving.list);
        }
        answer_all(std::mem::take(&mut self.asked), false);
        answer_all(self.sent.take().unwrap_or_default(), false);
    }

    /// Nobody may be listening any more; then the lease is about to be closed.
    fn tell(&self, event: LeaseEvent) {
        drop(self.events.send(event));
    }
}

fn positions<'a>(
    topic: &'a str,
    partitions: &'a [i32],
    known: &'a BTreeMap<i32, i64>,
) -> impl Iterator<Item = (&'a str, i32, i64)> {
    let position = |partition| known.get(partition).copied().unwrap_or(0);
    partitions
        .iter()
        .map(move |partition| (topic, *partition, position(partition)))
}

fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    list.elements()
        .iter()
        .map(|element| element.partition())
        .collect()
}

fn answer_all(proofs: impl IntoIterator<Item = Proof>, held: bool) {
    for proof in proofs {
        (proof.answer)(held);
    }
}

/// A revocation waits this long for the hand-over, then lets go.
const HAND_OVER_MAX: Duration = Duration::from_secs(3);

/// A proof that has not come by then has failed.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// How long an assignment waits for the committed positions.
const POSITIONS_WAIT: Duration = Duration::from_secs(2);

/// How often a hand-over looks whether there is still something to hand over.
const LOST_PAUSE: Duration = Duration::from_millis(100);
