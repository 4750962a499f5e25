//! What dialogs say. Names and numbers are the run's own, and each shows the same act as a command.

use super::{Act, ActivityAct, Dialog, Field, FieldKind, Form, IncidentAct, diff};
use crate::pages::{
    run::Known,
    seen::{Activity, Incident, Run},
    told::{Json, Marked, Told},
};

fn json(name: &'static str, label: &'static str, value: impl Into<String>) -> Field {
    Field::new((name, label), FieldKind::Json, value)
}

fn line(name: &'static str, label: &'static str) -> Field {
    Field::new((name, label), FieldKind::Line, "")
}

impl Act {
    /// What a dialog says of this run; `event` is where it is reset to.
    pub(crate) fn dialog(self, run: &Run, known: &Known, event: Option<u64>) -> Dialog {
        let id = run.workflow_id.line().to_string();
        let message = |names: &[Told]| {
            vec![
                Field {
                    options: names.to_vec(),
                    ..line("name", "Name").required()
                },
                json("input", "Input (JSON)", ""),
            ]
        };
        let (text, fields) = match self {
            Self::Signal => (
                "The run takes it when it asks for a signal of that name.".to_owned(),
                message(&known.signals),
            ),
            Self::Query => (
                "Asks the run's program; nothing of the run changes.".to_owned(),
                message(&known.queries),
            ),
            Self::Update => (
                "The run's program may take it or reject it, and answers.".to_owned(),
                message(&known.updates),
            ),
            Self::Cancel => (
                format!(
                    "What is in flight is asked to stop and awaited; then {}. It ends as Canceled.",
                    compensated(run)
                ),
                vec![Field::reason()],
            ),
            Self::Terminate => (terminated(run), vec![Field::reason()]),
            Self::Pause => (paused(run), vec![Field::reason()]),
            Self::Resume => (
                "What was held up goes on.".to_owned(),
                vec![Field::reason()],
            ),
            Self::Delete => (
                "What was given to it, and what it gave, is shown to nobody any more.".to_owned(),
                vec![Field::reason()],
            ),
            Self::Reset => (
                reset(event),
                vec![
                    Field::hidden(
                        "event_seq",
                        event.map(|event| event.to_string()).unwrap_or_default(),
                    ),
                    Field::reason(),
                ],
            ),
        };
        let (title, keep, go) = self.words(&id);
        Dialog {
            title,
            text,
            fields,
            keep,
            go: go.to_owned(),
            is_grave: matches!(
                self,
                Self::Cancel | Self::Terminate | Self::Delete | Self::Reset
            ),
            command: self.command(run, event),
            action: format!("{}/{}", run.href(), self.word()),
            back: run.href(),
            ..Dialog::default()
        }
    }

    /// Title, and what the buttons say.
    fn words(self, id: &str) -> (String, &'static str, &'static str) {
        match self {
            Self::Signal => (format!("Send {id} a signal"), "Back", "Send signal"),
            Self::Query => (format!("Ask {id}"), "Back", "Ask"),
            Self::Update => (format!("Send {id} an update"), "Back", "Send update"),
            Self::Cancel => (format!("Cancel {id}?"), "Keep running", "Cancel run"),
            Self::Terminate => (format!("Terminate {id}?"), "Keep running", "Terminate"),
            Self::Pause => (format!("Pause {id}?"), "Keep running", "Pause run"),
            Self::Resume => (format!("Resume {id}?"), "Back", "Resume"),
            Self::Delete => (format!("Delete {id}?"), "Keep", "Delete"),
            Self::Reset => (format!("Reset {id}?"), "Back", "Start a new run from there"),
        }
    }

    fn command(self, run: &Run, event: Option<u64>) -> String {
        let id = shell(&run.workflow_id);
        let run_id = format!("--run-id {}", run.run_id);
        match self {
            Self::Signal | Self::Query => format!(
                "sagaline workflow {} {id} --name NAME --input JSON {run_id}",
                self.word()
            ),
            Self::Update => {
                format!("sagaline workflow update start {id} --name NAME --input JSON {run_id}")
            }
            Self::Reset => format!(
                "sagaline workflow reset {id} --event {} {run_id}",
                event.unwrap_or_default()
            ),
            _ => format!("sagaline workflow {} {id} {run_id}", self.word()),
        }
    }
}

impl ActivityAct {
    /// Title, text, fields, and what the button says.
    fn texts(self, run: &Run, activity: &Activity) -> (String, String, Vec<Field>, &'static str) {
        let (name, attempt) = (activity.activity.line().to_string(), activity.attempt);
        let input = activity
            .input
            .as_ref()
            .map(|input| input.editable())
            .unwrap_or_default();
        match self {
            Self::Complete => (
                format!("Complete {name} with this result?"),
                format!(
                    "The workflow goes on as if the worker had sent it. A later answer of attempt {attempt} is ignored."
                ),
                vec![
                    json("result", "Result (JSON)", "null").required(),
                    Field::reason(),
                ],
                "Complete",
            ),
            Self::Fail => (
                format!("Fail {name} now?"),
                format!(
                    "No attempt follows. Unless the workflow handles the error it fails, and {}.",
                    compensated(run)
                ),
                vec![
                    line("type", "Error type").required(),
                    line("message", "Message"),
                ],
                "Fail it",
            ),
            Self::Retry => (
                format!("Retry {name} with this input?"),
                format!(
                    "Attempt {} is sent now. It uses up an attempt like any other.",
                    attempt.saturating_add(1)
                ),
                vec![json("input", "Input (JSON)", input), Field::reason()],
                "Retry now",
            ),
            Self::Pause => (
                format!("Pause {name}?"),
                "No attempt begins; one in flight may end.".to_owned(),
                vec![Field::reason()],
                "Pause",
            ),
            Self::Resume => (
                format!("Resume {name}?"),
                "The next attempt is sent when it is due.".to_owned(),
                vec![Field::reason()],
                "Resume",
            ),
        }
    }

    pub(crate) fn dialog(self, run: &Run, activity: &Activity) -> Dialog {
        let (title, text, fields, go) = self.texts(run, activity);
        let base = run.href();
        // What the form is filled in with, the command takes from a file.
        let more = match self {
            Self::Complete => " --result @result.json",
            Self::Retry => " --input @input.json",
            Self::Fail | Self::Pause | Self::Resume => "",
        };
        Dialog {
            title,
            text,
            fields,
            keep: "Back",
            go: go.to_owned(),
            is_grave: self == Self::Fail,
            command: format!(
                "sagaline activity {} {} {} --run-id {}{more}",
                self.word(),
                shell(&run.workflow_id),
                activity.activity_id,
                run.run_id
            ),
            action: format!("{base}/activities/{}/{}", activity.activity_id, self.word()),
            back: base,
            ..Dialog::default()
        }
    }
}

impl IncidentAct {
    pub(crate) fn dialog(self, incident: &Incident, run: Option<&Run>) -> Dialog {
        let name = incident
            .activity
            .as_ref()
            .unwrap_or(&incident.workflow)
            .line()
            .to_string();
        let id = incident.workflow_id.line();
        let input = incident
            .input
            .as_ref()
            .map(|input| input.editable())
            .unwrap_or_default();
        let (title, text, fields, go) = match self {
            Self::Retry if incident.activity.is_some() => (
                format!("Retry {name} of {id}?"),
                "It gets a fresh set of attempts; their numbers go on.".to_owned(),
                vec![json("input", "Input (JSON)", input), Field::reason()],
                "Retry with this",
            ),
            Self::Retry => (format!("Retry {id}?"), "Its program is activated again.".to_owned(), vec![Field::reason()], "Retry"),
            Self::Skip => (
                format!("Skip {name} of {id} with this result?"),
                format!("The workflow goes on as if {name} had returned it; {name} is not done."),
                vec![json("result", "Result (JSON)", "null").required(), Field::reason()],
                "Skip with this result",
            ),
            Self::Fail => (
                format!("Fail {name} of {id}?"),
                match run {
                    Some(run) => format!("Unless the workflow handles the error it fails, and {}.", compensated(run)),
                    None => "Unless the workflow handles the error it fails, and its completed steps are compensated.".to_owned(),
                },
                vec![Field::reason()],
                "Fail it",
            ),
        };
        let href = format!("/incidents/{}", incident.id.path());
        let more = match self {
            Self::Retry if incident.activity.is_some() => " --input @new.json",
            Self::Skip => " --result JSON",
            Self::Retry | Self::Fail => "",
        };
        Dialog {
            title,
            text,
            fields,
            keep: "Back",
            go: go.to_owned(),
            is_grave: self == Self::Fail,
            command: format!("sagaline incident {} {}{more}", self.word(), incident.id),
            action: format!("{href}/{}", self.word()),
            back: "/incidents".to_owned(),
            is_reviewed: self == Self::Retry && incident.activity.is_some(),
            ..Dialog::default()
        }
    }

    /// The same with an input that is not the one it had: what changes, before it is sent.
    pub(crate) fn review(self, incident: &Incident, run: Option<&Run>, form: &Form) -> Dialog {
        let mut dialog = self.dialog(incident, run);
        let given = |name: &str| form.get(name).map_or("", |value| value.trim());
        let input = plain(given("input"));
        let was = incident.input.as_ref().map(Json::editable);
        match serde_json::from_str::<Json>(&input) {
            Ok(new) => {
                let new = new.editable();
                dialog.diff = diff(&was.unwrap_or_default(), &new);
                dialog.text = format!("{} The input changes:", dialog.text);
                dialog.fields.push(Field::hidden("seen", input.clone()));
            }
            Err(error) => dialog.wrong = Some(format!("The input is no JSON: {error}.")),
        }
        for field in &mut dialog.fields {
            match field.name {
                "input" => field.value = input.clone(),
                "reason" => field.value = given("reason").to_owned(),
                _ => {}
            }
        }
        dialog
    }

    /// Whether it is sent as it is: its input is as it was, or the change was seen.
    pub(crate) fn is_seen(self, incident: &Incident, form: &Form) -> bool {
        let given = |name: &str| form.get(name).map(|value| plain(value.trim()));
        let Some(input) = given("input").filter(|input| !input.is_empty()) else {
            return true;
        };
        let was = incident.input.as_ref().map(Json::editable);
        let is_json = serde_json::from_str::<Json>(&input).map(|json| json.editable());
        self != Self::Retry
            || is_json.is_ok_and(|input| Some(input) == was)
            || given("seen") == Some(input)
    }
}

/// Lines as they were: forms are sent with others.
fn plain(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// `1 completed step is compensated: release-stock`
fn compensated(run: &Run) -> String {
    let steps = run
        .compensation
        .as_ref()
        .and_then(|compensation| compensation.steps.as_ref());
    let steps = steps
        .into_iter()
        .flatten()
        .rev()
        .filter(|step| step.state == "registered");
    let names: Vec<String> = steps.map(|step| step.activity.line().to_string()).collect();
    match names.as_slice() {
        [] => "there is nothing to compensate".to_owned(),
        [one] => format!("1 completed step is compensated: {one}"),
        many => format!(
            "{} completed steps are compensated, last first: {}",
            many.len(),
            many.join(", ")
        ),
    }
}

fn terminated(run: &Run) -> String {
    let steps = run
        .compensation
        .as_ref()
        .and_then(|compensation| compensation.steps.as_ref());
    let steps = steps
        .into_iter()
        .flatten()
        .filter(|step| step.state != "completed");
    let names: Vec<String> = steps.map(|step| step.of.line().to_string()).collect();
    match names.as_slice() {
        [] => "It ends at once and nothing is compensated.".to_owned(),
        [one] => format!(
            "It ends at once and nothing is compensated: {one} stays done. To compensate, cancel it instead."
        ),
        many => format!(
            "It ends at once and nothing is compensated: {} stay done. To compensate, cancel it instead.",
            many.join(", ")
        ),
    }
}

fn paused(run: &Run) -> String {
    let in_flight = run
        .pending_activities
        .iter()
        .filter(|activity| matches!(activity.state.as_str(), "queued" | "running"))
        .count();
    let noun = if in_flight == 1 {
        "attempt"
    } else {
        "attempts"
    };
    let in_flight = match in_flight {
        0 => String::new(),
        count => format!("; {count} {noun} in flight may finish"),
    };
    format!("No new activity, retry, timer or child starts{in_flight}. Time-outs of the run go on.")
}

fn reset(event: Option<u64>) -> String {
    let event = event.unwrap_or_default();
    format!(
        "A new run starts from event {event}. This run ends as Terminated. What came after event {event} happens again."
    )
}

/// An id as a shell takes it.
pub(in crate::pages) fn shell(id: &Told) -> String {
    let raw = id.raw();
    let is_plain = raw
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte))
        && !raw.starts_with('-');
    match is_plain && !raw.is_empty() {
        true => raw.to_owned(),
        false => Marked(&format!("'{}'", raw.replace('\'', "'\\''"))).to_string(),
    }
}
