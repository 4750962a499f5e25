//! Schedules over HTTP: each verb is one call.

use sagaline_core::{Payload, SCHEDULE_WORKFLOW, show::Read as _};
use sagaline_sdk::schedule::Description;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Begin, CreateArgs, Format, Named, Note, Trigger, Verb, exists, read,
    show::{self, About, ListArgs, Seen},
    told, triggered,
};
use crate::{
    cli::{
        Session,
        api::{Api, Change, Method, Path, payload},
        rows::Rows,
        unread::Unread,
    },
    fault::Outcome,
    inbox::new_id,
    output::aside,
};

pub(super) fn run(session: &Session, api: &Api, verb: &Verb) -> Outcome {
    match verb {
        Verb::Create(args) => create(session, api, args),
        Verb::Update(args) => update(session, api, args),
        Verb::Describe(of) => describe(session, api, of),
        Verb::List(args) => list(session, api, args),
        Verb::Pause(args) => {
            let note = Note { note: &args.note };
            change(api, &args.of, "pause", &note)?;
            told(session, args.of.name(), args.of.id(), "Paused")
        }
        Verb::Resume(args) => {
            let note = Note { note: &args.note };
            change(api, &args.of, "resume", &note)?;
            told(session, args.of.name(), args.of.id(), "Resumed")
        }
        Verb::Trigger(args) => {
            let overlap = args.overlap;
            let answer = change(api, &args.of, "trigger", &Trigger { overlap })?;
            triggered(session, &args.of, payload(api, &answer)?)
        }
        Verb::Backfill(args) => {
            change(api, &args.of, "backfill", &args.backfill())?;
            told(session, args.of.name(), args.of.id(), "Began to backfill")
        }
        Verb::Next(args) => {
            let count = args.count.to_string();
            let next = path(&args.of).then("next").param("count", &count);
            let next = payload(api, &api.get(&next)?)?;
            show::print_next(
                session.output,
                args.of.name(),
                read(session, &args.of, next)?,
            )
        }
        Verb::Delete(args) => {
            let note = Note { note: &args.note };
            api.change(&Change {
                method: Method::Delete,
                ..of(path(&args.of), &note)?
            })?;
            told(session, args.of.name(), args.of.id(), "Deleted")
        }
    }
}

fn path(of: &Named) -> Path {
    Path::new("schedules").then(of.name())
}

/// A `POST`; sent twice by whatever stands between it is still one.
fn of(path: Path, body: &impl Serialize) -> Outcome<Change<'static>> {
    Ok(Change::post(path, to_raw_value(body)?))
}

fn change(api: &Api, named: &Named, verb: &str, body: &impl Serialize) -> Outcome<Box<RawValue>> {
    let key = new_id();
    let change = Change {
        key: Some(&key),
        ..of(path(named).then(verb), body)?
    };
    Ok(api.change(&change)?.json)
}

/// A schedule is a run of a built-in workflow: begun as that it is refused where it is there already.
fn create(session: &Session, api: &Api, args: &CreateArgs) -> Outcome {
    #[derive(Serialize)]
    struct Start<'a> {
        workflow: &'static str,
        id: &'a str,
        id_conflict: &'static str,
        id_reuse: &'static str,
        input: Begin<'a>,
    }
    let schedule = args.flags.schedule(None)?;
    let (name, id) = (args.of.name(), args.of.id());
    let start = Start {
        workflow: SCHEDULE_WORKFLOW,
        id: id.as_str(),
        id_conflict: "fail",
        id_reuse: "allow-duplicate",
        input: Begin {
            schedule: &schedule,
        },
    };
    let started = api.change(&of(Path::new("workflows"), &start)?);
    started.map_err(|fault| match fault.is("workflow_open") {
        true => exists(name),
        false => fault,
    })?;
    told(session, name, id, "Created")
}

fn update(session: &Session, api: &Api, args: &CreateArgs) -> Outcome {
    let before: Description = seen(session, api, &args.of)?;
    let schedule = args.flags.schedule(Some(before.schedule))?;
    api.change(&Change {
        method: Method::Put,
        ..of(path(&args.of), &schedule)?
    })?;
    told(session, args.of.name(), args.of.id(), "Updated")
}

fn seen(session: &Session, api: &Api, named: &Named) -> Outcome<Description> {
    let answer = payload(api, &api.get(&path(named))?)?;
    read(session, named, answer)
}

fn describe(session: &Session, api: &Api, named: &Named) -> Outcome {
    let json = api.get(&path(named))?;
    if session.output.format != Format::Table {
        return Ok(session.output.json(&json)?);
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Held {
        run_paused: bool,
    }
    let about: Description = read(session, named, payload(api, &json)?)?;
    let Held { run_paused } = api.parsed(&json).unwrap_or_default();
    show::print(session.output, named, (&about, run_paused))
}

/// One of a list.
#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    run_paused: bool,
    description: Option<Box<RawValue>>,
}

fn list(session: &Session, api: &Api, args: &ListArgs) -> Outcome {
    let rows = Rows::read(api, &Path::new("schedules"), "schedules", args.limit)?;
    let output = session.output;
    match output.format {
        Format::Json => output.json(&List {
            schedules: &rows.rows,
            next_page_token: rows.next_page_token,
        })?,
        Format::Jsonl => rows.rows.iter().try_for_each(|one| output.json(one))?,
        Format::Table => {
            let seen = rows.rows.iter().map(|one| {
                let one: Listed = api.parsed(one)?;
                Ok(seen_of(session, one))
            });
            show::print_list(output, &seen.collect::<Outcome<Vec<_>>>()?)?;
        }
    }
    if rows.is_cut {
        aside("… more: --limit");
    }
    Ok(())
}

#[derive(Serialize)]
struct List<'a> {
    schedules: &'a [Box<RawValue>],
    next_page_token: Option<String>,
}

fn seen_of(session: &Session, listed: Listed) -> Seen {
    let said = listed.description.as_ref();
    let said = said.ok_or_else(|| Unread::unknown("it does not answer"));
    let said = said.and_then(|json| Payload::read(json).map_err(|wrong| Unread::unknown(&wrong)));
    Seen {
        about: About::of(session, &listed.name, said),
        name: listed.name,
        run_paused: listed.run_paused,
        description: listed.description,
    }
}
