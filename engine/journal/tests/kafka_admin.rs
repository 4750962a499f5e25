//! Topics, settings and groups on Apache Kafka.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a real broker takes real time"
)]

#[path = "support/broker.rs"]
mod broker;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use broker::{create_topic, namespace, shared};
use sagaline_journal::{
    ErrorKind,
    kafka::{Admin, Creation, Group, Kafka, TopicInfo, TopicSpec, TopicState},
};

fn spec(name: &str, replication: i32, config: &[(&str, &str)]) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions: 3,
        replication,
        config: config
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

#[test]
fn each_topic_says_how_its_making_ended() {
    let admin = Admin::open(shared()).unwrap();
    let (there, new, many, bad) = (
        namespace("there"),
        namespace("new"),
        namespace("many"),
        namespace("bad"),
    );
    create_topic(shared(), &there, 1, &[]);

    let made = admin
        .create_topics(&[
            spec(&there, 1, &[]),
            spec(&new, 1, &[("retention.ms", "-1")]),
            spec(&many, 3, &[]),
            spec(&bad, 1, &[("retention.ms", "soon")]),
        ])
        .unwrap();

    assert_eq!(made[..2], [Creation::Exists, Creation::Created]);
    assert!(matches!(&made[2], Creation::Refused(reason) if reason.contains("replication")));
    assert!(matches!(&made[3], Creation::Refused(_)), "{made:?}");
    let info = TopicInfo {
        partitions: 3,
        replication: 1,
        in_sync: 1,
        leaderless: 0,
    };
    assert_eq!(admin.topic(&new), Ok(TopicState::Present(info)));
    assert_eq!(admin.topic(&many), Ok(TopicState::Missing));
    assert_eq!(admin.create_topics(&[]), Ok(vec![]));
}

#[test]
fn the_settings_in_force_are_told_with_their_defaults() {
    let admin = Admin::open(shared()).unwrap();
    let topic = namespace("settings");
    create_topic(
        shared(),
        &topic,
        1,
        &[("message.timestamp.type", "LogAppendTime")],
    );

    let settings = admin.topic_config(&topic).unwrap();

    assert_eq!(settings["message.timestamp.type"], "LogAppendTime");
    assert_eq!(settings["retention.ms"], "604800000");
    for key in [
        "min.insync.replicas",
        "unclean.leader.election.enable",
        "max.message.bytes",
    ] {
        assert!(settings.contains_key(key), "{key}");
    }
    let missing = admin.topic_config(&namespace("never")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
}

#[test]
fn a_deleted_topic_is_gone_and_deleting_it_again_is_no_error() {
    let admin = Admin::open(shared()).unwrap();
    let topic = namespace("delete");
    create_topic(shared(), &topic, 1, &[]);

    admin.delete_topics(&[&topic]).unwrap();
    admin.delete_topics(&[&topic]).unwrap();

    let start = Instant::now();
    while admin.topic(&topic) != Ok(TopicState::Missing) {
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn the_cluster_names_its_brokers() {
    let cluster = Admin::open(shared()).unwrap().cluster().unwrap();

    assert!(cluster.id.is_some());
    let broker = &cluster.brokers[0];
    assert_eq!(
        format!("{}:{}", broker.host, broker.port),
        shared().bootstrap()
    );
}

#[test]
fn an_unknown_group_has_no_members_and_no_offsets() {
    let topic = namespace("groupless");
    create_topic(shared(), &topic, 2, &[]);
    let group = Group::open(shared(), &namespace("nobody")).unwrap();

    assert_eq!(group.members(), Ok(vec![]));
    assert_eq!(group.committed(&topic, &[1, 0]), Ok(vec![None, None]));
}

#[test]
fn a_cluster_that_is_away_is_unavailable() {
    let nowhere = Kafka::new("127.0.0.1:1", BTreeMap::new()).unwrap();

    let error = Admin::open(&nowhere).unwrap().cluster().unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
