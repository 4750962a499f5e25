//! Questions about many groups and partitions at once, by one client: whom groups have, where partitions begin and end.
//!
//! Deliberately absent: what groups have committed, which librdkafka asks in a group's own name only ([`Group`](super::Group)).

use std::{collections::BTreeMap, fmt};

use rdkafka::{
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
};

use super::{METADATA_WAIT, group::GroupMember, partitions_of};
use crate::{
    Error,
    kafka::{
        Kafka,
        config::Isolation,
        context::Quiet,
        ends::{self, Edge},
        fault,
        reader::READER_GROUP,
    },
};

/// A client for such questions. It keeps its connections: keep it to ask again.
pub struct Overview {
    consumer: BaseConsumer<Quiet>,
}

impl Overview {
    /// Makes the client. It connects at the first call.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): librdkafka refuses the properties.
    pub fn open(kafka: &Kafka) -> Result<Self, Error> {
        let config = kafka.consumer(READER_GROUP, Isolation::Committed);
        let consumer = BaseConsumer::from_config_and_context(&config, Quiet::default())
            .map_err(|error| fault::error("make a consumer", &error))?;
        Ok(Self { consumer })
    }

    /// All topics that may be seen, with their numbers of partitions.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): no answer within 5 s.
    pub fn topics(&self) -> Result<BTreeMap<String, i32>, Error> {
        let metadata = self.consumer.fetch_metadata(None, METADATA_WAIT);
        let metadata = metadata.map_err(|error| fault::error("ask for the topics", &error))?;
        Ok(partitions_of(&metadata))
    }

    /// The members of all groups that may be seen, by group. Those that joined by the newer protocol of KIP-848 are not seen.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): no answer within 5 s.
    pub fn members(&self) -> Result<BTreeMap<String, Vec<GroupMember>>, Error> {
        let groups = self.consumer.fetch_group_list(None, METADATA_WAIT);
        let groups = groups.map_err(|error| fault::error("ask for the groups", &error))?;
        let members = groups.groups().iter().map(|group| {
            let members = group.members().iter().map(GroupMember::of);
            (group.name().to_owned(), members.collect())
        });
        Ok(members.collect())
    }

    /// Where these partitions begin and end, in their order; `None` where one has no answer.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): no answer within 3 s, for either end.
    pub fn bounds(&self, places: &[(&str, i32)]) -> Result<Vec<Option<(i64, i64)>>, Error> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let begins = ends::ask(&self.consumer, places, Edge::Beginning)?;
        let ends = ends::ask(&self.consumer, places, Edge::End)?;
        let bounds = places.iter().map(|place| {
            let begin = begins.get(place)?.as_ref().ok()?;
            Some((*begin, *ends.get(place)?.as_ref().ok()?))
        });
        Ok(bounds.collect())
    }
}

impl fmt::Debug for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overview").finish_non_exhaustive()
    }
}
