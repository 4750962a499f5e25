//! What is known of a consumer group, without joining it.

use std::{fmt, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    groups::GroupMemberInfo,
};

use crate::{
    Error,
    kafka::{Kafka, config::Isolation, context::Quiet, fault},
};

/// A look at one consumer group. It keeps its connections: keep it to ask again.
pub struct Group {
    name: String,
    consumer: BaseConsumer<Quiet>,
}

/// A member of a consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// What the coordinator calls it.
    pub id: String,
    /// What it calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
}

impl GroupMember {
    pub(super) fn of(member: &GroupMemberInfo) -> Self {
        Self {
            id: member.id().to_owned(),
            client_id: member.client_id().to_owned(),
            host: member.client_host().to_owned(),
        }
    }
}

impl Group {
    /// Makes the client. It connects at the first call.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): librdkafka refuses the properties.
    pub fn open(kafka: &Kafka, name: &str) -> Result<Self, Error> {
        let config = kafka.consumer(name, Isolation::Committed);
        let consumer = BaseConsumer::from_config_and_context(&config, Quiet::default())
            .map_err(|error| fault::error("make a consumer", &error))?;
        Ok(Self {
            name: name.to_owned(),
            consumer,
        })
    }

    /// Its members now; none also when the group was never there. Members that joined by the newer protocol of KIP-848
    /// are not seen.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): no answer within 5 s.
    pub fn members(&self) -> Result<Vec<GroupMember>, Error> {
        let groups = self
            .consumer
            .fetch_group_list(Some(&self.name), ANSWER_WAIT)
            .map_err(|error| {
                fault::error(&format!("ask for the members of {}", self.name), &error)
            })?;
        let members = groups.groups().iter().flat_map(|group| group.members());
        Ok(members.map(GroupMember::of).collect())
    }

    /// The offsets that the group committed for these partitions of a topic, in their order; `None` where there is
    /// none.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): no answer within 5 s.
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): the principal may not see the group.
    pub fn committed(&self, topic: &str, partitions: &[i32]) -> Result<Vec<Option<i64>>, Error> {
        let doing = || format!("ask what {} committed of {topic}", self.name);
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(topic, *partition);
        }
        let list = self
            .consumer
            .committed_offsets(list, ANSWER_WAIT)
            .map_err(|error| fault::error(&doing(), &error))?;
        let mut offsets = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let element = list.find_partition(topic, *partition);
            let Some(element) = element else {
                offsets.push(None);
                continue;
            };
            element
                .error()
                .map_err(|error| fault::error(&doing(), &error))?;
            offsets.push(match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            });
        }
        Ok(offsets)
    }

    /// Where these partitions of a topic end, in their order.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): no answer within 5 s, each.
    pub fn ends(&self, topic: &str, partitions: &[i32]) -> Result<Vec<i64>, Error> {
        let bounds = self.bounds(topic, partitions)?;
        Ok(bounds.into_iter().map(|(_, end)| end).collect())
    }

    /// Where these partitions of a topic begin and end, in their order.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): no answer within 5 s, each.
    pub fn bounds(&self, topic: &str, partitions: &[i32]) -> Result<Vec<(i64, i64)>, Error> {
        let bounds = |partition: &i32| {
            self.consumer
                .fetch_watermarks(topic, *partition, ANSWER_WAIT)
                .map_err(|error| fault::error(&format!("ask where {topic} ends"), &error))
        };
        partitions.iter().map(bounds).collect()
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How long a question may take.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
