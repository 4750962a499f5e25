//! A batch that takes long to look into holds up those behind it in its partition and nobody else.

use std::{net::Ipv4Addr, rc::Rc};

use kafka_protocol::messages::produce_request::TopicProduceData;
use tokio::task::{JoinHandle, spawn_local};

use super::*;
use crate::{
    api::topic_name,
    connection::Peer,
    log::build::{batch_like, plain_header, record},
    node::{
        Node,
        busy::{self, settings},
    },
};

/// A batch of one record; compressed it is opened on another thread.
fn batch(codec: i16) -> Bytes {
    let header = BatchHeader {
        attributes: codec,
        ..plain_header()
    };
    batch_like(header, &[record(0, "k", "v")])
}

const PLAIN: i16 = 0;
const GZIP: i16 = 1;

/// The first batch of a producer with an id.
fn first_of_producer(codec: i16) -> Bytes {
    let header = BatchHeader {
        attributes: codec,
        producer_id: 7,
        producer_epoch: 0,
        base_sequence: 0,
        ..plain_header()
    };
    batch_like(header, &[record(0, "k", "v")])
}

fn create(node: &Node, topic: &str) {
    let settings = settings(&[("cleanup.policy", "compact")]);
    node.topics.create(topic, 1, settings).unwrap();
}

/// Sends a batch on a connection of its own; its offset, or the code that Kafka gives.
fn send(node: &Rc<Node>, topic: &str, batch: Bytes) -> JoinHandle<Result<i64, i16>> {
    let address = (Ipv4Addr::LOCALHOST, 9092).into();
    let cx = Cx {
        node: node.clone(),
        peer: Peer {
            client: address,
            broker: address,
        },
        place: Rc::new(node.connections.enter(address.ip())),
        version: 9,
        client_id: String::new(),
    };
    let data = PartitionProduceData::default().with_records(Some(batch));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![topic]);
    spawn_local(async move {
        let answer = answer(&cx, request).await.unwrap().unwrap();
        let answer = &answer.responses[0].partition_responses[0];
        match answer.error_code {
            0 => Ok(answer.base_offset),
            code => Err(code),
        }
    })
}

#[test]
fn batches_are_appended_in_the_order_they_came_in_and_other_partitions_do_not_wait() {
    busy::run(|node, taken| async move {
        create(&node, "one");
        create(&node, "other");

        let first = send(&node, "one", batch(GZIP));
        let second = send(&node, "one", batch(PLAIN));
        let elsewhere = send(&node, "other", batch(PLAIN));

        assert_eq!(elsewhere.await.unwrap(), Ok(0));
        assert!(!first.is_finished() && !second.is_finished());
        drop(taken);
        assert_eq!(first.await.unwrap(), Ok(0));
        assert_eq!(second.await.unwrap(), Ok(1));
    });
}

#[test]
fn a_batch_that_comes_again_while_it_is_looked_into_is_appended_once() {
    busy::run(|node, taken| async move {
        create(&node, "one");

        let sent = send(&node, "one", first_of_producer(GZIP));
        let again = send(&node, "one", first_of_producer(GZIP));
        drop(taken);

        assert_eq!(sent.await.unwrap(), Ok(0));
        assert_eq!(again.await.unwrap(), Ok(0));
        assert_eq!(send(&node, "one", batch(PLAIN)).await.unwrap(), Ok(1));
    });
}

#[test]
fn a_batch_whose_client_has_gone_is_not_appended_and_those_behind_it_are() {
    busy::run(|node, taken| async move {
        create(&node, "one");

        let gone = send(&node, "one", batch(GZIP));
        let behind = send(&node, "one", batch(GZIP));
        tokio::task::yield_now().await;
        gone.abort();
        drop(taken);

        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(behind.await.unwrap(), Ok(0));
    });
}

#[test]
fn a_batch_for_a_topic_that_was_deleted_meanwhile_is_refused() {
    busy::run(|node, taken| async move {
        create(&node, "one");
        let sent = send(&node, "one", batch(GZIP));
        tokio::task::yield_now().await;

        node.topics
            .delete(&node.topics.get("one").unwrap())
            .unwrap();
        drop(taken);

        let unknown = ErrorCode::UnknownTopicOrPartition.code();
        assert_eq!(sent.await.unwrap(), Err(unknown));
    });
}
