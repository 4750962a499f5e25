//! What clients ask of a group, free of any version of the wire protocol.

use bytes::Bytes;

use super::CommittedOffset;

/// A JoinGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) group: String,
    /// Empty when the client has no id yet.
    pub(crate) member: String,
    /// The id of a static member.
    pub(crate) instance: Option<String>,
    pub(crate) client_id: String,
    pub(crate) host: String,
    pub(crate) session_timeout_ms: i32,
    /// Negative where the request has none (v0): the session timeout is taken then.
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) protocol_type: String,
    /// Name and metadata, the preferred one first.
    pub(crate) protocols: Vec<(String, Bytes)>,
    pub(crate) new_member: NewMember,
    pub(crate) skip_assignment: SkipAssignment,
}

/// What a client without an id expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewMember {
    /// It joins at once and learns its id from the answer (before v4).
    JoinsAtOnce,
    /// It is told an id and joins again with that (v4 and later).
    MustKnowItsId,
}

/// Whether a client knows that a leader may be told to keep the assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SkipAssignment {
    /// Before v9.
    Unsupported,
    /// v9 and later.
    Supported,
}

/// Who says that it is a member, and of which generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    /// −1 where the client is no member.
    pub(crate) generation: i32,
}

/// A SyncGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Sync {
    pub(crate) group: String,
    pub(crate) identity: Identity,
    /// What the client believes the protocol type to be (v5 and later).
    pub(crate) protocol_type: Option<String>,
    /// What the client believes the protocol to be (v5 and later).
    pub(crate) protocol: Option<String>,
    /// By member id; only the leader's are heeded.
    pub(crate) assignments: Vec<(String, Bytes)>,
}

/// One member of a LeaveGroup request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaving {
    /// May be empty when the instance id names the member.
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
}

/// An OffsetCommit request.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) group: String,
    pub(crate) identity: Identity,
    pub(crate) offsets: Vec<CommitOffset>,
}

/// One partition of an OffsetCommit request.
#[derive(Clone, Debug)]
pub(crate) struct CommitOffset {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: CommittedOffset,
}
