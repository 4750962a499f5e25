//! `dev`: its flags.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Args};

use super::{Cli, Command};
use crate::settings::{EngineLayer, HttpLayer, KafkaLayer, Layer, Span, WorkerLayer};

/// What `dev` takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct DevArgs {
    /// Folder of its data; the next `dev` finds it again [default: .sagaline]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    pub(crate) data: Option<PathBuf>,
    /// Address that it listens on
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// Port of the broker, 0 for a free one
    #[arg(long, default_value_t = 9092)]
    pub(crate) kafka_port: u16,
    /// Port of HTTP (pages, API, health, metrics), 0 for a free one [env: SAGALINE_HTTP_PORT] [default: 8080; beside --kafka-port 0 a free one]
    #[arg(long, value_name = "PORT")]
    pub(crate) http_port: Option<u16>,
    /// Keep nothing: a new temporary folder, gone on exit
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Write the addresses to this file, as JSON, once everything serves
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Partitions of topics that are created [default: 4]
    #[arg(long)]
    pub(crate) partitions: Option<u16>,
    /// Start the app's demo; of those that have one.
    #[arg(skip)]
    pub(crate) demo: bool,
}

/// The same command line with `dev --demo`.
pub(crate) fn with_demo(command: clap::Command) -> clap::Command {
    let demo = Arg::new(DEMO)
        .long(DEMO)
        .action(ArgAction::SetTrue)
        .help("Start a few runs to look at: some that go well, fail, wait for you");
    command.mut_subcommand("dev", |dev| dev.arg(demo))
}

/// Whether it was given.
pub(crate) fn read_demo(cli: &mut Cli, matches: &ArgMatches) {
    if let (Command::Dev(args), Some(("dev", given))) = (&mut cli.command, matches.subcommand()) {
        let demo = given.try_get_one::<bool>(DEMO).ok().flatten();
        args.demo = demo.copied().unwrap_or(false);
    }
}

const DEMO: &str = "demo";

/// Where HTTP is answered, unless somebody says otherwise.
const HTTP_PORT_DEFAULT: u16 = 8080;

/// Partitions of topics that are created, unless somebody says otherwise.
const PARTITIONS_DEFAULT: u16 = 4;

/// How long attempts under way may take once `dev` is to stop: whoever pressed Ctrl-C waits for it.
const DRAIN: Duration = Duration::from_secs(1);

impl DevArgs {
    /// Where HTTP is answered when neither flag, nor variable, nor file says it. Who asks for a free port of Kafka runs more
    /// than one `dev`.
    pub(crate) fn http_port_default(&self) -> u16 {
        match self.kafka_port {
            0 => 0,
            _ => HTTP_PORT_DEFAULT,
        }
    }

    /// What the flags say, with the broker that was started for them.
    pub(crate) fn layer(&self, bootstrap: String) -> Layer {
        Layer {
            kafka: KafkaLayer {
                bootstrap: Some(bootstrap),
                ..KafkaLayer::default()
            },
            engine: EngineLayer {
                partitions: Some(self.partitions.unwrap_or(PARTITIONS_DEFAULT)),
                ..EngineLayer::default()
            },
            http: HttpLayer {
                port: self.http_port,
                host: Some(vec![self.host.to_string()]),
                ..HttpLayer::default()
            },
            worker: WorkerLayer {
                drain: Some(Span::new(DRAIN)),
                ..WorkerLayer::default()
            },
            ..Layer::default()
        }
    }
}
