//! `server`: its flags.

use std::path::PathBuf;

use clap::Args;

use super::worker::WorkerLimits;
use crate::settings::{EngineLayer, HttpLayer, Layer, Span};

/// What `server` takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    /// Name of the app [env: SAGALINE_APP] [default: the binary's name]
    #[arg(long)]
    app: Option<String>,
    /// What is running, for people [env: SAGALINE_BUILD]
    #[arg(long)]
    build: Option<String>,
    /// File with the signing keys, lines `key-id base64` [env: SAGALINE_KEYS_FILE]
    #[arg(long, value_name = "FILE")]
    keys_file: Option<PathBuf>,
    /// Partitions of topics that are created [env: SAGALINE_PARTITIONS] [default: 12]
    #[arg(long)]
    partitions: Option<u16>,
    /// Threads that own partitions, 0 for one less than cores [env: SAGALINE_LANE_THREADS] [default: 0]
    #[arg(long)]
    lane_threads: Option<usize>,
    /// How long ids of closed workflows are remembered [env: SAGALINE_CLOSED_RETENTION] [default: 7d]
    #[arg(long, value_name = "SPAN")]
    closed_retention: Option<Span>,
    /// Workflow programs kept in memory, in each lane [env: SAGALINE_PROGRAM_CACHE] [default: 10000]
    #[arg(long)]
    program_cache: Option<usize>,
    /// Local activities that run at the same time [env: SAGALINE_MAX_LOCAL_IN_FLIGHT] [default: 64]
    #[arg(long)]
    max_local_in_flight: Option<usize>,
    /// Answer HTTP on this port, 0 for a free one: the API, health and metrics [env: SAGALINE_HTTP_PORT]
    #[arg(long, value_name = "PORT")]
    http_port: Option<u16>,
    /// Address for that, and further names of it [env: SAGALINE_HTTP_HOST] [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    http_host: Option<Vec<String>>,
    /// Database that the API reads from, `sqlite:PATH` or `postgres://…` [env: SAGALINE_DATABASE] [default: a temporary file]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// File with the tokens of those who may use HTTP [env: SAGALINE_TOKENS_FILE] [default: nobody logs in]
    #[arg(long, value_name = "FILE")]
    tokens_file: Option<PathBuf>,
    /// Issuer whose JWTs may be used as tokens, too [env: SAGALINE_ISSUER]
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Its keys, a URL or a file [env: SAGALINE_JWKS] [default: what the issuer says]
    #[arg(long, value_name = "URL|FILE")]
    jwks: Option<String>,
    /// For whom its tokens are [env: SAGALINE_AUDIENCE]
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// Their claim with the roles, or a path to it [env: SAGALINE_ROLES_CLAIM] [default: roles]
    #[arg(long, value_name = "CLAIM")]
    roles_claim: Option<String>,
    /// Certificate for https, PEM; SIGHUP reads it anew [env: SAGALINE_TLS_CERT] [default: plain HTTP]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its key, PEM [env: SAGALINE_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// A proxy before it ends TLS and sets X-Forwarded-Proto, which counts then [env: SAGALINE_BEHIND_PROXY]
    #[arg(long)]
    behind_proxy: bool,
    /// Run this program's activities in the same process, too
    #[arg(long)]
    pub(crate) with_worker: bool,
    #[command(flatten)]
    limits: WorkerLimits,
}

impl ServerArgs {
    /// What the flags say.
    pub(crate) fn layer(&self) -> Layer {
        Layer {
            app: self.app.clone(),
            build: self.build.clone(),
            keys_file: self.keys_file.clone(),
            engine: EngineLayer {
                partitions: self.partitions,
                lane_threads: self.lane_threads,
                closed_retention: self.closed_retention,
                program_cache: self.program_cache,
                max_local_in_flight: self.max_local_in_flight,
                ..EngineLayer::default()
            },
            http: HttpLayer {
                port: self.http_port,
                host: self.http_host.clone(),
                database: self.database.clone(),
                tokens_file: self.tokens_file.clone(),
                issuer: self.issuer.clone(),
                jwks: self.jwks.clone(),
                audience: self.audience.clone(),
                roles_claim: self.roles_claim.clone(),
                tls_cert: self.tls_cert.clone(),
                tls_key: self.tls_key.clone(),
                behind_proxy: self.behind_proxy.then_some(true),
                ..HttpLayer::default()
            },
            worker: self.limits.layer(),
            ..Layer::default()
        }
    }
}
