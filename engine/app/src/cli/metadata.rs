//! `workflow metadata`: the workflows of an app, and the signals, queries and updates that each handles, as `GET /info` has them.

use clap::Args;
use sagaline_core::WorkflowId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Session,
    api::{Door, Path},
    rows,
    seen::Run,
    workflow_id,
};
use crate::{
    fault::{Fault, Outcome},
    output::Format,
};

/// What `metadata` takes.
#[derive(Debug, Args)]
pub(crate) struct MetadataArgs {
    /// Only of the workflow that this run is of
    #[arg(value_name = "ID", value_parser = workflow_id, conflicts_with_all = ["workflow_id", "workflow"])]
    id: Option<WorkflowId>,
    /// The same
    #[arg(short, long, value_name = "ID", value_parser = workflow_id, conflicts_with = "workflow")]
    workflow_id: Option<WorkflowId>,
    /// Only of the workflow of this name
    #[arg(short = 't', long = "type", value_name = "NAME")]
    workflow: Option<String>,
}

#[derive(Deserialize)]
struct Info {
    app: String,
    workflows: Vec<Box<RawValue>>,
}

/// A workflow; what an older server does not say is not there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Workflow {
    name: String,
    versions: Vec<String>,
    signals: Option<Vec<String>>,
    queries: Option<Vec<String>>,
    updates: Option<Vec<String>>,
}

pub(crate) fn metadata(session: &Session, args: &MetadataArgs) -> Outcome {
    let Door::Http(api) = session.door()? else {
        return Err(
            Fault::usage("what an app handles is told by its server, not by the topics")
                .hint("--address says where that is"),
        );
    };
    let output = session.output;
    let json = api.get(&Path::new("info"))?;
    let Info { app, workflows } = api.parsed(&json)?;
    let named = match args.id.as_ref().or(args.workflow_id.as_ref()) {
        Some(id) => Some(api.read::<Run>(&Path::run(id, None))?.workflow),
        None => args.workflow.clone(),
    };
    let seen: Vec<Workflow> = rows::parsed(&workflows)?;
    let is_meant = |one: &Workflow| named.as_ref().is_none_or(|name| *name == one.name);
    let meant = seen.iter().zip(&workflows);
    let meant: Vec<_> = meant.filter(|(one, _)| is_meant(one)).collect();
    if let (Some(name), true) = (&named, meant.is_empty()) {
        return Err(Fault::quoting(
            crate::fault::Exit::Refused,
            &format!("app {app} has no workflow {name}"),
        )
        .hint("`workflow metadata` prints those that it has"));
    }
    match output.format {
        Format::Json if named.is_none() => output.json(&json)?,
        Format::Json | Format::Jsonl => meant.iter().try_for_each(|(_, one)| output.json(one))?,
        Format::Table => {
            let rows: Vec<Vec<String>> = meant.iter().map(|(one, _)| one.cells()).collect();
            output.table(
                &["WORKFLOW", "VERSIONS", "SIGNALS", "QUERIES", "UPDATES"],
                &rows,
            )?;
        }
    }
    Ok(())
}

impl Workflow {
    fn cells(&self) -> Vec<String> {
        let listed = |names: &Option<Vec<String>>| {
            let names = names.as_ref();
            names.map_or_else(|| "–".to_owned(), |names| names.join(", "))
        };
        vec![
            self.name.clone(),
            self.versions.join(", "),
            listed(&self.signals),
            listed(&self.queries),
            listed(&self.updates),
        ]
    }
}
