//! Apache Kafka, or whatever speaks its protocol, through librdkafka: the only place that names it. No type of that
//! library appears in what is public here.
//!
//! - [`Kafka`]: where the brokers are and how to speak to them.
//! - [`KafkaLane`]: the port of one lane thread. [`Lease`]: who may try to own a partition.
//! - [`KafkaDelay`]: what the delay service reads and writes.
//! - [`Reader`]: blocking reads, for folds and the command line. [`Admin`], [`Group`]: topics, settings, groups.
//! - [`Tail`]: many partitions as they grow, for the projection.
//! - [`Producer`], [`GroupConsumer`], [`Follower`]: for workers and clients.
//!
//! Deliberately absent: transactions, automatic commits, the client's partitioner, statistics.

mod admin;
mod beginning;
mod client;
mod clock;
mod config;
mod context;
mod delay;
mod ends;
mod fault;
mod lane;
mod lease;
mod line;
mod member;
mod reader;
mod record;
mod slots;
mod splits;
mod tail;
mod versions;
mod wake;

pub use admin::{
    Admin, Broker, Cluster, Creation, Group, GroupMember, Overview, TopicInfo, TopicSpec,
    TopicState,
};
pub use beginning::Beginnings;
pub use client::{
    Appended, Bulk, Committer, Follower, From, GroupConsumer, GroupEvent, GroupSettings, Producer,
};
pub use config::Kafka;
pub use delay::{DelayEvent, DelayWaker, KafkaDelay};
pub use lane::{KafkaLane, LaneTopics, LaneWaker};
pub use lease::{Lease, LeaseEvent, LeaseHandle};
pub use member::HandOver;
pub use reader::Reader;
pub use tail::{Tail, Tailed};
pub use versions::ApiVersions;
