//! What a namespace's topics are: how many partitions and copies, which settings, and the command that makes each.
//!
//! Deliberately absent: the making; see `topics`.

use std::collections::BTreeMap;

use sagaline_journal::{
    Error,
    kafka::{Admin, Kafka, TopicSpec, TopicState},
    wire::topic,
};

use crate::delay::Tier;

/// `max.message.bytes` of every topic: the largest batch of records that the producers send.
pub(super) const MESSAGE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// How the topics of a namespace are laid out.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    namespace: String,
    bootstrap: String,
    /// Partitions of inbox, results and journal; of a queue's topic unless it is there.
    pub(super) partitions: i32,
    pub(super) replication: i32,
    pub(super) brokers: usize,
}

impl Layout {
    /// As the journal has it, else the inbox; `partitions` where neither is there.
    pub(super) fn of(
        admin: &Admin,
        kafka: &Kafka,
        namespace: &str,
        partitions: i32,
    ) -> Result<Self, Error> {
        let brokers = admin.cluster()?.brokers.len();
        let mut found = None;
        for name in [topic::journal(namespace), topic::inbox(namespace)] {
            if found.is_none()
                && let TopicState::Present(info) = admin.topic(&name)?
            {
                found = Some(info.partitions);
            }
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            bootstrap: kafka.bootstrap().to_owned(),
            partitions: found.unwrap_or(partitions),
            replication: if brokers >= 3 { 3 } else { 1 },
            brokers,
        })
    }

    /// The topics that every namespace has.
    pub(super) fn specs(&self) -> Vec<TopicSpec> {
        let message_bytes = MESSAGE_BYTES_MAX.to_string();
        let forever = [
            ("retention.ms", "-1"),
            ("message.timestamp.type", "LogAppendTime"),
            ("max.message.bytes", &*message_bytes),
        ];
        let compacted = [
            ("cleanup.policy", "compact"),
            ("max.message.bytes", &*message_bytes),
        ];
        let hour = [
            ("retention.ms", "3600000"),
            ("max.message.bytes", &*message_bytes),
        ];
        let (namespace, partitions) = (&self.namespace, self.partitions);
        vec![
            self.spec(topic::inbox(namespace), partitions, &forever),
            self.spec(topic::results(namespace), partitions, &forever),
            self.spec(topic::journal(namespace), partitions, &forever),
            self.spec(topic::state(namespace), partitions, &compacted),
            self.spec(topic::control(namespace), 1, &hour),
            self.spec(topic::replies(namespace), 1, &hour),
        ]
        .into_iter()
        .chain(Tier::ALL.map(|tier| {
            let name = topic::retry(namespace, tier.name());
            self.spec(name, partitions, &forever)
        }))
        .collect()
    }

    /// The topic that lanes ask for by this name: one that every namespace has, else that of a task queue.
    pub(super) fn spec_of(&self, name: &str) -> TopicSpec {
        let known = self.specs().into_iter().find(|spec| spec.name == name);
        known.unwrap_or_else(|| self.task_spec(name.to_owned()))
    }

    /// The topic of a task queue.
    pub(super) fn task_spec(&self, name: String) -> TopicSpec {
        let message_bytes = MESSAGE_BYTES_MAX.to_string();
        let week = [
            ("retention.ms", "604800000"),
            ("max.message.bytes", &*message_bytes),
        ];
        self.spec(name, self.partitions, &week)
    }

    fn spec(&self, name: String, partitions: i32, settings: &[(&str, &str)]) -> TopicSpec {
        let mut config: BTreeMap<String, String> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        config
            .entry("cleanup.policy".to_owned())
            .or_insert_with(|| "delete".to_owned());
        if self.replication >= 3 {
            config.insert("min.insync.replicas".to_owned(), "2".to_owned());
            config.insert(
                "unclean.leader.election.enable".to_owned(),
                "false".to_owned(),
            );
        }
        TopicSpec {
            name,
            partitions,
            replication: self.replication,
            config,
        }
    }

    /// What an administrator runs to make a topic.
    pub(super) fn command(&self, spec: &TopicSpec) -> String {
        let configs: Vec<String> = spec
            .config
            .iter()
            .map(|(key, value)| format!(" --config {key}={value}"))
            .collect();
        format!(
            "kafka-topics.sh --bootstrap-server {} --create --topic {} --partitions {} --replication-factor {}{}",
            self.bootstrap,
            spec.name,
            spec.partitions,
            spec.replication,
            configs.concat()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::durability::{forgetful, small_records, unsafe_settings};

    #[test]
    fn a_topic_as_the_engine_makes_it_has_nothing_to_be_found() {
        let layout = Layout {
            namespace: "shop".to_owned(),
            bootstrap: "kafka:9092".to_owned(),
            partitions: 4,
            replication: 3,
            brokers: 3,
        };

        for spec in &layout.specs()[..3] {
            assert_eq!(unsafe_settings(&spec.name, 3, &spec.config), []);
            assert_eq!(small_records("h:9", &spec.name, &spec.config), None);
        }
        let state = &layout.specs()[3];
        assert_eq!(state.name, "shop.state");
        assert_eq!(forgetful(&state.name, &state.config), None);
        assert!(forgetful("shop.journal", &layout.specs()[2].config).is_some());
    }

    #[test]
    fn the_command_can_be_run_as_it_stands() {
        let layout = Layout {
            namespace: "shop".to_owned(),
            bootstrap: "kafka:9092".to_owned(),
            partitions: 4,
            replication: 1,
            brokers: 1,
        };

        let commands: Vec<_> = layout
            .specs()
            .iter()
            .map(|spec| layout.command(spec))
            .collect();

        assert_eq!(
            commands[1],
            "kafka-topics.sh --bootstrap-server kafka:9092 --create --topic shop.results --partitions 4 \
             --replication-factor 1 --config cleanup.policy=delete --config max.message.bytes=8388608 \
             --config message.timestamp.type=LogAppendTime --config retention.ms=-1"
        );
        assert!(commands[5].contains("shop.replies --partitions 1 "));
    }
}
