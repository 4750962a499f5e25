//! By which way commands reach the engine: over HTTP, or by the topics.
//!
//! ```text
//! flag or variable: address ─▶ HTTP     else kafka ─▶ topics
//! profile, then the file: the same      else HTTP at the default address
//! ```

use super::Layer;

/// Where HTTP is answered, unless said.
pub(crate) const ADDRESS_DEFAULT: &str = "http://127.0.0.1:8080";

/// A way to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The API at this address, which somebody named.
    Http(String),
    /// The API at [`ADDRESS_DEFAULT`]: nobody said anything.
    Default,
    /// Kafka's topics.
    Kafka,
}

impl Way {
    /// What the first of these sources says that says something.
    pub(super) fn of<'a>(sources: impl IntoIterator<Item = &'a Layer>) -> Self {
        let said = |layer: &Layer| match (&layer.client.address, layer.names_kafka()) {
            (Some(address), _) => Some(Self::Http(address.clone())),
            (None, true) => Some(Self::Kafka),
            (None, false) => None,
        };
        sources.into_iter().find_map(said).unwrap_or(Self::Default)
    }
}

impl Layer {
    /// Brokers, or how to reach them.
    pub(super) fn names_kafka(&self) -> bool {
        self.kafka.bootstrap.is_some() || !self.kafka.properties.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_wins_over_brokers_of_the_same_source_and_both_over_later_sources() {
        let of = |sources: &[&str]| {
            let layers: Vec<Layer> = sources
                .iter()
                .map(|text| toml::from_str(text).unwrap())
                .collect();
            Way::of(&layers)
        };
        let address = "[client]\naddress = 'http://a'";
        let kafka = "[kafka]\nbootstrap = 'k:1'";
        let both = "[client]\naddress = 'http://b'\n[kafka]\nbootstrap = 'k:2'";

        assert_eq!(of(&[]), Way::Default);
        assert_eq!(of(&["namespace = 'a'"]), Way::Default);
        assert_eq!(of(&[both, kafka]), Way::Http("http://b".to_owned()));
        assert_eq!(of(&[kafka, address]), Way::Kafka);
        assert_eq!(of(&["", address]), Way::Http("http://a".to_owned()));
        let properties = "[kafka.properties]\n'security.protocol' = 'SSL'";
        assert_eq!(of(&[properties, address]), Way::Kafka);
    }
}
