//! One member of a group: what it offered, what it was given, whether it waits, and until when it is believed alive.

use bytes::Bytes;

use super::{Join, Ticket};

/// A member; its id is the key that it is kept under.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) instance: Option<String>,
    pub(super) client_id: String,
    pub(super) host: String,
    pub(super) session_timeout_ms: u64,
    pub(super) rebalance_timeout_ms: u64,
    /// Name and metadata, the preferred one first.
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    /// The join that waits for the others.
    pub(super) joining: Option<Ticket>,
    /// The sync that waits for the leader.
    pub(super) syncing: Option<Ticket>,
    /// It has not been answered its first join, so that it cannot heartbeat.
    pub(super) is_new: bool,
    /// When the session ends; nothing while another timer looks after the member.
    pub(super) expires_at: Option<u64>,
}

impl Member {
    /// A member that joins for the first time.
    pub(super) fn new(join: &Join) -> Self {
        let mut member = Self {
            instance: join.instance.clone(),
            client_id: join.client_id.clone(),
            host: join.host.clone(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: 0,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            joining: None,
            syncing: None,
            is_new: true,
            expires_at: None,
        };
        member.update(join);
        member
    }

    /// Takes over what a member may change by joining again.
    pub(super) fn update(&mut self, join: &Join) {
        self.session_timeout_ms = u64::try_from(join.session_timeout_ms).unwrap_or(0);
        self.rebalance_timeout_ms =
            u64::try_from(join.rebalance_timeout_ms).unwrap_or(self.session_timeout_ms);
        self.protocols = join
            .protocols
            .iter()
            .map(|(name, metadata)| (name.clone(), owned(metadata)))
            .collect();
    }

    /// What the member said for a protocol.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|(name, _)| name == protocol)
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }

    /// Whether the end of the session is to be overlooked: a member that waits for an answer of ours cannot heartbeat. A new one
    /// is not spared, or the retries of a client that gives up on its connection would fill the group.
    pub(super) fn is_spared(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }

    /// The session begins anew.
    pub(super) fn renew(&mut self, now: u64) {
        self.expires_at = Some(now.saturating_add(self.session_timeout_ms));
    }

    /// Bytes held, about.
    pub(super) fn footprint(&self) -> usize {
        let protocols: usize = self
            .protocols
            .iter()
            .map(|(name, metadata)| name.len() + metadata.len())
            .sum();
        let instance = self.instance.as_ref().map_or(0, String::len);
        MEMBER_BYTES
            + protocols
            + self.assignment.len()
            + instance
            + self.client_id.len()
            + self.host.len()
    }
}

/// A copy: a slice of a request would keep the whole of it in memory.
pub(super) fn owned(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// What a member costs beside what it brings.
const MEMBER_BYTES: usize = 512;
