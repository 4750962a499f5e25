//! `dev`: broker, engine and activities in one process, until it is told to stop.

mod banner;
mod slow;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, IsTerminal, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sagaline_broker::{Broker, Flush, Options};
use sagaline_core::OUR_NAMES;
use sagaline_runtime::Purpose;
use sagaline_sdk::client::Client;
use sagaline_server::DemoOffer;
use serde::Serialize;

use self::{
    banner::{Banner, Spacing},
    slow::Slow,
};
use crate::{
    App,
    cli::{Global, Session, broker::broken, dev::DevArgs},
    demo::{Demo, DemoFolder, Example, Line},
    fault::{Exit, Fault, Outcome},
    inbox::new_id,
    output::{aside, visible},
    server, signals,
};

/// What the ready file has.
#[derive(Serialize)]
struct Addresses {
    kafka: SocketAddr,
    http: Option<String>,
}

/// Runs everything until SIGTERM or SIGINT.
pub(crate) fn dev(global: Global, mut app: App, args: &DevArgs) -> Outcome {
    if global.names_brokers() {
        return Err(Fault::usage("`dev` has a broker of its own")
            .hint("`server` and `worker` run on the brokers that --kafka names"));
    }
    if let Some(path) = &args.ready_file {
        await_anew(path)?;
    }
    // From here on: a temporary folder is not to stay because somebody was quick.
    let stop = signals::stop()?;
    let folder = Folder::of(args);
    let slow = Slow::begin(folder.kept().filter(|data| data.exists()))?;
    let broker = Broker::start(Options {
        data: folder.path.clone(),
        listen: (args.host, args.kafka_port).into(),
        flush: Flush::Os,
    })?;
    let mut session = global.session(args.layer(reachable(broker.address()).to_string()))?;
    let database = folder.path.join("projection.db");
    session.settings.database = Some(format!("sqlite:{}", database.display()));
    // They are of other brokers.
    session.settings.properties.clear();
    let http_port = &mut session.settings.http_port;
    http_port.get_or_insert_with(|| args.http_port_default());
    let example = app.demo.as_ref().and_then(Demo::example_here);
    let (demo, demo_folder) = demo(&mut app, &folder);
    let offer = demo.as_ref().map(|_| DemoOffer::default());
    let host = Dev {
        kafka: reachable(broker.address()),
        session: &session,
        partitions_wanted: args.partitions,
        workflows: names(&app),
        queues: app.activities.queues(app.default_queue_name()),
        demo: Mutex::new(demo),
        is_shown: args.demo,
        offer: offer.filter(|_| !args.demo),
        demo_folder,
        example,
        folder: &folder,
        ready_file: args.ready_file.as_deref(),
        broker: &broker,
        slow,
    };
    let ran = server::run(&session, app, &host, || Ok(stop));
    broker.stop(CLIENTS_PATIENCE);
    ran
}

/// What is to be shown, and where its files are, which the app's activities are told.
fn demo(app: &mut App, folder: &Folder) -> (Option<Demo>, DemoFolder) {
    let files = DemoFolder::of_data(&folder.path);
    let demo = app.demo.as_ref();
    app.example_inputs = demo.map(Demo::example_inputs).unwrap_or_default();
    let demo = app.demo.take();
    if demo.is_some() {
        let told = files.clone();
        app.data.push(Box::new(|worker| worker.data(told)));
    }
    (demo, files)
}

/// The workflows that the app itself has.
fn names(app: &App) -> BTreeSet<String> {
    let names = sagaline_runtime::Workflows::names(&app.workflows);
    let theirs = names
        .iter()
        .filter(|name| !name.as_str().starts_with(OUR_NAMES));
    theirs.map(ToString::to_string).collect()
}

/// What `dev` says around the work.
struct Dev<'a> {
    kafka: SocketAddr,
    session: &'a Session,
    /// What the flag says, if it was given.
    partitions_wanted: Option<u16>,
    workflows: BTreeSet<String>,
    queues: BTreeSet<String>,
    /// Until it is shown.
    demo: Mutex<Option<Demo>>,
    /// It is shown from the start.
    is_shown: bool,
    /// Else it is offered.
    offer: Option<DemoOffer>,
    demo_folder: DemoFolder,
    example: Option<Example>,
    folder: &'a Folder,
    ready_file: Option<&'a Path>,
    broker: &'a Broker,
    slow: Slow,
}

impl server::Host for Dev<'_> {
    fn purpose(&self) -> Purpose {
        Purpose::Development
    }

    fn activities(&self) -> server::Activities {
        match self.queues.is_empty() {
            true => server::Activities::Elsewhere,
            false => server::Activities::Here,
        }
    }

    async fn ready(&self, partitions: i32, http: Option<SocketAddr>) -> Outcome {
        let mut lines = Vec::new();
        if self.is_shown
            && let Some(demo) = self.demo_to_show()
        {
            demo.lay_out(&self.demo_folder)?;
            lines = demo.lines(&self.demo_folder);
            self.show(demo).await?;
        }
        self.slow.end();
        let http = http.map(|address| format!("http://{}", reachable(address)));
        self.say_ready(partitions, http.as_deref(), &lines)?;
        let Some(path) = self.ready_file else {
            return Ok(());
        };
        write(
            path,
            &Addresses {
                kafka: self.kafka,
                http,
            },
        )
    }

    async fn ended(&self) -> Fault {
        tokio::select! {
            () = self.broker.ended() => {}
            () = self.show_if_wanted() => self.broker.ended().await,
        }
        broken()
    }

    fn demo(&self) -> Option<DemoOffer> {
        self.offer.clone()
    }

    fn stopping(&self, runs: Option<u64>) {
        let kept = match (self.folder.kept(), runs) {
            (None, _) => "nothing is kept".to_owned(),
            (Some(data), None) => format!("all runs kept in {}", data.display()),
            (Some(data), Some(1)) => format!("1 run kept in {}", data.display()),
            (Some(data), Some(runs)) => format!("{runs} runs kept in {}", data.display()),
        };
        // Whoever closed the pipe does not want to know.
        drop(writeln!(io::stdout(), "stopping: {kept}"));
    }
}

impl Dev<'_> {
    /// The demo, once.
    fn demo_to_show(&self) -> Option<Demo> {
        let mut demo = self.demo.lock().unwrap_or_else(PoisonError::into_inner);
        demo.take()
    }

    /// Shows the demo once a page is asked for it; whatever goes wrong with it, all else goes on.
    async fn show_if_wanted(&self) {
        let Some(offer) = &self.offer else {
            return std::future::pending().await;
        };
        offer.wanted().await;
        let Some(demo) = self.demo_to_show() else {
            return;
        };
        let laid_out = demo.lay_out(&self.demo_folder);
        let shown = match laid_out {
            Ok(()) => self.show(demo).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = shown {
            aside(&fault.to_string());
        }
    }

    /// Starts the runs of the demo.
    async fn show(&self, demo: Demo) -> Outcome {
        let namespace = &self.session.settings.namespace;
        let connected = Client::connect(self.session.kafka()?, namespace).await;
        let client =
            connected.map_err(|error| Fault::new(Exit::Failed, format!("the demo: {error}")))?;
        demo.begin(&client.coding(self.session.coding.clone()))
            .await
    }

    fn say_ready(&self, partitions: i32, http: Option<&str>, demo: &[Line]) -> Outcome {
        let mut stdout = io::stdout().lock();
        let program = std::env::args().next().unwrap_or_default();
        let banner = Banner {
            program: &visible(&program),
            kafka: self.kafka,
            http,
            namespace: &self.session.settings.namespace,
            partitions,
            data: self.folder.kept(),
            workflows: &self.workflows,
            queues: &self.queues,
            demo,
            example: self.example.as_ref(),
            process: std::process::id(),
            spacing: match stdout.is_terminal() {
                true => Spacing::Wide,
                false => Spacing::Dense,
            },
        };
        write!(stdout, "{banner}")?;
        stdout.flush()?;
        if let Some(wanted) = self.partitions_wanted
            && i32::from(wanted) != partitions
        {
            aside(&format!(
                "hint: --partitions {wanted} changes nothing: an earlier start made the topics, with {partitions}; another --data begins anew"
            ));
        }
        Ok(())
    }
}

/// How long clients may take to close their connections: those of the engine do, which ended; others may stay.
const CLIENTS_PATIENCE: Duration = Duration::from_millis(1_500);

/// The address that clients on this host use: one of "any address" is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other.ip(),
    };
    SocketAddr::new(ip, address.port())
}

/// Whoever waits for the file waits for this start, not for an earlier one.
fn await_anew(path: &Path) -> Outcome {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Fault::usage(format!(
            "--ready-file: there is no folder {}",
            folder.display()
        )));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Fault::refused(format!(
            "cannot remove {}: {error}",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Written beside and renamed, so that who waits for the file reads all of it.
fn write(path: &Path, addresses: &Addresses) -> Outcome {
    let beside = path.with_extension(format!("{}.new", new_id()));
    let written = serde_json::to_vec(addresses)
        .map_err(io::Error::from)
        .and_then(|json| fs::write(&beside, json))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let text = format!("cannot write {}: {error}", path.display());
        Fault::new(Exit::Refused, text)
    })
}

/// The folder of the data; a temporary one goes when this is dropped.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    fn of(args: &DevArgs) -> Self {
        let path = match (&args.data, args.ephemeral) {
            (_, true) => std::env::temp_dir().join(format!("sagaline-{}", new_id())),
            (Some(data), _) => data.clone(),
            (None, false) => PathBuf::from(".sagaline"),
        };
        Self {
            path,
            is_temporary: args.ephemeral,
        }
    }

    /// Where the data stays.
    fn kept(&self) -> Option<&Path> {
        (!self.is_temporary).then_some(&self.path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "the temporary folder stays");
        }
    }
}
