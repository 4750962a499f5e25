//! `/healthz`: whether to restart this process. `/readyz`: whether it does its work.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use sagaline_runtime::{
    EngineView,
    lane::{LaneStatus, Stage},
};

use crate::problem::Problem;

/// So many reasons, and of each so many partitions, are told one by one.
const SHOWN_MAX: usize = 20;

pub(crate) fn routes() -> Router<EngineView> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
}

async fn healthz(State(engine): State<EngineView>) -> Response {
    match ended(&engine) {
        Some(problem) => problem.into_response(),
        None => "ok\n".into_response(),
    }
}

async fn readyz(State(engine): State<EngineView>) -> Response {
    if let Some(problem) = ended(&engine) {
        return problem.into_response();
    }
    // Read once: a status that changes between two looks would make a refusal without a reason.
    let detail = match (engine.is_stopping(), unready(&engine.statuses())) {
        (true, _) => "the engine stops".to_owned(),
        (false, Some(detail)) => detail,
        (false, None) => return "ready\n".into_response(),
    };
    Problem::unavailable("not_ready", detail)
        .hint("a take-over ends by itself; for the rest see docs/operating/engines.md")
        .into_response()
}

fn ended(engine: &EngineView) -> Option<Problem> {
    engine.has_ended().then(|| {
        Problem::unavailable("engine_ended", "the engine of this process has ended")
            .hint("its log says why; the process ends, too")
    })
}

/// Which partitions are not ready and why; none when all are.
fn unready(lanes: &[LaneStatus]) -> Option<String> {
    if lanes.is_empty() {
        return Some("this engine has no partition".to_owned());
    }
    let mut reasons: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for lane in lanes {
        if let Some(reason) = reason(lane) {
            reasons.entry(reason).or_default().push(lane.partition);
        }
    }
    let told = reasons.iter().take(SHOWN_MAX);
    let mut told: Vec<String> = told
        .map(|(reason, partitions)| format!("{}: {reason}", listed(partitions)))
        .collect();
    match reasons.len().saturating_sub(SHOWN_MAX) {
        0 => {}
        more => told.push(format!("{more} more reasons")),
    }
    (!told.is_empty()).then(|| told.join("; "))
}

/// Why a lane is not ready; none when it is.
fn reason(lane: &LaneStatus) -> Option<String> {
    if let Some((code, message)) = &lane.error {
        return Some(format!("failed ({code}): {message}"));
    }
    if let Some(rival) = &lane.rival {
        return Some(format!("claimed again and again by {rival}"));
    }
    match lane.stage {
        Stage::TakingOver => Some("taking over".to_owned()),
        Stage::Stopped => Some("handed over".to_owned()),
        Stage::Failed => Some("failed".to_owned()),
        Stage::Active => (!lane.clock_trusted).then(|| {
            let skew = lane.clock_skew_ms;
            format!("the clock is not trusted, it is {skew} ms from the broker's")
        }),
    }
}

/// `partition 3`, `partitions 1, 2`.
fn listed(partitions: &[i32]) -> String {
    let shown = partitions.iter().take(SHOWN_MAX);
    let shown: Vec<String> = shown.map(ToString::to_string).collect();
    let noun = match partitions.len() {
        1 => "partition",
        _ => "partitions",
    };
    let more = match partitions.len().saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{noun} {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::lane;

    #[test]
    fn an_engine_that_owns_what_it_has_is_ready() {
        assert_eq!(unready(&[lane(0), lane(1)]), None);
        assert!(lane(0).is_ready());
    }

    #[test]
    fn an_engine_without_partitions_is_not_ready() {
        let told = unready(&[]);

        assert_eq!(told.as_deref(), Some("this engine has no partition"));
    }

    #[test]
    fn every_reason_is_told_with_its_partitions() {
        let mut lanes: Vec<LaneStatus> = (0..6).map(lane).collect();
        lanes[0].stage = Stage::TakingOver;
        lanes[1].stage = Stage::TakingOver;
        lanes[2].clock_trusted = false;
        lanes[3].rival = Some("6fa4-1".to_owned());
        lanes[4].stage = Stage::Failed;
        lanes[4].error = Some(("journal-corrupt".to_owned(), "bad bytes".to_owned()));

        assert_eq!(
            unready(&lanes).unwrap(),
            "partition 3: claimed again and again by 6fa4-1; partition 4: failed (journal-corrupt): bad bytes; \
             partitions 0, 1: taking over; partition 2: the clock is not trusted, it is -1500 ms from the broker's"
        );
        assert_eq!(lanes.iter().filter(|lane| lane.is_ready()).count(), 1);
    }

    #[test]
    fn a_thousand_partitions_are_not_told_one_by_one() {
        let mut lanes: Vec<LaneStatus> = (0..1_000).map(lane).collect();
        for lane in &mut lanes {
            lane.stage = Stage::TakingOver;
        }

        let told = unready(&lanes).unwrap();

        assert!(told.ends_with("18, 19 and 980 more: taking over"), "{told}");
    }
}
