//! A topic's settings: their names, defaults and what values they may have, as Kafka has them.
//!
//! Source: `org.apache.kafka.common.config.TopicConfig` and `LogConfig`. Settings that have no meaning on one node are
//! accepted and shown, so that tools made for a cluster work: replication throttles, unclean elections.

use std::collections::BTreeMap;

use crate::limits::{CONFIG_BYTES_MAX, CONFIGS_BYTES_MAX};

/// What was set for a topic, by name; everything else has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Overrides(BTreeMap<String, String>);

/// A setting that topics have.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
}

/// What values a setting may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Boolean,
    Int {
        min: i64,
        max: i64,
    },
    Long {
        min: i64,
    },
    /// A codec's: -1 is its default.
    Level {
        max: i64,
    },
    Fraction,
    /// One of these.
    Text(&'static [&'static str]),
    /// Some of these, with commas between.
    List(&'static [&'static str]),
    /// Partitions and brokers, which have no effect here.
    Replicas,
}

const INT: Kind = Kind::Int {
    min: 0,
    max: i32::MAX as i64,
};

const fn setting(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting {
        name,
        default,
        kind,
    }
}

/// All settings, in the order of their names.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        "cleanup.policy",
        "delete",
        Kind::List(&["compact", "delete"]),
    ),
    setting("compression.gzip.level", "-1", Kind::Level { max: 9 }),
    setting("compression.lz4.level", "9", Kind::Int { min: 1, max: 17 }),
    // Batches stay as they came, whatever it says.
    setting(
        "compression.type",
        "producer",
        Kind::Text(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
    ),
    setting(
        "compression.zstd.level",
        "3",
        Kind::Int {
            min: -131_072,
            max: 22,
        },
    ),
    setting("delete.retention.ms", "86400000", Kind::Long { min: 0 }),
    setting("file.delete.delay.ms", "60000", Kind::Long { min: 0 }),
    setting(
        "flush.messages",
        "9223372036854775807",
        Kind::Long { min: 1 },
    ),
    setting("flush.ms", "9223372036854775807", Kind::Long { min: 0 }),
    setting(
        "follower.replication.throttled.replicas",
        "",
        Kind::Replicas,
    ),
    setting("index.interval.bytes", "4096", INT),
    setting("leader.replication.throttled.replicas", "", Kind::Replicas),
    setting(
        "max.compaction.lag.ms",
        "9223372036854775807",
        Kind::Long { min: 1 },
    ),
    setting("max.message.bytes", "1048588", INT),
    setting(
        "message.timestamp.after.max.ms",
        "3600000",
        Kind::Long { min: 0 },
    ),
    setting(
        "message.timestamp.before.max.ms",
        "9223372036854775807",
        Kind::Long { min: 0 },
    ),
    setting(
        "message.timestamp.type",
        "CreateTime",
        Kind::Text(&["CreateTime", "LogAppendTime"]),
    ),
    setting("min.cleanable.dirty.ratio", "0.5", Kind::Fraction),
    setting("min.compaction.lag.ms", "0", Kind::Long { min: 0 }),
    setting(
        "min.insync.replicas",
        "1",
        Kind::Int {
            min: 1,
            max: i32::MAX as i64,
        },
    ),
    setting("preallocate", "false", Kind::Boolean),
    setting("retention.bytes", "-1", Kind::Long { min: i64::MIN }),
    setting("retention.ms", "604800000", Kind::Long { min: -1 }),
    setting(
        "segment.bytes",
        "1073741824",
        Kind::Int {
            min: 1_048_576,
            max: i32::MAX as i64,
        },
    ),
    setting(
        "segment.index.bytes",
        "10485760",
        Kind::Int {
            min: 4,
            max: i32::MAX as i64,
        },
    ),
    setting("segment.jitter.ms", "0", Kind::Long { min: 0 }),
    setting("segment.ms", "604800000", Kind::Long { min: 1 }),
    setting("unclean.leader.election.enable", "false", Kind::Boolean),
];

/// The setting of that name.
pub(crate) fn setting_of(name: &str) -> Option<&'static Setting> {
    SETTINGS
        .binary_search_by(|setting| setting.name.cmp(name))
        .ok()
        .and_then(|index| SETTINGS.get(index))
}

impl Setting {
    /// What the setting of a broker is called that is the default of this one; `None` where that is in another unit, and
    /// so no synonym.
    pub(crate) fn of_broker(&self) -> Option<&'static str> {
        Some(match self.name {
            "cleanup.policy" => "log.cleanup.policy",
            "delete.retention.ms" => "log.cleaner.delete.retention.ms",
            "file.delete.delay.ms" => "log.segment.delete.delay.ms",
            "flush.messages" => "log.flush.interval.messages",
            "index.interval.bytes" => "log.index.interval.bytes",
            "max.compaction.lag.ms" => "log.cleaner.max.compaction.lag.ms",
            "max.message.bytes" => "message.max.bytes",
            "message.timestamp.after.max.ms" => "log.message.timestamp.after.max.ms",
            "message.timestamp.before.max.ms" => "log.message.timestamp.before.max.ms",
            "message.timestamp.type" => "log.message.timestamp.type",
            "min.cleanable.dirty.ratio" => "log.cleaner.min.cleanable.ratio",
            "min.compaction.lag.ms" => "log.cleaner.min.compaction.lag.ms",
            "preallocate" => "log.preallocate",
            "retention.bytes" => "log.retention.bytes",
            "segment.bytes" => "log.segment.bytes",
            "segment.index.bytes" => "log.index.size.max.bytes",
            "flush.ms" | "retention.ms" | "segment.jitter.ms" | "segment.ms" => return None,
            _ if self.kind == Kind::Replicas => return None,
            same => same,
        })
    }

    /// The value as it is understood and shown; if it may not have it, why.
    fn understand(&self, value: &str) -> Result<String, String> {
        let wrong = |why: &str| {
            Err(format!(
                "Invalid value {value} for configuration {}: {why}",
                self.name
            ))
        };
        let plain = value.trim();
        match self.kind {
            Kind::Boolean => match plain.to_ascii_lowercase() {
                said if said == "true" || said == "false" => Ok(said),
                _ => wrong("Expected value to be either true or false"),
            },
            Kind::Int { min, max } => match plain.parse::<i64>() {
                Ok(number) if number < min => wrong(&format!("Value must be at least {min}")),
                Ok(number) if number > max => wrong(&format!("Value must be no more than {max}")),
                Ok(number) => Ok(number.to_string()),
                Err(_) => wrong("Not a number of type INT"),
            },
            Kind::Long { min } => match plain.parse::<i64>() {
                Ok(number) if number < min => wrong(&format!("Value must be at least {min}")),
                Ok(number) => Ok(number.to_string()),
                Err(_) => wrong("Not a number of type LONG"),
            },
            Kind::Level { max } => match plain.parse::<i64>() {
                Ok(level) if level == -1 || (1..=max).contains(&level) => Ok(level.to_string()),
                _ => wrong(&format!("Value must be between 1 and {max} or equal to -1")),
            },
            Kind::Fraction => match plain.parse::<f64>() {
                Ok(number) if (0.0..=1.0).contains(&number) => Ok(format!("{number:?}")),
                Ok(_) => wrong("Value must be between 0 and 1"),
                Err(_) => wrong("Not a number of type DOUBLE"),
            },
            Kind::Text(allowed) => match allowed.contains(&plain) {
                true => Ok(plain.to_owned()),
                false => wrong(&format!("String must be one of: {}", allowed.join(", "))),
            },
            Kind::List(allowed) => match entries(value) {
                list if list.iter().all(|entry| allowed.contains(entry)) => Ok(list.join(",")),
                _ => wrong(&format!("String must be one of: {}", allowed.join(", "))),
            },
            Kind::Replicas => match entries(value) {
                list if plain == "*" || list.iter().copied().all(is_replica) => Ok(list.join(",")),
                _ => wrong("It is a list of partition and broker, 1:2,3:4, or *"),
            },
        }
    }
}

/// The entries of a list, each once. A comma with nothing beside it is an empty entry, which no list allows.
fn entries(value: &str) -> Vec<&str> {
    let mut list = Vec::new();
    if !value.trim().is_empty() {
        for entry in value.split(',').map(str::trim) {
            if !list.contains(&entry) {
                list.push(entry);
            }
        }
    }
    list
}

fn is_replica(entry: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    entry
        .split_once(':')
        .is_some_and(|(partition, broker)| is_number(partition) && is_number(broker))
}

impl Overrides {
    /// Sets a value, or with `None` goes back to the default.
    ///
    /// # Errors
    /// There is no such setting, or it may not have that value; for people.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let setting =
            setting_of(name).ok_or_else(|| format!("Unknown topic config name: {name}"))?;
        match value {
            None => drop(self.0.remove(name)),
            Some(value) if value.len() > CONFIG_BYTES_MAX => {
                return Err(format!(
                    "Value of {name} is longer than {CONFIG_BYTES_MAX} bytes"
                ));
            }
            Some(value) => {
                let understood = setting.understand(value)?;
                let others = self.0.iter().filter(|(other, _)| *other != name);
                let bytes: usize = others.map(|(_, value)| value.len()).sum();
                if bytes + understood.len() > CONFIGS_BYTES_MAX {
                    return Err(format!(
                        "Values of one topic are longer than {CONFIGS_BYTES_MAX} bytes together"
                    ));
                }
                self.0.insert(name.to_owned(), understood);
            }
        }
        Ok(())
    }

    /// Adds entries to a list, or takes them away.
    ///
    /// # Errors
    /// As [`Self::set`]; or the setting is no list.
    pub(crate) fn change_list(&mut self, name: &str, value: &str, add: bool) -> Result<(), String> {
        let setting =
            setting_of(name).ok_or_else(|| format!("Unknown topic config name: {name}"))?;
        if !matches!(setting.kind, Kind::List(_) | Kind::Replicas) {
            return Err(format!(
                "Config value append is not allowed for config key: {name}"
            ));
        }
        let mut list = entries(self.get(name));
        for entry in entries(value) {
            list.retain(|present| *present != entry);
            if add {
                list.push(entry);
            }
        }
        let list = list.join(",");
        self.set(name, Some(&list))
    }

    /// The value that counts; empty for an unknown name.
    pub(crate) fn get(&self, name: &str) -> &str {
        match (self.0.get(name), setting_of(name)) {
            (Some(value), _) => value,
            (None, Some(setting)) => setting.default,
            (None, None) => "",
        }
    }

    /// Whether a value other than the default may be set.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.get(name).parse().unwrap_or_default()
    }

    pub(crate) fn fraction(&self, name: &str) -> f64 {
        self.get(name).parse().unwrap_or_default()
    }

    pub(crate) fn has(&self, name: &str, entry: &str) -> bool {
        entries(self.get(name)).contains(&entry)
    }

    /// Whether what is set goes together.
    ///
    /// # Errors
    /// It does not; for people.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (min, max) = (
            self.number("min.compaction.lag.ms"),
            self.number("max.compaction.lag.ms"),
        );
        match min > max {
            true => Err(format!(
                "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
            )),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_allowed_and_names_are_in_order() {
        for pair in SETTINGS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{}", pair[1].name);
        }
        for setting in SETTINGS {
            let understood = setting.understand(setting.default);
            assert_eq!(understood.as_deref(), Ok(setting.default));
        }
    }

    #[test]
    fn a_value_that_a_setting_may_not_have_is_refused_with_its_name() {
        let mut overrides = Overrides::default();

        for (name, value) in [
            ("retention.ms", "soon"),
            ("retention.ms", "-2"),
            ("cleanup.policy", "shred"),
            ("cleanup.policy", "delete,,compact"),
            ("min.cleanable.dirty.ratio", "NaN"),
            ("message.timestamp.type", "Never"),
            ("preallocate", "maybe"),
            ("no.such.setting", "1"),
        ] {
            let refused = overrides.set(name, Some(value)).unwrap_err();
            assert!(refused.contains(name), "{refused}");
        }

        assert_eq!(overrides, Overrides::default());
    }

    #[test]
    fn a_list_grows_and_shrinks_by_its_entries() {
        let mut overrides = Overrides::default();

        overrides
            .change_list("cleanup.policy", "compact", true)
            .unwrap();
        assert_eq!(overrides.get("cleanup.policy"), "delete,compact");
        overrides
            .change_list("cleanup.policy", "delete", false)
            .unwrap();
        assert_eq!(overrides.get("cleanup.policy"), "compact");

        assert!(overrides.change_list("retention.ms", "1", true).is_err());
    }
}
