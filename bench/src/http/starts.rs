//! Starts by the topic and by HTTP, in turn, one at a time: so what else the machine does disturbs both alike.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{
    Bench,
    app::{self, Courier, Order},
    connection::Connection,
};
use crate::{
    clock,
    report::{Row, percentile, round},
    subject::Subject,
};

/// What HTTP may add at the median.
const ADDS_MS_MAX: f64 = 3.0;

/// Starts by each way that are not counted.
const WARM_UP_STARTS: u32 = 50;

/// So many by each way.
pub(super) async fn both_ways(subject: &Subject, count: u32) -> Result<Vec<Row>> {
    let bench = Bench::new(subject, "starts").await?;
    let mut connection = bench.connect().await?;
    let (mut of_topic, mut of_http) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP_STARTS + count {
        let ids = (format!("topic-{number}"), format!("http-{number}"));
        // Neither is always the one that comes behind the other.
        let (topic, http) = if number % 2 == 0 {
            let topic = by_the_topic(&bench, &ids.0).await?;
            (topic, by_http(&mut connection, &ids.1).await?)
        } else {
            let http = by_http(&mut connection, &ids.1).await?;
            (by_the_topic(&bench, &ids.0).await?, http)
        };
        if number >= WARM_UP_STARTS {
            of_topic.push(topic);
            of_http.push(http);
        }
    }
    let (topic, topic_p50) = row("a start by the topic, one after the other", of_topic)?;
    let (http, http_p50) = row("a start by HTTP, one after the other", of_http)?;
    let adds = (
        "what HTTP adds to a start".to_owned(),
        vec![
            ("p50_ms", round(http_p50 - topic_p50, 3)),
            ("target_p50_ms", ADDS_MS_MAX),
        ],
    );
    Ok(vec![topic, http, adds])
}

fn row(what: &str, mut took: Vec<Duration>) -> Result<(Row, f64)> {
    took.sort_unstable();
    let p50 = percentile(&took, 0.5).context("nothing was started")?;
    let p99 = percentile(&took, 0.99).unwrap_or_default();
    let parts = vec![
        ("starts", took.len() as f64),
        ("p50_ms", p50),
        ("p99_ms", p99),
    ];
    Ok(((what.to_owned(), parts), p50))
}

/// From the record in the inbox to the answer among the replies.
async fn by_the_topic(bench: &Bench, id: &str) -> Result<Duration> {
    let start = bench
        .client
        .start(app::begin(Order::by(Courier::Delivers)), id);
    let begun = clock::now();
    let run = start.await?;
    let took = begun.elapsed();
    ensure!(
        run.workflow_id() == id,
        "not {id} but {}",
        run.workflow_id()
    );
    Ok(took)
}

/// From the request to its answer.
pub(super) async fn by_http(connection: &mut Connection, id: &str) -> Result<Duration> {
    let order = Order::by(Courier::Delivers);
    let body = json!({ "workflow": "begin", "id": id, "input": order }).to_string();
    let begun = clock::now();
    let answer = connection.post("/api/v1/workflows", &body).await?;
    let took = begun.elapsed();
    let said = answer.with(202)?.body;
    let said: serde_json::Value = serde_json::from_slice(&said)?;
    ensure!(
        said["workflow_id"] == id && said["started"] == true && said["run_id"].is_string(),
        "{id} was started, and the answer is {said}"
    );
    Ok(took)
}
