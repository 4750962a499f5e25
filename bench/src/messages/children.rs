//! Children of one parent, beside as many runs of nobody.

use anyhow::Result;
use sagaline::future::join_window;
use sagaline_journal::wire::{ce_type, header};

use super::{Bench, Row, app, cpu_ms, now, since};
use crate::{report::round, subject::Subject};

/// As many runs: started by a client that wants no answer, by one that awaits each, and by a parent that does.
pub(super) async fn beside_others(
    subject: &Subject,
    count: u32,
    window: usize,
) -> Result<Vec<Row>> {
    let (alone, _) = measure(subject, "alone", async |bench: &Bench| start(bench, count)).await?;
    let (awaited, _) = measure(subject, "awaited", async |bench: &Bench| {
        let runs = (0..count).map(|number| {
            let start = bench
                .client
                .start(app::item(number), format!("item-{number}"));
            async move { start.await?.result().await }
        });
        let ended = join_window(window, runs).await;
        ended.into_iter().try_for_each(|one| one.map(drop))?;
        Ok(())
    })
    .await?;
    let many = app::Many {
        count,
        window,
        begun: 0,
        ended: 0,
    };
    let (children, parts) = measure(subject, "children", async |bench: &Bench| {
        let run = bench.client.start(app::parent(many), "parent").await?;
        let ended = run.result().await?;
        anyhow::ensure!(ended == count, "{ended} of {count} children have ended");
        Ok(())
    })
    .await?;
    let ratio = |to: f64| round(children / to, 2);
    Ok(vec![
        (
            format!("{count} runs of one activity, for which nobody waits"),
            vec![("cpu_ms", alone)],
        ),
        (
            format!("the same, awaited by a client, {window} at a time"),
            vec![("cpu_ms", awaited)],
        ),
        (
            format!("the same as children of one parent, {window} at a time"),
            [
                vec![("cpu_ms", children)],
                parts,
                vec![
                    ("cpu_ratio", ratio(alone)),
                    ("cpu_ratio_awaited", ratio(awaited)),
                ],
            ]
            .concat(),
        ),
    ])
}

/// The CPU time of all that takes part, and how long it took.
async fn measure(
    subject: &Subject,
    name: &str,
    work: impl AsyncFnOnce(&Bench) -> Result<()>,
) -> Result<(f64, Vec<(&'static str, f64)>)> {
    let bench = Bench::new(subject, name).await?;
    let (begun, before) = (now(), bench.cpu());
    work(&bench).await?;
    let took = round(since(begun), 2);
    let cpu = bench.cpu_until_idle().since(&before);
    let rss = bench.children.engine_rss_bytes().unwrap_or_default();
    let engine_mb = round(rss as f64 / 1e6, 1);
    Ok((
        round(cpu_ms(&cpu), 0),
        vec![("seconds", took), ("engine_mb", engine_mb)],
    ))
}

fn start(bench: &Bench, count: u32) -> Result<()> {
    for number in 1..=count {
        let id = format!("item-{number}");
        let value = number.to_string();
        let headers = [
            (header::CE_TYPE, ce_type::WORKFLOW_START),
            (header::WORKFLOW, "item"),
        ];
        bench.send(&id, &headers, &value)?;
    }
    bench.flush()
}
