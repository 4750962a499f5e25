//! How long groups wait and how much they may hold.

/// Settings of all groups; the names are Kafka's, with the unit last.
#[derive(Clone, Debug)]
pub(crate) struct GroupSettings {
    /// Shortest session timeout that a member may ask for: `group.min.session.timeout.ms`.
    pub(crate) session_timeout_ms_min: u64,
    /// Longest session timeout that a member may ask for: `group.max.session.timeout.ms`.
    pub(crate) session_timeout_ms_max: u64,
    /// How long the first rebalance of an Empty group waits for more members: `group.initial.rebalance.delay.ms`. Kafka's
    /// default is 3 s; 0 lets a lone consumer start at once.
    pub(crate) initial_rebalance_delay_ms: u64,
    /// How long a join of a new member is held before the member is dropped: nobody heartbeats for it, and its client may be gone.
    pub(crate) new_member_join_timeout_ms: u64,
    /// Most members of one group: `group.max.size`.
    pub(crate) group_size_max: usize,
    /// Most groups of this broker.
    pub(crate) groups_max: usize,
    /// Most bytes that members' metadata, assignments and committed offsets of all groups take together.
    pub(crate) bytes_max: usize,
    /// How long the offsets of a group without members are kept: `offsets.retention.minutes`.
    pub(crate) offsets_retention_ms: u64,
    /// How often expired offsets and vacant groups are looked for: `offsets.retention.check.interval.ms`.
    pub(crate) offsets_retention_check_ms: u64,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            initial_rebalance_delay_ms: 0,
            new_member_join_timeout_ms: 5 * 60_000,
            group_size_max: GROUP_SIZE_MAX,
            groups_max: GROUPS_MAX,
            bytes_max: BYTES_MAX,
            offsets_retention_ms: 7 * 24 * 3_600_000,
            offsets_retention_check_ms: 10 * 60_000,
        }
    }
}

/// Most members of one group, unless set otherwise.
pub(crate) const GROUP_SIZE_MAX: usize = 1_000;

/// Most groups of one broker, unless set otherwise.
pub(crate) const GROUPS_MAX: usize = 10_000;

/// Most bytes that all groups hold together, unless set otherwise.
pub(crate) const BYTES_MAX: usize = 64 << 20;

/// Most ids of one group that were handed out and not joined with yet.
pub(super) const PENDING_MAX: usize = 1_000;

/// Most protocols that one member may offer; clients offer one to four.
pub(super) const PROTOCOLS_MAX: usize = 64;

/// Most bytes of protocol names and metadata that one member may bring.
pub(super) const MEMBER_METADATA_BYTES_MAX: usize = 1 << 20;

/// Most bytes of all protocol names of one member, which every join looks through.
pub(super) const PROTOCOL_NAMES_BYTES_MAX: usize = 4_096;

/// Longest group instance id; the Java client allows 249.
pub(super) const INSTANCE_ID_BYTES_MAX: usize = 1_024;

/// How much of a client id goes into a member id, which must itself fit the protocol's 32 KB strings.
pub(super) const MEMBER_ID_PREFIX_BYTES_MAX: usize = 1_024;

/// Longest metadata of a committed offset, in UTF-16 units as Kafka counts: `offset.metadata.max.bytes`.
pub(super) const OFFSET_METADATA_MAX: usize = 4_096;

/// Most topics that a group is known to subscribe to; of one with more, every topic counts as subscribed.
pub(super) const SUBSCRIBED_TOPICS_MAX: usize = 100_000;
