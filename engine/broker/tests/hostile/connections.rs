//! More connections than there may be, and connections that end in the middle.

use crate::{
    client::{Client, frame},
    records::Batch,
    world::{World, fetch, produce},
};

/// More than the broker keeps, and few enough for a process that may open four thousand files.
const CROWD: usize = 2_100;

#[test]
fn a_crowd_that_says_nothing_keeps_nobody_out() {
    let world = World::start();

    let crowd: Vec<Client> = (0..CROWD).map(|_| world.connect()).collect();

    world.serves();
    drop(crowd);
    world.serves();
}

#[test]
fn who_is_active_stays_while_a_silent_crowd_comes() {
    let world = World::start();
    let mut active = world.connect();
    let mut crowd = Vec::with_capacity(CROWD);

    for _ in 0..CROWD / 100 {
        crowd.extend((0..100).map(|_| world.connect()));
        produce(&mut active, "normal", &Batch::of(1).bytes()).unwrap();
    }

    world.serves();
}

#[test]
fn clients_that_leave_in_the_middle_leave_nothing_behind() {
    let world = World::start();
    let request = frame(4, &fetch("normal", 0, 1 << 20).with_max_wait_ms(60_000));

    for end in (0..request.len()).chain([request.len(); 50]) {
        world.connect().send_bytes(&request[..end]);
    }

    world.serves();
}

#[test]
fn requests_that_are_sent_ahead_are_answered_in_order_and_not_read_without_end() {
    let world = World::start();
    let mut eager = world.connect();
    let batch = Batch::of(1).bytes();
    let first = produce(&mut eager, "normal", &batch).unwrap();
    let request = frame(4, &fetch("normal", first, 1 << 20));

    let mut all = Vec::new();
    for _ in 0..2_000 {
        all.extend_from_slice(&request);
    }
    eager.send_bytes(&all);
    world.serves();

    for _ in 0..2_000 {
        assert!(eager.receive().len() > batch.len());
    }
}
