//! Requests and their answers: one file for each kind.

use std::rc::Rc;

use bytes::BytesMut;
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsRequest, ApiVersionsResponse, BrokerId, TopicName,
        api_versions_response::ApiVersion,
    },
    protocol::{Decodable, Encodable, HeaderVersion, StrBytes},
};

use crate::{
    code::ErrorCode,
    connection::Peer,
    connections::Place,
    node::{NODE_ID, Node},
    wire::{self, Answer, Frame, Garbled, versions},
};

mod cluster;
mod configs;
mod fetch;
mod groups;
mod leader_epochs;
mod list_offsets;
mod log_dirs;
mod membership;
mod metadata;
mod offsets;
mod once;
mod operations;
mod pieces;
mod produce;
mod topics;
mod transactional_offsets;
mod transactions;

/// What every request is answered with the help of.
#[derive(Clone)]
struct Cx {
    node: Rc<Node>,
    peer: Peer,
    place: Rc<Place>,
    version: i16,
    client_id: String,
}

/// Answers a request. Empty when no answer is wanted.
///
/// # Errors
/// What no client of Kafka's sends: the connection is to be closed.
pub(crate) async fn answer(
    node: &Rc<Node>,
    (peer, place): (Peer, &Rc<Place>),
    mut frame: Frame,
) -> Result<Answer, Garbled> {
    let cx = Cx {
        node: node.clone(),
        peer,
        place: place.clone(),
        version: frame.version,
        client_id: std::mem::take(&mut frame.client_id),
    };
    if may_say_much(frame.api) {
        node.connections.until_there_is_room().await;
    }
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
            let answer = produce::answer(&cx, frame.decode()?).await?;
            answer.map_or_else(|| Ok(BytesMut::new()), |answer| encode(&frame, &answer))
        }
        ApiKey::JoinGroup => {
            let request = frame.decode()?;
            let answer = membership::join(&cx, request).await;
            cx.node.connections.until_there_is_room().await;
            encode(&frame, &answer)
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
        ApiKey::ApiVersions => api_versions(frame),
        ApiKey::Metadata => pieces::answer(&cx, frame, metadata::answer).await,
        ApiKey::ListOffsets => {
            let request = frame.decode()?;
            encode(&frame, &list_offsets::answer(&cx, request).await)
        }
        ApiKey::OffsetForLeaderEpoch => on(&cx, frame, leader_epochs::answer),
        ApiKey::FindCoordinator => on(&cx, frame, cluster::find_coordinator),
        ApiKey::DescribeLogDirs => on(&cx, frame, log_dirs::answer),
        ApiKey::DescribeCluster => on(&cx, frame, cluster::describe),
        ApiKey::Heartbeat => on(&cx, frame, membership::heartbeat),
        ApiKey::LeaveGroup => on(&cx, frame, membership::leave),
        ApiKey::OffsetFetch => pieces::answer(&cx, frame, offsets::fetch).await,
        ApiKey::DescribeGroups => pieces::answer(&cx, frame, groups::describe).await,
        ApiKey::ListGroups => on(&cx, frame, groups::list),
        ApiKey::CreateTopics => pieces::answer(&cx, frame, topics::create).await,
        ApiKey::DeleteTopics => topics::delete(&cx, frame).await,
        ApiKey::CreatePartitions => pieces::answer(&cx, frame, topics::create_partitions).await,
        ApiKey::DeleteRecords => pieces::answer(&cx, frame, topics::delete_records).await,
        ApiKey::DescribeConfigs => pieces::answer(&cx, frame, configs::describe).await,
        ApiKey::AlterConfigs => pieces::answer(&cx, frame, configs::alter).await,
        ApiKey::IncrementalAlterConfigs => {
            pieces::answer(&cx, frame, configs::alter_incrementally).await
        }
        _ => answer_transactional(&cx, frame).await,
    }
}

/// Answers a request of transactions, the last kind that there is.
async fn answer_transactional(cx: &Cx, mut frame: Frame) -> Result<BytesMut, Garbled> {
    match frame.api {
        ApiKey::InitProducerId => {
            let request = frame.decode()?;
            encode(&frame, &transactions::init(cx, request).await)
        }
        ApiKey::AddPartitionsToTxn => {
            let request = frame.decode()?;
            encode(&frame, &transactions::add_partitions(cx, request).await)
        }
        ApiKey::AddOffsetsToTxn => {
            let request = frame.decode()?;
            encode(&frame, &transactions::add_offsets(cx, request).await)
        }
        ApiKey::EndTxn => {
            let request = frame.decode()?;
            encode(&frame, &transactions::end(cx, request).await)
        }
        ApiKey::TxnOffsetCommit => {
            let request = frame.decode()?;
            encode(&frame, &transactional_offsets::commit(cx, request).await)
        }
        other => Err(Garbled::new(format!("{other:?} is not offered"))),
    }
}

/// Whether an answer may be much longer than its request.
const fn may_say_much(api: ApiKey) -> bool {
    !matches!(
        api,
        ApiKey::ApiVersions
            | ApiKey::Heartbeat
            | ApiKey::InitProducerId
            | ApiKey::JoinGroup
            | ApiKey::LeaveGroup
            | ApiKey::OffsetCommit
            | ApiKey::Produce
            | ApiKey::SyncGroup
    )
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
fn api_versions(mut frame: Frame) -> Result<BytesMut, Garbled> {
    let known = versions::of(ApiKey::ApiVersions).is_some_and(|range| range.max >= frame.version);
    let (version, error) = match known {
        true if is_named(&mut frame)? => (frame.version, 0),
        true => (frame.version, ErrorCode::InvalidRequest.code()),
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

/// Whether a client says what it is as Kafka wants it said.
fn is_named(frame: &mut Frame) -> Result<bool, Garbled> {
    if frame.version < 3 {
        return Ok(true);
    }
    let asked: ApiVersionsRequest = frame.decode()?;
    let is_name = |name: &str| {
        let end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        end(name.as_bytes().first()) && end(name.as_bytes().last()) && name.bytes().all(allowed)
    };
    Ok(is_name(&asked.client_software_name) && is_name(&asked.client_software_version))
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
