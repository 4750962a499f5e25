//! `workflow start` and `execute`.

mod http;
mod retry;

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use sagaline_core::{Millis, Name, Payload, RunId, Timestamp, WorkflowId, is_field_name};
use sagaline_journal::wire::{ce_type, header, id_conflict, id_reuse, outcome};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Session,
    api::Door,
    input::{Input, read},
    name, result,
    update::{self, Accepted, AskedUpdate},
    workflow_id,
};
use crate::{
    clock::Deadline,
    fault::{Exit, Fault, Outcome},
    inbox::{Answer, Asked, Inbox, Question, new_id},
    output::{Format, Output},
    settings::Span,
};

/// What `start` and `execute` take.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Name of the workflow
    #[arg(short = 't', long = "type", value_name = "NAME")]
    workflow: String,
    /// Workflow id; at most one run of it is open at a time [default: a random UUID]
    #[arg(long, short = 'w', visible_alias = "workflow-id", value_parser = workflow_id)]
    id: Option<WorkflowId>,
    #[command(flatten)]
    input: Input,
    /// Version of the workflow; otherwise the highest
    #[arg(long)]
    version: Option<String>,
    /// Search attribute, a value that is no JSON as text; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = field)]
    search_attribute: Vec<Given>,
    /// Field of the memo, likewise
    #[arg(long, value_name = "NAME=VALUE", value_parser = field)]
    memo: Vec<Given>,
    /// While a run of the id is open
    #[arg(long, value_enum, default_value_t)]
    id_conflict: IdConflict,
    /// When the last run of the id is closed
    #[arg(long, value_enum, default_value_t)]
    id_reuse: IdReuse,
    /// How long the run may take, as in 90d; what it has done is undone then [default: for ever]
    #[arg(long, value_name = "SPAN")]
    run_timeout: Option<Span>,
    /// How long it and the runs that continue it may take
    #[arg(long, value_name = "SPAN")]
    execution_timeout: Option<Span>,
    /// When it begins, as in 2030-01-01T09:00:00Z; it is open until then [default: at once]
    #[arg(long, value_name = "RFC3339", value_parser = instant, conflicts_with = "start_delay")]
    start_at: Option<Timestamp>,
    /// How long after now it begins, as in 10m
    #[arg(long, value_name = "SPAN")]
    start_delay: Option<Span>,
    /// Try it again when it fails or its run time-out passes: a policy as in '{"maximum_attempts":5}'
    #[arg(long, value_name = "JSON", value_parser = retry::policy)]
    retry: Option<String>,
    /// Says which start this is: the same again starts nothing again
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Give up waiting after this long, as in 30s
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
}

/// What `signal-with-start` takes.
#[derive(Debug, Args)]
pub(crate) struct SignalWithStartArgs {
    #[command(flatten)]
    start: StartArgs,
    /// Name of the signal
    #[arg(long, value_parser = name)]
    name: Name,
    /// What the signal carries, at most 20 KB: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON|@FILE|-")]
    signal_input: Option<String>,
}

/// What `update-with-start` takes.
#[derive(Debug, Args)]
pub(crate) struct UpdateWithStartArgs {
    #[command(flatten)]
    start: StartArgs,
    /// Name of the update
    #[arg(long, value_parser = name)]
    name: Name,
    /// What the update is given, at most 20 KB: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON|@FILE|-")]
    update_input: Option<String>,
    /// Says which update this is: the same again is not done again [default: a random UUID]
    #[arg(long, value_name = "ID", value_parser = name)]
    update_id: Option<Name>,
    /// Until when to wait
    #[arg(long, value_enum, default_value_t)]
    wait: Stage,
}

/// How far an update is.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Stage {
    /// The run has said that it will; prints the run and the update
    Accepted,
    /// It has ended; prints the answer
    #[default]
    Completed,
}

/// A message that goes with a start.
struct Beside {
    ce_type: &'static str,
    /// Its name, and, of an update, which it is.
    headers: Vec<(&'static str, String)>,
    input_header: &'static str,
    input: Payload,
}

/// What a start does while a run of the id is open.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum IdConflict {
    /// It is taken for the start of that run
    #[default]
    UseExisting,
    /// It is refused
    Fail,
    /// That run is terminated and a new one started
    TerminateExisting,
}

/// What a start does when the last run of the id is closed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum IdReuse {
    /// It is refused
    #[default]
    RejectDuplicate,
    /// A new run starts
    AllowDuplicate,
    /// A new run starts unless the last one completed
    AllowDuplicateFailedOnly,
}

impl IdConflict {
    /// The same word goes into the inbox and to the API.
    const fn as_str(self) -> &'static str {
        match self {
            Self::UseExisting => id_conflict::USE_EXISTING,
            Self::Fail => id_conflict::FAIL,
            Self::TerminateExisting => id_conflict::TERMINATE_EXISTING,
        }
    }
}

impl IdReuse {
    /// The same.
    const fn as_str(self) -> &'static str {
        match self {
            Self::RejectDuplicate => id_reuse::REJECT_DUPLICATE,
            Self::AllowDuplicate => id_reuse::ALLOW_DUPLICATE,
            Self::AllowDuplicateFailedOnly => id_reuse::ALLOW_DUPLICATE_FAILED_ONLY,
        }
    }
}

/// A name with its JSON.
#[derive(Clone, Debug)]
pub(super) struct Given(pub(super) String, pub(super) Box<RawValue>);

/// Takes `NAME=VALUE`.
pub(super) fn field(text: &str) -> Result<Given, String> {
    let (name, value) = text.split_once('=').ok_or("it is not NAME=VALUE")?;
    if !is_field_name(name) {
        return Err("a name is a letter, then letters, digits, _, - and .".to_owned());
    }
    let json = match RawValue::from_string(value.to_owned()) {
        Ok(json) => json,
        Err(_) => to_raw_value(value).map_err(|error| error.to_string())?,
    };
    Ok(Given(name.to_owned(), json))
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let latest = Timestamp::LATEST;
    let wrong = || {
        let (form, latest) = ("2030-01-01T09:00:00Z", latest.to_rfc3339());
        format!("an instant of RFC 3339 as {form} is expected, {latest} at the latest")
    };
    let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    let at = Timestamp::from_micros(at.as_microsecond());
    (at <= latest).then_some(at).ok_or_else(wrong)
}

/// All in one JSON object; of a repeated name the last counts.
fn object(fields: &[Given]) -> Outcome<Option<String>> {
    let fields: BTreeMap<&str, &RawValue> = fields
        .iter()
        .map(|Given(name, json)| (name.as_str(), &**json))
        .collect();
    Ok(match fields.is_empty() {
        true => None,
        false => Some(serde_json::to_string(&fields).map_err(std::io::Error::from)?),
    })
}

/// As the API answers it.
#[derive(Debug, Deserialize, Serialize)]
struct Started {
    workflow_id: WorkflowId,
    run_id: Option<RunId>,
    /// False: the run was there already.
    started: bool,
}

impl Started {
    /// Prints it; `begins`: not at once; `before`: what is so where it was there already.
    fn print(&self, output: Output, begins: Option<Timestamp>, before: &str) -> Outcome {
        if output.format != Format::Table {
            return Ok(output.json(self)?);
        }
        let run_id = self.run_id.map(|run_id| run_id.to_string());
        let said = match (self.started, begins) {
            (true, Some(at)) => ["Starts".to_owned(), output.time(at)],
            (true, None) => ["Started", "now"].map(str::to_owned),
            (false, _) => ["Started", before].map(str::to_owned),
        };
        let rows = [
            vec!["Workflow".to_owned(), self.workflow_id.to_string()],
            vec!["Run".to_owned(), run_id.unwrap_or_default()],
            said.to_vec(),
        ];
        Ok(output.table(&[], &rows)?)
    }
}

/// Starts a workflow and prints its run once the start is in the journal.
pub(crate) fn start(session: &Session, args: StartArgs) -> Outcome {
    begin(session, args, None)
}

/// The same of one that is sent a signal, too; of one that is open only the signal is sent.
pub(crate) fn signal_with_start(session: &Session, args: SignalWithStartArgs) -> Outcome {
    let signal = Beside {
        ce_type: ce_type::WORKFLOW_SIGNAL_WITH_START,
        headers: vec![(header::SIGNAL, args.name.to_string())],
        input_header: header::SIGNAL_INPUT,
        input: beside("--signal-input", args.signal_input.as_deref())?,
    };
    begin(session, args.start, Some(signal))
}

/// The same of one that is asked to change; prints what came of that.
pub(crate) fn update_with_start(session: &Session, args: UpdateWithStartArgs) -> Outcome {
    let update_id = args.update_id.map(|id| id.to_string());
    let update_id = update_id.unwrap_or_else(new_id);
    let update = Beside {
        ce_type: ce_type::WORKFLOW_UPDATE_WITH_START,
        headers: vec![
            (header::UPDATE, args.name.to_string()),
            (header::UPDATE_ID, update_id.clone()),
        ],
        input_header: header::UPDATE_INPUT,
        input: beside("--update-input", args.update_input.as_deref())?,
    };
    let wait = args.start.timeout.map(Span::get);
    let deadline = Deadline::after(wait);
    if let Door::Http(api) = session.door()? {
        let asked = http::ask(session, &api, (&args.start, Some(&update)))?;
        let accepted = Accepted {
            workflow_id: asked.started.workflow_id.to_string(),
            run_id: asked.started.run_id,
            update_id,
            stage: update::Stage::Accepted,
        };
        return match args.wait {
            Stage::Accepted => accepted.print(session.output, &args.name),
            Stage::Completed => update::http::wait(session.output, &api, &accepted, deadline),
        };
    }
    let (id, inbox, asked) = ask(session, args.start, Some(update))?;
    let update = AskedUpdate {
        inbox,
        asked,
        id,
        name: args.name,
        update_id,
    };
    match args.wait {
        Stage::Accepted => update.accepted(session, wait),
        Stage::Completed => update.ended(session, wait, deadline),
    }
}

fn beside(flag: &str, given: Option<&str>) -> Outcome<Payload> {
    let input = given.map(|given| read(flag, given)).transpose()?;
    Ok(input.unwrap_or_else(Payload::empty))
}

fn begin(session: &Session, args: StartArgs, signal: Option<Beside>) -> Outcome {
    let wait = args.timeout.map(Span::get);
    let begins = start_at(session, &args).filter(|at| *at > session.output.now);
    if let Door::Http(api) = session.door()? {
        let asked = http::ask(session, &api, (&args, signal.as_ref()))?;
        return asked.started.print(session.output, begins, OPEN_BEFORE);
    }
    let (id, inbox, asked) = ask(session, args, signal)?;
    let answer = inbox.first(&asked, wait)?;
    let (run_id, before) = match taken_before(session, (&id, &asked), &answer)? {
        Some(run_id) => (Some(run_id), "before: its run is over"),
        None => (answer.taken()?.run_id, OPEN_BEFORE),
    };
    let new_run = inbox.run_of_start(&asked)?;
    let started = Started {
        workflow_id: id,
        run_id,
        started: new_run.is_some() && new_run == run_id,
    };
    started.print(session.output, begins, before)
}

/// What is said of a start of what is there.
const OPEN_BEFORE: &str = "before: this run was open already";

/// Starts a workflow, waits for its end and prints what it returned.
pub(crate) fn execute(session: &Session, args: StartArgs) -> Outcome {
    let wait = args.timeout.map(Span::get);
    let deadline = Deadline::after(wait);
    if let Door::Http(api) = session.door()? {
        let started = http::ask(session, &api, (&args, None))?.started;
        let of = (&started.workflow_id, started.run_id);
        return result::wait_at(session.output, &api, of, deadline);
    }
    let (id, inbox, asked) = ask(session, args, None)?;
    let answer = inbox.first(&asked, wait)?;
    if let Some(run_id) = taken_before(session, (&id, &asked), &answer)? {
        return result::wait(session, (&id, Some(run_id)), deadline);
    }
    answer.taken()?;
    match inbox.answer(&asked, deadline, Answer::is_final)? {
        Some(answer) => print(session, &id, &answer),
        None => Err(
            Fault::new(Exit::TimedOut, format!("workflow {id} is still open")).hint(format!(
                "`workflow result {id}` waits on; `workflow describe {id}` says what it waits for"
            )),
        ),
    }
}

/// The run of a start that is refused because it was taken before: the same again does nothing again.
fn taken_before(
    session: &Session,
    (id, asked): (&WorkflowId, &Asked),
    answer: &Answer,
) -> Outcome<Option<RunId>> {
    match answer.is_of_used_id() {
        true => result::run_of(session, id, &asked.cause()),
        false => Ok(None),
    }
}

/// When the run is to begin, if not at once.
fn start_at(session: &Session, args: &StartArgs) -> Option<Timestamp> {
    let delay = args.start_delay.map(|span| Millis(whole_millis(span)));
    let delayed = delay.map(|delay| session.output.now.plus(delay));
    args.start_at.or(delayed).map(Timestamp::up_to_millis)
}

fn ask(
    session: &Session,
    args: StartArgs,
    beside: Option<Beside>,
) -> Outcome<(WorkflowId, Inbox, Asked)> {
    let start_at = start_at(session, &args);
    let input = args.input.payload()?;
    let id = match args.id {
        Some(id) => id,
        None => workflow_id(&new_id()).map_err(Fault::usage)?,
    };
    let (conflict, reuse) = (args.id_conflict.as_str(), args.id_reuse.as_str());
    let ce_type = beside
        .as_ref()
        .map_or(ce_type::WORKFLOW_START, |beside| beside.ce_type);
    let mut question = Question::new(ce_type, &id)
        .header(header::WORKFLOW, Some(args.workflow))
        .header(header::VERSION, args.version)
        .header(header::ID_CONFLICT, Some(conflict))
        .header(header::ID_REUSE, Some(reuse))
        .header(header::ATTRIBUTES, object(&args.search_attribute)?)
        .header(header::MEMO, object(&args.memo)?)
        .header(header::RUN_TIMEOUT_MS, args.run_timeout.map(millis))
        .header(
            header::EXECUTION_TIMEOUT_MS,
            args.execution_timeout.map(millis),
        )
        .header(header::START_AT, start_at.map(Timestamp::to_rfc3339))
        .header(header::RETRY, args.retry)
        .value(input);
    if let Some(beside) = beside {
        for (name, value) in beside.headers {
            question = question.header(name, Some(value));
        }
        question = question.message(beside.input_header, beside.input);
    }
    if let Some(key) = args.idempotency_key {
        question = question.id(key);
    }
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    Ok((id, inbox, asked))
}

fn whole_millis(span: Span) -> u64 {
    u64::try_from(span.get().as_millis()).unwrap_or(u64::MAX)
}

fn millis(span: Span) -> String {
    whole_millis(span).to_string()
}

/// Prints the result of a completed run; of any other why there is none.
fn print(session: &Session, id: &WorkflowId, answer: &Answer) -> Outcome {
    let reason = match answer.error_message.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    let message = match answer.outcome.as_str() {
        outcome::COMPLETED => return Ok(result::print_payload(session.output, &answer.value)?),
        outcome::CANCELED => format!("workflow {id} was cancelled{reason}"),
        outcome::TIMED_OUT => format!("workflow {id} timed out{reason}"),
        outcome::TERMINATED => format!("workflow {id} was terminated{reason}"),
        _ => format!("workflow {id} failed: {}{reason}", answer.error_type),
    };
    Err(Fault::quoting(Exit::Failed, &message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_one_object_with_their_json_as_it_was_typed() {
        let given = ["a=1", "total=49.90", "region=eu", "a=[1,  2]", "empty="];
        let given: Vec<Given> = given.iter().map(|text| field(text).unwrap()).collect();

        assert_eq!(
            object(&given).unwrap().as_deref(),
            Some(r#"{"a":[1,  2],"empty":"","region":"eu","total":49.90}"#)
        );
        assert_eq!(object(&[]).unwrap(), None);
        for bad in ["a", "=1", "9=1", "a b=1"] {
            assert!(field(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_start_is_at_an_instant_that_there_can_be_a_timer_for() {
        for wrong in ["9999-12-31T23:59:59Z", "soon", "2030-01-01"] {
            let said = instant(wrong).unwrap_err();
            assert!(
                said.contains("9999-12-30T22:00:00.000Z at the latest"),
                "{said}"
            );
        }
        assert_eq!(instant("9999-12-30T22:00:00Z"), Ok(Timestamp::LATEST));
    }
}
