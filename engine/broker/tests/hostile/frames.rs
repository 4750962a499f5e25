//! Frames that are too long, too slow, or none.

use std::{io::Write, net::TcpStream, time::Instant};

use bytes::{BufMut, BytesMut};

use crate::{
    client::with_size,
    records::Batch,
    world::{PATIENCE, World, produce, resident_bytes},
};

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;

/// A header with an empty client id, to be followed by tags or a body.
fn header(api: i16, version: i16) -> BytesMut {
    let mut bytes = BytesMut::new();
    bytes.put_i16(api);
    bytes.put_i16(version);
    bytes.put_i32(1);
    bytes.put_i16(0);
    bytes
}

#[test]
fn a_size_that_no_request_has_ends_the_connection_and_nothing_else() {
    let world = World::start();

    for size in [i32::MIN, -1, 0, 7, 100 * 1024 * 1024 + 1, i32::MAX] {
        let mut client = world.connect();
        client.send_bytes(&size.to_be_bytes());
        client.send_bytes(&[0xff; 64]);
        assert_eq!(client.wait_for_the_end(), 0, "{size}");
    }

    world.serves();
}

#[test]
fn an_array_or_a_text_that_says_it_is_huge_costs_nothing() {
    let world = World::start();
    let before = resident_bytes();
    // Metadata version 1 with a list of 2^31 - 1 topics; version 12 with a varint that never ends, and with a long text.
    let mut long_text = vec![0, 2];
    long_text.extend_from_slice(&[0; 16]);
    long_text.extend_from_slice(&[0x81, 0x80, 0x04]);
    long_text.resize(70_000, b'a');
    for (version, rest) in [
        (1, &[0x7f, 0xff, 0xff, 0xff][..]),
        (12, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f][..]),
        (12, &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..]),
        (12, &long_text),
    ] {
        let mut bytes = header(METADATA, version);
        bytes.put_slice(rest);
        let mut client = world.connect();
        client.send_bytes(&with_size(&bytes));
        assert_eq!(client.wait_for_the_end(), 0);
    }

    assert!(resident_bytes() < before + (32 << 20));
    world.serves();
}

#[test]
fn a_header_with_millions_of_tags_is_refused_unread() {
    let world = World::start();
    let before = resident_bytes();
    let tags: u32 = 2_000_000;
    let mut bytes = header(PRODUCE, 9);
    put_varint(tags, &mut bytes);
    for tag in 0..tags {
        put_varint(tag, &mut bytes);
        bytes.put_u8(0);
    }

    let mut client = world.connect();
    client.send_bytes(&with_size(&bytes));

    assert_eq!(client.wait_for_the_end(), 0);
    drop(bytes);
    assert!(resident_bytes() < before + (64 << 20));
    world.serves();
}

fn put_varint(mut value: u32, into: &mut BytesMut) {
    while value >= 0x80 {
        into.put_u8(value.to_be_bytes()[3] | 0x80);
        value >>= 7;
    }
    into.put_u8(value.to_be_bytes()[3]);
}

#[test]
fn only_what_brings_records_may_be_large() {
    let world = World::start();
    let mut client = world.connect();

    client.send_bytes(&(32_i32 << 20).to_be_bytes());
    client.send_bytes(&header(METADATA, 1));

    assert_eq!(client.wait_for_the_end(), 0);
    world.serves();
}

#[test]
fn clients_that_claim_much_and_send_little_hold_nobody_up() {
    let world = World::start();
    assert_eq!(
        world.create("large", 1, &[("max.message.bytes", "100000000")]),
        0
    );
    let mut slow: Vec<_> = (0..300).map(|_| world.connect()).collect();
    for client in &mut slow {
        client.send_bytes(&(100_i32 << 20).to_be_bytes());
        client.send_bytes(&header(PRODUCE, 7));
    }

    for _ in 0..5 {
        slow.iter_mut().for_each(|client| client.send_bytes(&[0]));
        world.serves();
        let large = Batch::large(40 << 20).bytes();
        produce(&mut world.connect(), "large", &large).unwrap();
    }
}

#[test]
fn large_requests_that_never_end_hold_bounded_memory_and_make_way() {
    let world = World::start();
    assert_eq!(
        world.create("large", 1, &[("max.message.bytes", "100000000")]),
        0
    );
    let before = resident_bytes();
    let address = world.address();
    // Each sends all of its 100 MB but the last.
    let attack = std::thread::spawn(move || {
        let attackers: Vec<_> = (0..10)
            .map(|_| std::thread::spawn(move || send_but_the_end(address)))
            .collect();
        attackers
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect::<Vec<_>>()
    });

    let (mut peak, begun) = (before, Instant::now());
    // Until the attack is well under way, and a while longer.
    while peak.saturating_sub(before) < 50 << 20 {
        world.serves();
        peak = peak.max(resident_bytes());
        assert!(begun.elapsed() < PATIENCE, "nothing is held: {peak} bytes");
    }
    for _ in 0..20 {
        world.serves();
        peak = peak.max(resident_bytes());
    }
    let large = Batch::large(60 << 20).bytes();
    produce(&mut world.connect(), "large", &large).unwrap();

    let more = peak.saturating_sub(before);
    assert!(more < 640 << 20, "{more} bytes more");
    drop(attack.join().unwrap());
}

/// The connection, still open if the broker has not closed it.
fn send_but_the_end(address: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(PATIENCE / 4)).unwrap();
    let mut start = (100_i32 << 20).to_be_bytes().to_vec();
    start.extend_from_slice(&header(PRODUCE, 7));
    let chunk = vec![0; 1 << 20];
    // It ends early when the broker closes, or reads no more.
    let _ended = stream
        .write_all(&start)
        .and_then(|()| (0..99).try_for_each(|_| stream.write_all(&chunk)));
    stream
}
