//! Groups as a whole: what they are, which there are, and deleting them.

use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    GroupId, ListGroupsRequest, ListGroupsResponse,
    delete_groups_response::DeletableGroupResult,
    describe_groups_response::{DescribedGroup, DescribedGroupMember},
    list_groups_response::ListedGroup,
};

use super::{Cx, once::once_each, operations, text};
use crate::{
    code::ErrorCode,
    group::{GroupError, State},
};

/// The only kind of group.
const CLASSIC: &str = "classic";

pub(super) fn describe(cx: &Cx, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let is_asked = request.include_authorized_operations;
    let operations = operations::if_asked(is_asked, operations::OF_GROUP);
    let coordinator = cx.node.coordinator.borrow();
    let groups = request.groups.into_iter().map(|group_id| {
        let described = coordinator.groups.describe(&group_id);
        let missing = described.state == State::Dead && cx.version >= 6;
        let members = described.members.into_iter().map(|member| {
            DescribedGroupMember::default()
                .with_member_id(text(member.member))
                .with_group_instance_id(member.instance.map(text))
                .with_client_id(text(member.client_id))
                .with_client_host(text(member.host))
                .with_member_metadata(member.metadata)
                .with_member_assignment(member.assignment)
        });
        DescribedGroup::default()
            .with_error_code(match missing {
                true => GroupError::GroupIdNotFound.code(),
                false => 0,
            })
            .with_error_message(missing.then(|| text(format!("Group {} not found.", &*group_id))))
            .with_group_id(group_id)
            .with_group_state(text(described.state.name()))
            .with_protocol_type(text(described.protocol_type))
            .with_protocol_data(text(described.protocol))
            .with_members(members.collect())
            .with_authorized_operations(operations)
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

pub(super) fn list(cx: &Cx, request: ListGroupsRequest) -> ListGroupsResponse {
    let wanted = |filter: &[kafka_protocol::protocol::StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|one| one.eq_ignore_ascii_case(value))
    };
    let coordinator = cx.node.coordinator.borrow();
    let groups = coordinator
        .groups
        .list()
        .filter(|group| wanted(&request.states_filter, group.state.name()))
        .filter(|_| wanted(&request.types_filter, CLASSIC))
        .map(|group| {
            ListedGroup::default()
                .with_group_id(GroupId(text(group.group)))
                .with_protocol_type(text(group.protocol_type))
                .with_group_state(text(group.state.name()))
                .with_group_type(text(CLASSIC))
        });
    ListGroupsResponse::default().with_groups(groups.collect())
}

pub(super) async fn delete(cx: &Cx, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let groups = once_each(request.groups_names, GroupId::clone);
    let mut results: Vec<_> = groups
        .into_iter()
        .map(|(group_id, _)| {
            let deleted = delete_one(cx, &group_id);
            DeletableGroupResult::default()
                .with_group_id(group_id)
                .with_error_code(deleted)
        })
        .collect();
    if let Err(error) = cx.node.settle_groups().await {
        tracing::error!(%error, "that groups were deleted could not be synced");
        for result in &mut results {
            result.error_code = ErrorCode::StorageError.code();
        }
    }
    DeleteGroupsResponse::default().with_results(results)
}

fn delete_one(cx: &Cx, group: &str) -> i16 {
    let mut coordinator = cx.node.coordinator.borrow_mut();
    match coordinator.groups.delete(group) {
        Ok(changes) => match coordinator.make(changes) {
            Ok(()) => 0,
            Err(error) => {
                tracing::error!(%error, "that a group was deleted cannot be written");
                ErrorCode::StorageError.code()
            }
        },
        Err(error) => error.code(),
    }
}
