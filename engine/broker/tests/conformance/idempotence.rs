//! Idempotent producers: what is sent twice is appended once, and nothing is appended out of order.

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, TransactionalId};

use crate::{
    ask::{append, delete_records, fetch, new_producer, produce, text},
    batch::Batch,
    client::Client,
    world::{Topic, World, now_ms},
};

const INVALID_REQUEST: i16 = 42;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const INVALID_PRODUCER_EPOCH: i16 = 47;

/// A producer with an id, and the topic that it writes to.
struct Producer<'a> {
    client: Client,
    topic: &'a Topic,
    id: i64,
}

impl<'a> Producer<'a> {
    fn new(world: &World, topic: &'a Topic) -> Self {
        let mut client = world.connect();
        let (id, epoch) = new_producer(&mut client);
        assert_eq!(epoch, 0);
        Self { client, topic, id }
    }

    /// Sends so many records from a sequence number on; the offset, or the code of the refusal.
    fn send(&mut self, epoch: i16, sequence: i32, count: usize) -> Result<i64, i16> {
        let batch = Batch::of(&vec!["x"; count]).with_producer(self.id, epoch, sequence);
        let produced = produce(&mut self.client, self.topic, &batch);
        match produced.error_code {
            0 => Ok(produced.base_offset),
            code => Err(code),
        }
    }

    fn end(&mut self) -> i64 {
        fetch(&mut self.client, self.topic, 0).high_watermark
    }
}

fn init(
    client: &mut Client,
    transactional: Option<&str>,
    id: i64,
    epoch: i16,
) -> InitProducerIdResponse {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(transactional.map(|id| TransactionalId(text(id))))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(id.into())
        .with_producer_epoch(epoch);
    client.call(5, &request)
}

#[test]
fn every_producer_gets_an_id_of_its_own_whatever_it_had() {
    let world = World::start();
    let client = &mut world.connect();
    let (first, _) = new_producer(client);
    let (second, _) = new_producer(client);

    let again = init(client, None, second, 3);

    assert!(first >= 0 && second != first, "{first} {second}");
    assert_eq!((again.error_code, again.producer_epoch), (0, 0));
    assert!(again.producer_id.0 != first && again.producer_id.0 != second);
}

#[test]
fn an_id_without_an_epoch_makes_no_sense_nor_does_an_empty_transactional_id() {
    let world = World::start();
    let client = &mut world.connect();

    for (transactional, id, epoch) in [(None, 5, -1), (None, -1, 5), (Some(""), -1, -1)] {
        let refused = init(client, transactional, id, epoch);

        assert_eq!(
            refused.error_code, INVALID_REQUEST,
            "{transactional:?} {id} {epoch}"
        );
        assert_eq!((refused.producer_id.0, refused.producer_epoch), (-1, -1));
    }
}

#[test]
fn a_gap_in_the_sequence_is_refused() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::new(&world, &topic);

    assert_eq!(producer.send(0, 0, 3), Ok(0));

    for sequence in [1, 4, 100] {
        assert_eq!(
            producer.send(0, sequence, 1),
            Err(OUT_OF_ORDER_SEQUENCE_NUMBER),
            "{sequence}"
        );
    }
    assert_eq!(producer.send(0, 3, 1), Ok(3));
    assert_eq!(producer.end(), 4);
}

#[test]
fn one_of_the_last_five_batches_again_is_answered_as_the_first_time() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::new(&world, &topic);
    for sequence in 0..6 {
        assert_eq!(
            producer.send(0, sequence * 2, 2),
            Ok(i64::from(sequence) * 2)
        );
    }

    for sequence in 1..6 {
        assert_eq!(
            producer.send(0, sequence * 2, 2),
            Ok(i64::from(sequence) * 2)
        );
    }
    assert_eq!(
        producer.send(0, 0, 2),
        Err(OUT_OF_ORDER_SEQUENCE_NUMBER),
        "the sixth"
    );
    assert_eq!(
        producer.send(0, 10, 1),
        Err(OUT_OF_ORDER_SEQUENCE_NUMBER),
        "half of one"
    );
    assert_eq!(producer.end(), 12);
}

#[test]
fn a_repeat_is_answered_with_the_brokers_time_of_the_first() {
    let world = World::start();
    let topic = world.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
    let client = &mut world.connect();
    let (id, epoch) = new_producer(client);
    let batch = Batch::of(&["x"]).with_producer(id, epoch, 0);

    let first = produce(client, &topic, &batch);
    while now_ms() == first.log_append_time_ms {
        std::hint::spin_loop();
    }
    let again = produce(client, &topic, &batch);

    assert_eq!((again.error_code, again.base_offset), (0, 0));
    assert_eq!(again.log_append_time_ms, first.log_append_time_ms);
}

#[test]
fn a_newer_epoch_begins_at_zero_and_fences_the_older() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::new(&world, &topic);
    assert_eq!(producer.send(0, 0, 1), Ok(0));
    assert_eq!(producer.send(1, 1, 1), Err(OUT_OF_ORDER_SEQUENCE_NUMBER));

    assert_eq!(producer.send(1, 0, 1), Ok(1));

    assert_eq!(producer.send(0, 1, 1), Err(INVALID_PRODUCER_EPOCH));
    assert_eq!(
        producer.send(0, 0, 1),
        Err(INVALID_PRODUCER_EPOCH),
        "even a repeat"
    );
    assert_eq!(producer.send(1, 1, 1), Ok(2));
}

#[test]
fn a_producer_that_is_not_known_may_begin_anywhere() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::new(&world, &topic);

    assert_eq!(producer.send(3, 1_000, 1), Ok(0));

    assert_eq!(
        producer.send(3, 1_002, 1),
        Err(OUT_OF_ORDER_SEQUENCE_NUMBER)
    );
    assert_eq!(producer.send(3, 1_001, 1), Ok(1));
}

#[test]
fn behind_the_largest_sequence_comes_zero() {
    let world = World::start();
    let topic = world.topic(1);
    let mut producer = Producer::new(&world, &topic);

    assert_eq!(producer.send(0, i32::MAX - 1, 1), Ok(0));
    assert_eq!(producer.send(0, i32::MAX, 2), Ok(1), "the largest and zero");
    assert_eq!(producer.send(0, i32::MAX, 2), Ok(1), "a repeat");
    assert_eq!(producer.send(0, 1, 1), Ok(3));
}

#[test]
fn producers_and_partitions_do_not_mind_each_other() {
    let world = World::start();
    let (topic, other) = (world.topic(1), world.topic(1));
    let (mut a, mut b) = (Producer::new(&world, &topic), Producer::new(&world, &topic));

    assert_eq!(a.send(0, 0, 1), Ok(0));
    assert_eq!(b.send(0, 0, 1), Ok(1));
    assert_eq!(a.send(0, 1, 1), Ok(2));
    a.topic = &other;
    assert_eq!(a.send(0, 0, 1), Ok(0));
    assert_eq!(b.send(0, 1, 1), Ok(3));
}

/// On the embedded broker alone: nobody restarts a shared one.
#[test]
fn what_producers_sent_is_known_after_a_restart() {
    let world = World::embedded();
    let topic = world.topic(1);
    let mut producer = Producer::new(&world, &topic);
    for sequence in 0..6 {
        assert_eq!(producer.send(0, sequence, 1), Ok(sequence.into()));
    }
    let (id, newest) = (producer.id, new_producer(&mut world.connect()).0);
    drop(producer);

    let world = world.restart();
    let client = world.connect();
    let mut producer = Producer {
        client,
        topic: &topic,
        id,
    };

    assert_eq!(producer.send(0, 1, 1), Ok(1), "a repeat");
    assert_eq!(producer.send(0, 0, 1), Err(OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(producer.send(0, 7, 1), Err(OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(producer.send(0, 6, 1), Ok(6));
    assert!(
        new_producer(&mut world.connect()).0 > newest,
        "no id is given twice"
    );
}

/// On the embedded broker alone, as above.
#[test]
fn what_producers_sent_is_known_after_a_restart_though_it_is_deleted() {
    let world = World::embedded();
    let topic = world.topic(1);
    let mut producer = Producer::new(&world, &topic);
    assert_eq!(producer.send(0, 0, 2), Ok(0));
    assert_eq!(delete_records(&mut producer.client, &topic, -1), 2);
    let id = producer.id;
    drop(producer);

    let world = world.restart();
    let client = world.connect();
    let mut producer = Producer {
        client,
        topic: &topic,
        id,
    };

    assert_eq!(producer.send(0, 0, 2), Ok(0), "a repeat");
    assert_eq!(producer.send(0, 3, 1), Err(OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(producer.send(0, 2, 1), Ok(2));
}

#[test]
fn a_producer_id_without_a_sequence_is_refused() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let (id, epoch) = new_producer(client);

    let refused = produce(
        client,
        &topic,
        &Batch::of(&["x"]).with_producer(id, epoch, -1),
    );

    assert_eq!(refused.error_code, 87);
    append(
        client,
        &topic,
        &Batch::of(&["x"]).with_producer(id, epoch, 0),
    );
}
