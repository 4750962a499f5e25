//! Requests that name many things are answered thing by thing, so that others get their turn in between.
//!
//! Changes of topics, each of which is a file that is written anew, wait for each other, one from each client in turn.
//! Invariants: what is being put together is counted as held memory, and an answer grows no further than `ANSWER_BYTES_MAX`:
//! then the connection is closed, for no client of Kafka's asks that much.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    mem,
};

use bytes::BytesMut;
use kafka_protocol::{
    messages::{
        AlterConfigsRequest, AlterConfigsResponse, CreatePartitionsRequest,
        CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsRequest,
        DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeConfigsRequest,
        DescribeConfigsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
        IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, MetadataRequest,
        MetadataResponse, OffsetFetchRequest, OffsetFetchResponse,
        alter_configs_request::AlterConfigsResource,
        create_partitions_request::CreatePartitionsTopic, create_topics_request::CreatableTopic,
        delete_records_request::DeleteRecordsTopic,
        incremental_alter_configs_request::AlterConfigsResource as AlterIncrementally,
    },
    protocol::{Decodable, Encodable, HeaderVersion},
};
use tokio::task::yield_now;

use super::{Cx, encode};
use crate::{
    limits::ANSWER_BYTES_MAX,
    wire::{Frame, Garbled},
};

/// A request that can be taken to pieces.
pub(super) trait Pieces: Decodable {
    type Answer: Encodable + HeaderVersion;

    /// One request for each thing, at least one; what names a thing to be changed several times stays together.
    fn split(self, cx: &Cx) -> Vec<Self>;

    /// Adds the answer to a later piece.
    fn join(answer: &mut Self::Answer, more: Self::Answer);

    /// Whether it changes topics.
    fn is_change(&self, cx: &Cx) -> bool;
}

/// Answers piece by piece.
pub(super) async fn answer<R: Pieces>(
    cx: &Cx,
    mut frame: Frame,
    one: impl Fn(&Cx, R) -> R::Answer,
) -> Result<BytesMut, Garbled> {
    let mut whole: Option<R::Answer> = None;
    let mut bytes = 0;
    for piece in frame.decode::<R>()?.split(cx) {
        let turn = match piece.is_change(cx) {
            true => cx.node.changes.acquire().await.ok(),
            false => None,
        };
        if turn.is_some() || whole.is_some() {
            yield_now().await;
        }
        let more = one(cx, piece);
        drop(turn);
        let size = more.compute_size(cx.version).map_err(Garbled::codec)?;
        bytes += size;
        if bytes > ANSWER_BYTES_MAX && whole.is_some() {
            return Err(Garbled::new("it asks for too much at once"));
        }
        cx.place.hold_more(size * STRUCT_FACTOR).await;
        match &mut whole {
            Some(whole) => R::join(whole, more),
            None => whole = Some(more),
        }
    }
    let whole = whole.ok_or_else(|| Garbled::new("it asks for nothing"))?;
    encode(&frame, &whole)
}

/// Bytes that an answer takes until it is encoded, for each byte that it has then, about.
const STRUCT_FACTOR: usize = 4;

/// One piece for each of the groups that `split` makes of a request's array.
macro_rules! pieces {
    ($request:ident . $asked:ident, $answer:ident . $given:ident, $split:expr, $is_change:expr) => {
        impl Pieces for $request {
            type Answer = $answer;

            fn split(mut self, _: &Cx) -> Vec<Self> {
                let all = mem::take(&mut self.$asked);
                if all.is_empty() {
                    return vec![self];
                }
                let pieces = $split(all).into_iter().map(|group| {
                    let mut piece = self.clone();
                    piece.$asked = group;
                    piece
                });
                pieces.collect()
            }

            fn join(answer: &mut $answer, more: $answer) {
                answer.$given.extend(more.$given);
            }

            fn is_change(&self, _: &Cx) -> bool {
                $is_change
            }
        }
    };
}

pieces!(
    CreateTopicsRequest.topics,
    CreateTopicsResponse.topics,
    |all| by(all, |one: &CreatableTopic| one.name.clone()),
    true
);
pieces!(
    CreatePartitionsRequest.topics,
    CreatePartitionsResponse.results,
    |all| by(all, |one: &CreatePartitionsTopic| one.name.clone()),
    true
);
pieces!(
    AlterConfigsRequest.resources,
    AlterConfigsResponse.responses,
    |all| by(all, |one: &AlterConfigsResource| (
        one.resource_type,
        one.resource_name.clone()
    )),
    true
);
pieces!(
    IncrementalAlterConfigsRequest.resources,
    IncrementalAlterConfigsResponse.responses,
    |all| by(all, |one: &AlterIncrementally| (
        one.resource_type,
        one.resource_name.clone()
    )),
    true
);
pieces!(
    DeleteRecordsRequest.topics,
    DeleteRecordsResponse.topics,
    |all| by(all, |one: &DeleteRecordsTopic| one.name.clone()),
    true
);
pieces!(
    DescribeConfigsRequest.resources,
    DescribeConfigsResponse.results,
    singly,
    false
);
pieces!(
    DescribeGroupsRequest.groups,
    DescribeGroupsResponse.groups,
    singly,
    false
);

impl Pieces for DeleteTopicsRequest {
    type Answer = DeleteTopicsResponse;

    /// A topic that is named and meant by its id as well is in one piece, which says so.
    fn split(mut self, cx: &Cx) -> Vec<Self> {
        let names = by(mem::take(&mut self.topic_names), Clone::clone);
        let states = by(mem::take(&mut self.topics), |one| {
            let name = one.name.as_ref();
            let known = name.and_then(|name| cx.node.topics.get(name));
            let id = known.map_or(one.topic_id, |topic| topic.id);
            (one.name.clone().filter(|_| id.is_nil()), id)
        });
        let names = names
            .into_iter()
            .map(|names| self.clone().with_topic_names(names));
        let states = states
            .into_iter()
            .map(|states| self.clone().with_topics(states));
        let pieces: Vec<_> = names.chain(states).collect();
        match pieces.is_empty() {
            true => vec![self],
            false => pieces,
        }
    }

    fn join(answer: &mut DeleteTopicsResponse, more: DeleteTopicsResponse) {
        answer.responses.extend(more.responses);
    }

    fn is_change(&self, _: &Cx) -> bool {
        true
    }
}

/// A topic is described once, however often it is named, as Kafka does it. It may be made on the way.
impl Pieces for MetadataRequest {
    type Answer = MetadataResponse;

    fn split(mut self, _: &Cx) -> Vec<Self> {
        let Some(topics) = self.topics.take_if(|topics| !topics.is_empty()) else {
            return vec![self];
        };
        let topics = by(topics, |one| (one.name.clone(), one.topic_id));
        let pieces = topics.into_iter().map(|mut same| {
            same.truncate(1);
            self.clone().with_topics(Some(same))
        });
        pieces.collect()
    }

    fn join(answer: &mut MetadataResponse, more: MetadataResponse) {
        answer.topics.extend(more.topics);
    }

    fn is_change(&self, cx: &Cx) -> bool {
        let mut names = self
            .topics
            .iter()
            .flatten()
            .filter_map(|one| one.name.as_ref());
        let may_make = cx.version < 4 || self.allow_auto_topic_creation;
        may_make && names.any(|name| cx.node.topics.get(name).is_none())
    }
}

/// An offset is given once, however often it is asked for.
impl Pieces for OffsetFetchRequest {
    type Answer = OffsetFetchResponse;

    fn split(mut self, _: &Cx) -> Vec<Self> {
        if let Some(topics) = &mut self.topics {
            together(topics, |one| (one.name.clone(), &mut one.partition_indexes));
        }
        let groups = mem::take(&mut self.groups);
        if groups.is_empty() {
            return vec![self];
        }
        let pieces = groups.into_iter().map(|mut group| {
            if let Some(topics) = &mut group.topics {
                together(topics, |one| (one.name.clone(), &mut one.partition_indexes));
            }
            self.clone().with_groups(vec![group])
        });
        pieces.collect()
    }

    fn join(answer: &mut OffsetFetchResponse, more: OffsetFetchResponse) {
        answer.groups.extend(more.groups);
    }

    fn is_change(&self, _: &Cx) -> bool {
        false
    }
}

/// What names the same thing together, in the order of the first.
fn by<T, K: Eq + Hash>(all: Vec<T>, key: impl Fn(&T) -> K) -> Vec<Vec<T>> {
    let mut at: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<Vec<T>> = Vec::new();
    for one in all {
        let index = *at.entry(key(&one)).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

fn singly<T>(all: Vec<T>) -> Vec<Vec<T>> {
    all.into_iter().map(|one| vec![one]).collect()
}

/// What names the same topic becomes one, with each partition once.
fn together<T, K: Eq + Hash + Clone>(
    all: &mut Vec<T>,
    parts: impl Fn(&mut T) -> (K, &mut Vec<i32>),
) {
    let mut of_topic: HashMap<K, Vec<i32>> = HashMap::new();
    for one in all.iter_mut() {
        let (name, partitions) = parts(one);
        of_topic.entry(name).or_default().append(partitions);
    }
    all.retain_mut(|one| {
        let (name, partitions) = parts(one);
        let Some(mut asked) = of_topic.remove(&name) else {
            return false;
        };
        let mut seen = HashSet::new();
        asked.retain(|index| seen.insert(*index));
        *partitions = asked;
        true
    });
}
