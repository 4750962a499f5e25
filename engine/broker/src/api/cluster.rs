//! What is said of the broker as a whole.

use kafka_protocol::{
    messages::{
        BrokerId, DescribeClusterRequest, DescribeClusterResponse, FindCoordinatorRequest,
        FindCoordinatorResponse, describe_cluster_response::DescribeClusterBroker,
        find_coordinator_response::Coordinator,
    },
    protocol::StrBytes,
};

use super::{Cx, operations, this_node};
use crate::code::ErrorCode;

/// What a coordinator is asked for: of a group.
const GROUP: i8 = 0;
/// Of transactions.
const TRANSACTION: i8 = 1;

/// Whose endpoints are asked for.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(super) fn find_coordinator(
    cx: &Cx,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let refused = match request.key_type {
        GROUP | TRANSACTION => None,
        _ => Some((
            ErrorCode::InvalidRequest,
            "there is no such kind of coordinator",
        )),
    };
    if cx.version < 4 {
        let found = coordinator(cx, refused, StrBytes::default());
        return FindCoordinatorResponse::default()
            .with_error_code(found.error_code)
            .with_error_message(found.error_message)
            .with_node_id(found.node_id)
            .with_host(found.host)
            .with_port(found.port);
    }
    let keys = request.coordinator_keys.into_iter();
    let coordinators = keys.map(|key| coordinator(cx, refused, key));
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

fn coordinator(cx: &Cx, refused: Option<(ErrorCode, &str)>, key: StrBytes) -> Coordinator {
    let coordinator = Coordinator::default().with_key(key);
    match refused {
        None => coordinator
            .with_node_id(this_node())
            .with_host(cx.host())
            .with_port(cx.port()),
        Some((code, message)) => coordinator
            .with_error_code(code.code())
            .with_error_message(Some(super::text(message)))
            .with_node_id(BrokerId(-1))
            .with_port(-1),
    }
}

pub(super) fn describe(cx: &Cx, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let of_others = match request.endpoint_type {
        BROKERS => None,
        CONTROLLERS => Some(ErrorCode::MismatchedEndpointType),
        _ => Some(ErrorCode::UnsupportedEndpointType),
    };
    if let Some(code) = of_others {
        return DescribeClusterResponse::default()
            .with_error_code(code.code())
            .with_error_message(Some(super::text("only brokers are described here")))
            .with_cluster_authorized_operations(operations::UNSAID);
    }
    let is_asked = request.include_cluster_authorized_operations;
    let operations = operations::if_asked(is_asked, operations::OF_CLUSTER);
    let broker = DescribeClusterBroker::default()
        .with_broker_id(this_node())
        .with_host(cx.host())
        .with_port(cx.port());
    DescribeClusterResponse::default()
        .with_endpoint_type(request.endpoint_type)
        .with_cluster_id(super::text(&cx.node.cluster_id))
        .with_controller_id(this_node())
        .with_brokers(vec![broker])
        .with_cluster_authorized_operations(operations)
}
