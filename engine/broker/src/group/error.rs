//! Why a group refuses, with the numbers that Kafka's protocol gives to the reasons.

use thiserror::Error;

/// A refusal of the coordinator; every variant names Kafka's error of the same name unless its doc says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub(crate) enum GroupError {
    /// `INVALID_GROUP_ID`: the id is empty where a group with members is meant.
    #[error("group id is empty")]
    InvalidGroupId,
    /// `OFFSET_METADATA_TOO_LARGE`
    #[error("metadata of the offset is longer than allowed")]
    OffsetMetadataTooLarge,
    /// `ILLEGAL_GENERATION`
    #[error("generation is not the group's current one")]
    IllegalGeneration,
    /// `INCONSISTENT_GROUP_PROTOCOL`
    #[error("protocol type or protocols do not fit those of the group")]
    InconsistentGroupProtocol,
    /// `UNKNOWN_MEMBER_ID`
    #[error("member is not known to the group")]
    UnknownMemberId,
    /// `INVALID_SESSION_TIMEOUT`
    #[error("session timeout is outside of the broker's bounds")]
    InvalidSessionTimeout,
    /// `REBALANCE_IN_PROGRESS`
    #[error("group is rebalancing")]
    RebalanceInProgress,
    /// `INVALID_REQUEST`: one member brings more protocols or metadata than the broker keeps.
    #[error("request is larger than the broker's limits on one member")]
    InvalidRequest,
    /// `POLICY_VIOLATION`: the broker's limit on groups, or on what all of them hold, is reached.
    #[error("limit on the number of groups, or on what they hold, is reached")]
    LimitReached,
    /// `NON_EMPTY_GROUP`
    #[error("group has members")]
    NonEmptyGroup,
    /// `GROUP_ID_NOT_FOUND`
    #[error("group does not exist")]
    GroupIdNotFound,
    /// `MEMBER_ID_REQUIRED`: join again, with the id that comes with this.
    #[error("member must join again with the id that it was given")]
    MemberIdRequired,
    /// `GROUP_MAX_SIZE_REACHED`
    #[error("group has as many members as allowed")]
    GroupMaxSizeReached,
    /// `FENCED_INSTANCE_ID`
    #[error("another member has taken over the group instance id")]
    FencedInstanceId,
    /// `GROUP_SUBSCRIBED_TO_TOPIC`
    #[error("group is subscribed to the topic")]
    GroupSubscribedToTopic,
}

impl GroupError {
    /// Kafka's number of this error.
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::OffsetMetadataTooLarge => 12,
            Self::IllegalGeneration => 22,
            Self::InconsistentGroupProtocol => 23,
            Self::InvalidGroupId => 24,
            Self::UnknownMemberId => 25,
            Self::InvalidSessionTimeout => 26,
            Self::RebalanceInProgress => 27,
            Self::InvalidRequest => 42,
            Self::LimitReached => 44,
            Self::NonEmptyGroup => 68,
            Self::GroupIdNotFound => 69,
            Self::MemberIdRequired => 79,
            Self::GroupMaxSizeReached => 81,
            Self::FencedInstanceId => 82,
            Self::GroupSubscribedToTopic => 86,
        }
    }
}
