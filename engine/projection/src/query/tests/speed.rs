//! How long lists take where there are 1,000,000 runs: `docs/reference/benchmarks.md`, "Lists".
//!
//! The rows are made by SQL, since this measures reading: 2% are open, with an activity each; most ended well.

use rustix::time::{ClockId, clock_gettime};
use sqlx::Executor as _;

use super::{
    NOW_MS,
    runs::{self, Dice},
    seen,
};
use crate::{List, Projection, key, sql::Sql};

const RUNS: i64 = 1_000_000;
const ROUNDS: usize = 30;
const SECONDS_MAX: f64 = 3.0;
const P99_MS_MAX: f64 = 50.0;

/// Runs, with what `i` makes of each. `h` and `g` look random.
const FILL_RUNS: &str = "INSERT INTO runs (id, run_id, partition, workflow_id, first_offset, listed, open, status, situation, \
     needs_person, decisions, workflow, version, version_key, started_at, closed_at, took, task_queue, activity, activity_id, \
     attempt, next_attempt_at, last_failure_type, compensation, incidents, parent_workflow_id, parent_run_id) \
 SELECT i, h || '-' || i, i % 4, 'order-' || h || '-' || SUBSTR('abcdef', 1 + CAST(g % 6 AS INTEGER), 1), i, \
     CASE WHEN o = 0 AND h % 100 = 99 THEN 0 ELSE 1 END, o, \
     CASE WHEN o = 1 THEN CASE WHEN s = 1 THEN 'Paused' ELSE 'Running' END WHEN h % 100 < 90 THEN 'Completed' \
         WHEN h % 100 < 95 THEN 'Failed' WHEN h % 100 < 97 THEN 'Canceled' WHEN h % 100 < 98 THEN 'TimedOut' \
         WHEN h % 100 < 99 THEN 'Terminated' ELSE 'ContinuedAsNew' END, \
     CASE WHEN o = 0 THEN NULL WHEN s = 0 THEN 'incident' WHEN s = 1 THEN 'paused' WHEN s = 2 THEN 'compensating' \
         WHEN s < 6 THEN 'retrying' WHEN s < 13 THEN 'working' ELSE 'waiting' END, \
     CASE WHEN o = 1 AND s = 0 THEN 1 ELSE 0 END, CASE WHEN o = 1 AND s = 19 THEN 1 ELSE 0 END, \
     CASE WHEN i % 100000 = 7 THEN 'rare' WHEN i <= 50000 THEN 'retired' ELSE 'wf-' || (g % 20) END, \
     CASE g % 3 WHEN 0 THEN '1' WHEN 1 THEN '2' ELSE '10.1' END, \
     CASE g % 3 WHEN 0 THEN $2 WHEN 1 THEN $3 ELSE $4 END, \
     $5 + i * 100, CASE WHEN o = 1 THEN NULL ELSE $6 + i * 100 + t END, CASE WHEN o = 1 THEN NULL ELSE t END, \
     CASE WHEN o = 1 AND s < 13 THEN 'queue-' || (g % 10) END, CASE WHEN o = 1 AND s < 13 THEN 'step-' || (g % 30) END, \
     CASE WHEN o = 1 AND s < 13 THEN 1 END, CASE WHEN o = 1 AND s < 13 THEN 1 + g % 9 END, \
     CASE WHEN o = 1 AND s BETWEEN 3 AND 5 THEN $7 + g % 600000 END, \
     CASE WHEN o = 1 AND s IN (0, 3, 4, 5) THEN 'Error' || (g % 12) END, \
     CASE WHEN h % 10 = 3 THEN 'registered' WHEN h % 100 = 94 THEN 'completed' WHEN h % 1000 = 931 THEN 'failed' END, \
     CASE WHEN o = 1 AND s = 0 THEN 1 ELSE 0 END, \
     CASE WHEN i % 10 = 0 THEN 'batch-' || (i / 1000) END, CASE WHEN i % 10 = 0 THEN 'run-' || (i / 1000) END \
 FROM (SELECT i, h, g, CASE WHEN i % 50 = 0 OR i > $1 - 1000 THEN 1 ELSE 0 END AS o, h % 20 AS s, \
         g % 5000 + CASE WHEN i % 10000 = 3 THEN 3600000 ELSE 0 END AS t \
     FROM (SELECT i, i * 2654435761 % 4294967296 AS h, (i * 40503 + 977) % 1000003 * 2246822519 % 4294967291 AS g FROM (";

const FILL_OTHERS: [&str; 7] = [
    "INSERT INTO attributes SELECT id, 'customer', 0, '3c-' || (first_offset * 7919 % 100000), '', started_at FROM runs",
    "INSERT INTO attributes SELECT id, 'total', 0, \
     '121B' || LENGTH(CAST(1 + id * 7907 % 9999 AS TEXT)) || RTRIM(CAST(1 + id * 7907 % 9999 AS TEXT), '0'), '', started_at FROM runs",
    "INSERT INTO attributes SELECT id, 'region', 0, CASE id % 3 WHEN 0 THEN '3eu' WHEN 1 THEN '3us' ELSE '3ap' END, '', started_at FROM runs",
    "INSERT INTO attributes SELECT id, 'tags', 0, '4', '', started_at FROM runs WHERE id % 7 = 0",
    "INSERT INTO attributes SELECT id, 'tags', 1, CASE WHEN id % 700 = 0 THEN 'e3vip' ELSE 'e3express' END, '', started_at FROM runs WHERE id % 7 = 0",
    "INSERT INTO pending SELECT run_id, 1, activity, task_queue, CASE WHEN next_attempt_at IS NULL THEN 'queued' ELSE 'retrying' END, \
     attempt, next_attempt_at, last_failure_type, CASE WHEN next_attempt_at IS NULL THEN started_at END FROM runs WHERE activity IS NOT NULL",
    "INSERT INTO incidents SELECT run_id, 9, workflow_id, 1, 'attempts-exhausted', workflow, version, activity, activity_id, \
     last_failure_type, started_at, NULL, NULL FROM runs WHERE needs_person = 1",
];

fn start_ms() -> i64 {
    NOW_MS - RUNS * 100
}

/// What a clock says. The process's own is what the wall's would say if nobody else had the machine.
fn ms(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    let seconds = std::time::Duration::new(time.tv_sec.unsigned_abs(), 0).as_secs_f64();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    seconds * 1_000.0 + f64::from(nanos) / 1e6
}

async fn fill(projection: &Projection) {
    let pool = &projection.pool();
    for from in (1..=RUNS).step_by(50_000) {
        let text = format!(
            "{FILL_RUNS}WITH RECURSIVE n(i) AS (SELECT $8 UNION ALL SELECT i + 1 FROM n WHERE i < $9) SELECT i FROM n) a) b) c"
        );
        let key = |version| key::version_key(version).unwrap();
        let query = sqlx::query(sqlx::AssertSqlSafe(text));
        let query = query
            .bind(RUNS)
            .bind(key("1"))
            .bind(key("2"))
            .bind(key("10.1"));
        let query = query.bind(start_ms()).bind(start_ms()).bind(NOW_MS);
        query
            .bind(from)
            .bind(from + 49_999)
            .execute(pool)
            .await
            .unwrap();
    }
    let mut dice = Dice::new(5);
    let mut stored = runs::run(&mut dice, 1);
    stored.run.closed = None;
    let started = std::sync::Arc::make_mut(&mut stored.run.started);
    started.input = sagaline_core::Payload::json(vec![b'1'; 1_000]);
    let mut sql = Sql::new("INSERT INTO states (id, state) SELECT id, ");
    sql.bind(stored.encode().unwrap()).push(" FROM runs");
    sql.query().execute(pool).await.unwrap();
    for statement in FILL_OTHERS {
        pool.execute(statement).await.unwrap();
    }
    pool.execute("ANALYZE").await.unwrap();
}

/// Filters, of which `{}` is another number each time.
const FILTERS: [&str; 65] = [
    "",
    "Status = 'Running'",
    "Status = 'Completed'",
    "Status = 'Failed'",
    "Status != 'Completed'",
    "Status IN ('Terminated', 'TimedOut')",
    "Open = true",
    "Open = false",
    "Situation = 'incident'",
    "Situation = 'no-worker'",
    "Situation != 'waiting'",
    "NeedsPerson = true",
    "NeedsPerson = false",
    "WorkflowId = 'order-{}-a'",
    "WorkflowId STARTS_WITH 'order-{}'",
    "WorkflowId STARTS_WITH 'order-'",
    "WorkflowId CONTAINS '{}'",
    "WorkflowId CONTAINS 'rder-1{}'",
    "WorkflowId CONTAINS 'nothing'",
    "WorkflowId > 'p'",
    "RunId = '{}'",
    "WorkflowType = 'wf-3'",
    "WorkflowType = 'rare'",
    "WorkflowType = 'retired'",
    "WorkflowType = 'none'",
    "WorkflowType != 'wf-3'",
    "Version = '2'",
    "Version > '10'",
    "Version > '11'",
    "StartTime > '2027-01-15T07:59:00Z'",
    "StartTime < '2027-01-14T12:00:00Z'",
    "StartTime < '2020-01-01T00:00:00Z'",
    "StartTime BETWEEN '2027-01-14T12:00:00Z' AND '2027-01-14T12:10:00Z'",
    "CloseTime > '2027-01-15T07:59:00Z'",
    "CloseTime BETWEEN '2027-01-14T12:00:00Z' AND '2027-01-14T12:10:00Z'",
    "CloseTime < '2027-01-14T12:00:00Z'",
    "CloseTime IS NULL",
    "Duration > '30m'",
    "Duration > '40d'",
    "Duration < '1s'",
    "Duration BETWEEN '2s' AND 2{}",
    "TaskQueue = 'queue-3'",
    "TaskQueue = 'none'",
    "TaskQueue IS NULL",
    "Activity = 'step-3'",
    "ActivityId = 2",
    "LastFailureType = 'Error3'",
    "LastFailureType IS NOT NULL",
    "Attempt >= 9",
    "Attempt > 100",
    "NextAttemptAt < '2027-01-15T08:01:00Z'",
    "Compensation = 'failed'",
    "Compensation = 'running'",
    "Incidents > 0",
    "ParentWorkflowId = 'batch-{}'",
    "ParentWorkflowId IS NOT NULL",
    "customer = 'c-{}'",
    "customer STARTS_WITH 'c-{}'",
    "customer = 'nobody'",
    "total > 9990",
    "total > 100",
    "total BETWEEN 500 AND 500.5",
    "region = 'eu'",
    "tags CONTAINS 'vip'",
    "nothing = 1",
];

/// Orders, each with all runs; with `Few` of them, an index finds what is sorted.
const ORDERS: [&str; 14] = [
    "ORDER BY StartTime",
    "ORDER BY CloseTime DESC",
    "ORDER BY Duration DESC",
    "ORDER BY Status DESC",
    "ORDER BY WorkflowType",
    "ORDER BY WorkflowId DESC",
    "ORDER BY Attempt DESC",
    "ORDER BY NextAttemptAt",
    "ORDER BY LastFailureType",
    "ORDER BY TaskQueue DESC",
    "ORDER BY Version DESC",
    "ORDER BY total DESC",
    "Open = true ORDER BY Duration DESC",
    "Situation = 'retrying' ORDER BY NextAttemptAt",
];

#[tokio::test]
#[ignore = "takes minutes and a database of 2 GB: docs/reference/benchmarks.md"]
async fn lists_of_a_million_runs_are_quick() {
    let url = std::env::var("SAGALINE_SPEED_DATABASE").unwrap();
    let projection = Projection::open(&url, "ns").await.unwrap();
    let runs = projection
        .number(Sql::new("SELECT COUNT(*) FROM runs"))
        .await
        .unwrap();
    if runs < RUNS {
        projection.empty().await.unwrap();
        fill(&projection).await;
    }
    let unread = [sagaline_core::Name::from("queue-3")];
    let mut late = Vec::new();
    let mut lines = String::from(
        "| filter | rows | p50 ms | p99 ms | p99 CPU ms | count, CPU ms |\n|---|---|---|---|---|---|\n",
    );
    for text in FILTERS.into_iter().chain(ORDERS) {
        let (mut times, mut cpu_times, mut rows) = (Vec::new(), Vec::new(), 0);
        for round in 0..ROUNDS {
            let text = text.replace("{}", &(100 + round * 31).to_string());
            let filter = super::filter(&text);
            let list = List {
                filter: &filter,
                seen: seen(&unread),
                page_size: 50,
                page_token: None,
            };
            let (begun, cpu) = (ms(ClockId::Monotonic), ms(ClockId::ProcessCPUTime));
            rows = projection.list(&list).await.unwrap().rows.len();
            times.push(ms(ClockId::Monotonic) - begun);
            cpu_times.push(ms(ClockId::ProcessCPUTime) - cpu);
            // What is slow need not be measured often.
            if times.iter().sum::<f64>() > SECONDS_MAX * 1_000.0 {
                break;
            }
        }
        let filter = super::filter(&text.replace("{}", "131"));
        let begun = ms(ClockId::ProcessCPUTime);
        let counted = projection.count(&filter, None, &seen(&unread)).await;
        counted.unwrap();
        let count = ms(ClockId::ProcessCPUTime) - begun;
        times.sort_by(f64::total_cmp);
        cpu_times.sort_by(f64::total_cmp);
        let at = |times: &[f64], percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
        let (p50, p99, cpu) = (at(&times, 50), at(&times, 99), at(&cpu_times, 99));
        lines += &format!("| `{text}` | {rows} | {p50:.1} | {p99:.1} | {cpu:.1} | {count:.0} |\n");
        if cpu > P99_MS_MAX {
            late.push(format!("{text}: {cpu:.1} ms"));
        }
    }
    std::fs::write(std::env::temp_dir().join("sagaline-lists.md"), &lines).unwrap();
    assert!(late.is_empty(), "{lines}\n{late:#?}");
}
