use std::collections::BTreeSet;

use sagaline_core::{Name, Timestamp};
use sagaline_runtime::{
    delay::Tier,
    lane::{QueueStatus, Stage},
};

use super::*;

const DOCS: &str = include_str!("../../../../docs/operating/metrics.md");

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
fn the_rules_in_the_docs_are_about_metrics_that_there_are() {
    let known: BTreeSet<String> = documented().into_iter().map(|(name, ..)| name).collect();
    let (_, rules) = DOCS.split_once("## At two in the morning").unwrap();

    let is_of_name = |one: char| one.is_ascii_alphanumeric() || one == '_';
    let words = rules.split(|one: char| !is_of_name(one));
    let named: Vec<&str> = words.filter(|word| word.starts_with("sagaline_")).collect();

    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(known.contains(name), "{name}");
    }
}

/// Name, type and labels.
type Described = BTreeSet<(String, String, String)>;

fn exposed(page: &str) -> Described {
    let lines: Vec<&str> = page.lines().collect();
    let heads = lines.windows(2).filter_map(|pair| {
        let (name, kind) = pair[0].strip_prefix("# TYPE ")?.split_once(' ')?;
        let labels = pair[1].strip_prefix(name)?.split('"').step_by(2);
        let labels: Vec<&str> = labels
            .filter_map(|part| part.trim_start_matches(['{', ',']).strip_suffix('='))
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
