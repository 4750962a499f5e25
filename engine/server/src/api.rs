//! The API: JSON under `/api/v1`, the same for pages, the command line and scripts.
//!
//! ```text
//! call ─▶ origin, login ─▶ write: a record in the inbox ─▶ owner ─▶ replies ─▶ 202, once it is in the journal
//!                          read:  projection, or with ?consistency=strong the owner by the same way
//! ```
//! So any process answers for any partition. Deliberately absent: decisions, which are the owners', and views of runs, which are
//! core's. Invariant: what is answered 2xx to a write is in the journal.

mod access;
mod act;
mod answer;
mod archive;
mod ask;
mod attempts;
mod attributes;
mod batch;
mod call;
mod calls;
mod closing;
mod definitions;
mod history;
mod hub;
mod incident;
mod info;
mod journal;
mod keyed;
mod list;
mod location;
mod message;
mod openapi;
mod payload;
mod queue;
mod queues;
mod reads;
mod refusal;
mod rejected;
mod result;
mod runs;
mod schedule;
mod start;
mod step;
mod stream;
mod traces;
mod views;
mod walk;

use std::{convert::Infallible, fmt, sync::Arc, time::Duration};

use axum::{Router, middleware};
use sagaline_core::Millis;
use sagaline_journal::kafka::Kafka;
use sagaline_projection::{Lag, Projection};
use sagaline_runtime::{EngineView, Keys};
use sagaline_sdk::{Coding, client::Client};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::{
    sync::{OnceCell, Semaphore},
    time::sleep,
};

pub(crate) use self::access::{Behind, Caller, is_foreign};
pub(crate) use self::journal::now;
pub use self::{
    access::{Access, Fetch, Jwt, JwtSettings, Login, Look, Tokens},
    archive::Retention,
};
use crate::{offer::DemoOffer, problem::Problem};

/// Bodies that are read at a time: so much memory strangers can fill, and no more.
const BODIES_MAX: usize = 64;

/// Pause before the brokers are connected to again.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Questions to the brokers that are asked at a time: each blocks a thread.
const KAFKA_ASKED_MAX: usize = 2;

/// What the API works with. Clones share it.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// What an [`Api`] is made of.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The engine of this process.
    pub engine: EngineView,
    /// The brokers.
    pub kafka: Kafka,
    /// What acts of operators are signed with.
    pub keys: Keys,
    /// How inputs are encoded; what the journal has is shown as it is.
    pub coding: Coding,
    /// What reads are answered from.
    pub projection: Projection,
    /// The workflows of this app.
    pub workflows: Vec<WorkflowInfo>,
    /// Who may do what.
    pub access: Access,
    /// How far the projection is behind; none: that is not known.
    pub lag: Option<Arc<Lag>>,
    /// What is offered to a newcomer.
    pub demo: Option<DemoOffer>,
}

/// A workflow of this app, as `GET /info` has it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WorkflowInfo {
    /// Its name.
    pub name: String,
    /// Its versions, the lowest first.
    pub versions: Vec<String>,
    /// Signals that the highest handles.
    pub signals: Vec<String>,
    /// Queries that it answers.
    pub queries: Vec<String>,
    /// Updates that it takes.
    pub updates: Vec<String>,
    /// Inputs to begin with: JSON.
    pub example_inputs: Vec<Box<RawValue>>,
}

struct Shared {
    settings: ApiSettings,
    /// Connected once there are topics.
    client: OnceCell<Client>,
    bodies: Semaphore,
    journal: journal::Journal,
    written: reads::Written,
    hub: Arc<hub::Hub>,
    /// Questions to the brokers that are asked at a time.
    kafka_permits: Semaphore,
    queue_watch: Arc<queues::Watch>,
    /// Rejected inputs that are sent again at a time.
    redrive_permits: Semaphore,
    keyed: keyed::Keyed,
    closing: closing::Closing,
}

impl Api {
    /// Answers with these.
    #[must_use]
    pub fn new(settings: ApiSettings) -> Self {
        let namespace = &settings.engine.identity().namespace;
        let journal = journal::Journal::new(&settings.kafka, namespace);
        Self(Arc::new(Shared {
            journal,
            written: reads::Written::default(),
            hub: hub::Hub::new(),
            kafka_permits: Semaphore::new(KAFKA_ASKED_MAX),
            queue_watch: Arc::default(),
            redrive_permits: Semaphore::new(rejected::REDRIVES_MAX),
            keyed: keyed::Keyed::default(),
            closing: closing::Closing::default(),
            settings,
            client: OnceCell::new(),
            bodies: Semaphore::new(BODIES_MAX),
        }))
    }

    fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    pub(crate) fn engine(&self) -> &EngineView {
        &self.settings().engine
    }

    /// How far the projection of this process is, if it has one.
    pub(crate) fn lag(&self) -> Option<&Lag> {
        self.settings().lag.as_deref()
    }

    fn access(&self) -> &Access {
        &self.settings().access
    }

    pub(crate) fn kafka(&self) -> &Kafka {
        &self.settings().kafka
    }

    pub(crate) fn demo(&self) -> Option<&DemoOffer> {
        self.settings().demo.as_ref()
    }

    /// How old what lists do not show yet is at least; none: that is not known.
    fn behind(&self) -> Option<Millis> {
        let lag = self.settings().lag.as_ref()?;
        Some(lag.behind(now()))
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.engine().identity().namespace
    }

    fn kafka_permits(&self) -> &Semaphore {
        &self.0.kafka_permits
    }

    fn queue_watch(&self) -> Arc<queues::Watch> {
        Arc::clone(&self.0.queue_watch)
    }

    fn redrive_permits(&self) -> &Semaphore {
        &self.0.redrive_permits
    }

    fn closing(&self) -> &closing::Closing {
        &self.0.closing
    }

    fn keyed(&self) -> &keyed::Keyed {
        &self.0.keyed
    }

    fn hub(&self) -> &Arc<hub::Hub> {
        &self.0.hub
    }

    fn bodies(&self) -> &Semaphore {
        &self.0.bodies
    }

    /// Connects to the brokers as soon as there are topics, so that the first caller does not wait for that.
    pub(crate) async fn connect_early(&self) -> Infallible {
        while self.client().await.is_err() {
            sleep(CONNECT_AGAIN_AFTER).await;
        }
        if let Err(problem) = self.queue_topics().await {
            tracing::debug!(
                ?problem,
                "the brokers did not say which task queues there are"
            );
        }
        std::future::pending().await
    }

    async fn client(&self) -> Result<&Client, Problem> {
        let connect = || async {
            let kafka = self.settings().kafka.clone();
            let client = Client::connect(kafka, self.namespace()).await?;
            let client = client.keys(self.settings().keys.clone());
            Ok(client.coding(self.settings().coding.clone()))
        };
        let client = self.0.client.get_or_try_init(connect).await;
        client.map_err(refusal::unreached)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Api").field(&self.namespace()).finish()
    }
}

/// The calls, without what stands before `/api/v1`.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    let calls = calls::router();
    let calls = calls.route_layer(middleware::from_fn_with_state(api.clone(), keyed::remember));
    calls.route_layer(middleware::from_fn_with_state(api.clone(), access::check))
}
