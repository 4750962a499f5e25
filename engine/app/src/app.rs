//! An app: its workflows and activities, and the binary that they become.

use std::{ffi::OsString, fmt, path::Path, process::ExitCode};

use clap::{CommandFactory, FromArgMatches};
use sagaline_core::{Name, bounds};
use sagaline_sdk::{Activities, Codec, Coding, WorkflowFn, Workflows, worker::Worker};
use serde_json::value::RawValue;

use crate::{
    cli::{Cli, Command, completion, dev, man},
    demo::Demo,
    fault::{Fault, Outcome},
    logging::Verbosity,
    settings::Layer,
    signals,
};

/// Begins an app without workflows and activities of its own; [schedules](sagaline_sdk::schedule) are there.
///
/// See [`App`] for what can be added, and [`App::run`] for what comes of it.
pub fn app() -> App {
    App {
        workflows: Workflows::built_in(),
        ..App::default()
    }
}

/// An app being put together; [`app()`] begins one.
#[derive(Default)]
#[must_use = "an app does nothing until it is run"]
pub struct App {
    name: Option<String>,
    build: Option<String>,
    pub(crate) workflows: Workflows,
    pub(crate) activities: Activities,
    pub(crate) data: Vec<GiveData>,
    pub(crate) coding: Coding,
    pub(crate) demo: Option<Demo>,
    /// Those of the demo, once somebody has taken it.
    pub(crate) example_inputs: Vec<(String, Box<RawValue>)>,
    /// Workflows, and signals that they wait for.
    pub(crate) waits: Vec<(String, String)>,
    default_queue: Option<String>,
}

/// Gives a worker one value.
pub(crate) type GiveData = Box<dyn FnOnce(Worker) -> Worker + Send>;

impl App {
    /// Adds a workflow: a function marked `#[workflow]`.
    ///
    /// # Panics
    /// When another of the same name and version is there, or the name begins with `sagaline.`.
    pub fn workflow<Arguments, F: WorkflowFn<Arguments>>(mut self, workflow: F) -> Self {
        self.workflows = self.workflows.with(workflow);
        self
    }

    /// Adds workflows that were collected before: with what [stands around](Workflows::intercept) their runs, say.
    ///
    /// # Panics
    /// When two have the same name and version.
    pub fn workflows(mut self, workflows: Workflows) -> Self {
        self.workflows = self.workflows.and(workflows);
        self
    }

    /// Says which signals runs of a workflow wait for, by name: people are told them before a run waits. Those that it
    /// handles are known without.
    ///
    /// # Panics
    /// When no workflow of that name was added before.
    pub fn waits_for<'a>(
        mut self,
        workflow: &str,
        signals: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let is_known = self.workflows.versions().any(|(name, _)| name == workflow);
        assert!(
            is_known,
            "workflow `{workflow}` is added before it is said what it waits for"
        );
        let signals = signals.into_iter();
        self.waits
            .extend(signals.map(|signal| (workflow.to_owned(), signal.to_owned())));
        self
    }

    /// Adds activities, which a worker of this app runs. Those of another app, or another language, are called by name.
    ///
    /// # Panics
    /// When two have the same name.
    pub fn activities(mut self, activities: Activities) -> Self {
        self.activities = self.activities.and(activities);
        self
    }

    /// Gives activities a value, which they find by its type: `cx.data::<Pool>()`.
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.data.push(Box::new(|worker| worker.data(value)));
        self
    }

    /// Encodes the payloads of the app by this codec: those that its engine, its worker and its command line write, and
    /// decodes those that they read. [What is encoded](Codec).
    ///
    /// # Panics
    /// Its content type is one of JSON.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.coding = Coding::by(codec);
        self.workflows = self.workflows.coding(self.coding.clone());
        self
    }

    /// Gives newcomers something to see: its `dev` gets the flag `--demo`, which no app without a demo has.
    pub fn demo(mut self, demo: Demo) -> Self {
        self.demo = Some(demo);
        self
    }

    /// Names the app; otherwise the binary's name is its name. All engines of a namespace run the app of one name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says what is running, for people: a version, a commit. Say `env!("CARGO_PKG_VERSION")`, for one.
    pub fn build(mut self, build: impl Into<String>) -> Self {
        self.build = Some(build.into());
        self
    }

    /// Sends activities that name no task queue to this one; otherwise to `default`.
    ///
    /// # Panics
    /// When it cannot be the name of a queue: empty, over 249 bytes, or that of local activities.
    pub fn default_queue(mut self, queue: &str) -> Self {
        let name = Name::new(queue).expect("the default queue has a name of 1 to 249 bytes");
        let reserved = bounds::queue(&name).err();
        assert!(
            reserved.is_none(),
            "the default queue has a name of its own"
        );
        self.workflows = self.workflows.default_queue(name);
        self.default_queue = Some(queue.to_owned());
        self
    }

    /// Does what the process's arguments say: `server`, `worker`, `workflow start …`; `--help` lists them.
    ///
    /// Results go to stdout, all else to stderr. The code is 0 when it was done, 1 when what was asked about failed, 2 for
    /// a wrong command or setting, 3 when Kafka cannot be reached, 4 when it was refused, 5 when time ran out.
    #[must_use]
    pub fn run(self) -> ExitCode {
        self.run_with(std::env::args_os())
    }

    /// The same with these arguments, the first of which is the binary's name.
    #[must_use]
    pub fn run_with(mut self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let binary = arguments
            .first()
            .and_then(|first| Path::new(first).file_stem()?.to_str())
            .unwrap_or("sagaline")
            .to_owned();
        let mut command = Cli::command()
            .name(binary.clone())
            .version(self.build_or_version());
        if self.demo.is_some() {
            command = dev::with_demo(command);
        }
        self.name.get_or_insert(binary);
        let parsed = command
            .clone()
            .try_get_matches_from(arguments)
            .and_then(|matches| {
                let mut cli = Cli::from_arg_matches(&matches)?;
                dev::read_demo(&mut cli, &matches);
                Ok(cli)
            });
        let cli = match parsed {
            Ok(cli) => cli,
            Err(error) => {
                // Nobody is left to be told when this fails.
                let _ = error.print();
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
        };
        match self.dispatch(cli, command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => fault.report(),
        }
    }

    fn dispatch(self, cli: Cli, command: clap::Command) -> Outcome {
        let Cli {
            mut global,
            command: what,
        } = cli;
        global.coding = self.coding.clone();
        let verbosity = match what {
            Command::Broker(_) | Command::Server(_) | Command::Worker(_) => Verbosity::Service,
            Command::Dev(_) => Verbosity::Quiet,
            _ => Verbosity::Command,
        };
        crate::logging::begin(verbosity, global.log_format, global.color)?;
        match what {
            Command::Server(args) => {
                let session = global.session(args.layer())?;
                crate::server::serve(&session, self, &args)
            }
            Command::Broker(args) => crate::cli::broker::broker(&args),
            Command::Dev(args) => crate::dev::dev(global, self, &args),
            Command::Worker(args) => {
                let session = global.session(args.layer())?;
                crate::work::work(&session, self, &args)
            }
            Command::Completion(args) => Ok(completion::completion(&args, command)?),
            Command::Man(args) => man::man(&args, command),
            Command::Workflow(verb) => {
                interruptible(|| verb.run(&global.session(Layer::default())?))
            }
            Command::Activity(verb) => {
                interruptible(|| verb.run(&global.session(Layer::default())?))
            }
            Command::Incident(verb) => {
                interruptible(|| verb.run(&global.session(Layer::default())?))
            }
            Command::Schedule(verb) => {
                interruptible(|| verb.run(&global.session(Layer::default())?))
            }
            Command::Batch(verb) => interruptible(|| verb.run(&global.session(Layer::default())?)),
            Command::TaskQueue(verb) => {
                interruptible(|| verb.run(&global.session(Layer::default())?))
            }
            Command::Input(verb) => interruptible(|| verb.run(&global.session(Layer::default())?)),
            Command::Journal(verb) => {
                let workflows = self.workflows;
                interruptible(|| verb.run(&global.session(Layer::default())?, &workflows))
            }
            Command::Projection(verb) => {
                interruptible(|| verb.run(&global.session(Layer::default())?))
            }
            Command::Doctor(args) => {
                interruptible(|| crate::cli::doctor::doctor(&global.session(args.layer())?))
            }
        }
    }

    /// The app's name, unless the settings say another.
    pub(crate) fn name_or(&self, setting: Option<&String>) -> String {
        let name = setting.or(self.name.as_ref());
        name.map_or_else(|| "sagaline".to_owned(), String::clone)
    }

    pub(crate) fn build_or_version(&self) -> String {
        self.build
            .clone()
            .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
    }

    /// The queue of activities that name none.
    pub(crate) fn default_queue_name(&self) -> &str {
        self.default_queue.as_deref().unwrap_or("default")
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("workflows", &self.workflows)
            .field("activities", &self.activities)
            .finish_non_exhaustive()
    }
}

/// Does `work`; Ctrl-C ends the process with the code that shells expect.
fn interruptible(work: impl FnOnce() -> Outcome) -> Outcome {
    let listening = std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build();
            if let Ok(runtime) = runtime
                && runtime.block_on(tokio::signal::ctrl_c()).is_ok()
            {
                std::process::exit(signals::INTERRUPTED);
            }
        });
    listening.map_err(Fault::from)?;
    work()
}
