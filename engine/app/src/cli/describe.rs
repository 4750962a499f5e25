//! `workflow describe`: one run, as `GET /workflows/{id}` has it.

use clap::Args;
use sagaline_core::{
    Activity, Fields, Millis, Name, Payload, Run, RunId, Wait, WorkflowId, is_local,
    run::{ActivityState, PendingUpdate, RegistrationState},
    view::{AttemptView, ResetView, View},
};
use sagaline_journal::{kafka::Group, wire::topic};

use super::{RunOf, Session};
use crate::{
    fault::{Exit, Fault, Outcome},
    journal::Journal,
    output::{Format, Output, toned, visible},
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

/// Of a run that was deleted nothing is shown but that.
pub(crate) fn refuse_deleted(id: &WorkflowId, seen: &SeenRun) -> Outcome {
    let Some(deleted) = &seen.deleted else {
        return Ok(());
    };
    let (run_id, by, at) = (seen.run.run_id, deleted.by(), deleted.at.to_rfc3339());
    let message = format!("run {run_id} of workflow {id} was deleted by {by} at {at}");
    Err(Fault::quoting(Exit::Refused, &message))
}

/// The queues of those runs in which a task has waited a while and whose group has no member.
pub(crate) fn unread_queues<'a>(
    session: &Session,
    runs: impl IntoIterator<Item = &'a Run>,
) -> Outcome<Vec<Name>> {
    let now = session.output.now;
    let waits = |one: &&Activity| {
        one.state == ActivityState::Queued
            && now.since(one.sent_at) >= QUEUED_MIN
            && !is_local(&one.scheduled.task_queue)
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

/// What a person may answer to a wait.
fn answers(wait: &Wait) -> impl Iterator<Item = String> {
    let choices = wait.choices.iter();
    choices.map(|choice| {
        let (name, label) = (&wait.name, visible(&choice.label));
        format!("Answer         {label}: {name} {}", payload(&choice.input))
    })
}

/// A queue is called unread only when a task has waited for so long: a worker may be starting.
const QUEUED_MIN: Millis = Millis::from_secs(5);

fn text(output: Output, view: &View<'_>, seen: &SeenRun) -> String {
    let run = view.run;
    let mut lines = vec![
        head(view, false),
        view.waiting_for().text,
        String::new(),
        format!("Run            {}", run.run_id),
        format!("Started        {}", output.time(run.started_at)),
    ];
    lines.extend(
        run.delayed_until
            .map(|at| format!("Starts         {}", output.time(at))),
    );
    lines.extend(continues(run));
    lines.extend(ResetView::of(run).map(|reset| format!("Reset          {reset}")));
    lines.extend(attempt(run));
    let closed = run.closed.as_ref();
    lines.extend(closed.map(|closed| format!("Closed         {}", output.time(closed.at))));
    lines.push(format!(
        "Input          {}",
        payload(&output.decoded(&run.started.input))
    ));
    lines.extend(about(run));
    if let Some(result) = closed.and_then(|closed| closed.result.as_ref()) {
        lines.push(format!(
            "Result         {}",
            payload(&output.decoded(result))
        ));
    }
    if let Some(failure) = closed.and_then(|closed| closed.failure.as_ref()) {
        lines.push(format!(
            "Failure        {}: {}",
            failure.error_type, failure.message
        ));
    }
    lines.push(format!(
        "History        {} events, {} bytes, in {} records of partition {}",
        run.seq,
        run.history.bytes,
        seen.history.len(),
        view.journal_partition
    ));
    lines.extend(run.waits.iter().flat_map(answers));
    lines.extend(updates(seen));
    lines.extend(run.activities.iter().flat_map(|one| pending(output, one)));
    lines.extend(compensations(run));
    lines.extend(incidents(run));
    // Names are strangers' as messages are.
    let mut lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
    if let (true, Some(first)) = (output.terminal.color, lines.first_mut()) {
        *first = head(view, true);
    }
    lines.join("\n")
}

/// `order-1   Running, retrying   order@1`
pub(super) fn head(view: &View<'_>, color: bool) -> String {
    let tone = |word: &str| match color {
        true => toned(word),
        false => word.to_owned(),
    };
    let situation = view.situation();
    let situation = situation.map(|situation| format!(", {}", tone(situation.as_str())));
    let (id, started) = (view.workflow_id.as_str(), &view.run.started);
    let workflow = format!("{}@{}", started.workflow, started.version);
    format!(
        "{}   {}{}   {}",
        visible(id),
        tone(view.status()),
        situation.unwrap_or_default(),
        visible(&workflow)
    )
}

/// What waits for a person, by the id that acts on it take.
pub(super) fn incidents(run: &Run) -> impl Iterator<Item = String> {
    run.incidents.iter().map(|incident| {
        format!(
            "Incident       {}.{}: {}",
            run.run_id, incident.seq, incident.failure.message
        )
    })
}

/// Its updates that have not ended; of a run that was deleted nothing.
pub(super) fn updates(seen: &SeenRun) -> Vec<String> {
    let (run, deleted) = (&seen.run, seen.deleted.is_some());
    let state = match run.closed.is_some() {
        true => "cut off when the run closed",
        false => "under way",
    };
    let pending = run.updates.pending().iter().filter(|_| !deleted);
    let line = |one: &PendingUpdate| {
        format!(
            "Update         {}, update {}: {state}",
            one.update, one.update_id
        )
    };
    pending.map(line).collect()
}

/// How its steps are undone, and which nobody knows how to.
pub(super) fn compensations(run: &Run) -> Vec<String> {
    let registered = run.registrations.iter().map(|one| {
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
    });
    let uncovered = run.uncovered_steps();
    let uncovered =
        uncovered.map(|step| format!("Compensation   {}: none registered", step.activity));
    registered.chain(uncovered).collect()
}

/// In whose place a run goes on, or which it tries again.
fn continues(run: &Run) -> Option<String> {
    let chain = run.started.chain.as_ref()?;
    let (before, first) = (chain.continued_from, chain.first_run_id);
    let first = match before == first {
        true => ", the first".to_owned(),
        false => format!("; the first was {first}"),
    };
    let what = match chain.attempt {
        Some(_) => "Tries again    ",
        None => "Continues      ",
    };
    Some(format!("{what}run {before}{first}"))
}

/// Which attempt of its workflow a run is, where there may be more than one.
fn attempt(run: &Run) -> Option<String> {
    AttemptView::of(run).map(|attempt| format!("Retry          {attempt}"))
}

/// Search attributes and memo, one a line.
fn about(run: &Run) -> Vec<String> {
    let lines = |head: &'static str, fields: Option<&Fields>| -> Vec<String> {
        let fields = fields.into_iter().flat_map(Fields::iter);
        fields
            .map(|field| format!("{head}{}={}", field.name, field.json))
            .collect()
    };
    [
        lines("Attribute      ", run.started.attributes.as_ref()),
        lines("Memo           ", run.started.memo.as_ref()),
    ]
    .concat()
}

/// Whether its last attempt did; one that was paused in the line of a limited queue was never made.
fn has_failed(activity: &Activity) -> bool {
    let last = activity.last_failure.as_ref();
    last.is_some_and(|last| last.attempt == activity.attempt)
}

/// An activity that is not done, and why its last attempt failed.
pub(super) fn pending(output: Output, activity: &Activity) -> Vec<String> {
    let of = match activity.maximum_attempts {
        0 => String::new(),
        maximum => format!(" of {maximum}"),
    };
    let state = match &activity.state {
        ActivityState::Held => format!(
            "waits for its turn in queue {} since {}",
            activity.scheduled.task_queue,
            output.time(activity.attempt_at)
        ),
        ActivityState::Queued => format!("sent {}", output.time(activity.sent_at)),
        ActivityState::Running { started_at, .. } => {
            format!("running since {}", output.time(*started_at))
        }
        ActivityState::Backoff { .. } if !has_failed(activity) => {
            "was not sent; the next is when it goes on".to_owned()
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
            "               {}: {}, after {took} ms{worker}",
            failure.error_type, failure.message
        )
    });
    let (name, id, attempt) = (
        &activity.scheduled.activity,
        activity.activity_id,
        activity.attempt,
    );
    let line = format!(
        "Pending        {name} #{id}, queue {}, attempt {attempt}{of} {state}",
        activity.scheduled.task_queue
    );
    std::iter::once(line).chain(failure).collect()
}

/// A payload in one line, cut where it gets long.
fn payload(payload: &Payload) -> String {
    match std::str::from_utf8(payload.data()) {
        Ok("") => "–".to_owned(),
        Ok(text) => match text.char_indices().nth(PAYLOAD_CHARS_MAX) {
            Some((at, _)) => format!("{}… ({} bytes; -o json shows all)", &text[..at], text.len()),
            None => text.to_owned(),
        },
        Err(_) => format!(
            "{} bytes of {}",
            payload.data().len(),
            payload.content_type()
        ),
    }
}

/// More of a payload than this belongs into JSON.
const PAYLOAD_CHARS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use sagaline_core::{
        Event, Timestamp,
        event::{UpdateAccepted, WorkflowDeleted, WorkflowStarted, WorkflowTerminated},
    };

    use super::*;
    use crate::{
        output::{Terminal, TimeStyle},
        runs::{Keep, Runs},
        scripted::{Script, started, transition},
    };

    /// What is said of the newest run of `id`.
    fn said(id: &WorkflowId, script: Script) -> String {
        let mut runs = Runs::new(3, Keep::Histories(id.clone()));
        for record in script.records {
            runs.record(record).unwrap();
        }
        let output = Output {
            format: Format::Table,
            time: TimeStyle::Utc,
            terminal: Terminal::NONE,
            now: Timestamp::from_millis(2_000),
            coding: None,
        };
        let seen = runs.find(id, None).unwrap();
        text(output, &runs.view(id, seen, output.now, &[]), seen)
    }

    #[test]
    fn names_of_strangers_cannot_turn_the_line_or_move_the_cursor() {
        let started = WorkflowStarted {
            workflow: Name::from("order\nhint: run this"),
            version: "1\u{1b}[2J".into(),
            input: Payload::new("text/\u{202e}plain", *b"\xff"),
            trace: None,
            attributes: None,
            memo: None,
            run_timeout_ms: None,
            execution_timeout_ms: None,
            parent: None,
            chain: None,
            start_at: None,
            retry: None,
            reset_of: None,
            reset: None,
        };
        let id = WorkflowId::new("a\rb").unwrap();
        let script = Script::new().batch(&[transition(id.as_str(), 1, [started.into()])]);

        let text = said(&id, script);

        assert!(text.contains("a␍b "), "{text}");
        assert!(text.contains("order␊hint: run this@1␛[2J\n"), "{text}");
        assert!(text.contains("1 bytes of text/⟨U+202E⟩plain"), "{text}");
    }

    #[test]
    fn an_update_that_had_not_ended_is_cut_off_by_the_end_of_its_run_and_deleted_with_it() {
        let id = WorkflowId::new("a").unwrap();
        let accepted = UpdateAccepted {
            update_id: Name::from("u-1"),
            update: Name::from("add"),
            input: Payload::empty(),
        };
        let ended = WorkflowTerminated {
            reason: None,
            new_run_id: None,
            hands_over_below: None,
        };
        let open: [Event; 2] = [started(), accepted.into()];
        let mut deleted = transition("a", 0, []);
        let event = WorkflowDeleted {
            run_id: deleted.run_id.take().unwrap(),
            actor: Name::from("ada"),
            reason: None,
        };
        deleted.events = vec![event.into()];
        let under_way = || Script::new().batch(&[transition("a", 1, open.clone())]);
        let closed = || under_way().batch(&[transition("a", 3, [ended.clone().into()])]);

        let update = |script| {
            let said = said(&id, script);
            let line = said.lines().find(|line| line.starts_with("Update"));
            line.map(|line| line.replace("  ", ""))
        };
        assert_eq!(
            update(under_way()).unwrap(),
            "Update add, update u-1: under way"
        );
        assert_eq!(
            update(closed()).unwrap(),
            "Update add, update u-1: cut off when the run closed"
        );
        assert_eq!(update(closed().batch(&[deleted])), None);
    }
}
