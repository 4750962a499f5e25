//! `workflow history`: the events of a run, as `GET /workflows/{id}/history` has them.

use std::ops::ControlFlow;

use clap::Args;
use sagaline_core::{
    RunId, Timestamp, Transition, WorkflowId,
    view::{HistoryEvent, HistoryLine, HistoryPage},
};
use sagaline_journal::{Item, JournalReader, Journaled};
use serde_json::Value;

use super::{
    RunOf, Session,
    describe::{refuse_deleted, unknown},
};
use crate::{
    clock::Deadline,
    fault::Outcome,
    journal::Journal,
    output::{Format, Output, aside},
};

/// What `history` takes.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    of: RunOf,
    /// Go on until the run closes
    #[arg(short, long)]
    follow: bool,
}

pub(crate) fn history(session: &Session, args: &HistoryArgs) -> Outcome {
    let id = args.of.id.get();
    let output = session.output;
    let journal = Journal::open(session)?;
    let (partition, runs) = journal.runs_of(id)?;
    let seen = runs
        .find(id, args.of.run_id)
        .ok_or_else(|| unknown(id, args.of.run_id))?;
    refuse_deleted(id, seen)?;
    let mut previous = seen.run.started_at;
    match output.format {
        Format::Json if !args.follow => {
            let events = seen
                .history
                .iter()
                .flat_map(|one| HistoryEvent::of(&one.transition, partition, one.offset));
            output.json(&HistoryPage::new(id, seen.run.run_id, events.collect()))?;
        }
        Format::Table => {
            let rows: Vec<_> = seen
                .history
                .iter()
                .flat_map(|one| rows(output, one, &mut previous))
                .collect();
            output.table(HEADINGS, &rows)?;
        }
        Format::Json | Format::Jsonl => seen
            .history
            .iter()
            .try_for_each(|one| lines(output, (id, partition), one))?,
    }
    let chain = seen.run.started.chain.as_ref();
    if let (Format::Table, Some(chain)) = (output.format, chain) {
        let before = chain.continued_from;
        aside(&format!(
            "… what happened before: workflow history {id} -r {before}"
        ));
    }
    if args.follow && seen.run.closed.is_none() {
        let shown = seen.history.last().map_or(-1, |one| one.offset);
        follow(
            session,
            &journal,
            Following {
                id,
                partition,
                run_id: seen.run.run_id,
                shown,
                previous,
            },
        )?;
    }
    Ok(())
}

/// A run whose further events are awaited.
struct Following<'a> {
    id: &'a WorkflowId,
    partition: i32,
    run_id: RunId,
    /// Offset of the last record that was printed.
    shown: i64,
    previous: Timestamp,
}

fn follow(session: &Session, journal: &Journal, mut following: Following<'_>) -> Outcome {
    let output = session.output;
    let mut reader = JournalReader::new();
    let mut items = Vec::new();
    let Following {
        id,
        partition,
        run_id,
        shown,
        ..
    } = following;
    journal.follow((partition, 0), Deadline::after(None), |record| {
        reader.read(record, &mut items)?;
        for item in items.drain(..) {
            let Item::Batch(batch) = item else { continue };
            for one in batch
                .transitions
                .iter()
                .filter(|one| one.offset > shown && one.transition.run_id == Some(run_id))
            {
                match output.format {
                    Format::Table => {
                        output.table(&[], &rows(output, one, &mut following.previous))?
                    }
                    Format::Json | Format::Jsonl => lines(output, (id, partition), one)?,
                }
                if is_last(&one.transition) {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(())
}

/// Whether the run has closed with this record.
fn is_last(transition: &Transition) -> bool {
    use sagaline_core::Event;
    transition.events.iter().any(|event| {
        matches!(
            event,
            Event::WorkflowCompleted(_)
                | Event::WorkflowFailed(_)
                | Event::WorkflowCanceled(_)
                | Event::WorkflowTerminated(_)
                | Event::WorkflowTimedOut(_)
                | Event::WorkflowContinuedAsNew(_)
        )
    })
}

pub(super) const HEADINGS: &[&str] = &["SEQ", "AT", "AFTER", "EVENT", "", "OFFSET"];

/// Prints a record's events, one a line.
pub(super) fn lines(
    output: Output,
    (id, partition): (&WorkflowId, i32),
    one: &Journaled,
) -> Outcome {
    let Some(run_id) = one.transition.run_id else {
        return Ok(());
    };
    for event in HistoryEvent::of(&one.transition, partition, one.offset) {
        output.json(&HistoryLine::new(id, run_id, event))?;
    }
    Ok(())
}

/// A record's events as rows under the [`HEADINGS`]; `previous` is when the record before was written.
pub(super) fn rows(output: Output, one: &Journaled, previous: &mut Timestamp) -> Vec<Vec<String>> {
    let transition = &one.transition;
    let after = transition.at.since(*previous);
    *previous = transition.at;
    let events = (transition.first_seq..).zip(&transition.events);
    events
        .enumerate()
        .map(|(index, (seq, event))| {
            let attributes =
                serde_json::to_value(sagaline_core::show::Shown(event)).unwrap_or_default();
            vec![
                seq.to_string(),
                output.time(transition.at),
                if index == 0 {
                    format!("{} ms", after.0)
                } else {
                    String::new()
                },
                event.name().to_owned(),
                summary(&attributes),
                one.offset.to_string(),
            ]
        })
        .collect()
}

/// An event in a few words, whatever its attributes are.
fn summary(attributes: &Value) -> String {
    let text = |key: &str| match attributes.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let failure = attributes
        .get("failure")
        .filter(|failure| failure.is_object())
        .map(|failure| {
            let of = |key: &str| failure.get(key).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", of("type"), of("message"))
        });
    let parts = [
        text("workflow").map(|name| format!("{name} {}", text("version").unwrap_or_default())),
        text("activity").map(|name| format!("{name} #{}", text("activity_id").unwrap_or_default())),
        text("signal"),
        text("update")
            .map(|name| format!("{name}, update {}", text("update_id").unwrap_or_default())),
        text("new_run_id").map(|run| format!("as run {run}")),
        reset(attributes).or_else(|| chain(attributes)),
        waits(attributes),
        text("compensates").map(|step| format!("undoes #{step}")),
        text("attempt").map(|attempt| format!("attempt {attempt}")),
        text("outcome"),
        failure,
        options(attributes),
        text("next_attempt_at").map(|at| format!("next at {at}")),
        text("act"),
        text("actor").map(|actor| format!("by {actor}")),
        text("reason").map(|reason| format!("\"{reason}\"")),
        text("worker").map(|worker| format!("worker {worker}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Of which run it begins with a copy: `to event 5 of run 0198…, by ada`.
fn reset(attributes: &Value) -> Option<String> {
    let of = attributes.get("reset_of")?.as_str()?;
    let reset = attributes.get("reset")?;
    let (seq, actor) = (reset.get("event_seq")?, reset.get("actor")?.as_str()?);
    let reason = reset.get("reason").and_then(Value::as_str);
    let reason = reason.map_or_else(String::new, |reason| format!(", \"{reason}\""));
    Some(format!(
        "reset to event {seq} of run {of}, by {actor}{reason}"
    ))
}

/// In whose place a run goes on.
fn chain(attributes: &Value) -> Option<String> {
    let before = attributes.get("chain")?.get("continued_from")?.as_str()?;
    Some(format!("in the place of run {before}"))
}

/// What a run waits for: `signal approve, signal reject`.
fn waits(attributes: &Value) -> Option<String> {
    let waits = attributes.get("waits")?.as_array()?;
    let of = |wait: &Value, key: &str| wait[key].as_str().unwrap_or_default().to_owned();
    let told = waits.iter();
    let told = told.map(|wait| format!("{} {}", of(wait, "kind"), of(wait, "name")));
    Some(match waits.len() {
        0 => "nothing".to_owned(),
        _ => told.collect::<Vec<_>>().join(", "),
    })
}

/// What a person changed of an activity's options: `maximum_attempts 20, heartbeat none`.
fn options(attributes: &Value) -> Option<String> {
    let timeouts = attributes.get("timeouts_ms")?;
    let changed = |options: Option<&Value>, none: &Value| -> Vec<String> {
        let options = options.and_then(Value::as_object).into_iter().flatten();
        let changed = options.filter(|(_, value)| !value.is_null());
        let told = changed.map(|(name, value)| match value == none {
            true => format!("{name} none"),
            false => format!("{name} {value}"),
        });
        told.collect()
    };
    let mut told = changed(attributes.get("retry"), &Value::Null);
    told.extend(changed(Some(timeouts), &Value::from(0)));
    (!told.is_empty()).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::summary;

    #[test]
    fn an_event_is_told_in_a_few_words() {
        let failed = json!({"activity": "ship", "activity_id": 5, "attempt": 2,
            "failure": {"type": "CourierRefused", "message": "no"}, "next_attempt_at": null, "worker": "w-1"});

        assert_eq!(
            summary(&failed),
            "ship #5, attempt 2, CourierRefused: no, worker w-1"
        );
        assert_eq!(summary(&json!({"result": {"x": 1}})), "");
        let received = json!({"signal": "approve", "input": {"x": 1}});
        assert_eq!(summary(&received), "approve");
        let rejected = json!({"update": "add", "update_id": "u-1", "failure": {"type": "TooMany", "message": "no"}});
        assert_eq!(summary(&rejected), "add, update u-1, TooMany: no");
        let waits = json!({"waits": [{"kind": "signal", "name": "approve"}, {"kind": "signal", "name": "reject"}]});
        assert_eq!(summary(&waits), "signal approve, signal reject");
        assert_eq!(summary(&json!({"waits": []})), "nothing");
        let updated = json!({"activity": "ship", "activity_id": 5, "actor": "ann", "next_attempt_at": null,
            "retry": {"initial_interval_ms": 200, "maximum_attempts": null},
            "timeouts_ms": {"start_to_close": 9000, "heartbeat": 0}});
        let told = summary(&updated);
        assert!(
            told.contains("initial_interval_ms 200, ")
                && told.contains("start_to_close 9000")
                && told.contains("heartbeat none")
                && !told.contains("maximum_attempts"),
            "{told}"
        );
    }
}
