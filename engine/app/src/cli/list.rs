//! `workflow list`: runs of all partitions, or those that a filter means, the newest first unless it says another order,
//! as `GET /workflows` has them.

use clap::Args;
use sagaline_core::{
    Name, WorkflowId,
    filter::Subject,
    show::Shown,
    view::{Row, View},
};
use serde::Serialize;

use super::{
    Session,
    bulk::counted,
    describe::unread_queues,
    query::{Query, queues_asked_for},
};
use crate::{
    fault::Outcome,
    journal::Journal,
    output::{Format, Output, aside},
    runs::{Runs, SeenRun},
};

/// What `list` takes.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Most rows that are printed
    #[arg(long, default_value_t = 50, value_name = "ROWS")]
    limit: usize,
    #[command(flatten)]
    query: Query,
}

#[derive(Serialize)]
struct List<'a> {
    workflows: Vec<Row<'a>>,
    next_page_token: Option<()>,
    as_of: Shown<'a, sagaline_core::Timestamp>,
}

pub(crate) fn list(session: &Session, args: &ListArgs) -> Outcome {
    let filter = args.query.filter()?;
    let now = session.output.now;
    let folded = Journal::open(session)?.fold_all()?;
    let asked_for = queues_asked_for(session, &filter, &folded)?;
    let mut seen: Vec<(&Runs, &WorkflowId, &SeenRun)> = folded
        .iter()
        .flat_map(|runs| runs.iter().map(move |(id, seen)| (runs, id, seen)))
        .collect();
    let exist = seen.len();
    seen.retain(|(runs, id, seen)| filter.selects_run(&runs.view(id, seen, now, &asked_for)));
    let all = seen.len();
    seen.sort_unstable_by(|(_, a_id, a), (_, b_id, b)| {
        b.run
            .started_at
            .cmp(&a.run.started_at)
            .then_with(|| a_id.cmp(b_id))
    });
    if !filter.order.is_empty() {
        seen.sort_by_cached_key(|(runs, id, seen)| {
            filter.sort_key(&Subject::run(&runs.view(id, seen, now, &asked_for)))
        });
    }
    seen.truncate(args.limit);
    let unread = unread_queues(session, seen.iter().map(|(_, _, seen)| &seen.run))?;
    let views: Vec<View<'_>> = seen
        .iter()
        .map(|(runs, id, seen)| runs.view(id, seen, now, &unread))
        .collect();
    if all == 0 && exist > 0 && session.output.format == Format::Table {
        let exist = match exist {
            1 => "1 run exists".to_owned(),
            _ => format!("{} exist", counted(exist, "run")),
        };
        let text = format!("No run matches. {exist} without this filter.");
        return Ok(session.output.line(&text)?);
    }
    // Every partition is as old as its last batch; the oldest of them says least, the newest what the reader saw last.
    let as_of = folded.iter().map(Runs::as_of).max().unwrap_or_default();
    print(session.output, &views, as_of)?;
    if all > views.len() {
        aside(&format!("… {} more: --limit", all - views.len()));
    }
    Ok(())
}

fn print(output: Output, views: &[View<'_>], as_of: sagaline_core::Timestamp) -> Outcome {
    let rows = views.iter().map(View::row);
    match output.format {
        Format::Json => output.json(&List {
            workflows: rows.collect(),
            next_page_token: None,
            as_of: Shown(&as_of),
        })?,
        Format::Jsonl => rows.into_iter().try_for_each(|row| output.json(&row))?,
        Format::Table => {
            let rows: Vec<Vec<String>> = views.iter().map(|view| cells(output, view)).collect();
            output.table(&["STATUS", "WORKFLOW ID", "WORKFLOW", "STARTED", ""], &rows)?;
        }
    }
    Ok(())
}

fn cells(output: Output, view: &View<'_>) -> Vec<String> {
    let run = view.run;
    let status = view
        .situation()
        .map_or_else(|| view.status(), |situation| situation.as_str());
    vec![
        status.to_owned(),
        view.workflow_id.as_str().to_owned(),
        workflow(&run.started.workflow, &run.started.version),
        output.time(run.started_at),
        view.waiting_for().text,
    ]
}

/// `order@1`: trailing zeros of the version are left out.
fn workflow(name: &Name, version: &str) -> String {
    let short = version
        .strip_suffix(".0")
        .map_or(version, |short| short.strip_suffix(".0").unwrap_or(short));
    format!("{name}@{short}")
}
