use std::collections::BTreeSet;

use sagaline_core::{Name, Timestamp, event::Outcome};
use sagaline_runtime::{
    delay::Tier,
    lane::{QueueStatus, Stage},
};

use super::*;

const DOCS: &str = include_str!("../../../../docs/operating/metrics.md");
const RULES: &str = include_str!("../../../../docs/operating/alerts.yml");
const DASHBOARD: &str = include_str!("../../../../docs/operating/dashboard.json");

/// A lane that is ready.
pub(crate) fn lane(partition: i32) -> LaneStatus {
    LaneStatus {
        partition,
        stage: Stage::Active,
        epoch: 3,
        positions: (70, 80),
        open_runs: 5,
        closed_ids: 6,
        runs_with_deadline: 4,
        open_incidents: 2,
        queues: [].into(),
        queues_left_out: 0,
        as_of: Timestamp::from_millis(1_700_000_000_250),
        effects: 9,
        dropped: 10,
        clock_skew_ms: -1_500,
        clock_trusted: true,
        rival: None,
        error: None,
        batches: 11,
        events: 12,
        repeats: 13,
        stale: 14,
        rejected: 15,
        forwarded: 16,
    }
}

fn queue(name: &str) -> QueueStatus {
    QueueStatus {
        queue: Name::new(name).unwrap(),
        waiting: 7,
        held_back: 1,
        outstanding: 3,
        max_outstanding: Some(3),
        rate_per_hour: Some(1_800),
        is_paused: true,
    }
}

fn reading() -> Reading {
    Reading {
        bounds: &[1, 10],
        counts: vec![2, 3, 1],
        sum: 40,
    }
}

/// Figures in which everything has a value.
fn figures() -> Figures {
    let mut home = lane(1);
    home.queues = [queue("payments"), queue("say \"hi\"")].into();
    Figures {
        process: Process {
            identity: EngineIdentity {
                namespace: "shop".to_owned(),
                app: "order-saga".to_owned(),
                build: "v1\n".to_owned(),
                started_at: Timestamp::from_millis(1_700_000_000_000),
            },
            is_ready: true,
            partitions: 12,
        },
        lanes: vec![lane(0), home],
        tiers: vec![TierStatus {
            tier: Tier::M1,
            partitions: 4,
            waiting: 20,
            bytes: 2_000,
            forwarded: 21,
            refused: 22,
            late_p99_ms: Some(18),
        }],
        workers: vec![("payments".to_owned(), false)],
        inputs: vec![InputsWaiting {
            partition: 1,
            inbox: 23,
            results: 24,
        }],
        tasks: vec![TasksWaiting {
            queue: "payments".to_owned(),
            waiting: 25,
            oldest_ms: 26_500,
        }],
        projected: Some(Projected {
            lag_ms: 1_250,
            waits: false,
            commits: 30,
        }),
        measured: Measured {
            started: 27,
            closed: vec![(Outcome::Completed, 28), (Outcome::TimedOut, 1)],
            batch_records: reading(),
            commit_ms: reading(),
            input_wait_ms: reading(),
            takeover_ms: reading(),
            activities: vec![ActivityFigures {
                activity: Name::from("charge"),
                took_ms: reading(),
                failed_attempts: 29,
            }],
        },
    }
}

#[test]
fn every_number_stands_in_its_place_in_base_units() {
    let page = figures().page();

    for line in [
        "sagaline_build_info{app=\"order-saga\",build=\"v1\\n\",namespace=\"shop\",version=\"0.1.0\"} 1",
        "sagaline_start_time_seconds 1700000000",
        "sagaline_ready 1",
        "sagaline_partitions 12",
        "sagaline_partition_epoch{partition=\"0\"} 3",
        "sagaline_incidents_open{partition=\"1\"} 2",
        "sagaline_clock_skew_seconds{partition=\"0\"} -1.5",
        "sagaline_last_batch_timestamp_seconds{partition=\"1\"} 1700000000.25",
        "sagaline_results_position{partition=\"1\"} 80",
        "sagaline_retry_tier_waiting{tier=\"1m\"} 20",
        "sagaline_retry_tier_lateness_p99_seconds{tier=\"1m\"} 0.018",
        "sagaline_queue_waiting{queue=\"payments\"} 7",
        "sagaline_queue_rate_limit_per_second{queue=\"say \\\"hi\\\"\"} 0.5",
        "sagaline_queue_paused{queue=\"payments\"} 1",
        "sagaline_queue_has_workers{queue=\"payments\"} 0",
        "sagaline_inbox_waiting{partition=\"1\"} 23",
        "sagaline_results_waiting{partition=\"1\"} 24",
        "sagaline_queue_backlog{queue=\"payments\"} 25",
        "sagaline_queue_oldest_seconds{queue=\"payments\"} 26.5",
        "sagaline_projection_lag_seconds 1.25",
        "sagaline_projection_waits 0",
        "sagaline_projection_commits_total 30",
        "sagaline_runs_started_total 27",
        "sagaline_runs_closed_total{status=\"Completed\"} 28",
        "sagaline_runs_closed_total{status=\"TimedOut\"} 1",
        "sagaline_attempts_failed_total{activity=\"charge\"} 29",
        "sagaline_batch_records_bucket{le=\"10\"} 5",
        "sagaline_commit_seconds_bucket{le=\"0.001\"} 2",
        "sagaline_input_wait_seconds_count 6",
        "sagaline_takeover_seconds_sum 0.04",
        "sagaline_step_seconds_bucket{activity=\"charge\",le=\"+Inf\"} 6",
    ] {
        let line = line.replace("0.1.0", env!("CARGO_PKG_VERSION"));
        assert!(page.lines().any(|one| one == line), "{line}: {page}");
    }
}

#[test]
fn a_lane_that_takes_over_says_so_and_nothing_that_it_does_not_know() {
    let mut figures = figures();
    figures.lanes[0].stage = Stage::TakingOver;
    figures.lanes[0].as_of = Timestamp::default();

    let page = figures.page();

    assert!(page.contains("sagaline_partition_owned{partition=\"0\"} 0\n"));
    assert!(page.contains("sagaline_partition_owned{partition=\"1\"} 1\n"));
    for silent in [
        "sagaline_partition_epoch",
        "sagaline_last_batch_timestamp_seconds",
    ] {
        assert!(page.contains(&format!("{silent}{{partition=\"1\"}}")));
        assert!(!page.contains(&format!("{silent}{{partition=\"0\"}}")));
    }
}

#[test]
fn the_page_in_the_docs_has_every_metric_that_is_exposed_and_no_other() {
    assert_eq!(exposed(&figures().page()), documented());
}

#[test]
fn rules_and_dashboard_are_about_metrics_that_there_are() {
    let known: BTreeSet<String> = documented()
        .into_iter()
        .flat_map(|(name, kind, _)| match &*kind {
            "histogram" => ["_bucket", "_sum", "_count"]
                .map(|end| format!("{name}{end}"))
                .to_vec(),
            _ => vec![name],
        })
        .collect();
    let (_, rules) = DOCS.split_once("## At two in the morning").unwrap();

    for (what, text) in [("docs", rules), ("rules", RULES), ("dashboard", DASHBOARD)] {
        let is_of_name = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let words = text.split(|one: char| !is_of_name(one));
        let named: Vec<&str> = words.filter(|word| word.starts_with("sagaline_")).collect();

        assert!(named.len() > 10, "{what}: {named:?}");
        for name in named {
            assert!(known.contains(name), "{what}: {name}");
        }
    }
}

#[test]
fn the_dashboard_shows_every_metric_or_the_rules_do() {
    for (name, ..) in documented() {
        let is_there = DASHBOARD.contains(&name) || RULES.contains(&name);
        assert!(is_there || UNSHOWN.contains(&&*name), "{name}");
    }
}

/// What says something only beside others.
const UNSHOWN: [&str; 3] = [
    "sagaline_inbox_position",
    "sagaline_results_position",
    "sagaline_queues_left_out",
];

#[test]
fn the_dashboard_is_as_grafana_takes_it() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();

    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let place = &panel["gridPos"];
        let of = |key: &str| place[key].as_u64().unwrap();
        assert!(of("x") + of("w") <= 24 && of("h") > 0, "{title}");
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().unwrap();
        for target in targets {
            let expr = target["expr"].as_str().unwrap();
            assert!(
                expr.contains("$job") || !expr.contains('{'),
                "{title}: {expr}"
            );
            let count = |one: char| expr.matches(one).count();
            assert_eq!(count('('), count(')'), "{title}: {expr}");
            assert_eq!(count('{'), count('}'), "{title}: {expr}");
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
    }
    assert!(panels.len() > 10);
}

#[test]
fn the_page_says_the_rules_as_the_file_has_them() {
    let alerts = RULES
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    let (_, rules) = DOCS.split_once("## At two in the morning").unwrap();
    let alerts: Vec<&str> = alerts.collect();

    assert!(alerts.len() > 10, "{alerts:?}");
    for expr in &alerts {
        assert!(rules.contains(&format!("`{expr}`")), "{expr}");
    }
    let rows = rules
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("sagaline_"));
    assert_eq!(
        rows.count(),
        alerts.len(),
        "each row of the page is a rule of the file"
    );
}

/// Name, type and labels.
type Described = BTreeSet<(String, String, String)>;

fn exposed(page: &str) -> Described {
    let lines: Vec<&str> = page.lines().collect();
    let heads = lines.windows(2).filter_map(|pair| {
        let (name, kind) = pair[0].strip_prefix("# TYPE ")?.split_once(' ')?;
        let series = pair[1].strip_prefix(name)?;
        let series = series.strip_prefix("_bucket").unwrap_or(series);
        let labels = series.split('"').step_by(2);
        let labels: Vec<&str> = labels
            .filter_map(|part| part.trim_start_matches(['{', ',']).strip_suffix('='))
            .filter(|label| *label != "le")
            .collect();
        Some((name.to_owned(), kind.to_owned(), labels.join(", ")))
    });
    heads.collect()
}

/// The rows of the page: name, type, labels, meaning.
fn documented() -> Described {
    let rows = DOCS.lines().filter(|line| line.starts_with("| `sagaline_"));
    let of = |row: &str| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let cell = |at: usize| cells[at].replace('`', "");
        assert!(cells.len() == 6 && !cells[4].is_empty(), "{row}");
        (cell(1), cell(2), cell(3))
    };
    rows.map(of).collect()
}
