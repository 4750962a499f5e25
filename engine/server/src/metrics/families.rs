//! Every metric: its name, what it means, and where its value comes from.

use sagaline_core::{Timestamp, event::Outcome};
use sagaline_runtime::{
    delay::TierStatus,
    engine::{InputsWaiting, TasksWaiting},
    figures::ActivityFigures,
    lane::{LaneStatus, QueueStatus, Stage},
};

use super::{
    Measured, Process, Projected,
    text::{Family, Histogram},
};

pub(super) const BUILD: &[Family<Process>] = &[Family::gauge(
    "sagaline_build_info",
    "Always 1; its labels say what runs here.",
    |_| Some(1.0),
)];

pub(super) const PROCESS: &[Family<Process>] = &[
    Family::gauge(
        "sagaline_start_time_seconds",
        "When this engine was started, in seconds since 1970.",
        |process| seconds_at(process.identity.started_at),
    ),
    Family::gauge(
        "sagaline_ready",
        "Whether the engine has partitions and owns all of them: what /readyz says.",
        |process| flag(process.is_ready),
    ),
    Family::gauge(
        "sagaline_partitions",
        "Partitions of the namespace, whoever owns them.",
        |process| Some(f64::from(process.partitions)),
    ),
];

pub(super) const LANE: &[Family<LaneStatus>] = &[
    Family::gauge(
        "sagaline_partition_owned",
        "Whether this engine owns the partition; 0 while it takes it over or after it failed.",
        |lane| flag(lane.stage == Stage::Active),
    ),
    Family::gauge(
        "sagaline_partition_ready",
        "Whether it owns the partition, trusts its clock and has no rival.",
        |lane| flag(lane.is_ready()),
    ),
    Family::gauge(
        "sagaline_partition_epoch",
        "Number of the claim by which this engine owns the partition.",
        |lane| (lane.stage == Stage::Active).then_some(lane.epoch as f64),
    ),
    Family::gauge("sagaline_open_runs", "Open runs.", |lane| {
        count(lane.open_runs)
    }),
    Family::gauge(
        "sagaline_closed_ids",
        "Ids of closed runs that are remembered.",
        |lane| count(lane.closed_ids),
    ),
    Family::gauge(
        "sagaline_runs_with_deadline",
        "Open runs that have a timer, a time-out or a retry ahead.",
        |lane| count(lane.runs_with_deadline),
    ),
    Family::gauge(
        "sagaline_incidents_open",
        "Incidents that wait for a person.",
        |lane| count(lane.open_incidents),
    ),
    Family::gauge(
        "sagaline_effects_pending",
        "Tasks, retries and answers on their way that no broker has acknowledged yet.",
        |lane| size(lane.effects),
    ),
    Family::counter(
        "sagaline_effects_dropped_total",
        "Answers and cancellations that could not be delivered and were dropped.",
        |lane| count(lane.dropped),
    ),
    Family::counter(
        "sagaline_batches_total",
        "Batches appended to the journal.",
        |lane| count(lane.batches),
    ),
    Family::counter(
        "sagaline_events_total",
        "Events appended to the journal.",
        |lane| count(lane.events),
    ),
    Family::counter(
        "sagaline_inputs_repeated_total",
        "Inputs that were dropped as repeats.",
        |lane| count(lane.repeats),
    ),
    Family::counter(
        "sagaline_inputs_stale_total",
        "Inputs that came too late to change anything: results after a time-out, for one.",
        |lane| count(lane.stale),
    ),
    Family::counter(
        "sagaline_inputs_rejected_total",
        "Inputs that were refused and journaled with the reason.",
        |lane| count(lane.rejected),
    ),
    Family::counter(
        "sagaline_inputs_forwarded_total",
        "Inputs that were sent on to their own partition.",
        |lane| count(lane.forwarded),
    ),
    Family::gauge(
        "sagaline_clock_skew_seconds",
        "This machine's clock minus the broker's.",
        |lane| Some(lane.clock_skew_ms as f64 / 1_000.0),
    ),
    Family::gauge(
        "sagaline_inbox_position",
        "Next offset of the inbox: all before it is journaled.",
        |lane| Some(lane.positions.0 as f64),
    ),
    Family::gauge(
        "sagaline_results_position",
        "Next offset of the results: all before it is journaled.",
        |lane| Some(lane.positions.1 as f64),
    ),
    Family::gauge(
        "sagaline_last_batch_timestamp_seconds",
        "When the last batch was appended, in seconds since 1970.",
        |lane| seconds_at(lane.as_of),
    ),
    Family::gauge(
        "sagaline_queues_left_out",
        "Limited task queues with their home here that are too many to be told of one by one.",
        |lane| size(lane.queues_left_out),
    ),
];

pub(super) const TIER: &[Family<TierStatus>] = &[
    Family::gauge(
        "sagaline_retry_tier_partitions",
        "Partitions of the retry topic that this process serves.",
        |tier| size(tier.partitions),
    ),
    Family::gauge(
        "sagaline_retry_tier_waiting",
        "Records that wait in those partitions: the lag.",
        |tier| size(tier.waiting),
    ),
    Family::gauge(
        "sagaline_retry_tier_waiting_bytes",
        "Bytes of those of them that were read and are in memory.",
        |tier| size(tier.bytes),
    ),
    Family::counter(
        "sagaline_retry_tier_forwarded_total",
        "Records that went on from here.",
        |tier| count(tier.forwarded),
    ),
    Family::counter(
        "sagaline_retry_tier_refused_total",
        "Records that were refused here.",
        |tier| count(tier.refused),
    ),
    Family::gauge(
        "sagaline_retry_tier_lateness_p99_seconds",
        "How late, of the last deliveries, all but one in a hundred were at most.",
        |tier| tier.late_p99_ms.map(|ms| ms as f64 / 1_000.0),
    ),
];

pub(super) const QUEUE: &[Family<QueueStatus>] = &[
    Family::gauge(
        "sagaline_queue_waiting",
        "Tasks of a limited queue that wait for their turn.",
        |queue| size(queue.waiting),
    ),
    Family::gauge(
        "sagaline_queue_held_back",
        "Tasks of a limited queue whose activity is paused.",
        |queue| size(queue.held_back),
    ),
    Family::gauge(
        "sagaline_queue_outstanding",
        "Tasks of a limited queue that are out and whose attempts have not ended.",
        |queue| size(queue.outstanding),
    ),
    Family::gauge(
        "sagaline_queue_outstanding_limit",
        "Most tasks that may be out at once.",
        |queue| queue.max_outstanding.map(f64::from),
    ),
    Family::gauge(
        "sagaline_queue_rate_limit_per_second",
        "Most tasks that go out in a second.",
        |queue| queue.rate_per_hour.map(|rate| rate as f64 / 3_600.0),
    ),
    Family::gauge(
        "sagaline_queue_paused",
        "Whether the queue, or an activity on it, is paused.",
        |queue| flag(queue.is_paused),
    ),
];

pub(super) const WORKERS: &[Family<(String, bool)>] = &[Family::gauge(
    "sagaline_queue_has_workers",
    "Whether the workers' group of a queue that this process sent tasks to has a member.",
    |(_, has_workers)| flag(*has_workers),
)];

pub(super) const INPUTS: &[Family<InputsWaiting>] = &[
    Family::gauge(
        "sagaline_inbox_waiting",
        "Offsets of the inbox that are not journaled yet: the lag.",
        |inputs| count(inputs.inbox),
    ),
    Family::gauge(
        "sagaline_results_waiting",
        "Offsets of the results that are not journaled yet: the lag.",
        |inputs| count(inputs.results),
    ),
];

pub(super) const TASKS: &[Family<TasksWaiting>] = &[
    Family::gauge(
        "sagaline_queue_backlog",
        "Offsets of the queue's topic that its workers have not committed.",
        |tasks| count(tasks.waiting),
    ),
    Family::gauge(
        "sagaline_queue_oldest_seconds",
        "For how long the oldest of them has waited, at least.",
        |tasks| Some(tasks.oldest_ms as f64 / 1_000.0),
    ),
];

pub(super) const PROJECTED: &[Family<Projected>] = &[
    Family::gauge(
        "sagaline_projection_lag_seconds",
        "How old what lists do not show yet is at least.",
        |projected| Some(projected.lag_ms as f64 / 1_000.0),
    ),
    Family::gauge(
        "sagaline_projection_waits",
        "Whether the projection waits for its database, or for the journal.",
        |projected| flag(projected.waits),
    ),
    Family::counter(
        "sagaline_projection_commits_total",
        "Transactions of the projection.",
        |projected| count(projected.commits),
    ),
];

pub(super) const STARTED: &[Family<Measured>] = &[Family::counter(
    "sagaline_runs_started_total",
    "Runs that were started.",
    |measured| count(measured.started),
)];

pub(super) const CLOSED: &[Family<(Outcome, u64)>] = &[Family::counter(
    "sagaline_runs_closed_total",
    "Runs that ended, by how they did.",
    |(_, ended)| count(*ended),
)];

pub(super) const MEASURED: &[Histogram<Measured>] = &[
    Histogram::count(
        "sagaline_batch_records",
        "Records of a batch in the journal.",
        |measured| &measured.batch_records,
    ),
    Histogram::seconds(
        "sagaline_commit_seconds",
        "From when a batch is sent to when it is known to be in the journal.",
        |measured| &measured.commit_ms,
    ),
    Histogram::seconds(
        "sagaline_input_wait_seconds",
        "From when the broker has an input to when it is decided on.",
        |measured| &measured.input_wait_ms,
    ),
    Histogram::seconds(
        "sagaline_takeover_seconds",
        "From when a partition is given to this engine to when it owns it.",
        |measured| &measured.takeover_ms,
    ),
];

pub(super) const ACTIVITY: &[Family<ActivityFigures>] = &[Family::counter(
    "sagaline_attempts_failed_total",
    "Attempts of activities of this name that failed.",
    |activity| count(activity.failed_attempts),
)];

pub(super) const STEP: &[Histogram<ActivityFigures>] = &[Histogram::seconds(
    "sagaline_step_seconds",
    "From when an activity is scheduled to its outcome, all its attempts included.",
    |activity| &activity.took_ms,
)];

// Numbers above 2^53 lose their last digits, as they do in Prometheus.

const fn count(count: u64) -> Option<f64> {
    Some(count as f64)
}

const fn size(size: usize) -> Option<f64> {
    Some(size as f64)
}

fn flag(is_so: bool) -> Option<f64> {
    Some(f64::from(u8::from(is_so)))
}

/// None at the beginning of time: it has not happened.
fn seconds_at(at: Timestamp) -> Option<f64> {
    (at > Timestamp::default()).then(|| at.as_millis() as f64 / 1_000.0)
}
