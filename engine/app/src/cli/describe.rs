//! `workflow describe`: one run, as `GET /workflows/{id}` has it.

use clap::Args;
use sagaline_core::{
    Activity, Millis, Name, Payload, RunId, WorkflowId, is_local, run::ActivityState,
};
use sagaline_journal::{kafka::Group, wire::topic};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    RunOf, Session,
    api::{Door, Path},
    seen::{self, Fields, Run, Wait},
};
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
    let (id, run_id) = (args.of.id.get(), args.of.run_id);
    match session.door()? {
        Door::Http(api) => {
            let json = api.get(&Path::run(id, run_id))?;
            print(session.output, &json, &api.parsed(&json)?)
        }
        Door::Kafka => {
            let journal = Journal::open(session)?;
            let (_, runs) = journal.runs_of(id)?;
            let seen = runs.find(id, run_id).ok_or_else(|| unknown(id, run_id))?;
            let unread = unread_queues(session, [&seen.run])?;
            let view = runs.view(id, seen, session.output.now, &unread);
            print(
                session.output,
                &to_raw_value(&view.describe())?,
                &Run::of(&view)?,
            )
        }
    }
}

fn print(output: Output, json: &RawValue, run: &Run) -> Outcome {
    match output.format {
        Format::Json | Format::Jsonl => output.json(&json)?,
        Format::Table => output.line(&text(output, run))?,
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
    runs: impl IntoIterator<Item = &'a sagaline_core::Run>,
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
        let input = payload(&seen::payload(&choice.input));
        format!("Answer         {label}: {name} {input}")
    })
}

/// A queue is called unread only when a task has waited for so long: a worker may be starting.
const QUEUED_MIN: Millis = Millis::from_secs(5);

fn text(output: Output, run: &Run) -> String {
    let mut lines = vec![
        head(run, false),
        run.waiting_for.text.clone(),
        String::new(),
        format!("Run            {}", run.run_id),
        format!("Started        {}", output.time_of(&run.started_at)),
    ];
    lines.extend(begins(output, run));
    lines.extend(continues(run));
    lines.extend(reset(run));
    lines.extend(attempt(run));
    let closed = run.closed_at.as_ref();
    lines.extend(closed.map(|at| format!("Closed         {}", output.time_of(at))));
    let given = |json: Option<&RawValue>| {
        let given = json.map_or_else(Payload::empty, seen::payload);
        payload(&output.decoded(&given))
    };
    lines.push(format!("Input          {}", given(run.input.as_deref())));
    lines.extend(about("Attribute      ", &run.attributes));
    lines.extend(about("Memo           ", &run.memo));
    if let Some(result) = run.result.as_deref() {
        lines.push(format!("Result         {}", given(Some(result))));
    }
    if let Some(failure) = &run.failure {
        lines.push(format!(
            "Failure        {}: {}",
            failure.error_type, failure.message
        ));
    }
    lines.push(format!(
        "History        {} events, {} bytes, in partition {}",
        run.history_events, run.history_bytes, run.journal_partition
    ));
    lines.extend(run.waits.iter().flat_map(answers));
    lines.extend(updates(run));
    let activities = run.pending_activities.iter();
    lines.extend(activities.flat_map(|one| pending(output, one)));
    lines.extend(compensations(run));
    lines.extend(incidents(run));
    // Names are strangers' as messages are.
    let mut lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
    if let (true, Some(first)) = (output.terminal.color, lines.first_mut()) {
        *first = head(run, true);
    }
    lines.join("\n")
}

/// `order-1   Running, retrying   order@1`
pub(super) fn head(run: &Run, color: bool) -> String {
    let tone = |word: &str| match color {
        true => toned(&visible(word)),
        false => visible(word),
    };
    let situation = run.situation.as_ref();
    let situation = situation.map(|situation| format!(", {}", tone(situation)));
    let workflow = format!("{}@{}", run.workflow, run.version);
    format!(
        "{}   {}{}   {}",
        visible(&run.workflow_id),
        tone(&run.status),
        situation.unwrap_or_default(),
        visible(&workflow)
    )
}

/// What waits for a person, by the id that acts on it take.
pub(super) fn incidents(run: &Run) -> impl Iterator<Item = String> {
    let incidents = run.incidents.iter();
    incidents.map(|one| format!("Incident       {}: {}", one.id, one.message))
}

/// Its updates that have not ended; of a run that was deleted nothing.
pub(super) fn updates(run: &Run) -> impl Iterator<Item = String> {
    let state = match run.is_closed() {
        true => "cut off when the run closed",
        false => "under way",
    };
    let pending = run.pending_updates.iter();
    pending.map(move |one| {
        let (update, update_id) = (&one.update, &one.update_id);
        format!("Update         {update}, update {update_id}: {state}")
    })
}

/// How its steps are undone, and which nobody knows how to.
pub(super) fn compensations(run: &Run) -> Vec<String> {
    let steps = run.compensation.iter().flat_map(|all| &all.steps);
    let registered = steps.map(|step| {
        let (activity, of, state) = (&step.activity, &step.of, &step.state);
        format!("Compensation   {activity} undoes {of}: {state}")
    });
    let uncovered = run.uncovered_steps.iter();
    let uncovered = uncovered.map(|step| format!("Compensation   {step}: none registered"));
    registered.chain(uncovered).collect()
}

/// When a run begins that has not begun yet.
fn begins(output: Output, run: &Run) -> Option<String> {
    let instant = |text: &String| text.parse::<jiff::Timestamp>().ok();
    let now = run.server_time.as_ref().and_then(instant);
    let retried = run.retry.as_ref().and(run.next_attempt_at.as_ref());
    let at = retried.or(run.start_at.as_ref())?;
    let is_ahead = !run.is_closed() && instant(at).zip(now).is_some_and(|(at, now)| at > now);
    is_ahead.then(|| format!("Starts         {}", output.time_of(at)))
}

/// In whose place a run goes on, or which it tries again.
fn continues(run: &Run) -> Option<String> {
    let before = run.continued_from.as_ref()?;
    let first = match run.first_run_id.as_ref().filter(|first| *first != before) {
        None => ", the first".to_owned(),
        Some(first) => format!("; the first was {first}"),
    };
    let is_retry = run.retry.as_ref().is_some_and(|retry| retry.attempt > 1);
    let what = match is_retry {
        true => "Tries again    ",
        false => "Continues      ",
    };
    Some(format!("{what}run {before}{first}"))
}

/// From which event of which run it goes on.
fn reset(run: &Run) -> Option<String> {
    let (of, reset) = (run.reset_of.as_ref()?, run.reset.as_ref()?);
    let reason = reset.reason.as_ref();
    let reason = reason.map_or_else(String::new, |reason| format!(": \"{reason}\""));
    let (seq, by) = (reset.event_seq, &reset.by);
    Some(format!(
        "Reset          to event {seq} of run {of} by {by}{reason}"
    ))
}

/// Which attempt of its workflow a run is, where there may be more than one.
fn attempt(run: &Run) -> Option<String> {
    let retry = run.retry.as_ref()?;
    let of = retry.maximum_attempts;
    let of = of.map_or_else(String::new, |maximum| format!(" of {maximum}"));
    Some(format!("Retry          Attempt {}{of}", retry.attempt))
}

/// Search attributes or a memo, one a line.
fn about(head: &'static str, fields: &Fields) -> impl Iterator<Item = String> {
    let fields = fields.iter();
    fields.map(move |(name, json)| format!("{head}{name}={json}"))
}

/// An activity that is not done, and why its last attempt failed.
pub(super) fn pending(output: Output, activity: &seen::Activity) -> Vec<String> {
    let of = activity.maximum_attempts;
    let of = of.map_or_else(String::new, |maximum| format!(" of {maximum}"));
    let failure = activity.last_failure.as_ref().map(|last| {
        let worker = last.worker.as_ref();
        let worker = worker.map_or_else(String::new, |worker| format!(", worker {worker}"));
        format!(
            "               {}: {}, after {} ms{worker}",
            last.error_type, last.message, last.took_ms
        )
    });
    let seen::Activity {
        activity: name,
        activity_id: id,
        task_queue: queue,
        attempt,
        ..
    } = activity;
    let state = state(output, activity);
    let line = format!("Pending        {name} #{id}, queue {queue}, attempt {attempt}{of} {state}");
    std::iter::once(line).chain(failure).collect()
}

/// Where an activity is.
fn state(output: Output, activity: &seen::Activity) -> String {
    let time = |at: &Option<String>| at.as_ref().map(|at| output.time_of(at));
    let (sent, started) = (time(&activity.sent_at), time(&activity.started_at));
    let next = time(&activity.next_attempt_at);
    match (activity.state.as_str(), sent, started) {
        ("parked", ..) => "failed; waits for a person".to_owned(),
        ("retrying" | "paused", None, _) => "was not sent; the next is when it goes on".to_owned(),
        ("retrying" | "paused", Some(_), _) => match next {
            Some(next) => format!("failed; the next is due {next}"),
            None => "failed; the next is when it goes on".to_owned(),
        },
        (state, _, Some(started)) => format!("{} since {started}", running(state)),
        ("queued", None, _) => "waits for its turn".to_owned(),
        ("queued", Some(sent), _) => format!("sent {sent}"),
        (state, Some(sent), _) => format!("{state}, sent {sent}"),
        (state, None, _) => state.to_owned(),
    }
}

/// A worker is at it, also when it was asked to stop.
fn running(state: &str) -> &str {
    match state {
        "cancel-requested" => "asked to stop, running",
        other => other,
    }
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
        let mut runs = Runs::from(
            &sagaline_runtime::Fold::new(0),
            3,
            Keep::Histories(id.clone()),
        );
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
        let view = runs.view(id, seen, output.now, &[]);
        text(output, &Run::of(&view).unwrap())
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
