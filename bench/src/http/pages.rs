//! Pages of runs and lists, and the JSON of runs: how long each takes on a kept connection, and how much of it there is.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

use super::{
    Bench, Options,
    app::{self, Courier, Order},
    connection::{Answer, Connection},
};
use crate::{
    clock,
    report::{Row, percentile, round},
    subject::Subject,
};

/// What the page of a run may take.
const PAGE_MS_MAX: f64 = 30.0;

/// How much it may be, with its style sheets and modules.
const PAGE_KB_MAX: f64 = 200.0;

/// Requests for each that are not counted.
const WARM_UP_REQUESTS: u32 = 5;

/// Events that an activity of [`app::long`] has.
const EVENTS_EACH: u32 = 3;

const UNDONE: &str = "page-undone";
const PARKED: &str = "page-parked";
const PARENT: &str = "page-parent";
const LONG: &str = "page-long";
const ORDER: &str = "page-order";

/// Something to be read.
struct Page {
    what: String,
    path: String,
    /// What stands in it, if it is the right one.
    says: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The page of a run, which has targets.
    Run,
    /// Another page.
    List,
    /// An answer of the API.
    Json,
}

/// Each page, one after the other.
pub(super) async fn all(subject: &Subject, options: &Options) -> Result<Vec<Row>> {
    let bench = Bench::new(subject, "pages").await?;
    let pages = runs(&bench, options).await?;
    let assets = assets(&mut bench.connect().await?).await?;
    let mut rows = Vec::new();
    for page in &pages {
        let row = measure(&bench, page, options.requests, assets).await;
        rows.push(row.with_context(|| page.what.clone())?);
    }
    Ok(rows)
}

/// Makes the runs, and gives what is to be read.
async fn runs(bench: &Bench, options: &Options) -> Result<Vec<Page>> {
    let start = async |courier, id| {
        let order = app::order(Order::by(courier));
        bench.client.start(order, id).await
    };
    let long = app::long(options.events / EVENTS_EACH);
    let long = bench.client.start(long, LONG).await?;
    long.result().await.context(LONG)?;
    let parent = app::parent(options.children);
    let parent = bench.client.start(parent, PARENT).await?;
    parent.result().await.context(PARENT)?;
    start(Courier::IsAway, PARKED).await?;
    start(Courier::Refuses, UNDONE).await?;
    // The newest: on the first page of the list, too.
    start(Courier::Delivers, ORDER).await?.result().await?;

    let undone = bench.described(UNDONE, "Failed").await?;
    ensure!(
        undone["compensation"]["state"] == "completed",
        "{UNDONE} was not undone: {undone}"
    );
    wait_for_incident(bench).await?;
    bench.described(PARENT, "Completed").await?;
    bench.described(ORDER, "Completed").await?;
    let long = bench.described(LONG, "Completed").await?;
    let events = &long["history_events"];
    let children = options.children;
    let of_run = |id: &str, tab: &str, what: &str| Page {
        what: format!("page of {what}"),
        path: format!("/workflows/{id}{tab}"),
        says: format!("<span class=\"id\">{id}</span>"),
        kind: Kind::Run,
    };
    let json = |id: &str, what: &str| Page {
        what: format!("JSON of {what}"),
        path: format!("/api/v1/workflows/{id}"),
        says: format!("\"workflow_id\":\"{id}\""),
        kind: Kind::Json,
    };
    let list = |path: &str, id: &str, what: &str| Page {
        what: what.to_owned(),
        path: path.to_owned(),
        says: format!(">{id}</a>"),
        kind: Kind::List,
    };
    Ok(vec![
        of_run(ORDER, "", "an order of three activities"),
        of_run(UNDONE, "", "an order that was undone"),
        of_run(PARENT, "", &format!("a parent of {children}")),
        of_run(PARENT, "?tab=children", "the same, its children"),
        of_run(LONG, "", &format!("a run of {events} events")),
        of_run(LONG, "?tab=history", "the same, its history"),
        list("/workflows", ORDER, "list of workflows"),
        list("/incidents", PARKED, "list of incidents"),
        json(ORDER, "an order of three activities"),
        json(PARENT, &format!("a parent of {children}")),
        json(LONG, &format!("a run of {events} events")),
    ])
}

/// Until the run that waits for a person is shown as such.
async fn wait_for_incident(bench: &Bench) -> Result<()> {
    let begun = clock::now();
    loop {
        let run = bench.described(PARKED, "Running").await?;
        if run["situation"] == "incident" {
            return Ok(());
        }
        ensure!(begun.elapsed() < super::PROJECTED_MAX, "no incident: {run}");
        tokio::time::sleep(super::LOOK_EVERY).await;
    }
}

async fn measure(bench: &Bench, page: &Page, requests: u32, assets: usize) -> Result<Row> {
    let mut connection = bench.connect().await?;
    let (mut took, mut bytes) = (Vec::new(), 0);
    for number in 0..WARM_UP_REQUESTS + requests {
        let begun = clock::now();
        let answer = connection.get(&page.path).await?;
        let elapsed = begun.elapsed();
        bytes = bytes.max(page.checked(answer)?.bytes);
        if number >= WARM_UP_REQUESTS {
            took.push(elapsed);
        }
    }
    took.sort_unstable();
    let share = |share| percentile(&took, share).context("nothing was asked");
    let mut parts = vec![
        ("requests", f64::from(requests)),
        ("p50_ms", share(0.5)?),
        ("p99_ms", share(0.99)?),
        ("kb", kilobytes(bytes)),
    ];
    if page.kind != Kind::Json {
        parts.push(("kb_with_assets", kilobytes(bytes + assets)));
    }
    if page.kind == Kind::Run {
        parts.push(("target_ms", PAGE_MS_MAX));
        parts.push(("target_kb_with_assets", PAGE_KB_MAX));
    }
    Ok((page.what.clone(), parts))
}

impl Page {
    /// The answer, if it is of what was asked for.
    fn checked(&self, answer: Answer) -> Result<Answer> {
        let answer = answer.with(200)?;
        let has = |text: &str| String::from_utf8_lossy(&answer.body).contains(text);
        ensure!(has(&self.says), "it does not say {}", self.says);
        ensure!(
            self.kind == Kind::Json || !has("id=\"problem\""),
            "a part of it could not be read"
        );
        Ok(answer)
    }
}

fn kilobytes(bytes: usize) -> f64 {
    round(bytes as f64 / 1_000.0, 1)
}

/// Bytes of all that the page of a run links to, and of the modules that those import: each is read once.
async fn assets(connection: &mut Connection) -> Result<usize> {
    let page = connection.get(&format!("/workflows/{ORDER}")).await?;
    let page = String::from_utf8(page.with(200)?.body)?;
    let mut waiting: BTreeSet<String> = between(&page, "\"/assets/")
        .map(|rest| format!("/assets/{rest}"))
        .collect();
    ensure!(!waiting.is_empty(), "a page without assets");
    let (mut read, mut bytes) = (BTreeSet::new(), 0);
    while let Some(path) = waiting.pop_first() {
        let answer = connection.get(&path).await?.with(200)?;
        bytes += answer.bytes;
        let (folder, name) = path.rsplit_once('/').context("an asset without a folder")?;
        if name.ends_with(".js") {
            let text = String::from_utf8(answer.body)?;
            let modules = between(&text, "from \"./").map(|name| format!("{folder}/{name}"));
            waiting.extend(modules.filter(|module| !read.contains(module) && *module != path));
        }
        read.insert(path);
    }
    Ok(bytes)
}

/// What stands behind each of these beginnings, up to the next quotation mark.
fn between<'a>(text: &'a str, beginning: &'a str) -> impl Iterator<Item = &'a str> {
    let rests = text.split(beginning).skip(1);
    rests.filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn what_a_page_links_to_is_found() {
        let page = r#"<link href="/assets/1/a.css"><a href="/x"><script src="/assets/1/b.js">"#;

        let found: Vec<&str> = between(page, "\"/assets/").collect();

        assert_eq!(found, ["1/a.css", "1/b.js"]);
    }
}
