//! What is said of the broker as a whole, and ids of producers.

use kafka_protocol::messages::{
    DescribeClusterRequest, DescribeClusterResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse, ProducerId,
    describe_cluster_response::DescribeClusterBroker, find_coordinator_response::Coordinator,
};

use super::{Cx, this_node};
use crate::code::ErrorCode;

/// What a coordinator is asked for: of a group.
const GROUP: i8 = 0;
/// Of transactions, which are not offered.
const TRANSACTION: i8 = 1;

pub(super) fn find_coordinator(
    cx: &Cx,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let (code, message) = match request.key_type {
        GROUP => (0, None),
        TRANSACTION => (
            ErrorCode::TransactionalIdAuthorizationFailed.code(),
            Some(super::text("this broker has no transactions")),
        ),
        _ => (ErrorCode::InvalidRequest.code(), None),
    };
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        Coordinator::default()
            .with_key(key)
            .with_error_code(code)
            .with_error_message(message.clone())
            .with_node_id(this_node())
            .with_host(cx.host())
            .with_port(cx.port())
    });
    let coordinators = coordinators.collect();
    if cx.version >= 4 {
        return FindCoordinatorResponse::default().with_coordinators(coordinators);
    }
    FindCoordinatorResponse::default()
        .with_error_code(code)
        .with_error_message(message)
        .with_node_id(this_node())
        .with_host(cx.host())
        .with_port(cx.port())
}

pub(super) fn describe(cx: &Cx, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let broker = DescribeClusterBroker::default()
        .with_broker_id(this_node())
        .with_host(cx.host())
        .with_port(cx.port());
    DescribeClusterResponse::default()
        .with_endpoint_type(request.endpoint_type)
        .with_cluster_id(super::text(&cx.node.cluster_id))
        .with_controller_id(this_node())
        .with_brokers(vec![broker])
        .with_cluster_authorized_operations(i32::MIN)
}

pub(super) fn init_producer_id(cx: &Cx, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let is_half = (request.producer_id.0 == -1) != (request.producer_epoch == -1);
    let given = match request.transactional_id {
        Some(id) if id.is_empty() => Err(ErrorCode::InvalidRequest),
        _ if is_half => Err(ErrorCode::InvalidRequest),
        Some(_) => Err(ErrorCode::TransactionalIdAuthorizationFailed),
        None => cx.node.new_producer_id(),
    };
    match given {
        Ok(id) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(0),
        Err(code) => InitProducerIdResponse::default()
            .with_error_code(code.code())
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    }
}
