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
    Fraction,
    /// One of these.
    Text(&'static [&'static str]),
    /// Some of these, with commas between.
    List(&'static [&'static str]),
    /// Anything: it has no effect here.
    Free,
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
    setting(
        "compression.gzip.level",
        "-1",
        Kind::Int { min: -1, max: 9 },
    ),
    setting("compression.lz4.level", "9", Kind::Int { min: 1, max: 17 }),
    setting("compression.type", "producer", Kind::Text(&["producer"])),
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
    setting("follower.replication.throttled.replicas", "", Kind::Free),
    setting("index.interval.bytes", "4096", INT),
    setting("leader.replication.throttled.replicas", "", Kind::Free),
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
    /// Whether it may have that value; if not, why.
    fn check(&self, value: &str) -> Result<(), String> {
        let wrong = |why: &str| {
            Err(format!(
                "Invalid value {value} for configuration {}: {why}",
                self.name
            ))
        };
        match self.kind {
            Kind::Free => Ok(()),
            Kind::Boolean => match value.trim().to_ascii_lowercase().as_str() {
                "true" | "false" => Ok(()),
                _ => wrong("Expected value to be either true or false"),
            },
            Kind::Int { min, max } => match value.trim().parse::<i64>() {
                Ok(number) if number < min => wrong(&format!("Value must be at least {min}")),
                Ok(number) if number > max => wrong(&format!("Value must be no more than {max}")),
                Ok(_) => Ok(()),
                Err(_) => wrong("Not a number of type INT"),
            },
            Kind::Long { min } => match value.trim().parse::<i64>() {
                Ok(number) if number < min => wrong(&format!("Value must be at least {min}")),
                Ok(_) => Ok(()),
                Err(_) => wrong("Not a number of type LONG"),
            },
            Kind::Fraction => match value.trim().parse::<f64>() {
                Ok(number) if (0.0..=1.0).contains(&number) => Ok(()),
                Ok(_) => wrong("Value must be between 0 and 1"),
                Err(_) => wrong("Not a number of type DOUBLE"),
            },
            Kind::Text(allowed) => match allowed.contains(&value.trim()) {
                true => Ok(()),
                false => wrong(&format!("String must be one of: {}", allowed.join(", "))),
            },
            Kind::List(allowed) => {
                let mut entries = entries(value).peekable();
                match entries.peek().is_some() && entries.all(|entry| allowed.contains(&entry)) {
                    true => Ok(()),
                    false => wrong(&format!("String must be one of: {}", allowed.join(", "))),
                }
            }
        }
    }
}

fn entries(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
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
                setting.check(value)?;
                let others = self.0.iter().filter(|(other, _)| *other != name);
                let bytes: usize = others.map(|(_, value)| value.len()).sum();
                if bytes + value.len() > CONFIGS_BYTES_MAX {
                    return Err(format!(
                        "Values of one topic are longer than {CONFIGS_BYTES_MAX} bytes together"
                    ));
                }
                self.0.insert(name.to_owned(), value.trim().to_owned());
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
        if !matches!(setting.kind, Kind::List(_) | Kind::Free) {
            return Err(format!(
                "Config value append is not allowed for config key: {name}"
            ));
        }
        let mut list: Vec<&str> = entries(self.get(name)).collect();
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
        entries(self.get(name)).any(|present| present == entry)
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
            assert_eq!(setting.check(setting.default), Ok(()), "{}", setting.name);
        }
    }

    #[test]
    fn a_value_that_a_setting_may_not_have_is_refused_with_its_name() {
        let mut overrides = Overrides::default();

        for (name, value) in [
            ("retention.ms", "soon"),
            ("retention.ms", "-2"),
            ("cleanup.policy", "shred"),
            ("cleanup.policy", ""),
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
