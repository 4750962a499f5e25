//! Topics, partitions and settings without end.

use std::{fs, time::Instant};

use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, MetadataRequest,
    create_topics_response::CreatableTopicResult, metadata_request::MetadataRequestTopic,
};

use crate::world::{World, creatable, fetch, name, produce};
use crate::{client::Client, records::Batch};

const POLICY_VIOLATION: i16 = 44;
const INVALID_PARTITIONS: i16 = 37;
const INVALID_CONFIG: i16 = 40;

fn create(client: &mut Client, topics: &[(String, i32)]) -> CreateTopicsResponse {
    let topics = topics
        .iter()
        .map(|(name, partitions)| creatable(name, *partitions, &[]));
    let request = CreateTopicsRequest::default().with_topics(topics.collect());
    client.call(4, &request)
}

#[test]
fn one_request_for_hundreds_of_topics_lets_others_in_between() {
    let world = World::start();
    let topics: Vec<_> = (0..300).map(|at| (format!("made-{at}"), 1)).collect();
    let address = world.address();

    let begun = Instant::now();
    let making = std::thread::spawn(move || create(&mut Client::connect(address), &topics));
    let mut served = 0;
    while !making.is_finished() {
        world.serves();
        served += 1;
    }

    let codes = making.join().unwrap().topics;
    assert!(codes.iter().all(|topic| topic.error_code == 0));
    assert!(served > 10, "{served} in {:?}", begun.elapsed());
}

#[test]
fn one_question_for_hundreds_of_topics_lets_others_in_between() {
    let world = World::start();
    let topics = (0..300).map(|at| {
        MetadataRequestTopic::default().with_name(Some(name(&format!("asked-for-{at}"))))
    });
    let request = MetadataRequest::default()
        .with_topics(Some(topics.collect()))
        .with_allow_auto_topic_creation(true);
    let address = world.address();

    let asking = std::thread::spawn(move || Client::connect(address).call(4, &request));
    let mut served = 0;
    while !asking.is_finished() {
        world.serves();
        served += 1;
    }

    let answer = asking.join().unwrap();
    assert!(answer.topics.iter().all(|topic| topic.error_code == 0));
    assert!(served > 10, "{served}");
}

#[test]
fn partitions_end_in_a_clear_error_and_open_few_files() {
    let mut world = World::start();
    let mut client = world.connect();
    let wide: Vec<_> = (0..12).map(|at| (format!("wide-{at}"), 1_000)).collect();

    let mut made: Vec<CreatableTopicResult> = Vec::new();
    for topics in wide.chunks(3) {
        made.extend(create(&mut client, topics).topics);
    }

    let codes: Vec<_> = made.iter().map(|topic| topic.error_code).collect();
    assert!(
        codes
            .iter()
            .all(|code| [0, POLICY_VIOLATION].contains(code)),
        "{codes:?}"
    );
    assert!(codes.contains(&POLICY_VIOLATION));
    assert!(codes.iter().filter(|code| **code == 0).count() >= 9);
    assert!(open_files() < 1_500, "{} files", open_files());
    world.serves();

    // One topic for each of its partitions, files in use: more than are kept open at a time.
    for at in 0..3 {
        produce(&mut client, &format!("wide-{at}"), &Batch::of(1).bytes()).unwrap();
    }
    world.restart();
    world.serves();
    let mut client = world.connect();
    for at in 0..3 {
        let answer = client.call(4, &fetch(&format!("wide-{at}"), 0, 1_000));
        let records = answer.responses[0].partitions[0].records.as_ref();
        assert!(records.is_some_and(|records| !records.is_empty()), "{at}");
    }
    assert!(open_files() < 1_500, "{} files", open_files());
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn absurd_topics_are_refused_each_with_its_code() {
    let world = World::start();
    let long = "x".repeat(30_000);
    for (topic, partitions, code) in [
        ("", 1, 17),
        (".", 1, 17),
        ("../../etc", 1, 17),
        (&long, 1, 17),
        ("a", 0, INVALID_PARTITIONS),
        ("b", -7, INVALID_PARTITIONS),
        ("c", i32::MIN, INVALID_PARTITIONS),
        ("d", i32::MAX, INVALID_PARTITIONS),
    ] {
        assert_eq!(world.create(topic, partitions, &[]), code, "{partitions}");
    }
    let zeros = format!("{}1", "0".repeat(5_000));
    let free = "1:1,".repeat(1_000);
    for settings in [
        &[("retention.bytes", zeros.as_str())][..],
        &[("segment.bytes", "1")],
        &[(long.as_str(), "1")],
        &[
            ("follower.replication.throttled.replicas", free.as_str()),
            ("leader.replication.throttled.replicas", free.as_str()),
            ("segment.ms", &format!("{}1", "0".repeat(3_000))),
        ],
    ] {
        assert_eq!(world.create("e", 1, settings), INVALID_CONFIG);
    }
    world.serves();
}

#[test]
fn making_and_deleting_topics_without_end_leaves_nothing_behind() {
    let world = World::start();
    let mut client = world.connect();
    let before = open_files();

    for _ in 0..50 {
        create(&mut client, &[("brief".to_owned(), 3)]);
        produce(&mut client, "brief", &Batch::of(1).bytes()).unwrap();
        let request = DeleteTopicsRequest::default().with_topic_names(vec![name("brief")]);
        assert_eq!(client.call(4, &request).responses[0].error_code, 0);
    }

    assert!(open_files() <= before + 5, "{before} {}", open_files());
    world.serves();
}
