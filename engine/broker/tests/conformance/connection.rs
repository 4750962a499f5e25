//! What holds for every request: order, pieces, and what a client leaves out or adds.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kafka_protocol::messages::{ApiVersionsRequest, FetchRequest, MetadataRequest};

use crate::{
    api_versions::question,
    ask::{fetch_partition, fetch_request, fetched},
    world::World,
};

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let waiting = fetch_request(&topic, vec![fetch_partition(0, 0)])
        .with_min_bytes(1)
        .with_max_wait_ms(300);

    let begun = Instant::now();
    client.send(16, &waiting);
    for _ in 0..20 {
        client.send(4, &question("conformance"));
    }

    assert_eq!(
        fetched(client.receive::<FetchRequest>(16)).high_watermark,
        0
    );
    assert!(begun.elapsed() >= Duration::from_millis(300));
    for _ in 0..20 {
        assert_eq!(client.receive::<ApiVersionsRequest>(4).error_code, 0);
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let world = World::start();
    let mut stream = TcpStream::connect(world.address).unwrap();
    stream.set_nodelay(true).unwrap();
    // ApiVersions in version 0, correlation id 7, without a client id.
    let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];

    for byte in request {
        stream.write_all(&[byte]).unwrap();
    }

    let mut head = [0; 10];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[4..], [0, 0, 0, 7, 0, 0]);
}

#[test]
fn what_a_later_client_adds_is_skipped() {
    let world = World::start();
    let client = &mut world.connect();
    let tag = Bytes::from_static(b"whatever");

    let asked = question("conformance").with_unknown_tagged_field(77, tag.clone());
    assert_eq!(client.call(4, &asked).error_code, 0);
    let asked = MetadataRequest::default()
        .with_topics(Some(Vec::new()))
        .with_unknown_tagged_field(77, tag);
    assert_eq!(client.call(12, &asked).brokers.len(), 1);
}

#[test]
fn bytes_that_are_no_request_end_the_connection() {
    let world = World::start();

    for bytes in [
        // A negative size, and one that is too large.
        &[0xff, 0xff, 0xff, 0xff][..],
        &[0x7f, 0xff, 0xff, 0xff][..],
        // Metadata in version 1 whose list says more than there is.
        &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 9][..],
    ] {
        let mut stream = TcpStream::connect(world.address).unwrap();
        stream.set_read_timeout(Some(crate::world::LATE)).unwrap();
        stream.write_all(bytes).unwrap();

        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(
            matches!(ended, Ok(0) | Err(ErrorKind::ConnectionReset)),
            "{bytes:?}: {ended:?}"
        );
    }
}
