//! Requests and their answers: one file for each kind.

use std::rc::Rc;

use bytes::BytesMut;
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, BrokerId, TopicName, api_versions_response::ApiVersion,
    },
    protocol::{Decodable, Encodable, HeaderVersion, StrBytes},
};

use crate::{
    code::ErrorCode,
    connection::Peer,
    node::{NODE_ID, Node},
    wire::{self, Answer, Frame, Garbled, versions},
};

mod cluster;
mod configs;
mod fetch;
mod groups;
mod list_offsets;
mod membership;
mod metadata;
mod offsets;
mod produce;
mod topics;

/// What every request is answered with the help of.
#[derive(Clone)]
struct Cx {
    node: Rc<Node>,
    peer: Peer,
    version: i16,
    client_id: String,
}

/// Answers a request. Empty when no answer is wanted.
///
/// # Errors
/// What no client of Kafka's sends: the connection is to be closed.
pub(crate) async fn answer(
    node: &Rc<Node>,
    peer: Peer,
    mut frame: Frame,
) -> Result<Answer, Garbled> {
    let cx = Cx {
        node: node.clone(),
        peer,
        version: frame.version,
        client_id: std::mem::take(&mut frame.client_id),
    };
    match frame.api {
        ApiKey::Fetch => {
            let answer = fetch::answer(&cx, frame.decode()?).await;
            wire::fetched::encode(frame.correlation, frame.version, answer)
                .map_err(|error| error.of(&frame))
        }
        _ => one_piece(cx, frame).await.map(Answer::from),
    }
}

/// Answers a request whose answer is small.
async fn one_piece(cx: Cx, mut frame: Frame) -> Result<BytesMut, Garbled> {
    match frame.api {
        ApiKey::Produce => {
            let answer = produce::answer(&cx, frame.decode()?).await;
            answer.map_or_else(|| Ok(BytesMut::new()), |answer| encode(&frame, &answer))
        }
        ApiKey::JoinGroup => {
            let request = frame.decode()?;
            encode(&frame, &membership::join(&cx, request).await)
        }
        ApiKey::SyncGroup => {
            let request = frame.decode()?;
            encode(&frame, &membership::sync(&cx, request).await)
        }
        ApiKey::OffsetCommit => {
            let request = frame.decode()?;
            encode(&frame, &offsets::commit(&cx, request).await)
        }
        ApiKey::OffsetDelete => {
            let request = frame.decode()?;
            encode(&frame, &offsets::delete(&cx, request).await)
        }
        ApiKey::DeleteGroups => {
            let request = frame.decode()?;
            encode(&frame, &groups::delete(&cx, request).await)
        }
        ApiKey::ApiVersions => api_versions(&frame),
        ApiKey::Metadata => on(&cx, frame, metadata::answer),
        ApiKey::ListOffsets => on(&cx, frame, list_offsets::answer),
        ApiKey::FindCoordinator => on(&cx, frame, cluster::find_coordinator),
        ApiKey::DescribeCluster => on(&cx, frame, cluster::describe),
        ApiKey::InitProducerId => on(&cx, frame, cluster::init_producer_id),
        ApiKey::Heartbeat => on(&cx, frame, membership::heartbeat),
        ApiKey::LeaveGroup => on(&cx, frame, membership::leave),
        ApiKey::OffsetFetch => on(&cx, frame, offsets::fetch),
        ApiKey::DescribeGroups => on(&cx, frame, groups::describe),
        ApiKey::ListGroups => on(&cx, frame, groups::list),
        ApiKey::CreateTopics => on(&cx, frame, topics::create),
        ApiKey::DeleteTopics => on(&cx, frame, topics::delete),
        ApiKey::CreatePartitions => on(&cx, frame, topics::create_partitions),
        ApiKey::DeleteRecords => on(&cx, frame, topics::delete_records),
        ApiKey::DescribeConfigs => on(&cx, frame, configs::describe),
        ApiKey::AlterConfigs => on(&cx, frame, configs::alter),
        ApiKey::IncrementalAlterConfigs => on(&cx, frame, configs::alter_incrementally),
        other => Err(Garbled::new(format!("{other:?} is not offered"))),
    }
}

/// Answers a request that does not wait.
fn on<R: Decodable, M: Encodable + HeaderVersion>(
    cx: &Cx,
    mut frame: Frame,
    answer: impl FnOnce(&Cx, R) -> M,
) -> Result<BytesMut, Garbled> {
    let answer = answer(cx, frame.decode()?);
    encode(&frame, &answer)
}

fn encode<M: Encodable + HeaderVersion>(frame: &Frame, answer: &M) -> Result<BytesMut, Garbled> {
    let mut bytes = BytesMut::new();
    wire::encode(frame.correlation, frame.version, answer, &mut bytes)
        .map_err(|error| error.of(frame))?;
    Ok(bytes)
}

/// An unknown version is answered in version 0, from which the client learns which there are.
fn api_versions(frame: &Frame) -> Result<BytesMut, Garbled> {
    let known = versions::of(ApiKey::ApiVersions).is_some_and(|range| range.max >= frame.version);
    let (version, error) = match known {
        true => (frame.version, 0),
        false => (0, ErrorCode::UnsupportedVersion.code()),
    };
    let keys = versions::OFFERED.iter().map(|(api, range)| {
        ApiVersion::default()
            .with_api_key(*api as i16)
            .with_min_version(match api {
                // librdkafka takes a broker without version 0 for one that knows no compression (KAFKA-18659).
                ApiKey::Produce => 0,
                _ => range.min,
            })
            .with_max_version(range.max)
    });
    let answer = ApiVersionsResponse::default()
        .with_error_code(error)
        .with_api_keys(keys.collect());
    let mut bytes = BytesMut::new();
    wire::encode(frame.correlation, version, &answer, &mut bytes)?;
    Ok(bytes)
}

fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn this_node() -> BrokerId {
    BrokerId(NODE_ID)
}

impl Cx {
    /// Where a client finds this broker: the address that it has found it at.
    fn host(&self) -> StrBytes {
        text(self.peer.broker.ip().to_string())
    }

    fn port(&self) -> i32 {
        i32::from(self.peer.broker.port())
    }
}
