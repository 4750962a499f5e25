//! `workflow describe`: one run, as `GET /workflows/{id}` has it.

use clap::Args;
use sagaline_core::{
    Activity, Fields, Millis, Name, Payload, Run, RunId, WorkflowId,
    run::{ActivityState, RegistrationState},
    view::View,
};
use sagaline_journal::{kafka::Group, wire::topic};

use super::{RunOf, Session};
use crate::{
    fault::{Fault, Outcome},
    journal::Journal,
    output::{Format, Output, visible},
    runs::SeenRun,
};

/// What `describe` takes.
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    of: RunOf,
}

pub(crate) fn describe(session: &Session, args: &DescribeArgs) -> Outcome {
    let id = args.of.id.get();
    let journal = Journal::open(session)?;
    let (_, runs) = journal.runs_of(id)?;
    let seen = runs
        .find(id, args.of.run_id)
        .ok_or_else(|| unknown(id, args.of.run_id))?;
    let unread = unread_queues(session, [&seen.run])?;
    let view = runs.view(id, seen, session.output.now, &unread);
    match session.output.format {
        Format::Json | Format::Jsonl => session.output.json(&view.describe())?,
        Format::Table => session.output.line(&text(session.output, &view, seen))?,
    }
    Ok(())
}

/// No such run.
pub(crate) fn unknown(id: &WorkflowId, run_id: Option<RunId>) -> Fault {
    let run = run_id
        .map(|run_id| format!("run {run_id} of "))
        .unwrap_or_default();
    Fault::refused(format!("{run}workflow {id} is not known"))
        .hint("it may not have started yet; `workflow list` shows what has")
}

/// The queues of those runs in which a task has waited a while and whose group has no member.
pub(crate) fn unread_queues<'a>(
    session: &Session,
    runs: impl IntoIterator<Item = &'a Run>,
) -> Outcome<Vec<Name>> {
    let now = session.output.now;
    let waits = |one: &&Activity| {
        one.state == ActivityState::Queued && now.since(one.attempt_at) >= QUEUED_MIN
    };
    let waiting = runs
        .into_iter()
        .flat_map(|run| run.activities.iter().filter(waits));
    let mut queues: Vec<&Name> = waiting
        .map(|activity| &activity.scheduled.task_queue)
        .collect();
    queues.sort_unstable();
    queues.dedup();
    let kafka = session.kafka()?;
    let mut unread = Vec::new();
    for queue in queues {
        let group = topic::worker_group(&session.settings.namespace, queue.as_str());
        if Group::open(&kafka, &group)?.members()?.is_empty() {
            unread.push(queue.clone());
        }
    }
    Ok(unread)
}

/// A queue is called unread only when a task has waited for so long: a worker may be starting.
const QUEUED_MIN: Millis = Millis::from_secs(5);

fn text(output: Output, view: &View<'_>, seen: &SeenRun) -> String {
    let run = view.run;
    let situation = view
        .situation()
        .map(|situation| format!(", {}", situation.as_str()))
        .unwrap_or_default();
    let mut lines = vec![
        format!(
            "{}   {}{situation}   {}@{}",
            visible(view.workflow_id.as_str()),
            view.status(),
            run.started.workflow,
            run.started.version
        ),
        visible(&view.waiting_for().text),
        String::new(),
        format!("Run            {}", run.run_id),
        format!("Started        {}", output.time(run.started_at)),
    ];
    let closed = run.closed.as_ref();
    lines.extend(closed.map(|closed| format!("Closed         {}", output.time(closed.at))));
    lines.push(format!("Input          {}", payload(&run.started.input)));
    lines.extend(about(run));
    if let Some(result) = closed.and_then(|closed| closed.result.as_ref()) {
        lines.push(format!("Result         {}", payload(result)));
    }
    if let Some(failure) = closed.and_then(|closed| closed.failure.as_ref()) {
        lines.push(format!(
            "Failure        {}: {}",
            failure.error_type,
            visible(&failure.message)
        ));
    }
    lines.push(format!(
        "History        {} events in {} records of partition {}",
        run.seq,
        seen.history.len(),
        view.journal_partition
    ));
    lines.extend(
        run.activities
            .iter()
            .map(|activity| format!("Pending        {}", pending(output, activity))),
    );
    lines.extend(run.registrations.iter().map(|one| {
        let state = match one.state {
            RegistrationState::Registered => "registered",
            RegistrationState::Running => "running",
            RegistrationState::Completed => "completed",
            RegistrationState::Failed => "failed",
        };
        format!(
            "Compensation   {} undoes {}: {state}",
            one.registered.activity, one.of
        )
    }));
    lines.extend(
        run.uncovered_steps()
            .map(|step| format!("Compensation   {}: none registered", step.activity)),
    );
    lines.extend(run.incidents.iter().map(|incident| {
        format!(
            "Incident       {}.{}: {}",
            run.run_id,
            incident.seq,
            visible(&incident.failure.message)
        )
    }));
    lines.join("\n")
}

/// Search attributes and memo, one a line.
fn about(run: &Run) -> Vec<String> {
    let lines = |head: &'static str, fields: Option<&Fields>| -> Vec<String> {
        let fields = fields.into_iter().flat_map(Fields::iter);
        fields
            .map(|field| format!("{head}{}={}", field.name, visible(&field.json)))
            .collect()
    };
    [
        lines("Attribute      ", run.started.attributes.as_ref()),
        lines("Memo           ", run.started.memo.as_ref()),
    ]
    .concat()
}

fn pending(output: Output, activity: &Activity) -> String {
    let of = match activity.maximum_attempts {
        0 => String::new(),
        maximum => format!(" of {maximum}"),
    };
    let state = match &activity.state {
        ActivityState::Queued => format!("sent {}", output.time(activity.attempt_at)),
        ActivityState::Running { started_at, .. } => {
            format!("running since {}", output.time(*started_at))
        }
        ActivityState::Backoff { next_attempt_at } => {
            format!("failed; the next is due {}", output.time(*next_attempt_at))
        }
        ActivityState::Parked => "failed; waits for a person".to_owned(),
    };
    let failure = activity.last_failure.as_ref().map(|last| {
        let worker = last
            .worker
            .as_ref()
            .map(|worker| format!(", worker {worker}"))
            .unwrap_or_default();
        let (failure, took) = (&last.failure, last.took.0);
        format!(
            "\n               {}: {}, after {took} ms{worker}",
            failure.error_type,
            visible(&failure.message)
        )
    });
    let (name, id, attempt) = (
        &activity.scheduled.activity,
        activity.activity_id,
        activity.attempt,
    );
    format!(
        "{name} #{id}, queue {}, attempt {attempt}{of} {state}{}",
        activity.scheduled.task_queue,
        failure.unwrap_or_default()
    )
}

/// A payload in one line, cut where it gets long.
fn payload(payload: &Payload) -> String {
    match std::str::from_utf8(payload.data()) {
        Ok("") => "–".to_owned(),
        Ok(text) => match text.char_indices().nth(PAYLOAD_CHARS_MAX) {
            Some((at, _)) => format!(
                "{}… ({} bytes; -o json shows all)",
                visible(&text[..at]),
                text.len()
            ),
            None => visible(text),
        },
        Err(_) => format!(
            "{} bytes of {}",
            payload.data().len(),
            visible(payload.content_type())
        ),
    }
}

/// More of a payload than this belongs into JSON.
const PAYLOAD_CHARS_MAX: usize = 1_000;
