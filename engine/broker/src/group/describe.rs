//! Groups as operators see them.

use bytes::Bytes;

use super::roster::{Group, State};

/// One group in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// [`State::Dead`] if there is no such group.
    pub(crate) state: State,
    /// Empty if the group has never had members.
    pub(crate) protocol_type: String,
    /// Empty unless the group is stable.
    pub(crate) protocol: String,
    pub(crate) members: Vec<DescribedMember>,
}

/// One member in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribedMember {
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    pub(crate) client_id: String,
    pub(crate) host: String,
    /// Empty unless the group is stable.
    pub(crate) metadata: Bytes,
    /// The last that the member was given, until the leader assigns anew.
    pub(crate) assignment: Bytes,
}

/// One group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) group: String,
    pub(crate) state: State,
    /// Empty if the group has never had members.
    pub(crate) protocol_type: String,
}

impl Description {
    /// The description of a group that does not exist.
    pub(super) fn dead() -> Self {
        Self {
            state: State::Dead,
            protocol_type: String::new(),
            protocol: String::new(),
            members: Vec::new(),
        }
    }
}

impl Group {
    /// Describes this group. Metadata is that of the protocol agreed on, and shown while the agreement stands.
    pub(super) fn describe(&self) -> Description {
        let protocol = self
            .protocol
            .as_deref()
            .filter(|_| self.state == State::Stable);
        let members = self.members.iter().map(|(id, member)| DescribedMember {
            member: id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            host: member.host.clone(),
            metadata: protocol
                .map(|protocol| member.metadata(protocol))
                .unwrap_or_default(),
            assignment: member.assignment.clone(),
        });
        Description {
            state: self.state,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: protocol.unwrap_or_default().to_owned(),
            members: members.collect(),
        }
    }

    /// This group in a list.
    pub(super) fn listed(&self) -> Listed {
        Listed {
            group: self.name.to_string(),
            state: self.state,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
        }
    }
}
