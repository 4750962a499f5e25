//! The command line: flags, and which command does what. `PROTOCOL.md` §7 fixes names, exit codes and output.
//!
//! Deliberately absent: the work of each command, which is in the file of its name.

pub(crate) mod act;
pub(crate) mod activity;
pub(crate) mod api;
pub(crate) mod ask;
pub(crate) mod batch;
pub(crate) mod broker;
pub(crate) mod bulk;
pub(crate) mod completion;
mod count;
mod delete;
pub(crate) mod describe;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod history;
pub(crate) mod incident;
pub(crate) mod input;
pub(crate) mod journal;
pub(crate) mod list;
pub(crate) mod man;
mod metadata;
pub(crate) mod operate;
pub(crate) mod projection;
pub(crate) mod query;
pub(crate) mod rejected;
pub(crate) mod reset;
mod result;
mod rows;
pub(crate) mod schedule;
mod seen;
pub(crate) mod server;
pub(crate) mod signal;
pub(crate) mod start;
pub(crate) mod task_queue;
mod unread;
pub(crate) mod update;
pub(crate) mod versions;
mod watch;
pub(crate) mod worker;
pub(crate) mod workflow;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use sagaline_core::{Name, RunId, WorkflowId};
use sagaline_sdk::Coding;

use crate::{
    fault::{Fault, Outcome},
    logging::LogFormat,
    output::{ColorMode, Format, Output, Terminal, TimeStyle},
    settings::{
        ClientLayer, KafkaLayer, Layer, Secret, Settings, Sources, properties_file, settings_file,
        variables,
    },
};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 1 what was asked about failed, 2 usage, 3 cannot reach, 4 refused, 5 time ran out, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Settings file [env: SAGALINE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Table of the settings file to go by: `[profile.NAME]` [env: SAGALINE_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Server that commands ask over HTTP; wins over --kafka [env: SAGALINE_ADDRESS] [default: http://127.0.0.1:8080]
    #[arg(long, global = true, value_name = "URL")]
    address: Option<String>,
    /// Who you are to the server; better as a variable, which others on this machine do not see [env: SAGALINE_TOKEN]
    #[arg(long, global = true)]
    token: Option<Secret>,
    /// Send the token also where the network could see it
    #[arg(long, global = true)]
    allow_plain_token: bool,
    /// File of PEM with the authorities that the server's certificate is trusted by [env: SAGALINE_TLS_CA] [default: the system's]
    #[arg(long, global = true, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Kafka's brokers: commands go by the topics then [env: SAGALINE_KAFKA] [default: 127.0.0.1:9092]
    #[arg(long, global = true, value_name = "HOST:PORT,…")]
    kafka: Option<String>,
    /// File of librdkafka properties, lines `key=value` [env: SAGALINE_KAFKA_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    kafka_config: Option<PathBuf>,
    /// What all topics and groups begin with [env: SAGALINE_NAMESPACE] [default: sagaline]
    #[arg(long, global = true)]
    namespace: Option<String>,
    /// How tables show times
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = false
    )]
    time: TimeStyle,
    /// When words have colours [env: NO_COLOR]
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) color: ColorMode,
    /// Form of the log on stderr [env: SAGALINE_LOG_FORMAT] [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Form of the result
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Format,
    /// What the app's payloads are encoded by.
    #[arg(skip)]
    pub(crate) coding: Coding,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run broker, engine and activities in this one process: all that development needs
    Dev(dev::DevArgs),
    /// Run the engine on Apache Kafka: partitions, retries, timers
    Server(server::ServerArgs),
    /// Run this program's activities
    Worker(worker::WorkerArgs),
    /// Run the embedded broker alone: one node that speaks Kafka's protocol, for development and tests
    Broker(broker::BrokerArgs),
    /// Start, watch and stop workflows
    #[command(subcommand)]
    Workflow(workflow::Verb),
    /// Step in on a pending activity
    #[command(subcommand)]
    Activity(activity::Verb),
    /// See what waits for a person, and solve it
    #[command(subcommand)]
    Incident(incident::Verb),
    /// Workflows that start by themselves
    #[command(subcommand)]
    Schedule(schedule::Verb),
    /// Acts on many workflows: how far they are
    #[command(subcommand)]
    Batch(batch::Verb),
    /// See what waits in task queues; limit and pause them
    #[command(subcommand)]
    TaskQueue(task_queue::Verb),
    /// See what could not be taken, and send it again
    #[command(subcommand)]
    Input(rejected::Verb),
    /// Read the journal
    #[command(subcommand)]
    Journal(journal::Verb),
    /// What lists and pages are read from
    #[command(subcommand)]
    Projection(projection::Verb),
    /// Look for what would cost data or sleep: Kafka's version, rights, topics, lag, clocks, keys
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completion(completion::CompletionArgs),
    /// Print the manual's page, or write all of them into a folder
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// Which workflow.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Id {
    /// Workflow id
    #[arg(value_name = "ID", value_parser = workflow_id)]
    positional: Option<WorkflowId>,
    /// Workflow id
    #[arg(short, long, value_name = "ID", value_parser = workflow_id)]
    workflow_id: Option<WorkflowId>,
}

impl Id {
    pub(crate) fn get(&self) -> &WorkflowId {
        self.positional
            .as_ref()
            .or(self.workflow_id.as_ref())
            .expect("the group is required")
    }
}

/// Which workflow, and which of its runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunOf {
    #[command(flatten)]
    pub(crate) id: Id,
    /// Only this run; otherwise the newest
    #[arg(short, long)]
    pub(crate) run_id: Option<RunId>,
}

/// The name of a signal, a query or an update, or the id of an update.
fn name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|invalid| invalid.to_string())
}

pub(crate) fn workflow_id(text: &str) -> Result<WorkflowId, String> {
    WorkflowId::new(text).map_err(|invalid| invalid.to_string())
}

/// What a command works with.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) output: Output,
    pub(crate) coding: Coding,
    /// Whether a token may go over the network as it is.
    pub(crate) plain_token: bool,
}

impl Global {
    /// Whether `--kafka` was given.
    pub(crate) const fn names_brokers(&self) -> bool {
        self.kafka.is_some()
    }

    /// The settings: `flags` of the command and these, then variables, the file and the defaults.
    pub(crate) fn session(self, flags: Layer) -> Outcome<Session> {
        let variable = |name: &str| std::env::var(name).ok();
        let config = self.config.or_else(|| {
            variable("SAGALINE_CONFIG")
                .filter(|path| !path.is_empty())
                .map(Into::into)
        });
        let file = config
            .map(|path| settings_file(&path))
            .transpose()?
            .unwrap_or_default();
        let properties = self
            .kafka_config
            .map(|path| properties_file(&path))
            .transpose()?
            .unwrap_or_default();
        let global = Layer {
            namespace: self.namespace,
            kafka: KafkaLayer {
                bootstrap: self.kafka,
                properties,
            },
            client: ClientLayer {
                address: self.address,
                token: self.token,
                tls_ca: self.tls_ca,
            },
            ..Layer::default()
        };
        let named = variable("SAGALINE_PROFILE").filter(|name| !name.is_empty());
        let sources = Sources {
            flags: flags.over(global),
            variables: variables(variable)?,
            file,
            profile: self.profile.or(named),
        };
        let settings = sources.settings()?;
        Ok(Session {
            settings,
            output: Output {
                format: self.output,
                time: self.time,
                terminal: Terminal::of_stdout(self.color),
                now: crate::clock::now(),
                // A process is one command.
                coding: (!self.coding.is_plain())
                    .then(|| &*Box::leak(Box::new(self.coding.clone()))),
            },
            coding: self.coding,
            plain_token: self.allow_plain_token,
        })
    }
}

impl Session {
    /// The way to the brokers.
    pub(crate) fn kafka(&self) -> Outcome<sagaline_journal::kafka::Kafka> {
        let Settings {
            bootstrap,
            properties,
            ..
        } = &self.settings;
        sagaline_journal::kafka::Kafka::new(bootstrap, properties.clone()).map_err(Fault::from)
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_an_app_that_has_a_demo_has_the_flag() {
        let parsed = |command: clap::Command, line: &str| {
            let matches = command.try_get_matches_from(line.split_whitespace()).ok()?;
            let mut cli = Cli::from_arg_matches(&matches).ok()?;
            dev::read_demo(&mut cli, &matches);
            match cli.command {
                Command::Dev(args) => Some(args.demo),
                _ => None,
            }
        };

        assert_eq!(parsed(Cli::command(), "x dev"), Some(false));
        assert_eq!(parsed(Cli::command(), "x dev --demo"), None);
        let with = || dev::with_demo(Cli::command());
        with().debug_assert();
        assert_eq!(parsed(with(), "x dev"), Some(false));
        assert_eq!(parsed(with(), "x --output json dev --demo"), Some(true));
    }

    #[test]
    fn an_id_is_positional_or_a_flag_but_not_both() {
        let parse = |line: &str| Cli::try_parse_from(line.split_whitespace());

        assert!(parse("x workflow describe o-1").is_ok());
        assert!(
            parse("x workflow describe -w o-1 -r 6fa459ea-ee8a-3ca4-894e-db77e160355e").is_ok()
        );
        assert!(parse("x workflow describe").is_err());
        assert!(parse("x workflow describe o-1 -w o-1").is_err());
    }

    #[test]
    fn an_act_is_on_one_or_on_many_but_not_on_both() {
        let parse = |line: &str| Cli::try_parse_from(line.split_whitespace());

        for (one, many) in [
            ("workflow cancel o-1", "workflow cancel"),
            ("workflow pause -w o-1", "workflow pause"),
            ("activity retry o-1 3", "activity retry"),
            ("activity retry -w o-1 --activity-id 3", "activity retry"),
            (
                "incident fail 6fa459ea-ee8a-3ca4-894e-db77e160355e.12",
                "incident fail",
            ),
        ] {
            assert!(parse(&format!("x {one}")).is_ok(), "{one}");
            assert!(parse(&format!("x {many} -q a=1")).is_ok(), "{many}");
            for flags in ["-q a=1", "--yes", "--dry-run"] {
                assert!(parse(&format!("x {one} {flags}")).is_err(), "{one} {flags}");
            }
            for flags in ["", "--yes", "--dry-run", "-q a=1 --idempotency-key k"] {
                assert!(
                    parse(&format!("x {many} {flags}")).is_err(),
                    "{many} {flags}"
                );
            }
        }
    }

    #[test]
    fn an_activity_is_named_by_both_of_its_ids() {
        let parse = |line: &str| Cli::try_parse_from(line.split_whitespace());

        for line in ["o-1 3", "-w o-1 --activity-id 3", "-w o-1 3"] {
            assert!(parse(&format!("x activity pause {line}")).is_ok(), "{line}");
        }
        for line in ["", "--activity-id 3", "o-1 3 --activity-id 3"] {
            assert!(
                parse(&format!("x activity pause {line}")).is_err(),
                "{line}"
            );
        }
    }

    #[test]
    fn every_command_that_the_table_calls_done_is_there() {
        let page = include_str!("../../../docs/reference/temporal-ui-cli.md");
        let (_, commands) = page.split_once("## `temporal`").unwrap();
        let root = Cli::command();
        let mut seen = 0;
        for row in commands.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.split(" | ").collect();
            let (done, own) = match cells[..] {
                [_, "done", here] => (Some(here), None),
                // What only we have stands in the first column.
                [own, _] => (None, Some(own)),
                _ => continue,
            };
            let mut noun = "";
            for named in done.or(own).unwrap().split('`').skip(1).step_by(2) {
                let words: Vec<&str> = named.split_whitespace().collect();
                let (verb, path) = match words[..] {
                    [verb] if own.is_some() && !noun.is_empty() => (verb, vec![noun, verb]),
                    _ => (named, words),
                };
                if verb.starts_with(['-', '/']) || verb == "completed" || verb.starts_with("SAGA") {
                    continue;
                }
                let mut command = &root;
                for word in path.iter().take_while(|word| !word.starts_with('-')) {
                    let found = command.find_subcommand(word);
                    command = found.unwrap_or_else(|| panic!("there is no {named}: {row}"));
                }
                (noun, seen) = (path[0], seen + 1);
            }
        }
        assert!(seen > 60, "{seen}");
    }

    #[test]
    fn an_impossible_id_is_a_wrong_usage() {
        let long = "x".repeat(256);
        let error = Cli::try_parse_from(["x", "workflow", "describe", &long]).unwrap_err();

        assert!(error.to_string().contains("255"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
