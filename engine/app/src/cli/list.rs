//! `workflow list`: runs of all partitions, or those that a filter means, the newest first unless it says another order,
//! as `GET /workflows` has them.

use clap::Args;
use sagaline_core::{
    WorkflowId,
    filter::{Filter, Subject},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Session,
    api::{Api, Door, Path},
    bulk::counted,
    describe::unread_queues,
    query::{Query, queues_asked_for},
    rows::{self, Rows},
    seen::Run,
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
struct List {
    workflows: Vec<Box<RawValue>>,
    next_page_token: Option<String>,
    as_of: Option<Box<RawValue>>,
}

pub(crate) fn list(session: &Session, args: &ListArgs) -> Outcome {
    // What is wrong with a filter is shown where it stands.
    let filter = args.query.filter()?;
    match session.door()? {
        Door::Http(api) => by_pages(session.output, &api, args),
        Door::Kafka => by_journal(session, args, &filter),
    }
}

/// As a server has it.
fn by_pages(output: Output, api: &Api, args: &ListArgs) -> Outcome {
    let path = Path::new("workflows").maybe("query", args.query.text());
    let rows = Rows::read(api, &path, "workflows", args.limit)?;
    if rows.rows.is_empty() && args.query.text().is_some() && output.format == Format::Table {
        let exist = rows::count(api, &Path::new("workflow-counts"))?;
        if exist > 0 {
            return none_matches(output, usize::try_from(exist).unwrap_or(usize::MAX));
        }
    }
    let more = rows.is_cut.then(|| "… more: --limit".to_owned());
    let list = List {
        workflows: rows.rows,
        next_page_token: rows.next_page_token,
        as_of: rows.as_of,
    };
    print(output, list)?;
    more.iter().for_each(|more| aside(more));
    Ok(())
}

/// As the journal has it.
fn by_journal(session: &Session, args: &ListArgs, filter: &Filter) -> Outcome {
    let now = session.output.now;
    let folded = Journal::open(session)?.fold_all()?;
    let asked_for = queues_asked_for(session, filter, &folded)?;
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
    if all == 0 && exist > 0 && session.output.format == Format::Table {
        return none_matches(session.output, exist);
    }
    let unread = unread_queues(session, seen.iter().map(|(_, _, seen)| &seen.run))?;
    let rows = seen
        .iter()
        .map(|(runs, id, seen)| to_raw_value(&runs.view(id, seen, now, &unread).row()));
    // Every partition is as old as its last batch; the oldest of them says least, the newest what the reader saw last.
    let as_of = folded.iter().map(Runs::as_of).max().unwrap_or_default();
    let list = List {
        workflows: rows.collect::<Result<_, _>>()?,
        next_page_token: None,
        as_of: Some(to_raw_value(&as_of.to_rfc3339())?),
    };
    let left_out = all - list.workflows.len();
    print(session.output, list)?;
    if left_out > 0 {
        aside(&format!("… {left_out} more: --limit"));
    }
    Ok(())
}

fn none_matches(output: Output, exist: usize) -> Outcome {
    let exist = match exist {
        1 => "1 run exists".to_owned(),
        _ => format!("{} exist", counted(exist, "run")),
    };
    let text = format!("No run matches. {exist} without this filter.");
    Ok(output.line(&text)?)
}

fn print(output: Output, list: List) -> Outcome {
    match output.format {
        Format::Json => output.json(&list)?,
        Format::Jsonl => list.workflows.iter().try_for_each(|row| output.json(row))?,
        Format::Table => {
            let runs = rows::parsed(&list.workflows)?;
            let rows: Vec<Vec<String>> = runs.iter().map(|run| cells(output, run)).collect();
            output.table(&["STATUS", "WORKFLOW ID", "WORKFLOW", "STARTED", ""], &rows)?;
        }
    }
    Ok(())
}

fn cells(output: Output, run: &Run) -> Vec<String> {
    vec![
        run.situation.as_ref().unwrap_or(&run.status).clone(),
        run.workflow_id.clone(),
        workflow(&run.workflow, &run.version),
        output.time_of(&run.started_at),
        run.waiting_for.text.clone(),
    ]
}

/// `order@1`: trailing zeros of the version are left out.
fn workflow(name: &str, version: &str) -> String {
    let short = version
        .strip_suffix(".0")
        .map_or(version, |short| short.strip_suffix(".0").unwrap_or(short));
    format!("{name}@{short}")
}
