//! Settings: what can be set, from where, and what holds when nothing is said.
//!
//! Each source is a [`Layer`]; the first that says something counts: flags, variables, the file, the defaults. What each
//! key does is said in `reference.toml`, which a test reads. Deliberately absent: what the app's code decides.

mod layer;
mod secret;
mod source;
mod span;
mod way;

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};

use anyhow::{bail, ensure};
use sagaline_journal::wire::topic;
use sagaline_server::{JwtSettings, Retention};

use crate::{notices::Targets, traces::Collector};

pub(crate) use layer::{
    ClientLayer, EngineLayer, HttpLayer, KafkaLayer, Layer, NoticesLayer, ProfileLayer,
    TracesLayer, WorkerLayer,
};
pub(crate) use secret::Secret;
pub(crate) use source::{properties_file, settings_file, variables};
pub(crate) use span::Span;
pub(crate) use way::{ADDRESS_DEFAULT, Way};

/// All settings, each with a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// What topics and consumer groups begin with.
    pub(crate) namespace: String,
    /// The app; none: the name of the binary.
    pub(crate) app: Option<String>,
    /// What is running, for people; none: what the app's code says.
    pub(crate) build: Option<String>,
    /// The signing keys; none: the published one of development.
    pub(crate) keys_file: Option<PathBuf>,
    /// The brokers to begin with.
    pub(crate) bootstrap: String,
    /// Properties of librdkafka.
    pub(crate) properties: BTreeMap<String, String>,
    /// Partitions of topics that are created.
    pub(crate) partitions: u16,
    /// Threads that own partitions; none: one less than there are cores.
    pub(crate) lane_threads: Option<NonZeroUsize>,
    /// How long ids of closed workflows are remembered.
    pub(crate) closed_retention: Duration,
    /// Local activities that run at the same time.
    pub(crate) max_local_in_flight: NonZeroUsize,
    /// Programs kept in memory, in each lane.
    pub(crate) program_cache: NonZeroUsize,
    /// Topics that take delayed records of anybody.
    pub(crate) delay_targets: BTreeSet<String>,
    /// Where HTTP is answered; none: nowhere.
    pub(crate) http_port: Option<u16>,
    /// The address that HTTP is listened on, and the other names that it answers to.
    pub(crate) http_host: Vec<String>,
    /// The database of what HTTP reads; none: a file of its own.
    pub(crate) database: Option<String>,
    /// How long closed runs are kept there, and where they go then.
    pub(crate) retention: Retention,
    /// Who may use HTTP; none: nobody logs in.
    pub(crate) tokens_file: Option<PathBuf>,
    /// Whose tokens count over HTTP beside those; none: nobody's.
    pub(crate) issuer: Option<JwtSettings>,
    /// Certificate and key of HTTP; none: it is plain.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// A proxy before it says in `X-Forwarded-Proto` how browsers came.
    pub(crate) behind_proxy: bool,
    /// Where people are told of incidents and failures.
    pub(crate) notices: Targets,
    /// Where spans go; none: nowhere.
    pub(crate) traces: Option<Collector>,
    /// Activities that run at the same time.
    pub(crate) max_in_flight: NonZeroUsize,
    /// How long a stopping worker waits for what it has begun.
    pub(crate) drain: Duration,
    /// By which way commands reach the engine.
    pub(crate) way: Way,
    /// Whether somebody said which namespace.
    pub(crate) names_namespace: bool,
    /// Whether somebody said which brokers.
    pub(crate) names_kafka: bool,
    /// Who somebody is, to the API.
    pub(crate) token: Option<Secret>,
    /// Whom TLS to the API trusts; none: whom the system does.
    pub(crate) tls_ca: Option<PathBuf>,
}

/// Where settings come from, the first wins.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) flags: Layer,
    pub(crate) variables: Layer,
    pub(crate) file: Layer,
    /// Which profile of the file counts before the rest of it.
    pub(crate) profile: Option<String>,
}

impl Sources {
    /// What they say together.
    pub(crate) fn settings(self) -> anyhow::Result<Settings> {
        let Self {
            flags,
            variables,
            mut file,
            profile,
        } = self;
        let mut profiles = std::mem::take(&mut file.profile);
        let chosen = match profile {
            None => ProfileLayer::default(),
            Some(name) => profiles
                .remove(&name)
                .ok_or_else(|| no_profile(&name, &profiles))?,
        };
        Settings::of([flags.over(variables), chosen.into(), file])
    }
}

fn no_profile(name: &str, profiles: &BTreeMap<String, ProfileLayer>) -> anyhow::Error {
    let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
    match known.is_empty() {
        true => anyhow::anyhow!(
            "profile {name:?}: no settings file has profiles; --config names one with [profile.{name}]"
        ),
        false => anyhow::anyhow!(
            "profile {name:?}: the settings file has {}",
            known.join(", ")
        ),
    }
}

impl Settings {
    /// What the layers say together; of each key the first that says something counts.
    pub(crate) fn of(layers: impl IntoIterator<Item = Layer>) -> anyhow::Result<Self> {
        let layers: Vec<Layer> = layers.into_iter().collect();
        let way = Way::of(&layers);
        let names_kafka = layers.iter().any(Layer::names_kafka);
        let said = layers.into_iter().fold(Layer::default(), Layer::over);
        let Layer {
            kafka,
            engine,
            http,
            notices,
            traces,
            worker,
            client,
            ..
        } = said;
        let names_namespace = said.namespace.is_some();
        let namespace = said.namespace.unwrap_or_else(|| "sagaline".to_owned());
        check_namespace(&namespace)?;
        let partitions = engine.partitions.unwrap_or(PARTITIONS_DEFAULT);
        ensure!(
            (1..=PARTITIONS_MAX).contains(&partitions),
            "partitions = {partitions}: 1 to {PARTITIONS_MAX} are allowed"
        );
        let delay_targets = delay_targets(&namespace, engine.delay_targets.unwrap_or_default())?;
        let issuer = issuer(&http)?;
        let http_host = http.host.unwrap_or_else(|| vec!["127.0.0.1".to_owned()]);
        ensure!(
            !http_host.is_empty() && http_host.iter().all(|host| !host.is_empty()),
            "http.host = {http_host:?}: it is an address, and perhaps further names behind it"
        );
        Ok(Self {
            namespace,
            delay_targets,
            app: said.app,
            build: said.build,
            keys_file: said.keys_file,
            bootstrap: kafka
                .bootstrap
                .unwrap_or_else(|| "127.0.0.1:9092".to_owned()),
            properties: kafka.properties,
            partitions,
            lane_threads: engine.lane_threads.and_then(NonZeroUsize::new),
            closed_retention: engine
                .closed_retention
                .map_or(CLOSED_RETENTION_DEFAULT, Span::get),
            program_cache: at_least_one("program_cache", engine.program_cache.unwrap_or(10_000))?,
            max_local_in_flight: at_least_one(
                "max_local_in_flight",
                engine.max_local_in_flight.unwrap_or(64),
            )?,
            http_port: http.port,
            http_host,
            database: http.database,
            retention: Retention {
                keep: http.retention.map_or(RETENTION_DEFAULT, Span::get),
                archive: http.archive,
            },
            issuer,
            tls: tls(http.tls_cert, http.tls_key)?,
            behind_proxy: http.behind_proxy.unwrap_or_default(),
            tokens_file: http.tokens_file,
            notices: targets(notices)?,
            traces: collector(traces)?,
            max_in_flight: at_least_one("max_in_flight", worker.max_in_flight.unwrap_or(64))?,
            drain: worker.drain.map_or(DRAIN_DEFAULT, Span::get),
            way,
            names_namespace,
            names_kafka,
            token: client.token,
            tls_ca: client.tls_ca,
        })
    }
}

const PARTITIONS_DEFAULT: u16 = 12;

/// More partitions than this in one namespace have never been tried.
const PARTITIONS_MAX: u16 = 1_000;

const CLOSED_RETENTION_DEFAULT: Duration = Duration::from_secs(7 * 24 * 3_600);

const RETENTION_DEFAULT: Duration = Duration::from_secs(30 * 24 * 3_600);

const DRAIN_DEFAULT: Duration = Duration::from_secs(30);

/// Leaves a task queue's name room within Kafka's 249 bytes.
const NAMESPACE_BYTES_MAX: usize = 64;

fn check_namespace(namespace: &str) -> anyhow::Result<()> {
    let fits = (1..=NAMESPACE_BYTES_MAX).contains(&namespace.len());
    let known = namespace
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    ensure!(
        fits && known,
        "namespace {namespace:?}: 1 to {NAMESPACE_BYTES_MAX} letters, digits, `.`, `_` and `-` are allowed"
    );
    Ok(())
}

fn delay_targets(namespace: &str, topics: Vec<String>) -> anyhow::Result<BTreeSet<String>> {
    for topic in &topics {
        ensure!(
            topic::is_name(topic),
            "delay_targets: {topic:?} is no name that Kafka takes for a topic"
        );
        let ours = topic.strip_prefix(namespace);
        ensure!(
            !ours.is_some_and(|rest| rest.starts_with('.')),
            "delay_targets: {topic} is the engine's own; strangers never reach those"
        );
    }
    Ok(topics.into_iter().collect())
}

fn targets(notices: NoticesLayer) -> anyhow::Result<Targets> {
    let NoticesLayer { webhook, topic } = notices;
    if let Some(url) = &webhook {
        ensure!(
            url.starts_with("https://") || url.starts_with("http://"),
            "notices.webhook is a URL that begins with https:// or http://"
        );
    }
    if let Some(name) = &topic {
        ensure!(
            topic::is_name(name),
            "notices.topic: {name:?} is no name that Kafka takes for a topic"
        );
    }
    Ok(Targets { webhook, topic })
}

fn collector(traces: TracesLayer) -> anyhow::Result<Option<Collector>> {
    let share = traces.share.unwrap_or(1.0);
    ensure!(
        (0.0..=1.0).contains(&share),
        "traces.share = {share}: it is 0 to 1"
    );
    let Some(endpoint) = traces.endpoint else {
        return Ok(None);
    };
    ensure!(
        endpoint.starts_with("https://") || endpoint.starts_with("http://"),
        "traces.endpoint is a URL that begins with https:// or http://"
    );
    Ok(Some(Collector { endpoint, share }))
}

/// Which tokens of an issuer count: those for an audience.
fn issuer(http: &HttpLayer) -> anyhow::Result<Option<JwtSettings>> {
    let has_issuer = http.jwks.is_some() || http.issuer.is_some();
    let Some(audience) = http.audience.clone() else {
        ensure!(
            !has_issuer,
            "http.audience is needed with http.issuer and http.jwks: without it tokens for others would count"
        );
        return Ok(None);
    };
    ensure!(
        has_issuer,
        "http.audience says for whom tokens are; http.issuer or http.jwks says whose they are"
    );
    Ok(Some(JwtSettings {
        jwks: http.jwks.clone(),
        issuer: http.issuer.clone(),
        audience,
        roles_claim: http
            .roles_claim
            .clone()
            .unwrap_or_else(|| "roles".to_owned()),
    }))
}

fn tls(cert: Option<PathBuf>, key: Option<PathBuf>) -> anyhow::Result<Option<(PathBuf, PathBuf)>> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some((cert, key))),
        (None, None) => Ok(None),
        _ => bail!("http.tls_cert and http.tls_key are given together"),
    }
}

fn at_least_one(key: &str, number: usize) -> anyhow::Result<NonZeroUsize> {
    NonZeroUsize::new(number).ok_or_else(|| anyhow::anyhow!("{key} = 0: it is at least 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = include_str!("../reference.toml");

    fn defaults() -> Settings {
        Settings::of([]).unwrap()
    }

    #[test]
    fn the_reference_says_the_defaults() {
        let reference: Layer = toml::from_str(REFERENCE).unwrap();

        let settings = Settings {
            // Naming brokers, even the default ones, is a choice of its own.
            way: Way::Default,
            names_namespace: false,
            names_kafka: false,
            ..Settings::of([reference]).unwrap()
        };
        assert_eq!(settings, defaults());
    }

    #[test]
    fn the_reference_names_every_key_and_every_variable() {
        // What is commented out is a key too, but for prose: a key is a word followed by ` = `.
        let all = REFERENCE
            .lines()
            .map(|line| line.trim_start_matches("# "))
            .filter(|line| {
                let key = line.split(" = ").next().unwrap_or_default();
                line.starts_with('[') || (line.contains(" = ") && !key.contains(' '))
            });
        let text: String = all.flat_map(|line| [line, "\n"]).collect();
        let layer: Layer = toml::from_str(&text).unwrap();

        let said = format!("{layer:?}");
        assert!(
            !said.contains("None"),
            "reference.toml leaves out a key: {said}"
        );
        for variable in source::VARIABLES {
            assert!(
                REFERENCE.contains(variable),
                "reference.toml does not name {variable}"
            );
        }
    }

    #[test]
    fn the_first_layer_that_says_something_counts() {
        let layer = |text| toml::from_str::<Layer>(text).unwrap();
        let flags = layer("namespace = 'flag'\n[kafka.properties]\nb = 'flag'");
        let file = layer(
            "namespace = 'file'\napp = 'shop'\n[engine]\nlane_threads = 3\n[kafka.properties]\na = 'file'\nb = 'file'",
        );

        let settings = Settings::of([flags, Layer::default(), file]).unwrap();

        assert_eq!(
            (settings.namespace.as_str(), settings.app.as_deref()),
            ("flag", Some("shop"))
        );
        assert_eq!(settings.lane_threads, NonZeroUsize::new(3));
        assert_eq!(
            settings.properties,
            BTreeMap::from([("a".into(), "file".into()), ("b".into(), "flag".into())])
        );
    }

    #[test]
    fn a_profile_counts_before_the_file_and_behind_flags_and_variables() {
        let layer = |text: &str| toml::from_str::<Layer>(text).unwrap();
        let file = "namespace = 'file'\n[client]\naddress = 'http://file'\n\
            [profile.prod]\naddress = 'https://prod'\nnamespace = 'shop'\ntoken = 't'\n[profile.test]\nkafka = 'k:1'";
        let settings = |flags: &str, profile: Option<&str>| {
            let sources = Sources {
                flags: layer(flags),
                file: layer(file),
                profile: profile.map(str::to_owned),
                ..Sources::default()
            };
            sources.settings()
        };

        let prod = settings("", Some("prod")).unwrap();
        assert_eq!(prod.way, Way::Http("https://prod".to_owned()));
        assert_eq!((&*prod.namespace, prod.token.is_some()), ("shop", true));
        assert_eq!(settings("", Some("test")).unwrap().way, Way::Kafka);
        assert_eq!(
            settings("", None).unwrap().way,
            Way::Http("http://file".to_owned())
        );
        let flags = "[kafka]\nbootstrap = 'k:2'";
        assert_eq!(settings(flags, Some("prod")).unwrap().way, Way::Kafka);
        let unknown = settings("", Some("stage")).unwrap_err().to_string();
        assert!(unknown.contains("has prod, test"), "{unknown}");
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = toml::from_str::<Layer>("[engine]\npartition = 3")
            .unwrap_err()
            .to_string();

        assert!(
            error.contains("partition") && error.contains("partitions"),
            "{error}"
        );
    }

    #[test]
    fn impossible_values_are_refused() {
        for text in [
            "namespace = 'a b'",
            "namespace = ''",
            "[engine]\npartitions = 0",
            "[worker]\nmax_in_flight = 0",
            "[engine]\nmax_local_in_flight = 0",
            "[http]\nhost = []",
            "[http]\naudience = 'a'",
            "[http]\nissuer = 'https://id.example'",
            "[http]\njwks = '/keys'",
            "[http]\ntls_cert = '/cert.pem'",
            "[notices]\nwebhook = 'file:///etc/passwd'",
            "[notices]\ntopic = 'a b'",
            "[traces]\nshare = 1.5",
            "[traces]\nendpoint = 'collector:4318'",
            "[http]\nhost = ['127.0.0.1', '']",
            "[engine]\ndelay_targets = ['a b']",
            "namespace = 'shop'\n[engine]\ndelay_targets = ['shop.journal']",
        ] {
            assert!(
                Settings::of([toml::from_str(text).unwrap()]).is_err(),
                "{text}"
            );
        }
    }
}
