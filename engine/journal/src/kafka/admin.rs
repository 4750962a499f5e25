//! Topics, their settings, and what is known of consumer groups. Every call waits for the brokers' answer.

mod group;
mod overview;
mod wait;

use std::{collections::BTreeMap, fmt, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
    types::RDKafkaRespErr,
};

pub use self::{
    group::{Group, GroupMember},
    overview::Overview,
};
use super::{Kafka, clock::Deadline, fault, wake::Wake};
use crate::{Error, ErrorKind};

/// A client for questions about the cluster and for making topics.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
}

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: i32,
    /// How many copies.
    pub replication: i32,
    /// Its settings, by Kafka's names.
    pub config: BTreeMap<String, String>,
}

/// How the making of a topic ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It was made.
    Created,
    /// It was there already, with whatever partitions and settings.
    Exists,
    /// The principal may not make it.
    Denied(String),
    /// It was refused for another reason: more copies than brokers, a bad setting, a policy.
    Refused(String),
    /// The brokers could not just now. It may be there or not.
    Unavailable(String),
}

/// What is known of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicState {
    /// It is there.
    Present(TopicInfo),
    /// It is not there, or may not be seen.
    Missing,
    /// The principal may not look at it.
    Denied,
}

/// A topic's partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// How many partitions.
    pub partitions: i32,
    /// Copies of the partition that has the fewest.
    pub replication: usize,
    /// Copies in sync of the partition that has the fewest.
    pub in_sync: usize,
    /// Partitions without a leader.
    pub leaderless: usize,
}

/// The brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The cluster's id, if it says one.
    pub id: Option<String>,
    /// Those that are up.
    pub brokers: Vec<Broker>,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its number.
    pub id: i32,
    /// Its advertised host.
    pub host: String,
    /// Its advertised port.
    pub port: i32,
}

impl Admin {
    /// Makes the client. It connects at the first call.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: librdkafka refuses the properties.
    pub fn open(kafka: &Kafka) -> Result<Self, Error> {
        let mut config = kafka.base();
        // Nobody serves this client's log.
        config.set_log_level(RDKafkaLogLevel::Emerg);
        let client = config
            .create()
            .map_err(|error| fault::error("make an admin client", &error))?;
        Ok(Self { client })
    }

    /// Makes topics, and says of each how it ended, in the order given. Returns when those made can be used.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: no answer within 15 s. [`ErrorKind::Invalid`]: a name or a number that cannot be.
    pub fn create_topics(&self, topics: &[TopicSpec]) -> Result<Vec<Creation>, Error> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<_> = topics
            .iter()
            .map(|topic| NewTopic {
                name: &topic.name,
                num_partitions: topic.partitions,
                replication: TopicReplication::Fixed(topic.replication),
                config: topic
                    .config
                    .iter()
                    .map(|(key, value)| (&**key, &**value))
                    .collect(),
            })
            .collect();
        let results = wait::block_on(self.client.create_topics(&wanted, &options()))
            .map_err(|error| fault::error("make topics", &error))?;
        let mut ends: BTreeMap<_, _> = results
            .into_iter()
            .map(|result| match result {
                Ok(name) => (name, Creation::Created),
                Err((name, code)) => (name, creation(code)),
            })
            .collect();
        let unanswered = || Creation::Unavailable("the brokers did not answer for it".to_owned());
        let mut answers = Vec::with_capacity(topics.len());
        for topic in topics {
            let end = ends.remove(&topic.name).unwrap_or_else(unanswered);
            if end == Creation::Created {
                self.await_topic(&topic.name)?;
            }
            answers.push(end);
        }
        Ok(answers)
    }

    /// The controller answers before the brokers have heard of a new topic.
    fn await_topic(&self, name: &str) -> Result<(), Error> {
        let late = Deadline::after(OPERATION_WAIT);
        while !matches!(self.topic(name)?, TopicState::Present(topic) if topic.leaderless == 0) {
            if late.passed() {
                return Err(fault::timed_out(
                    &format!("make the topic {name}"),
                    OPERATION_WAIT,
                ));
            }
            Wake::default().wait(PROPAGATION_PAUSE);
        }
        Ok(())
    }

    /// Deletes topics. One that is not there counts as deleted; one that was may be seen for a moment longer.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: no answer. [`ErrorKind::Invalid`]: the principal may not.
    pub fn delete_topics(&self, names: &[&str]) -> Result<(), Error> {
        let results = wait::block_on(self.client.delete_topics(names, &options()))
            .map_err(|error| fault::error("delete topics", &error))?;
        for result in results {
            if let Err((name, code)) = result
                && code != RDKafkaErrorCode::UnknownTopicOrPartition
            {
                return Err(fault::error(
                    &format!("delete {name}"),
                    &KafkaError::AdminOp(code),
                ));
            }
        }
        Ok(())
    }

    /// Deletes the records of a partition before an offset. What is gone already is no error.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such partition, or it ends before `before`. [`ErrorKind::Unavailable`]: no answer.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<(), Error> {
        let doing = || format!("delete the records of {topic}/{partition} before {before}");
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(topic, partition, Offset::Offset(before))
            .map_err(|error| fault::error(&doing(), &error))?;
        let list = wait::block_on(self.client.delete_records(&list, &options()))
            .map_err(|error| fault::error(&doing(), &error))?;
        for element in list.elements() {
            element
                .error()
                .map_err(|error| fault::error(&doing(), &error))?;
        }
        Ok(())
    }

    /// The offset after the last record of a partition.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such partition. [`ErrorKind::Unavailable`]: no answer within 5 s.
    pub fn end(&self, topic: &str, partition: i32) -> Result<i64, Error> {
        self.bounds(topic, partition).map(|(_, end)| end)
    }

    /// The first offset of a partition that is still there, and the one after the last.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such partition. [`ErrorKind::Unavailable`]: no answer within 5 s.
    pub fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), Error> {
        let client = self.client.inner();
        let bounds = client.fetch_watermarks(topic, partition, METADATA_WAIT);
        bounds.map_err(|error| fault::error(&format!("ask where {topic}/{partition} ends"), &error))
    }

    /// What is known of a topic.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: no answer within 5 s.
    pub fn topic(&self, name: &str) -> Result<TopicState, Error> {
        let doing = || format!("describe the topic {name}");
        let metadata = self
            .client
            .inner()
            .fetch_metadata(Some(name), METADATA_WAIT)
            .map_err(|error| fault::error(&doing(), &error))?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            return Ok(TopicState::Missing);
        };
        match topic.error() {
            None => {}
            Some(
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                | RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
            ) => return Ok(TopicState::Missing),
            Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) => {
                return Ok(TopicState::Denied);
            }
            Some(error) => {
                return Err(fault::error(
                    &doing(),
                    &KafkaError::MetadataFetch(error.into()),
                ));
            }
        }
        let partitions = topic.partitions();
        let fewest = |counts: &mut dyn Iterator<Item = usize>| counts.min().unwrap_or(0);
        Ok(TopicState::Present(TopicInfo {
            partitions: i32::try_from(partitions.len()).unwrap_or(i32::MAX),
            replication: fewest(&mut partitions.iter().map(|p| p.replicas().len())),
            in_sync: fewest(&mut partitions.iter().map(|p| p.isr().len())),
            leaderless: partitions.iter().filter(|p| p.leader() < 0).count(),
        }))
    }

    /// All topics that may be seen, with their numbers of partitions: one question, which leaves no name in the client.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: no answer within 5 s.
    pub fn topics(&self) -> Result<BTreeMap<String, i32>, Error> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, METADATA_WAIT)
            .map_err(|error| fault::error("ask for the topics", &error))?;
        Ok(partitions_of(&metadata))
    }

    /// The settings of a topic as they are in force, defaults included, by Kafka's names.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such topic. [`ErrorKind::Invalid`]: the principal may not see them.
    /// [`ErrorKind::Unavailable`]: no answer.
    pub fn topic_config(&self, name: &str) -> Result<BTreeMap<String, String>, Error> {
        let doing = || format!("read the settings of the topic {name}");
        let resources = [ResourceSpecifier::Topic(name)];
        let results = wait::block_on(self.client.describe_configs(&resources, &options()))
            .map_err(|error| fault::error(&doing(), &error))?;
        let mut settings = BTreeMap::new();
        for result in results {
            let resource =
                result.map_err(|code| fault::error(&doing(), &KafkaError::AdminOp(code)))?;
            for entry in resource.entries {
                if let Some(value) = entry.value {
                    settings.insert(entry.name, value);
                }
            }
        }
        if settings.is_empty() {
            let message = format!("{}: it is not there, or may not be seen", doing());
            return Err(Error::new(
                ErrorKind::NotFound,
                "kafka-topic-missing",
                message,
            ));
        }
        Ok(settings)
    }

    /// The brokers that are up. librdkafka does not tell their version.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: no answer within 5 s.
    pub fn cluster(&self) -> Result<Cluster, Error> {
        let client = self.client.inner();
        let metadata = client
            .fetch_metadata(None, METADATA_WAIT)
            .map_err(|error| fault::error("ask for the brokers", &error))?;
        let brokers = metadata.brokers().iter().map(|broker| Broker {
            id: broker.id(),
            host: broker.host().to_owned(),
            port: broker.port(),
        });
        Ok(Cluster {
            brokers: brokers.collect(),
            id: client.fetch_cluster_id(METADATA_WAIT),
        })
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

fn creation(code: RDKafkaErrorCode) -> Creation {
    match code {
        RDKafkaErrorCode::TopicAlreadyExists => Creation::Exists,
        RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed => Creation::Denied(code.to_string()),
        _ => match fault::error("make a topic", &KafkaError::AdminOp(code)).kind() {
            ErrorKind::Invalid => Creation::Refused(code.to_string()),
            _ => Creation::Unavailable(code.to_string()),
        },
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(REQUEST_WAIT))
        .operation_timeout(Some(OPERATION_WAIT))
}

/// Topics without an error, and how many partitions each has.
fn partitions_of(metadata: &Metadata) -> BTreeMap<String, i32> {
    let there = metadata
        .topics()
        .iter()
        .filter(|topic| topic.error().is_none());
    let partitions = |count| i32::try_from(count).unwrap_or(i32::MAX);
    there
        .map(|topic| {
            (
                topic.name().to_owned(),
                partitions(topic.partitions().len()),
            )
        })
        .collect()
}

/// How long a request may take in all, and how long the brokers may take to carry it out.
const REQUEST_WAIT: Duration = Duration::from_secs(15);
const OPERATION_WAIT: Duration = Duration::from_secs(10);

/// How often a new topic is looked for.
const PROPAGATION_PAUSE: Duration = Duration::from_millis(20);

/// How long a question about the cluster may take.
const METADATA_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_brokers_will_never_do_is_told_from_what_they_cannot_do_now() {
        for code in [
            RDKafkaErrorCode::InvalidReplicationFactor,
            RDKafkaErrorCode::PolicyViolation,
            RDKafkaErrorCode::InvalidTopic,
        ] {
            assert!(matches!(creation(code), Creation::Refused(_)), "{code}");
        }
        for code in [
            RDKafkaErrorCode::RequestTimedOut,
            RDKafkaErrorCode::NotController,
        ] {
            assert!(matches!(creation(code), Creation::Unavailable(_)), "{code}");
        }
        let denied = creation(RDKafkaErrorCode::TopicAuthorizationFailed);
        assert!(matches!(denied, Creation::Denied(_)));
    }
}
