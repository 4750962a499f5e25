//! `workflow count`: how many runs a filter means, all or by the value of a field, as `GET /workflow-counts` has it.

use std::collections::BTreeMap;

use clap::Args;
use sagaline_core::{
    filter::{Field, Filter, Subject},
    view::View,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Session,
    api::{Door, Path},
    bulk::number,
    query::{Query, queues_of, read_field},
};
use crate::{
    fault::Outcome,
    journal::Journal,
    output::{Format, Output},
};

/// What `count` takes.
#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    query: Query,
    /// Count those apart that differ in this field: Status, WorkflowType, an attribute …
    #[arg(long, value_name = "FIELD")]
    group_by: Option<String>,
}

/// As the API answers.
#[derive(Debug, Deserialize, Serialize)]
struct Counts {
    count: usize,
    /// All were counted.
    exact: bool,
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Group {
    values: Vec<Box<RawValue>>,
    count: usize,
}

pub(crate) fn count(session: &Session, args: &CountArgs) -> Outcome {
    let filter = args.query.filter()?;
    let field = args.group_by.as_deref().map(read_field).transpose()?;
    if let Door::Http(api) = session.door()? {
        let path = Path::new("workflow-counts").maybe("query", args.query.text());
        let json = api.get(&path.maybe("group_by", args.group_by.as_ref()))?;
        return match session.output.format {
            Format::Table => print(
                session.output,
                args.group_by.as_deref(),
                &api.parsed(&json)?,
            ),
            Format::Json | Format::Jsonl => Ok(session.output.json(&json)?),
        };
    }
    let folded = Journal::open(session)?.fold_all()?;
    let fields = filter.fields().chain(&field);
    let unread = queues_of(session, fields, &folded)?;
    let now = session.output.now;
    let views = folded.iter().flat_map(|runs| {
        let all = runs.iter();
        all.map(|(id, seen)| runs.view(id, seen, now, &unread))
    });
    let counts = Counts::of(views, &filter, field.as_ref());
    print(session.output, args.group_by.as_deref(), &counts)
}

impl Counts {
    /// The largest group first.
    fn of<'a>(
        views: impl Iterator<Item = View<'a>>,
        filter: &Filter,
        field: Option<&Field>,
    ) -> Self {
        let mut count = 0;
        // The text of a value keeps those together that are written alike.
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for view in views.filter(|view| filter.selects_run(view)) {
            count += 1;
            if let Some(field) = field {
                let value = Subject::run(&view).json(field);
                let group = groups
                    .entry(value.get().to_owned())
                    .or_insert_with(|| Group {
                        values: vec![value],
                        count: 0,
                    });
                group.count += 1;
            }
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        Self {
            count,
            exact: true,
            groups,
        }
    }
}

fn print(output: Output, field: Option<&str>, counts: &Counts) -> Outcome {
    let Some(field) = field.filter(|_| output.format == Format::Table) else {
        match output.format {
            Format::Table => output.line(&number(counts.count))?,
            Format::Json | Format::Jsonl => output.json(counts)?,
        }
        return Ok(());
    };
    let rows: Vec<Vec<String>> = counts
        .groups
        .iter()
        .map(|group| {
            let values = group.values.iter().map(|value| word(value));
            let values: Vec<String> = values.collect();
            vec![number(group.count), values.join(", ")]
        })
        .collect();
    // A field is called as a heading is; that of the statuses is the one that has colours.
    let heading = match field {
        "Status" | "ExecutionStatus" | "Situation" => "STATUS",
        other => other,
    };
    Ok(output.table(&["COUNT", heading], &rows)?)
}

/// A value as people read it.
fn word(value: &RawValue) -> String {
    match serde_json::from_str::<Option<String>>(value.get()) {
        Ok(Some(text)) => text,
        Ok(None) => "–".to_owned(),
        Err(_) => value.get().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::{Event, Payload, Timestamp, event::WorkflowCompleted};

    use super::*;
    use crate::{
        runs::{Keep, Runs},
        scripted::{Script, started, transition},
    };

    #[test]
    fn runs_are_counted_by_what_they_have_in_a_field() {
        let completed = || -> Event {
            WorkflowCompleted {
                result: Payload::empty(),
            }
            .into()
        };
        let script = Script::new().batch(&[
            transition("a", 1, [started()]),
            transition("b", 1, [started(), completed()]),
            transition("c", 1, [started(), completed()]),
        ]);
        let mut runs = Runs::from(&sagaline_runtime::Fold::new(0), 3, Keep::Runs);
        for record in script.records {
            runs.record(record).unwrap();
        }
        let counted = |query: &str, field: Option<&str>| {
            let filter = Filter::parse(query).unwrap();
            let field = field.map(|field| Field::parse(field).unwrap());
            let now = Timestamp::from_millis(5_000);
            let views = runs.iter().map(|(id, seen)| runs.view(id, seen, now, &[]));
            serde_json::to_string(&Counts::of(views, &filter, field.as_ref())).unwrap()
        };

        assert_eq!(
            counted("", Some("Status")),
            r#"{"count":3,"exact":true,"groups":[{"values":["Completed"],"count":2},{"values":["Running"],"count":1}]}"#
        );
        assert_eq!(
            counted("Open = true", Some("customer")),
            r#"{"count":1,"exact":true,"groups":[{"values":[null],"count":1}]}"#
        );
        assert_eq!(
            counted("Open = true", None),
            r#"{"count":1,"exact":true,"groups":[]}"#
        );
    }
}
