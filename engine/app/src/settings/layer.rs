//! What one source of settings says, in the shape of the file.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use super::{Secret, Span};

/// What one source says; none: nothing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Layer {
    pub(crate) namespace: Option<String>,
    pub(crate) app: Option<String>,
    pub(crate) build: Option<String>,
    pub(crate) keys_file: Option<PathBuf>,
    pub(crate) kafka: KafkaLayer,
    pub(crate) engine: EngineLayer,
    pub(crate) http: HttpLayer,
    pub(crate) notices: NoticesLayer,
    pub(crate) traces: TracesLayer,
    pub(crate) worker: WorkerLayer,
    pub(crate) client: ClientLayer,
    pub(crate) profile: BTreeMap<String, ProfileLayer>,
}

/// The table `kafka`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KafkaLayer {
    pub(crate) bootstrap: Option<String>,
    pub(crate) properties: BTreeMap<String, String>,
}

/// The table `engine`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EngineLayer {
    pub(crate) partitions: Option<u16>,
    pub(crate) lane_threads: Option<usize>,
    pub(crate) closed_retention: Option<Span>,
    pub(crate) program_cache: Option<usize>,
    pub(crate) max_local_in_flight: Option<usize>,
    pub(crate) delay_targets: Option<Vec<String>>,
}

/// The table `http`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpLayer {
    pub(crate) port: Option<u16>,
    pub(crate) host: Option<Vec<String>>,
    pub(crate) database: Option<String>,
    pub(crate) retention: Option<Span>,
    pub(crate) archive: Option<PathBuf>,
    pub(crate) tokens_file: Option<PathBuf>,
    pub(crate) jwks: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) roles_claim: Option<String>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) behind_proxy: Option<bool>,
}

/// The table `notices`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NoticesLayer {
    pub(crate) webhook: Option<String>,
    pub(crate) topic: Option<String>,
}

/// The table `traces`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TracesLayer {
    pub(crate) endpoint: Option<String>,
    pub(crate) share: Option<f64>,
}

/// The table `worker`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WorkerLayer {
    pub(crate) max_in_flight: Option<usize>,
    pub(crate) drain: Option<Span>,
}

/// The table `client`: how commands reach an engine over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClientLayer {
    pub(crate) address: Option<String>,
    pub(crate) token: Option<Secret>,
    pub(crate) tls_ca: Option<PathBuf>,
}

/// A table `profile.NAME`: one of several engines that commands may be for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProfileLayer {
    pub(crate) address: Option<String>,
    pub(crate) kafka: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) token: Option<Secret>,
    pub(crate) tls_ca: Option<PathBuf>,
}

impl From<ProfileLayer> for Layer {
    fn from(profile: ProfileLayer) -> Self {
        Self {
            namespace: profile.namespace,
            kafka: KafkaLayer {
                bootstrap: profile.kafka,
                ..KafkaLayer::default()
            },
            client: ClientLayer {
                address: profile.address,
                token: profile.token,
                tls_ca: profile.tls_ca,
            },
            ..Self::default()
        }
    }
}

impl Layer {
    /// This layer, and what it leaves open from the one below. Properties of Kafka are taken one by one.
    pub(crate) fn over(self, below: Self) -> Self {
        let mut properties = below.kafka.properties;
        properties.extend(self.kafka.properties);
        Self {
            namespace: self.namespace.or(below.namespace),
            app: self.app.or(below.app),
            build: self.build.or(below.build),
            keys_file: self.keys_file.or(below.keys_file),
            kafka: KafkaLayer {
                bootstrap: self.kafka.bootstrap.or(below.kafka.bootstrap),
                properties,
            },
            engine: EngineLayer {
                partitions: self.engine.partitions.or(below.engine.partitions),
                lane_threads: self.engine.lane_threads.or(below.engine.lane_threads),
                closed_retention: self
                    .engine
                    .closed_retention
                    .or(below.engine.closed_retention),
                program_cache: self.engine.program_cache.or(below.engine.program_cache),
                max_local_in_flight: self
                    .engine
                    .max_local_in_flight
                    .or(below.engine.max_local_in_flight),
                delay_targets: self.engine.delay_targets.or(below.engine.delay_targets),
            },
            http: self.http.over(below.http),
            notices: NoticesLayer {
                webhook: self.notices.webhook.or(below.notices.webhook),
                topic: self.notices.topic.or(below.notices.topic),
            },
            traces: TracesLayer {
                endpoint: self.traces.endpoint.or(below.traces.endpoint),
                share: self.traces.share.or(below.traces.share),
            },
            worker: WorkerLayer {
                max_in_flight: self.worker.max_in_flight.or(below.worker.max_in_flight),
                drain: self.worker.drain.or(below.worker.drain),
            },
            client: ClientLayer {
                address: self.client.address.or(below.client.address),
                token: self.client.token.or(below.client.token),
                tls_ca: self.client.tls_ca.or(below.client.tls_ca),
            },
            // One of them was chosen before: they are no settings by themselves.
            profile: BTreeMap::new(),
        }
    }
}

impl HttpLayer {
    fn over(self, below: Self) -> Self {
        Self {
            port: self.port.or(below.port),
            host: self.host.or(below.host),
            database: self.database.or(below.database),
            retention: self.retention.or(below.retention),
            archive: self.archive.or(below.archive),
            tokens_file: self.tokens_file.or(below.tokens_file),
            jwks: self.jwks.or(below.jwks),
            issuer: self.issuer.or(below.issuer),
            audience: self.audience.or(below.audience),
            roles_claim: self.roles_claim.or(below.roles_claim),
            tls_cert: self.tls_cert.or(below.tls_cert),
            tls_key: self.tls_key.or(below.tls_key),
            behind_proxy: self.behind_proxy.or(below.behind_proxy),
        }
    }
}
