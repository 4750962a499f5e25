//! Behaviour of groups as clients see it, on a clock that the tests hold.

mod admin;
mod expiry;
mod gather;
mod join;
mod leave;
mod limits;
mod offsets;
mod pending;
mod random;
mod restart;
mod session;
mod statics;
mod subscriptions;
mod sync;
mod world;

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};

use super::answer::Synced;
use super::*;

const GROUP: &str = "orders";
const SESSION_MS: u64 = 10_000;
const REBALANCE_MS: u64 = 60_000;

/// Groups, a clock, and the answers so far.
struct Bench {
    groups: Groups,
    now: u64,
    last_ticket: u64,
    answers: HashMap<Ticket, Outcome>,
    changes: Vec<Change>,
}

impl Bench {
    fn new() -> Self {
        Self::with(GroupSettings::default())
    }

    fn with(settings: GroupSettings) -> Self {
        let mut ids = 0;
        let unique = move || {
            ids += 1;
            ids.to_string()
        };
        Self {
            groups: Groups::new(settings, unique),
            now: 1_000,
            last_ticket: 0,
            answers: HashMap::new(),
            changes: Vec::new(),
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    fn pull(&mut self) {
        while let Some(Answer { ticket, outcome }) = self.groups.poll_answer() {
            assert!(ticket.0 <= self.last_ticket, "nobody waits with {ticket:?}");
            let before = self.answers.insert(ticket, outcome);
            assert_eq!(before, None, "{ticket:?} is answered twice");
        }
    }

    /// Sends a join and does not wait for its answer.
    fn send_join(&mut self, join: Join) -> Ticket {
        let ticket = self.ticket();
        self.groups.join(ticket, join, self.now);
        self.pull();
        ticket
    }

    fn joined(&self, ticket: Ticket) -> Option<Result<Joined, JoinRefused>> {
        match self.answers.get(&ticket)? {
            Outcome::Join(outcome) => Some(outcome.clone()),
            Outcome::Sync(outcome) => panic!("{ticket:?} is a join's and got {outcome:?}"),
        }
    }

    fn synced(&self, ticket: Ticket) -> Option<Result<Synced, GroupError>> {
        match self.answers.get(&ticket)? {
            Outcome::Sync(outcome) => Some(outcome.clone()),
            Outcome::Join(outcome) => panic!("{ticket:?} is a sync's and got {outcome:?}"),
        }
    }

    /// A join that is answered at once.
    fn join(&mut self, join: Join) -> Result<Joined, JoinRefused> {
        let ticket = self.send_join(join);
        self.joined(ticket).expect("the join is answered at once")
    }

    /// Why a join is refused at once.
    fn refused(&mut self, join: Join) -> GroupError {
        self.join(join).expect_err("the join is refused").error
    }

    /// Sends a sync and does not wait for its answer.
    fn send_sync(&mut self, sync: Sync) -> Ticket {
        let ticket = self.ticket();
        self.groups.sync(ticket, sync, self.now);
        self.pull();
        ticket
    }

    /// A sync that is answered at once.
    fn sync(&mut self, sync: Sync) -> Result<Synced, GroupError> {
        let ticket = self.send_sync(sync);
        self.synced(ticket).expect("the sync is answered at once")
    }

    fn heartbeat(&mut self, member: &Joined) -> Result<(), GroupError> {
        self.groups.heartbeat(
            GROUP,
            &identity(&member.member, member.generation),
            self.now,
        )
    }

    /// Lets time pass, and does everything on the way at its instant.
    fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(at) = self.groups.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.changes.extend(self.groups.tick(self.now));
            self.pull();
        }
        self.now = until;
        self.changes.extend(self.groups.tick(self.now));
        self.pull();
    }

    /// Makes what a call has decided.
    fn made(&mut self, done: Result<Done, GroupError>) -> Result<Done, GroupError> {
        self.groups.apply(done.clone()?.changes, self.now);
        done
    }

    fn commit(&mut self, commit: Commit) -> Result<Done, GroupError> {
        let done = self.groups.commit(commit, self.now);
        self.made(done)
    }

    fn commit_pending(&mut self, commit: Commit, producer_id: i64) -> Result<Done, GroupError> {
        let done = self.groups.commit_pending(commit, producer_id, self.now);
        self.made(done)
    }

    fn delete_offsets(
        &mut self,
        group: &str,
        places: &[(String, i32)],
    ) -> Result<Done, GroupError> {
        let done = self.groups.delete_offsets(group, places, self.now);
        self.made(done)
    }

    fn delete(&mut self, group: &str) -> Result<Vec<Change>, GroupError> {
        let changes = self.groups.delete(group)?;
        self.groups.apply(changes.clone(), self.now);
        Ok(changes)
    }

    fn topic_deleted(&mut self, topic: &str) -> Vec<Change> {
        let changes = self.groups.topics_deleted(|one| one == topic);
        self.groups.apply(changes.clone(), self.now);
        changes
    }

    fn state(&self) -> State {
        self.groups.describe(GROUP).state
    }

    /// A lone member that has joined and synced.
    fn lone(&mut self, client: &str) -> Joined {
        let joined = self.join(at_once(client)).expect("the first member joins");
        self.sync(leads(&joined, &[(&joined.member, "all")]))
            .expect("the leader syncs");
        joined
    }

    /// A leader and a follower, both synced.
    fn pair(&mut self) -> (Joined, Joined) {
        let first = self.lone("a");
        let second = self.send_join(at_once("b"));
        let first = self.send_join(again(&first, at_once("a")));
        let first = self
            .joined(first)
            .expect("all joined")
            .expect("the leader rejoins");
        let second = self
            .joined(second)
            .expect("all joined")
            .expect("the follower joins");
        let shares = [
            (first.member.as_str(), "one"),
            (second.member.as_str(), "two"),
        ];
        self.sync(leads(&first, &shares)).expect("the leader syncs");
        self.sync(follows(&second)).expect("the follower syncs");
        (first, second)
    }
}

/// A join as before v4, of a client without an id.
fn at_once(client: &str) -> Join {
    Join {
        group: GROUP.to_owned(),
        member: String::new(),
        instance: None,
        client_id: client.to_owned(),
        host: "/127.0.0.1".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), subscription(&["orders"]))],
        new_member: NewMember::JoinsAtOnce,
        skip_assignment: SkipAssignment::Unsupported,
    }
}

/// A join as of v9.
fn modern(client: &str) -> Join {
    Join {
        new_member: NewMember::MustKnowItsId,
        skip_assignment: SkipAssignment::Supported,
        ..at_once(client)
    }
}

/// A join of a static member.
fn fixed(instance: &str) -> Join {
    Join {
        instance: Some(instance.to_owned()),
        ..modern("client")
    }
}

/// The join of a member that has its id.
fn again(member: &Joined, join: Join) -> Join {
    Join {
        member: member.member.clone(),
        ..join
    }
}

fn with_protocols(join: Join, names: &[&str]) -> Join {
    let protocols = names
        .iter()
        .map(|name| ((*name).to_owned(), subscription(&["orders"])));
    Join {
        protocols: protocols.collect(),
        ..join
    }
}

fn identity(member: &str, generation: i32) -> Identity {
    Identity {
        member: member.to_owned(),
        instance: None,
        generation,
    }
}

fn follows(member: &Joined) -> Sync {
    leads(member, &[])
}

fn leads(member: &Joined, shares: &[(&str, &'static str)]) -> Sync {
    let shares = shares
        .iter()
        .map(|(id, share)| ((*id).to_owned(), Bytes::from_static(share.as_bytes())));
    Sync {
        group: GROUP.to_owned(),
        identity: identity(&member.member, member.generation),
        protocol_type: None,
        protocol: None,
        assignments: shares.collect(),
    }
}

/// Metadata of the consumer protocol, version 1, with the fields that come after version 0's.
fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    bytes.put_i32(i32::try_from(topics.len()).unwrap());
    for topic in topics {
        bytes.put_i16(i16::try_from(topic.len()).unwrap());
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_i32(-1);
    bytes.put_i32(0);
    bytes.freeze()
}

fn leaving(member: &str) -> Leaving {
    Leaving {
        member: member.to_owned(),
        instance: None,
    }
}

fn committed(offset: i64) -> CommittedOffset {
    CommittedOffset {
        offset,
        leader_epoch: -1,
        metadata: String::new(),
        commit_timestamp_ms: 7,
    }
}

fn commit(identity: Identity, topic: &str, partition: i32, offset: i64) -> Commit {
    let offset = committed(offset);
    let offsets = vec![CommitOffset {
        topic: topic.to_owned(),
        partition,
        offset,
    }];
    Commit {
        group: GROUP.to_owned(),
        identity,
        offsets,
    }
}

/// A commit of a client that is no member.
fn simple(topic: &str, partition: i32, offset: i64) -> Commit {
    commit(identity("", -1), topic, partition, offset)
}
