//! Three clients, well-behaved or not, and what holds whatever they do.

use std::collections::BTreeSet;

use super::member::Member;
use super::*;
use crate::group::answer::Synced;

/// How many clients there are; the last one is a static member.
pub(super) const CLIENTS: usize = 3;

/// One thing that a client, an operator or time does.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Joins with the id that the client has, or without one.
    Join {
        client: usize,
        offer: usize,
        keeps_id: bool,
    },
    Sync {
        client: usize,
    },
    Heartbeat {
        client: usize,
    },
    Leave {
        client: usize,
    },
    Commit {
        client: usize,
    },
    /// The connection of the client's last request is lost.
    Abandon {
        client: usize,
    },
    Delete,
    Pass {
        ms: u64,
    },
}

/// What a client knows of itself; the last one is a static member.
#[derive(Clone, Debug, Default)]
struct Client {
    member: String,
    generation: i32,
    members: Vec<String>,
    last_request: Option<Ticket>,
}

pub(super) struct World {
    bench: Bench,
    clients: Vec<Client>,
    /// Tickets that have not been answered: the client, and the id that it had then.
    open: HashMap<Ticket, (usize, String)>,
    abandoned: BTreeSet<Ticket>,
    generation: i32,
    /// The leader of every generation since the group was made.
    leaders: HashMap<i32, String>,
}

impl World {
    pub(super) fn new(delay_ms: u64) -> Self {
        let settings = GroupSettings {
            initial_rebalance_delay_ms: delay_ms,
            group_size_max: 4,
            ..GroupSettings::default()
        };
        Self {
            bench: Bench::with(settings),
            clients: vec![Client::default(); CLIENTS],
            open: HashMap::new(),
            abandoned: BTreeSet::new(),
            generation: 0,
            leaders: HashMap::new(),
        }
    }

    pub(super) fn run(&mut self, step: &Step) {
        match *step {
            Step::Join {
                client,
                offer,
                keeps_id,
            } => self.join(client, offer, keeps_id),
            Step::Sync { client } => self.sync(client),
            Step::Heartbeat { client } => {
                let identity = self.identity(client);
                let _ = self
                    .bench
                    .groups
                    .heartbeat(GROUP, &identity, self.bench.now);
            }
            Step::Leave { client } => {
                let Identity {
                    member, instance, ..
                } = self.identity(client);
                let batch = [Leaving { member, instance }];
                let _ = self.bench.groups.leave(GROUP, &batch, self.bench.now);
            }
            Step::Commit { client } => {
                let commit = commit(self.identity(client), "orders", 0, 1);
                let _ = self.bench.commit(commit);
            }
            Step::Abandon { client } => {
                if let Some(ticket) = self.clients[client].last_request {
                    self.bench.groups.abandon(ticket);
                    self.abandoned.insert(ticket);
                    self.open.remove(&ticket);
                }
            }
            Step::Delete => {
                if self.bench.delete(GROUP).is_ok() {
                    self.forget_generations();
                }
            }
            Step::Pass { ms } => self.bench.pass(ms),
        }
        self.bench.pull();
        self.read_answers();
        self.check();
    }

    fn identity(&self, client: usize) -> Identity {
        let Client {
            member, generation, ..
        } = self.clients[client].clone();
        Identity {
            instance: instance_of(client),
            ..identity(&member, generation)
        }
    }

    fn join(&mut self, client: usize, offer: usize, keeps_id: bool) {
        let offers: [&[&str]; 3] = [&["range", "sticky"], &["sticky", "range"], &["sticky"]];
        let mut join = with_protocols(modern("client"), offers[offer]);
        join.instance = instance_of(client);
        if keeps_id {
            join.member.clone_from(&self.clients[client].member);
        }
        let ticket = self.open(client);
        self.bench.groups.join(ticket, join, self.bench.now);
    }

    fn sync(&mut self, client: usize) {
        let identity = self.identity(client);
        // Everyone tries to assign; each share says who wrote it, in which generation, for whom.
        let shares = self.clients[client]
            .members
            .iter()
            .map(String::as_str)
            .chain(["stranger"]);
        let share = |id: &str| format!("{}/{}/{id}", identity.member, identity.generation);
        let assignments = shares
            .map(|id| (id.to_owned(), Bytes::from(share(id))))
            .collect();
        let sync = Sync {
            group: GROUP.to_owned(),
            identity,
            protocol_type: None,
            protocol: None,
            assignments,
        };
        let ticket = self.open(client);
        self.bench.groups.sync(ticket, sync, self.bench.now);
    }

    fn open(&mut self, client: usize) -> Ticket {
        let ticket = self.bench.ticket();
        let member = self.clients[client].member.clone();
        self.open.insert(ticket, (client, member));
        self.clients[client].last_request = Some(ticket);
        ticket
    }

    fn read_answers(&mut self) {
        let mut answers: Vec<_> = std::mem::take(&mut self.bench.answers)
            .into_iter()
            .collect();
        answers.sort_by_key(|(ticket, _)| *ticket);
        for (ticket, outcome) in answers {
            assert!(
                !self.abandoned.contains(&ticket),
                "{ticket:?} was abandoned"
            );
            let (client, member) = self
                .open
                .remove(&ticket)
                .expect("a ticket is answered once");
            match outcome {
                Outcome::Join(Ok(joined)) => self.joined(client, joined),
                Outcome::Join(Err(refused)) => self.refused(client, refused),
                Outcome::Sync(Ok(synced)) => self.synced(client, &member, &synced),
                Outcome::Sync(Err(_)) => {}
            }
        }
    }

    fn joined(&mut self, client: usize, joined: Joined) {
        assert!(joined.generation > 0 && !joined.protocol.is_empty());
        let is_leader = joined.leader == joined.member;
        assert_eq!(
            is_leader,
            !joined.members.is_empty(),
            "the leader alone is told who is there"
        );
        let client = &mut self.clients[client];
        client.member = joined.member;
        client.generation = joined.generation;
        client.members = joined
            .members
            .into_iter()
            .map(|member| member.member)
            .collect();
    }

    fn refused(&mut self, client: usize, refused: JoinRefused) {
        let client = &mut self.clients[client];
        match refused.error {
            GroupError::MemberIdRequired => client.member = refused.member,
            GroupError::RebalanceInProgress => {}
            _ => {
                *client = Client {
                    last_request: client.last_request,
                    ..Client::default()
                }
            }
        }
    }

    fn synced(&self, client: usize, member: &str, synced: &Synced) {
        assert!(!synced.protocol.is_empty());
        if synced.assignment.is_empty() {
            return;
        }
        let share = std::str::from_utf8(&synced.assignment).unwrap();
        let [writer, generation, whom]: [&str; 3] =
            share.split('/').collect::<Vec<_>>().try_into().unwrap();
        let generation: i32 = generation.parse().unwrap();
        assert_eq!(
            Some(writer),
            self.leaders.get(&generation).map(String::as_str),
            "none but the leader assigns"
        );
        assert_eq!(
            generation, self.generation,
            "shares of former generations are gone"
        );
        assert_ne!(whom, "stranger");
        if instance_of(client).is_none() {
            assert_eq!(whom, member, "everyone gets its own share");
        }
    }

    /// What holds after every step.
    fn check(&mut self) {
        let Some(slot) = self.bench.groups.by_name.get(GROUP) else {
            assert!(
                self.open.is_empty(),
                "nobody waits for a group that is gone"
            );
            self.forget_generations();
            return;
        };
        let group = &slot.group;
        assert!(group.generation >= self.generation, "generations go up");
        self.generation = group.generation;
        assert_eq!(group.leader.is_some(), !group.members.is_empty());
        if let Some(leader) = &group.leader {
            assert!(group.members.contains_key(leader), "the leader is a member");
        }
        assert!(
            group
                .statics
                .values()
                .all(|id| group.members.contains_key(id))
        );
        assert!(
            group
                .pending_sync
                .iter()
                .all(|id| group.members.contains_key(id))
        );
        assert!(
            group.members.is_empty() || group.elect_protocol().is_some(),
            "members can agree"
        );
        assert_eq!(
            group.state == State::Empty,
            group.members.is_empty() && group.join_timer.is_none()
        );
        assert_eq!(
            group.state == State::PreparingRebalance,
            group.join_timer.is_some()
        );
        assert_eq!(slot.deadline, group.next_deadline());
        let bytes: usize = self
            .bench
            .groups
            .by_name
            .values()
            .map(|slot| slot.group.footprint())
            .sum();
        assert_eq!(self.bench.groups.bytes, bytes);
        self.check_waiting(group);
        self.note_leader();
    }

    /// Who waits does so in the right state, and whoever does not has a session.
    fn check_waiting(&self, group: &Group) {
        let joins = group
            .members
            .values()
            .filter(|member| member.joining.is_some())
            .count();
        let syncs = group
            .members
            .values()
            .filter(|member| member.syncing.is_some())
            .count();
        assert!(joins == 0 || group.state == State::PreparingRebalance);
        assert!(syncs == 0 || group.state == State::CompletingRebalance);
        assert_eq!(
            joins + syncs,
            self.bench.groups.outbox.waiting(),
            "who waits is in a member"
        );
        let ends = |member: &Member| member.expires_at.is_some() || member.is_spared();
        assert!(
            group.members.values().all(ends),
            "nobody stays without a sign of life"
        );
    }

    /// While members sync, the leader is whom shares are accepted from.
    fn note_leader(&mut self) {
        let group = &self.bench.groups.by_name[GROUP].group;
        if group.state == State::CompletingRebalance
            && let Some(leader) = &group.leader
        {
            let known = self
                .leaders
                .entry(group.generation)
                .or_insert_with(|| leader.clone());
            assert_eq!(known, leader, "a generation has one leader");
        }
    }

    fn forget_generations(&mut self) {
        self.generation = 0;
        self.leaders.clear();
    }

    /// Nothing more happens: all that was asked is answered in the end, and nobody is left.
    pub(super) fn settle(&mut self) {
        for _ in 0..200 {
            self.run(&Step::Pass { ms: 5_000 });
        }
        assert!(self.open.is_empty(), "unanswered: {:?}", self.open);
        let members = self.bench.groups.describe(GROUP).members;
        assert!(members.is_empty(), "left: {members:?}");
    }
}

/// The last client is a static member.
fn instance_of(client: usize) -> Option<String> {
    (client == CLIENTS - 1).then(|| "fixed".to_owned())
}
