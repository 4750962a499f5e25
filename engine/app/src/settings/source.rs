//! The sources of settings that are read: files and variables.

use std::{collections::BTreeMap, fmt::Display, path::Path, str::FromStr};

use anyhow::{Context as _, anyhow, bail};

use super::{
    ClientLayer, EngineLayer, HttpLayer, KafkaLayer, Layer, NoticesLayer, Secret, TracesLayer,
    WorkerLayer,
};

/// Every variable that is looked at. An empty one says nothing.
pub(crate) const VARIABLES: &[&str] = &[
    "SAGALINE_NAMESPACE",
    "SAGALINE_APP",
    "SAGALINE_BUILD",
    "SAGALINE_KEYS_FILE",
    "SAGALINE_KAFKA",
    "SAGALINE_KAFKA_CONFIG",
    "SAGALINE_PARTITIONS",
    "SAGALINE_LANE_THREADS",
    "SAGALINE_CLOSED_RETENTION",
    "SAGALINE_PROGRAM_CACHE",
    "SAGALINE_MAX_LOCAL_IN_FLIGHT",
    "SAGALINE_DELAY_TARGETS",
    "SAGALINE_HTTP_PORT",
    "SAGALINE_HTTP_HOST",
    "SAGALINE_DATABASE",
    "SAGALINE_RETENTION",
    "SAGALINE_ARCHIVE",
    "SAGALINE_TOKENS_FILE",
    "SAGALINE_JWKS",
    "SAGALINE_ISSUER",
    "SAGALINE_AUDIENCE",
    "SAGALINE_ROLES_CLAIM",
    "SAGALINE_TLS_CERT",
    "SAGALINE_TLS_KEY",
    "SAGALINE_BEHIND_PROXY",
    "SAGALINE_NOTICES_WEBHOOK",
    "SAGALINE_NOTICES_TOPIC",
    "SAGALINE_TRACES_ENDPOINT",
    "SAGALINE_TRACES_SHARE",
    "SAGALINE_MAX_IN_FLIGHT",
    "SAGALINE_DRAIN",
    "SAGALINE_ADDRESS",
    "SAGALINE_TOKEN",
    "SAGALINE_TLS_CA",
];

/// What the environment says; `variable` looks one up.
pub(crate) fn variables(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Layer> {
    let text = |name: &str| {
        debug_assert!(VARIABLES.contains(&name), "{name} is not listed");
        variable(name).filter(|value| !value.is_empty())
    };
    let properties = match text("SAGALINE_KAFKA_CONFIG") {
        Some(path) => properties_file(Path::new(&path)).context("SAGALINE_KAFKA_CONFIG")?,
        None => BTreeMap::new(),
    };
    let list = |name| text(name).map(|value| listed(&value));
    Ok(Layer {
        namespace: text("SAGALINE_NAMESPACE"),
        app: text("SAGALINE_APP"),
        build: text("SAGALINE_BUILD"),
        keys_file: text("SAGALINE_KEYS_FILE").map(Into::into),
        kafka: KafkaLayer {
            bootstrap: text("SAGALINE_KAFKA"),
            properties,
        },
        engine: EngineLayer {
            partitions: parsed("SAGALINE_PARTITIONS", text)?,
            lane_threads: parsed("SAGALINE_LANE_THREADS", text)?,
            closed_retention: parsed("SAGALINE_CLOSED_RETENTION", text)?,
            program_cache: parsed("SAGALINE_PROGRAM_CACHE", text)?,
            max_local_in_flight: parsed("SAGALINE_MAX_LOCAL_IN_FLIGHT", text)?,
            delay_targets: list("SAGALINE_DELAY_TARGETS"),
        },
        http: HttpLayer {
            port: parsed("SAGALINE_HTTP_PORT", text)?,
            host: list("SAGALINE_HTTP_HOST"),
            database: text("SAGALINE_DATABASE"),
            retention: parsed("SAGALINE_RETENTION", text)?,
            archive: text("SAGALINE_ARCHIVE").map(Into::into),
            tokens_file: text("SAGALINE_TOKENS_FILE").map(Into::into),
            jwks: text("SAGALINE_JWKS"),
            issuer: text("SAGALINE_ISSUER"),
            audience: text("SAGALINE_AUDIENCE"),
            roles_claim: text("SAGALINE_ROLES_CLAIM"),
            tls_cert: text("SAGALINE_TLS_CERT").map(Into::into),
            tls_key: text("SAGALINE_TLS_KEY").map(Into::into),
            behind_proxy: parsed("SAGALINE_BEHIND_PROXY", text)?,
        },
        notices: NoticesLayer {
            webhook: text("SAGALINE_NOTICES_WEBHOOK"),
            topic: text("SAGALINE_NOTICES_TOPIC"),
        },
        traces: TracesLayer {
            endpoint: text("SAGALINE_TRACES_ENDPOINT"),
            share: parsed("SAGALINE_TRACES_SHARE", text)?,
        },
        worker: WorkerLayer {
            max_in_flight: parsed("SAGALINE_MAX_IN_FLIGHT", text)?,
            drain: parsed("SAGALINE_DRAIN", text)?,
        },
        client: ClientLayer {
            address: text("SAGALINE_ADDRESS"),
            token: token(text("SAGALINE_TOKEN"))?,
            tls_ca: text("SAGALINE_TLS_CA").map(Into::into),
        },
        profile: BTreeMap::new(),
    })
}

/// What is wrong with it is said without it.
fn token(text: Option<String>) -> anyhow::Result<Option<Secret>> {
    let parsed = text.map(|text| text.parse::<Secret>()).transpose();
    parsed.map_err(|wrong| anyhow!("SAGALINE_TOKEN: {wrong}"))
}

/// What commas separate.
fn listed(value: &str) -> Vec<String> {
    value.split(',').map(|one| one.trim().to_owned()).collect()
}

fn parsed<T: FromStr<Err: Display>>(
    name: &str,
    text: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<T>> {
    let parse = |text: String| {
        text.parse()
            .map_err(|error| anyhow!("{name}={text}: {error}"))
    };
    text(name).map(parse).transpose()
}

/// What a settings file says.
pub(crate) fn settings_file(path: &Path) -> anyhow::Result<Layer> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("settings file {}", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        anyhow!(
            "settings file {}: {}",
            path.display(),
            error.to_string().trim_end()
        )
    })
}

/// The lines `key=value` of a file of properties, as Kafka's own tools have it; `#` begins a comment.
pub(crate) fn properties_file(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("properties file {}", path.display()))?;
    let mut properties = BTreeMap::new();
    for (number, line) in (1..)
        .zip(text.lines())
        .map(|(number, line)| (number, line.trim()))
    {
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            bail!(
                "properties file {}, line {number}: not `key=value`",
                path.display()
            );
        };
        properties.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_reach_their_keys_and_empty_ones_say_nothing() {
        let layer = variables(|name| match name {
            "SAGALINE_KAFKA" => Some("k:1".into()),
            "SAGALINE_CLOSED_RETENTION" => Some("1h".into()),
            "SAGALINE_NAMESPACE" => Some(String::new()),
            "SAGALINE_HTTP_PORT" => Some("0".into()),
            "SAGALINE_HTTP_HOST" => Some("::, engine-1.shop".into()),
            _ => None,
        });

        let layer = layer.unwrap();
        assert_eq!(layer.kafka.bootstrap.as_deref(), Some("k:1"));
        assert_eq!(
            layer
                .engine
                .closed_retention
                .map(|span| span.get().as_secs()),
            Some(3_600)
        );
        assert_eq!(layer.namespace, None);
        assert_eq!(layer.http.port, Some(0));
        assert_eq!(
            layer.http.host,
            Some(vec!["::".into(), "engine-1.shop".into()])
        );
    }

    #[test]
    fn a_bad_variable_is_named_with_its_value() {
        let error =
            variables(|name| (name == "SAGALINE_PARTITIONS").then(|| "many".into())).unwrap_err();

        assert!(
            error.to_string().starts_with("SAGALINE_PARTITIONS=many: "),
            "{error}"
        );
    }
}
