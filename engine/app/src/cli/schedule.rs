//! `schedule`: its verbs. A schedule is a run of a built-in workflow: each verb is a start, an update, a query or a cancel.

mod flags;
mod http;
mod show;

use clap::{Args, Subcommand};
use sagaline_core::{OUR_NAMES, Payload, SCHEDULE_WORKFLOW, WorkflowId};
use sagaline_journal::wire::{ce_type, header, id_conflict, id_reuse};
use sagaline_sdk::schedule::{self, Backfill, Description, Instant, Overlap, Schedule, Triggered};
use serde::{Serialize, de::DeserializeOwned};

use self::flags::Flags;
use super::{Session, api::Door, unread, update::answered};
use crate::{
    clock::Deadline,
    fault::{Exit, Fault, Outcome},
    inbox::{ANSWER_WAIT, Answer, Inbox, Question, new_id},
    journal::Journal,
    output::Format,
};

/// What can be done with schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create a schedule: a workflow that starts by itself
    Create(CreateArgs),
    /// Change a schedule: what is not said stays as it is
    Update(CreateArgs),
    /// Print what a schedule does, what it has started and when it is due next
    Describe(Named),
    /// Print all schedules
    List(show::ListArgs),
    /// Start nothing by itself until it is resumed
    Pause(NoteArgs),
    /// Let a paused schedule go on
    #[command(visible_alias = "unpause")]
    Resume(NoteArgs),
    /// Start one now
    Trigger(TriggerArgs),
    /// Start what was due in a time
    Backfill(BackfillArgs),
    /// Print when it is due next
    Next(NextArgs),
    /// End a schedule; what it has started goes on
    Delete(NoteArgs),
}

impl Verb {
    pub(crate) fn run(self, session: &Session) -> Outcome {
        match session.door()? {
            Door::Http(api) => http::run(session, &api, &self),
            Door::Kafka => self.by_topics(session),
        }
    }

    fn by_topics(self, session: &Session) -> Outcome {
        match self {
            Self::Create(args) => create(session, &args),
            Self::Update(args) => update(session, &args),
            Self::Describe(args) => show::describe(session, &args),
            Self::List(args) => show::list(session, &args),
            Self::Pause(args) => note(session, &args, "pause"),
            Self::Resume(args) => note(session, &args, "resume"),
            Self::Trigger(args) => trigger(session, &args),
            Self::Backfill(args) => backfill(session, &args),
            Self::Next(args) => show::next(session, &args.of, args.count),
            Self::Delete(args) => delete(session, &args),
        }
    }
}

/// Which schedule.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Named {
    /// Name of the schedule
    #[arg(value_name = "NAME", value_parser = name)]
    positional: Option<ScheduleName>,
    /// Name of the schedule
    #[arg(short, long, value_name = "NAME", value_parser = name)]
    schedule_id: Option<ScheduleName>,
}

/// A name, and the workflow id of the run that is the schedule.
#[derive(Clone, Debug)]
struct ScheduleName {
    name: String,
    id: WorkflowId,
}

fn name(text: &str) -> Result<ScheduleName, String> {
    let id = schedule::workflow_id(text).map_err(|error| error.message().to_owned())?;
    Ok(ScheduleName {
        name: text.to_owned(),
        id: super::workflow_id(&id)?,
    })
}

impl Named {
    fn get(&self) -> &ScheduleName {
        let given = self.positional.as_ref().or(self.schedule_id.as_ref());
        given.expect("the group is required")
    }

    pub(super) fn name(&self) -> &str {
        &self.get().name
    }

    pub(super) fn id(&self) -> &WorkflowId {
        &self.get().id
    }
}

/// What `create` and `update` take.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    of: Named,
    #[command(flatten)]
    flags: Flags,
}

/// What `pause`, `resume` and `delete` take.
#[derive(Debug, Args)]
pub(crate) struct NoteArgs {
    #[command(flatten)]
    of: Named,
    /// Why, for people
    #[arg(long, visible_alias = "reason", default_value = "")]
    note: String,
}

/// What `trigger` takes.
#[derive(Debug, Args)]
pub(crate) struct TriggerArgs {
    #[command(flatten)]
    of: Named,
    /// What happens while another is under way [default: the schedule's own]
    #[arg(long, value_parser = flags::overlap, value_name = "POLICY")]
    overlap: Option<Overlap>,
}

/// What `backfill` takes.
#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    #[command(flatten)]
    of: Named,
    /// The first due time that counts, as 2026-03-01T00:00:00Z
    #[arg(long, value_parser = flags::instant, value_name = "TIME")]
    from: Instant,
    /// The last
    #[arg(long, value_parser = flags::instant, value_name = "TIME")]
    to: Instant,
    /// What happens while another is under way [default: buffer_all, one behind the other]
    #[arg(long, value_parser = flags::overlap, value_name = "POLICY")]
    overlap: Option<Overlap>,
}

/// What `next` takes.
#[derive(Debug, Args)]
pub(crate) struct NextArgs {
    #[command(flatten)]
    of: Named,
    /// How many times
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

#[derive(Serialize)]
struct Begin<'a> {
    schedule: &'a Schedule,
}

#[derive(Serialize)]
struct Created<'a> {
    schedule: &'a str,
    workflow_id: &'a WorkflowId,
}

#[derive(Serialize)]
struct Note<'a> {
    note: &'a str,
}

fn create(session: &Session, args: &CreateArgs) -> Outcome {
    let schedule = args.flags.schedule(None)?;
    let (name, id) = (args.of.name(), args.of.id());
    knows_action(session, id, &schedule)?;
    let question = Question::new(ce_type::WORKFLOW_START, id)
        .header(header::WORKFLOW, Some(SCHEDULE_WORKFLOW))
        .header(header::ID_CONFLICT, Some(id_conflict::FAIL))
        .header(header::ID_REUSE, Some(id_reuse::ALLOW_DUPLICATE))
        .value(json(&Begin {
            schedule: &schedule,
        })?);
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    let answer = inbox.first(&asked, None)?;
    if answer.is_of_used_id() {
        return Err(exists(name));
    }
    answer.taken()?;
    told(session, name, id, "Created")
}

/// Refuses a schedule of a workflow that no engine of the namespace has had: each start of it would be refused.
fn knows_action(session: &Session, id: &WorkflowId, schedule: &Schedule) -> Outcome {
    let workflow = &schedule.action.workflow;
    let known = Journal::open(session)?.workflows(id)?;
    match known.is_empty() || known.contains(workflow) {
        true => Ok(()),
        false => {
            let names = known.iter().filter(|name| !name.starts_with(OUR_NAMES));
            let names: Vec<&str> = names.map(String::as_str).collect();
            let text = format!(
                "the schedule would start workflow {workflow}, which no engine of this namespace has"
            );
            Err(Fault::quoting(Exit::Refused, &text)
                .hint(format!("they have: {}", names.join(", "))))
        }
    }
}

fn exists(name: &str) -> Fault {
    Fault::refused(format!("there is a schedule {name} already"))
        .hint(format!("`schedule update {name}` changes it"))
}

fn update(session: &Session, args: &CreateArgs) -> Outcome {
    let before = ask(session, &args.of, "describe", &())?;
    let before: Description = read(session, &args.of, before)?;
    let schedule = args.flags.schedule(Some(before.schedule))?;
    knows_action(session, args.of.id(), &schedule)?;
    let _: Payload = change(session, &args.of, "update", &schedule)?;
    told(session, args.of.name(), args.of.id(), "Updated")
}

fn note(session: &Session, args: &NoteArgs, act: &str) -> Outcome {
    let _: Payload = change(session, &args.of, act, &Note { note: &args.note })?;
    let done = match act {
        "pause" => "Paused",
        _ => "Resumed",
    };
    told(session, args.of.name(), args.of.id(), done)
}

#[derive(Serialize)]
struct Trigger {
    overlap: Option<Overlap>,
}

fn trigger(session: &Session, args: &TriggerArgs) -> Outcome {
    let overlap = args.overlap;
    let answer = change(session, &args.of, "trigger", &Trigger { overlap })?;
    triggered(session, &args.of, answer)
}

/// Prints what came of a trigger.
fn triggered(session: &Session, of: &Named, answer: Payload) -> Outcome {
    if session.output.format != Format::Table {
        return Ok(super::result::print_payload(session.output, &answer)?);
    }
    let what = format!("schedule {} took the trigger; what came of it", of.name());
    let triggered: Triggered = unread::read(session, &what, answer)?;
    let text = match (&triggered.workflow_id, triggered.outcome.as_str()) {
        (Some(workflow_id), _) => format!("Started {workflow_id}."),
        (None, "waiting") => "It starts when those before it have ended.".to_owned(),
        (None, _) => {
            "Skipped: another is under way. --overlap allow_all starts it beside.".to_owned()
        }
    };
    Ok(session.output.say(&text)?)
}

impl BackfillArgs {
    fn backfill(&self) -> Backfill {
        Backfill {
            from: self.from,
            to: self.to,
            overlap: self.overlap.unwrap_or(Overlap::BufferAll),
        }
    }
}

fn backfill(session: &Session, args: &BackfillArgs) -> Outcome {
    let backfill = args.backfill();
    let _: Payload = change(session, &args.of, "backfill", &backfill)?;
    told(session, args.of.name(), args.of.id(), "Began to backfill")
}

fn delete(session: &Session, args: &NoteArgs) -> Outcome {
    let reason = match args.note.as_str() {
        "" => "the schedule is deleted",
        note => note,
    };
    let question =
        Question::new(ce_type::WORKFLOW_CANCEL, args.of.id()).header(header::REASON, Some(reason));
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    taken(args.of.name(), inbox.first(&asked, None)?)?;
    told(session, args.of.name(), args.of.id(), "Deleted")
}

/// Asks it something, which changes nothing.
fn ask(session: &Session, of: &Named, query: &str, input: &impl Serialize) -> Outcome<Payload> {
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question_of(of.id(), query, json(input)?))?;
    let answer = taken(of.name(), inbox.first(&asked, None)?)?;
    answered(&format!("schedule {}", of.name()), answer)
}

fn question_of(id: &WorkflowId, query: &str, input: Payload) -> Question {
    Question::new(ce_type::WORKFLOW_QUERY, id)
        .header(header::QUERY, Some(query))
        .value(input)
}

/// Changes it, and gives what it answers.
fn change(session: &Session, of: &Named, update: &str, input: &impl Serialize) -> Outcome<Payload> {
    let question = Question::new(ce_type::WORKFLOW_UPDATE, of.id())
        .header(header::UPDATE, Some(update))
        .header(header::UPDATE_ID, Some(new_id()))
        .value(json(input)?);
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    let first = taken(of.name(), inbox.first(&asked, None)?)?;
    let last = match first.is_final() {
        true => Some(first),
        false => inbox.answer(&asked, Deadline::after(Some(ANSWER_WAIT)), Answer::is_final)?,
    };
    let last = last.ok_or_else(|| unsaid(of, is_run_paused(session, of.id())))?;
    answered(&format!("{update} of schedule {}", of.name()), last)
}

/// Whether somebody holds up the run that is the schedule: it takes what it is told, and does it when it is resumed.
fn is_run_paused(session: &Session, id: &WorkflowId) -> bool {
    let runs = Journal::open(session).and_then(|journal| journal.runs_of(id));
    // What is said beside an answer is no reason to fail.
    runs.is_ok_and(|(_, runs)| {
        let newest = runs.find(id, None);
        newest.is_some_and(|seen| seen.run.paused.is_some())
    })
}

/// It has taken a change, and the time ran out before it was made.
fn unsaid(of: &Named, paused: bool) -> Fault {
    let (name, id, waited) = (of.name(), of.id(), ANSWER_WAIT.as_secs());
    let text =
        format!("schedule {name} has taken it, and has not said within {waited} s that it is done");
    match paused {
        true => Fault::new(Exit::TimedOut, format!("{text}: its run is paused")).hint(format!(
            "`workflow resume {id}` lets it go on, and then it is done; `workflow describe {id}` says who paused it"
        )),
        false => Fault::new(Exit::TimedOut, text)
            .hint(format!("`workflow describe {id}` says what it waits for")),
    }
}

/// The answer, unless there is no such schedule or it refuses.
fn taken(name: &str, answer: Answer) -> Outcome<Answer> {
    if answer.is_of_no_open_run() {
        return Err(Fault::refused(format!("there is no schedule {name}"))
            .hint("`schedule list` shows all"));
    }
    answer.taken()
}

fn told(session: &Session, name: &str, id: &WorkflowId, done: &str) -> Outcome {
    match session.output.format {
        Format::Json | Format::Jsonl => session.output.json(&Created {
            schedule: name,
            workflow_id: id,
        })?,
        Format::Table => session.output.say(&format!("{done} schedule {name}."))?,
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Outcome<Payload> {
    let bytes = serde_json::to_vec(value).map_err(std::io::Error::from)?;
    Ok(Payload::json(bytes))
}

fn read<T: DeserializeOwned>(session: &Session, of: &Named, answer: Payload) -> Outcome<T> {
    unread::read(session, &format!("schedule {}", of.name()), answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_a_paused_run_has_not_made_ran_out_of_time_and_says_what_lets_it_go_on() {
        let of = Named {
            positional: Some(name("sr").unwrap()),
            schedule_id: None,
        };

        let paused = unsaid(&of, true);
        let busy = unsaid(&of, false).to_string();

        assert_eq!(paused.exit(), Exit::TimedOut);
        let paused = paused.to_string();
        for said in [
            "run is paused",
            "`workflow resume schedule/sr`",
            "`workflow describe schedule/sr`",
        ] {
            assert!(paused.contains(said), "{paused}");
        }
        assert!(
            !busy.contains("paused") && busy.contains("`workflow describe schedule/sr`"),
            "{busy}"
        );
    }
}
