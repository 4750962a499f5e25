//! `/metrics`: what the engine of this process says of itself in numbers, for Prometheus.
//!
//! The page `docs/operating/metrics.md` has them all; a test compares. Deliberately absent: registers that are counted up
//! on the way. Lanes and the delay service publish their counts anyhow, and nothing is computed while nobody asks.

mod families;
mod text;

use axum::{
    Router,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::get,
};
use sagaline_core::event::Outcome;
use sagaline_projection::Lag;
use sagaline_runtime::{
    EngineIdentity,
    delay::TierStatus,
    engine::{InputsWaiting, TasksWaiting},
    figures::{ActivityFigures, Reading},
    lane::LaneStatus,
};

use self::text::Page;
use crate::api::{Api, now};

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(api): State<Api>) -> Response {
    let engine = api.engine();
    let figures = Figures {
        process: Process {
            identity: engine.identity().clone(),
            is_ready: engine.is_ready(),
            partitions: engine.partitions(),
        },
        lanes: engine.statuses(),
        tiers: engine.delay_statuses(),
        workers: engine.queues_with_workers(),
        inputs: engine.inputs_waiting(),
        tasks: engine.tasks_waiting(),
        projected: api.lag().map(Projected::of),
        measured: Measured::of(engine.figures()),
    };
    ([(CONTENT_TYPE, text::CONTENT_TYPE)], figures.page()).into_response()
}

/// Everything that the page is made of.
struct Figures {
    process: Process,
    lanes: Vec<LaneStatus>,
    tiers: Vec<TierStatus>,
    /// Task queues, and whether they have workers.
    workers: Vec<(String, bool)>,
    inputs: Vec<InputsWaiting>,
    tasks: Vec<TasksWaiting>,
    projected: Option<Projected>,
    measured: Measured,
}

/// How far the projection of this process is.
struct Projected {
    lag_ms: u64,
    waits: bool,
    commits: u64,
}

impl Projected {
    fn of(lag: &Lag) -> Self {
        Self {
            lag_ms: lag.behind(now()).0,
            waits: lag.failure().is_some(),
            commits: lag.commits(),
        }
    }
}

/// What the lanes have measured together.
struct Measured {
    started: u64,
    closed: Vec<(Outcome, u64)>,
    batch_records: Reading,
    commit_ms: Reading,
    input_wait_ms: Reading,
    takeover_ms: Reading,
    activities: Vec<ActivityFigures>,
}

impl Measured {
    fn of(figures: &sagaline_runtime::figures::Figures) -> Self {
        Self {
            started: figures.started(),
            closed: figures.closed().into(),
            batch_records: figures.batch_records(),
            commit_ms: figures.commit_ms(),
            input_wait_ms: figures.input_wait_ms(),
            takeover_ms: figures.takeover_ms(),
            activities: figures.activities(),
        }
    }
}

/// What there is once.
struct Process {
    identity: EngineIdentity,
    is_ready: bool,
    partitions: i32,
}

impl Figures {
    fn page(&self) -> String {
        let mut page = Page::default();
        let process = [&self.process].into_iter();
        page.add(families::BUILD, process.clone(), |process| {
            let EngineIdentity {
                namespace,
                app,
                build,
                ..
            } = &process.identity;
            [
                ("app", app.clone()),
                ("build", build.clone()),
                ("namespace", namespace.clone()),
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ]
        });
        page.add(families::PROCESS, process, |_| []);
        page.add(families::LANE, self.lanes.iter(), |lane| {
            [("partition", lane.partition.to_string())]
        });
        page.add(families::TIER, self.tiers.iter(), |tier| {
            [("tier", tier.tier.name().to_owned())]
        });
        let queues = self.lanes.iter().flat_map(|lane| lane.queues.iter());
        page.add(families::QUEUE, queues, |queue| {
            [("queue", queue.queue.to_string())]
        });
        page.add(families::WORKERS, self.workers.iter(), |(queue, _)| {
            [("queue", queue.clone())]
        });
        self.add_what_waits(&mut page);
        self.add_measured(&mut page);
        page.finish()
    }

    fn add_what_waits(&self, page: &mut Page) {
        page.add(families::INPUTS, self.inputs.iter(), |inputs| {
            [("partition", inputs.partition.to_string())]
        });
        page.add(families::TASKS, self.tasks.iter(), |tasks| {
            [("queue", tasks.queue.clone())]
        });
        page.add(families::PROJECTED, self.projected.iter(), |_| []);
    }

    fn add_measured(&self, page: &mut Page) {
        let measured = [&self.measured].into_iter();
        page.add(families::STARTED, measured.clone(), |_| []);
        page.add(families::CLOSED, self.measured.closed.iter(), |closed| {
            [("status", closed.0.status().to_owned())]
        });
        page.add_histograms(families::MEASURED, measured, |_| []);
        let activities = self.measured.activities.iter();
        let name = |of: &ActivityFigures| [("activity", of.activity.to_string())];
        page.add(families::ACTIVITY, activities.clone(), name);
        page.add_histograms(families::STEP, activities, name);
    }
}

#[cfg(test)]
pub(crate) mod tests;
