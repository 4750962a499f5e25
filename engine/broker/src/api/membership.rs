//! Members of groups: join, sync, heartbeat, leave.

use kafka_protocol::{
    messages::{
        HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
        LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
        join_group_response::JoinGroupResponseMember, leave_group_response::MemberResponse,
    },
    protocol::StrBytes,
};
use tokio::sync::oneshot;

use super::{Cx, text};
use crate::{
    code::ErrorCode,
    group::{
        Identity, Join, JoinRefused, Joined, Leaving, NewMember, Outcome, SkipAssignment, Sync,
        Ticket,
    },
};

pub(super) async fn join(cx: &Cx, request: JoinGroupRequest) -> JoinGroupResponse {
    let protocols = request
        .protocols
        .into_iter()
        .map(|protocol| (protocol.name.to_string(), protocol.metadata))
        .collect();
    let join = Join {
        group: request.group_id.to_string(),
        member: request.member_id.to_string(),
        instance: request.group_instance_id.map(string),
        client_id: cx.client_id.clone(),
        host: format!("/{}", cx.peer.client.ip()),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: match cx.version {
            0 => -1,
            _ => request.rebalance_timeout_ms,
        },
        protocol_type: request.protocol_type.to_string(),
        protocols,
        new_member: match cx.version {
            ..4 => NewMember::JoinsAtOnce,
            _ => NewMember::MustKnowItsId,
        },
        skip_assignment: match cx.version {
            ..9 => SkipAssignment::Unsupported,
            _ => SkipAssignment::Supported,
        },
    };
    let waiting = Waiting::begin(cx, |cx, ticket| {
        let mut coordinator = cx.node.coordinator.borrow_mut();
        let now = coordinator.now();
        coordinator.groups.join(ticket, join, now);
        coordinator.hand_out();
    });
    match waiting.outcome().await {
        Some(Outcome::Join(Ok(joined))) => joined_answer(cx, joined),
        Some(Outcome::Join(Err(JoinRefused { error, member }))) => JoinGroupResponse::default()
            .with_error_code(error.code())
            .with_generation_id(-1)
            .with_protocol_name((cx.version < 7).then(StrBytes::default))
            .with_member_id(text(member)),
        Some(Outcome::Sync(_)) | None => JoinGroupResponse::default()
            .with_error_code(ErrorCode::UnknownServerError.code())
            .with_generation_id(-1)
            .with_protocol_name(Some(StrBytes::default())),
    }
}

fn joined_answer(cx: &Cx, joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| {
        JoinGroupResponseMember::default()
            .with_member_id(text(member.member))
            .with_group_instance_id(member.instance.map(text))
            .with_metadata(member.metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type((cx.version >= 7).then(|| text(joined.protocol_type)))
        .with_protocol_name(Some(text(joined.protocol)))
        .with_leader(text(joined.leader))
        .with_skip_assignment(joined.skip_assignment)
        .with_member_id(text(joined.member))
        .with_members(members.collect())
}

pub(super) async fn sync(cx: &Cx, request: SyncGroupRequest) -> SyncGroupResponse {
    let assignments = request
        .assignments
        .into_iter()
        .map(|one| (one.member_id.to_string(), one.assignment))
        .collect();
    let sync = Sync {
        group: request.group_id.to_string(),
        identity: Identity {
            member: request.member_id.to_string(),
            instance: request.group_instance_id.map(string),
            generation: request.generation_id,
        },
        protocol_type: request.protocol_type.map(string),
        protocol: request.protocol_name.map(string),
        assignments,
    };
    let waiting = Waiting::begin(cx, |cx, ticket| {
        let mut coordinator = cx.node.coordinator.borrow_mut();
        let now = coordinator.now();
        coordinator.groups.sync(ticket, sync, now);
        coordinator.hand_out();
    });
    match waiting.outcome().await {
        Some(Outcome::Sync(Ok(synced))) => SyncGroupResponse::default()
            .with_protocol_type((cx.version >= 5).then(|| text(synced.protocol_type)))
            .with_protocol_name((cx.version >= 5).then(|| text(synced.protocol)))
            .with_assignment(synced.assignment),
        Some(Outcome::Sync(Err(error))) => {
            SyncGroupResponse::default().with_error_code(error.code())
        }
        Some(Outcome::Join(_)) | None => {
            SyncGroupResponse::default().with_error_code(ErrorCode::UnknownServerError.code())
        }
    }
}

pub(super) fn heartbeat(cx: &Cx, request: HeartbeatRequest) -> HeartbeatResponse {
    let identity = Identity {
        member: request.member_id.to_string(),
        instance: request.group_instance_id.map(string),
        generation: request.generation_id,
    };
    let mut coordinator = cx.node.coordinator.borrow_mut();
    let now = coordinator.now();
    let heard = coordinator
        .groups
        .heartbeat(&request.group_id, &identity, now);
    coordinator.hand_out();
    HeartbeatResponse::default().with_error_code(heard.map_or_else(|error| error.code(), |()| 0))
}

pub(super) fn leave(cx: &Cx, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let leaving: Vec<Leaving> = match cx.version {
        ..3 => vec![Leaving {
            member: request.member_id.to_string(),
            instance: None,
        }],
        _ => {
            let members = request.members.into_iter().map(|member| Leaving {
                member: member.member_id.to_string(),
                instance: member.group_instance_id.map(string),
            });
            members.collect()
        }
    };
    let mut coordinator = cx.node.coordinator.borrow_mut();
    let now = coordinator.now();
    let left = coordinator.groups.leave(&request.group_id, &leaving, now);
    coordinator.hand_out();
    let outcomes = match left {
        Ok(outcomes) => outcomes,
        Err(error) => return LeaveGroupResponse::default().with_error_code(error.code()),
    };
    let codes = outcomes
        .into_iter()
        .map(|outcome| outcome.map_or_else(|error| error.code(), |()| 0));
    if cx.version < 3 {
        let code = codes.into_iter().next().unwrap_or_default();
        return LeaveGroupResponse::default().with_error_code(code);
    }
    let members = leaving.into_iter().zip(codes).map(|(member, code)| {
        MemberResponse::default()
            .with_member_id(text(member.member))
            .with_group_instance_id(member.instance.map(text))
            .with_error_code(code)
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

fn string(text: StrBytes) -> String {
    text.to_string()
}

/// A call that may wait; dropped, its ticket is given up.
struct Waiting<'a> {
    cx: &'a Cx,
    ticket: Ticket,
    outcome: oneshot::Receiver<Outcome>,
}

impl<'a> Waiting<'a> {
    fn begin(cx: &'a Cx, ask: impl FnOnce(&Cx, Ticket)) -> Self {
        let (ticket, outcome) = cx.node.coordinator.borrow_mut().ticket();
        ask(cx, ticket);
        Self {
            cx,
            ticket,
            outcome,
        }
    }

    async fn outcome(mut self) -> Option<Outcome> {
        (&mut self.outcome).await.ok()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.cx.node.coordinator.borrow_mut().abandon(self.ticket);
    }
}
