//! What there is: the app, its workflows, the partitions and who has them, what waits to be sent later.

use axum::{extract::State, response::Response};
use sagaline_core::{OUR_NAMES, Timestamp, show::Shown};
use sagaline_runtime::lane::{LaneStatus, Stage};
use serde::Serialize;

use super::{Api, WorkflowInfo, answer, call::Call, journal::now, reads::unread_error};
use crate::problem::Problem;

#[derive(Serialize)]
struct Info<'a> {
    namespace: &'a str,
    app: &'a str,
    build: &'a str,
    /// Of Sagaline.
    version: &'static str,
    partitions: i32,
    started_at: Shown<'a, Timestamp>,
    server_time: Shown<'a, Timestamp>,
    workflows: Vec<&'a WorkflowInfo>,
}

pub(crate) async fn info(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let identity = api.engine().identity();
    let workflows = api.settings().workflows.iter();
    let theirs = workflows.filter(|one| !one.name.starts_with(OUR_NAMES));
    Ok(answer::json(&Info {
        namespace: &identity.namespace,
        app: &identity.app,
        build: &identity.build,
        version: env!("CARGO_PKG_VERSION"),
        partitions: api.engine().partitions(),
        started_at: Shown(&identity.started_at),
        server_time: Shown(&now()),
        workflows: theirs.collect(),
    }))
}

#[derive(Serialize)]
struct Partitions<'a> {
    partitions: Vec<Partition>,
    /// How old what is not projected is at least; null: that is not known.
    behind_ms: Option<u64>,
    server_time: Shown<'a, Timestamp>,
}

/// A partition, as this process knows it.
#[derive(Serialize)]
struct Partition {
    partition: i32,
    /// What is projected of its journal; null: nothing yet.
    projected: Option<Projected>,
    /// The lane that has it; null: another process has it.
    owner: Option<Owner>,
}

#[derive(Serialize)]
struct Projected {
    next_offset: i64,
    journal_end: i64,
    /// Records of the journal that are not projected.
    behind: i64,
    as_of: String,
}

#[derive(Serialize)]
struct Owner {
    /// `taking-over`, `active`, `stopped` or `failed`.
    stage: &'static str,
    epoch: u64,
    inbox_position: i64,
    results_position: i64,
    open_runs: u64,
    open_incidents: u64,
    effects: usize,
    clock_skew_ms: i64,
    clock_trusted: bool,
    error: Option<Wrong>,
}

#[derive(Serialize)]
struct Wrong {
    code: String,
    message: String,
}

impl Owner {
    fn of(lane: &LaneStatus) -> Self {
        let error = lane.error.clone();
        Self {
            stage: match lane.stage {
                Stage::TakingOver => "taking-over",
                Stage::Active => "active",
                Stage::Stopped => "stopped",
                Stage::Failed => "failed",
            },
            epoch: lane.epoch,
            inbox_position: lane.positions.0,
            results_position: lane.positions.1,
            open_runs: lane.open_runs,
            open_incidents: lane.open_incidents,
            effects: lane.effects,
            clock_skew_ms: lane.clock_skew_ms,
            clock_trusted: lane.clock_trusted,
            error: error.map(|(code, message)| Wrong { code, message }),
        }
    }
}

pub(crate) async fn partitions(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let all: Vec<i32> = (0..api.engine().partitions()).collect();
    let ends = api.journal().ends(all).await;
    let ends = ends.map_err(|error| unread_error(&error))?;
    let progress = api.projection().progress().await;
    let progress = progress.map_err(|error| unread_error(&error))?;
    let lanes = api.engine().statuses();
    let seen = ends.into_iter().map(|(partition, journal_end)| {
        let projected = progress.iter().find(|one| one.partition == partition);
        let lane = lanes.iter().find(|lane| lane.partition == partition);
        Partition {
            partition,
            projected: projected.map(|one| Projected {
                next_offset: one.next_offset,
                journal_end,
                behind: (journal_end - one.next_offset).max(0),
                as_of: one.as_of.to_rfc3339(),
            }),
            owner: lane.map(Owner::of),
        }
    });
    Ok(answer::json(&Partitions {
        partitions: seen.collect(),
        behind_ms: api.behind().map(|behind| behind.0),
        server_time: Shown(&now()),
    }))
}

#[derive(Serialize)]
struct RetryTopics {
    retry_topics: Vec<RetryTopic>,
}

/// What waits to be sent later in one tier, of the partitions that this process has.
#[derive(Serialize)]
struct RetryTopic {
    topic: String,
    partitions: usize,
    waiting: usize,
    forwarded: u64,
    refused: u64,
    late_p99_ms: Option<u64>,
}

pub(crate) async fn retry_topics(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let tiers = api.engine().delay_statuses().into_iter();
    let retry_topics = tiers.map(|tier| RetryTopic {
        topic: sagaline_journal::wire::topic::retry(api.namespace(), tier.tier.name()),
        partitions: tier.partitions,
        waiting: tier.waiting,
        forwarded: tier.forwarded,
        refused: tier.refused,
        late_p99_ms: tier.late_p99_ms,
    });
    Ok(answer::json(&RetryTopics {
        retry_topics: retry_topics.collect(),
    }))
}
