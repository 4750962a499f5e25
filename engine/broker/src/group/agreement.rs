//! What the members of a group agree on: a protocol, a leader, and thereby the topics that they use.
//!
//! Invariant: some protocol is supported by every member. A join that would break this is refused before it changes anything.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::roster::{Group, State};
use super::settings::SUBSCRIBED_TOPICS_MAX;
use super::subscription::subscribed_topics;

impl Group {
    /// Whether a member with these protocols could agree with everyone on one.
    pub(super) fn supports<B>(&self, protocol_type: &str, protocols: &[(String, B)]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let supporters = self.supporters();
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols
                .iter()
                .any(|(name, _)| self.is_common(name, &supporters))
    }

    /// The protocol that most members prefer among those that all support; on a tie the first by name.
    pub(super) fn elect_protocol(&self) -> Option<String> {
        let supporters = self.supporters();
        let mut votes = BTreeMap::<&str, usize>::new();
        for member in self.members.values() {
            let vote = member
                .protocols
                .iter()
                .map(|(name, _)| name)
                .find(|name| self.is_common(name, &supporters));
            *votes.entry(vote?).or_default() += 1;
        }
        let most = votes.values().max().copied()?;
        votes
            .into_iter()
            .find(|(_, count)| *count == most)
            .map(|(name, _)| name.to_owned())
    }

    fn is_common(&self, protocol: &str, supporters: &HashMap<&str, usize>) -> bool {
        supporters.get(protocol).copied().unwrap_or(0) == self.members.len()
    }

    /// How many members support each protocol, as far as all members before them do.
    fn supporters(&self) -> HashMap<&str, usize> {
        let mut supporters = HashMap::<&str, usize>::new();
        for (before, member) in self.members.values().enumerate() {
            for (name, _) in &member.protocols {
                // A name that a member gives twice counts once, and one that a member before lacks no more.
                let count = supporters.entry(name).or_default();
                if *count == before {
                    *count += 1;
                }
            }
        }
        supporters
    }

    /// Keeps the leader if it has joined again, or else chooses one that has; false if there is none.
    pub(super) fn elect_leader(&mut self) -> bool {
        let Some(leader) = self.leader.as_ref().and_then(|id| self.members.get(id)) else {
            return false;
        };
        if leader.joining.is_none() {
            let Some((id, _)) = self
                .members
                .iter()
                .find(|(_, member)| member.joining.is_some())
            else {
                return false;
            };
            self.leader = Some(id.clone());
        }
        true
    }

    /// Whether the members are consumers, whose metadata can be read.
    pub(super) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// Whether offsets of a topic are in use. Of consumers whose subscription cannot be read, every topic is.
    pub(super) fn is_subscribed(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.is_of_consumers(),
        }
    }

    /// Reads what the members of this generation subscribe to.
    pub(super) fn read_subscriptions(&self) -> Option<BTreeSet<String>> {
        if !self.is_of_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(subscribed_topics(&member.metadata(protocol))?);
            if topics.len() > SUBSCRIBED_TOPICS_MAX {
                return None;
            }
        }
        Some(topics)
    }
}

/// The protocol type of Kafka's consumers.
const CONSUMER: &str = "consumer";
