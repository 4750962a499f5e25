//! `workflow versions`: which code open runs still need, so that a branch or a version can be deleted safely.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use sagaline_core::{
    Name, Run,
    program::{CommandKind, Recorded},
};
use serde::Serialize;

use super::{
    Session,
    query::{Query, queues_asked_for},
};
use crate::{
    fault::Outcome,
    journal::Journal,
    output::{Format, Output},
};

/// What `versions` takes.
#[derive(Debug, Args)]
pub(crate) struct VersionsArgs {
    #[command(flatten)]
    query: Query,
}

#[derive(Debug, Serialize)]
struct Versions {
    workflows: Vec<Workflow>,
    changes: Vec<Change>,
}

/// A version of a workflow with open runs.
#[derive(Debug, Serialize)]
struct Workflow {
    workflow: Name,
    version: String,
    open: u64,
}

/// A version of a change with open runs; without one, those that recorded none.
#[derive(Debug, Serialize)]
struct Change {
    workflow: Name,
    change: Name,
    version: Option<String>,
    open: u64,
}

pub(crate) fn versions(session: &Session, args: &VersionsArgs) -> Outcome {
    session.by_topics("`workflow versions`")?;
    let filter = args.query.filter()?;
    let now = session.output.now;
    let folded = Journal::open(session)?.fold_all()?;
    let asked_for = queues_asked_for(session, &filter, &folded)?;
    let all = folded
        .iter()
        .flat_map(|runs| runs.iter().map(move |(id, seen)| (runs, id, seen)));
    let open = all.filter(|(_, _, seen)| seen.run.closed.is_none());
    let meant =
        open.filter(|(runs, id, seen)| filter.selects_run(&runs.view(id, seen, now, &asked_for)));
    let runs: Vec<&Run> = meant.map(|(_, _, seen)| &seen.run).collect();
    print(session.output, &counted(&runs))
}

fn counted(runs: &[&Run]) -> Versions {
    let mut workflows: BTreeMap<(Name, String), u64> = BTreeMap::new();
    let mut changes: BTreeMap<(Name, Name), BTreeMap<Option<String>, u64>> = BTreeMap::new();
    let mut known: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    let recorded: Vec<(&Run, BTreeMap<Name, String>)> =
        runs.iter().map(|run| (*run, recorded(run))).collect();
    for (run, versions) in &recorded {
        let workflow = &run.started.workflow;
        let version = run.started.version.to_string();
        *workflows.entry((workflow.clone(), version)).or_default() += 1;
        known
            .entry(workflow.clone())
            .or_default()
            .extend(versions.keys().cloned());
    }
    for (run, versions) in recorded {
        let workflow = &run.started.workflow;
        for change in known.get(workflow).into_iter().flatten() {
            let of = changes
                .entry((workflow.clone(), change.clone()))
                .or_default();
            *of.entry(versions.get(change).cloned()).or_default() += 1;
        }
    }
    let of_change = |((workflow, change), versions): ((Name, Name), BTreeMap<_, u64>)| {
        versions.into_iter().map(move |(version, open)| Change {
            workflow: workflow.clone(),
            change: change.clone(),
            version,
            open,
        })
    };
    let of_workflow = |((workflow, version), open)| Workflow {
        workflow,
        version,
        open,
    };
    Versions {
        workflows: workflows.into_iter().map(of_workflow).collect(),
        changes: changes.into_iter().flat_map(of_change).collect(),
    }
}

/// By which versions of changes a run goes on, as far as its history says.
fn recorded(run: &Run) -> BTreeMap<Name, String> {
    let commands = run.activations.newest_first().flat_map(|one| &one.commands);
    let markers = commands.filter(|one| one.kind == CommandKind::RecordVersion);
    let version = |one: &Recorded| {
        let value = one.value.as_ref()?;
        let version = String::from_utf8_lossy(value.data()).into_owned();
        Some((one.name.clone()?, version))
    };
    markers.filter_map(version).collect()
}

fn print(output: Output, versions: &Versions) -> Outcome {
    if output.format != Format::Table {
        return Ok(output.json(versions)?);
    }
    let workflows = versions.workflows.iter();
    let mut rows: Vec<Vec<String>> = workflows
        .map(|one| {
            let version = match &*one.version {
                "" => "the newest".to_owned(),
                version => version.to_owned(),
            };
            vec![
                one.workflow.to_string(),
                String::new(),
                version,
                one.open.to_string(),
            ]
        })
        .collect();
    rows.extend(versions.changes.iter().map(|one| {
        let version = one
            .version
            .clone()
            .unwrap_or_else(|| "none recorded".to_owned());
        vec![
            one.workflow.to_string(),
            one.change.to_string(),
            version,
            one.open.to_string(),
        ]
    }));
    output.table(&["WORKFLOW", "CHANGE", "VERSION", "OPEN RUNS"], &rows)?;
    Ok(())
}
