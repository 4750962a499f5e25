//! `server`: the engine in this process, until it is told to stop.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sagaline_core::{Millis, Name, program::Program};
use sagaline_projection::Projection;
use sagaline_runtime::{Engine, EngineSettings, Keys, Purpose, lane::NoLocalTasks};
use sagaline_sdk::Workflows;
use sagaline_server::{
    Access, Api, ApiSettings, DemoOffer, HttpListener, Jwt, Login, Retention, Tls, Tokens,
    WorkflowInfo,
};

use tokio::runtime::Runtime;

use crate::{
    App,
    cli::{Session, server::ServerArgs},
    database::{Database, Following},
    demo::Demo,
    fault::{Exit, Fault, Outcome},
    issuer::Issuer,
    notices::{self, Targets},
    renewal::Renewal,
    signals,
    traces::Collector,
    work,
};

/// Runs the engine until SIGTERM or SIGINT, or until it ends by itself.
pub(crate) fn serve(session: &Session, app: App, args: &ServerArgs) -> Outcome {
    let activities = match args.with_worker {
        true => Activities::Here,
        false => Activities::Elsewhere,
    };
    // Until the engine runs there is nothing to end in order.
    run(session, app, &Server { activities }, signals::stop)
}

/// Where the app's activities run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activities {
    /// In this process.
    Here,
    /// In workers.
    Elsewhere,
}

/// Who runs the engine, and what it says meanwhile.
pub(crate) trait Host: Sync {
    /// Whether what loses sagas one day is worth a warning.
    fn purpose(&self) -> Purpose;

    /// Where the app's activities run.
    fn activities(&self) -> Activities;

    /// The engine owns its partitions, which are so many; HTTP is answered there, if it is.
    fn ready(
        &self,
        partitions: i32,
        http: Option<SocketAddr>,
    ) -> impl Future<Output = Outcome> + Send;

    /// Ready when something else that the engine needs has ended: then the engine ends.
    fn ended(&self) -> impl Future<Output = Fault> + Send;

    /// What the pages offer to a newcomer.
    fn demo(&self) -> Option<DemoOffer> {
        None
    }

    /// It is about to stop, and knows of so many runs; of none yet if it was not ready.
    fn stopping(&self, runs: Option<u64>);
}

/// `server`: its log says everything.
struct Server {
    activities: Activities,
}

impl Host for Server {
    fn purpose(&self) -> Purpose {
        Purpose::Production
    }

    fn activities(&self) -> Activities {
        self.activities
    }

    async fn ready(&self, _partitions: i32, _http: Option<SocketAddr>) -> Outcome {
        Ok(())
    }

    async fn ended(&self) -> Fault {
        std::future::pending().await
    }

    fn stopping(&self, _runs: Option<u64>) {}
}

/// Runs the engine, and the activities if they are here, until what `stop` gives is ready.
pub(crate) fn run<S: Future<Output = ()> + Send>(
    session: &Session,
    app: App,
    host: &impl Host,
    stop: impl FnOnce() -> Outcome<S>,
) -> Outcome {
    let mut settings = engine_settings(session, &app, host.purpose())?;
    let (kafka, keys) = (settings.kafka.clone(), settings.keys.clone());
    // Before anything else is begun: what cannot be had is said at once.
    let listener = listener(session, host.purpose())?;
    let runtime = work::runtime()?;
    let http = listener
        .map(|listener| Http::prepare(session, &runtime, listener, host.purpose()))
        .transpose()?;
    let programs = AppWorkflows {
        workflows: app.workflows.clone(),
        queues: queues(&app),
    };
    let workflows = workflows(&app);
    let (namespace, name) = (settings.namespace.clone(), settings.app.clone());
    let worker = work::worker(session, app, &[])?;
    let local = worker.local(session.settings.max_local_in_flight, settings.keys.clone())?;
    settings.local = local.tasks();
    let worker = (host.activities() == Activities::Here).then_some(worker);
    let engine = Engine::start(settings, Arc::new(programs))?;
    tracing::info!(
        namespace,
        app = name,
        kafka = session.settings.bootstrap,
        "the engine runs"
    );
    let stop = stop()?;
    let http = http.map(|http| {
        http.serve(&runtime, |projection, access| ApiSettings {
            engine: engine.view().clone(),
            kafka,
            keys,
            coding: session.coding.clone(),
            projection,
            workflows,
            access,
            // Known once the projection follows the journal.
            lag: None,
            demo: host.demo(),
        })
    });
    // What is read from stays until HTTP is no longer answered.
    let (http, answers) = http.transpose()?.unzip();
    let readied = Mutex::new(Ok(()));
    let worked = runtime.block_on(async {
        let ended = async {
            let served = tokio::select! {
                biased;
                () = stop => Ok(()),
                () = has_ended(&engine) => Ok(()),
                fault = host.ended() => Err(fault),
                served = serve_on(&engine, host, http) => served,
            };
            host.stopping(engine.view().is_ready().then(|| runs(&engine)));
            if let Some((api, _)) = &answers {
                api.close();
            }
            *readied.lock().unwrap_or_else(PoisonError::into_inner) = served;
        };
        work::run_both(worker, local, ended).await
    });
    let readied = readied.into_inner().unwrap_or_else(PoisonError::into_inner);
    tracing::info!("the engine stops");
    engine.stop()?;
    worked.and(readied)
}

/// The socket for HTTP, if the settings want one; and its certificate, if they name one.
fn listener(session: &Session, purpose: Purpose) -> Outcome<Option<(HttpListener, Option<Tls>)>> {
    let settings = &session.settings;
    let Some(port) = settings.http_port else {
        return Ok(None);
    };
    if settings.tls.is_some() && purpose == Purpose::Development {
        return Err(Fault::usage("`dev` answers plain HTTP: it has no tls_cert"));
    }
    let load = |(cert, key): &(PathBuf, PathBuf)| Tls::load(cert, key);
    let tls = settings.tls.as_ref().map(load).transpose()?;
    let listener = HttpListener::bind(&settings.http_host, port)?;
    let listener = match &tls {
        Some(tls) => listener.with_tls(tls.clone()),
        None => listener,
    };
    let listener = match settings.behind_proxy {
        true => listener.behind_proxy(),
        false => listener,
    };
    Ok(Some((listener, tls)))
}

/// Who may do what over HTTP; `tokens` are those of the file, if there is one.
fn access(
    session: &Session,
    purpose: Purpose,
    listener: &HttpListener,
    tokens: Option<Tokens>,
) -> Outcome<Access> {
    let is_local = listener.address().ip().is_loopback();
    let issuer = session.settings.issuer.clone();
    let issuer = issuer.map(|issuer| Jwt::new(issuer, Arc::new(Issuer::new())));
    match (tokens, issuer.transpose()?) {
        (None, None) if is_local || purpose == Purpose::Development => Ok(Access::Open),
        (None, None) => {
            tracing::warn!(
                "nobody logs in, and others than this machine can connect: HTTP changes nothing"
            );
            Ok(Access::ReadOnly)
        }
        (tokens, issuer) => Ok(Access::Login(Login::new(tokens, issuer))),
    }
}

/// HTTP before the engine runs: what it needs is there.
struct Http {
    listener: HttpListener,
    renewal: Renewal,
    access: Access,
    database: Database,
    notices: Targets,
    retention: Retention,
    traces: Option<Collector>,
}

impl Http {
    fn prepare(
        session: &Session,
        runtime: &Runtime,
        (listener, tls): (HttpListener, Option<Tls>),
        purpose: Purpose,
    ) -> Outcome<Self> {
        let tokens = session.settings.tokens_file.as_ref();
        let tokens = tokens.map(|path| Tokens::load(path)).transpose()?;
        Ok(Self {
            access: access(session, purpose, &listener, tokens.clone())?,
            database: Database::open(runtime, session)?,
            notices: session.settings.notices.clone(),
            retention: session.settings.retention.clone(),
            traces: session.settings.traces.clone(),
            listener,
            renewal: Renewal {
                tls,
                tokens,
                purpose,
            },
        })
    }

    /// Answers for the engine as long as the runtime lives: also while the engine stops. Gives where, by what, and what must be
    /// kept.
    fn serve(
        self,
        runtime: &Runtime,
        settings: impl FnOnce(Projection, Access) -> ApiSettings,
    ) -> Outcome<(SocketAddr, (Api, Following))> {
        let Self {
            listener,
            renewal,
            access,
            database,
            notices,
            retention,
            traces,
        } = self;
        let address = listener.address();
        let mut settings = settings(database.projection(), access);
        let following = database.follow(runtime, &settings.kafka)?;
        settings.lag = Some(following.lag());
        if !notices.is_empty() {
            let namespace = settings.engine.identity().namespace.clone();
            let telling = notices::tell(
                settings.projection.clone(),
                settings.kafka.clone(),
                namespace,
                notices,
            );
            runtime.spawn(async move {
                if let Err(error) = telling.await {
                    tracing::error!(%error, code = error.code(), "nobody is told of incidents and failures");
                }
            });
        }
        renewal.begin(runtime)?;
        let api = Api::new(settings);
        runtime.spawn(api.clone().retain(following.leader(), retention));
        if let Some(collector) = traces {
            runtime.spawn(collector.tell(api.clone()));
        }
        tracing::info!(
            http = listener.url(),
            "HTTP answers /api/v1, /healthz, /readyz and /metrics"
        );
        let served = api.clone();
        runtime.spawn(async move {
            if let Err(error) = listener.serve(served).await {
                tracing::error!(%error, "HTTP is not answered any more");
            }
        });
        Ok((address, (api, following)))
    }
}

/// Tells the host once the engine owns its partitions; ends only if that fails.
async fn serve_on(engine: &Engine, host: &impl Host, http: Option<SocketAddr>) -> Outcome {
    while !engine.view().is_ready() {
        tokio::time::sleep(READY_PAUSE).await;
    }
    host.ready(engine.view().partitions(), http).await?;
    std::future::pending().await
}

/// Runs that the engine knows, open or closed not long ago.
fn runs(engine: &Engine) -> u64 {
    let lanes = engine.view().statuses();
    lanes
        .iter()
        .map(|lane| lane.open_runs + lane.closed_ids)
        .sum()
}

/// How often somebody looks whether the engine owns its partitions.
const READY_PAUSE: Duration = Duration::from_millis(10);

/// Ready once the engine has ended by itself; [`Engine::stop`] then tells why.
async fn has_ended(engine: &Engine) {
    while !engine.view().has_ended() {
        tokio::time::sleep(PAUSE).await;
    }
}

/// How often somebody looks whether the engine has ended by itself.
const PAUSE: Duration = Duration::from_millis(100);

fn engine_settings(session: &Session, app: &App, purpose: Purpose) -> Outcome<EngineSettings> {
    let settings = &session.settings;
    Ok(EngineSettings {
        kafka: session.kafka()?,
        namespace: settings.namespace.clone(),
        app: app.name_or(settings.app.as_ref()),
        build: settings
            .build
            .clone()
            .unwrap_or_else(|| app.build_or_version()),
        partitions: i32::from(settings.partitions),
        lane_threads: settings.lane_threads,
        programs_kept: settings.program_cache,
        closed_retention: Millis(
            u64::try_from(settings.closed_retention.as_millis()).unwrap_or(u64::MAX),
        ),
        keys: keys(session)?,
        delay_targets: settings.delay_targets.clone(),
        local: Arc::new(NoLocalTasks),
        purpose,
    })
}

/// The signing keys that the settings name.
pub(crate) fn keys(session: &Session) -> Outcome<Keys> {
    match &session.settings.keys_file {
        Some(path) => Keys::load(path).map_err(|error| Fault::new(Exit::Usage, error.to_string())),
        None => Ok(Keys::development()),
    }
}

/// The queues of the workflows and of the activities: their topics are made when the engine starts.
fn queues(app: &App) -> BTreeSet<String> {
    let mut queues = app.activities.queues(app.default_queue_name());
    queues.extend(app.workflows.queues());
    queues
}

/// The workflows, as people see them.
fn workflows(app: &App) -> Vec<WorkflowInfo> {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let mut infos: BTreeMap<&str, WorkflowInfo> = BTreeMap::new();
    for (name, version) in app.workflows.versions() {
        let info = infos.entry(name).or_default();
        info.name = name.to_owned();
        info.versions.push(version.to_owned());
        // The highest comes last.
        if let Some(handled) = app.workflows.handled(name, version) {
            info.signals = owned(&handled.signals);
            info.queries = owned(&handled.queries);
            info.updates = owned(&handled.updates);
        }
    }
    for (workflow, signal) in &app.waits {
        if let Some(info) = infos.get_mut(&**workflow)
            && !info.signals.contains(signal)
        {
            info.signals.push(signal.clone());
        }
    }
    let of_demo = app.demo.as_ref().map(Demo::example_inputs);
    let examples = app.example_inputs.iter().cloned();
    for (workflow, input) in examples.chain(of_demo.unwrap_or_default()) {
        if let Some(info) = infos.get_mut(&*workflow) {
            info.example_inputs.push(input);
        }
    }
    infos.into_values().collect()
}

/// An app's workflows, with the queues of its activities.
struct AppWorkflows {
    workflows: Workflows,
    queues: BTreeSet<String>,
}

impl sagaline_runtime::Workflows for AppWorkflows {
    fn resolve(&self, workflow: &Name, version: Option<&str>) -> Option<Box<str>> {
        self.workflows
            .resolve(workflow.as_str(), version)
            .map(Box::from)
    }

    fn program(&self, workflow: &Name, version: &str) -> Option<Box<dyn Program>> {
        self.workflows.program(workflow.as_str(), version)
    }

    fn names(&self) -> Vec<Name> {
        sagaline_runtime::Workflows::names(&self.workflows)
    }

    fn task_queues(&self) -> Vec<Name> {
        self.queues
            .iter()
            .filter_map(|queue| Name::new(queue).ok())
            .collect()
    }
}
