//! Updates over HTTP: asked for once, and waited for in turns.

use sagaline_core::{Name, RunId, WorkflowId};
use serde_json::value::RawValue;

use super::{Accepted, ResultArgs, Stage, UpdateArgs, pending};
use crate::{
    cli::{
        api::{Answer, Api, Change, Path, payload, shown},
        result::print_payload,
    },
    clock::Deadline,
    fault::{Exit, Fault, Outcome},
    inbox::new_id,
    output::Output,
    settings::Span,
};

pub(super) fn start(output: Output, api: &Api, args: &UpdateArgs) -> Outcome {
    let (update_id, answer) = ask(api, args, "accepted")?;
    let accepted = match answer.goes_on {
        true => api.parsed(&answer.json)?,
        // It has ended before anybody could say that it is under way.
        false => Accepted {
            workflow_id: args.of.id.get().to_string(),
            run_id: args.of.run_id,
            update_id,
            stage: Stage::Accepted,
        },
    };
    accepted.print(output, &args.name)
}

pub(super) fn execute(output: Output, api: &Api, args: &UpdateArgs) -> Outcome {
    let deadline = Deadline::after(args.timeout.map(Span::get));
    // What takes longer than a call is asked for afterwards.
    let (_, answer) = ask(api, args, "accepted")?;
    match answer.goes_on {
        true => wait(output, api, &api.parsed(&answer.json)?, deadline),
        false => print(output, api, &answer.json),
    }
}

pub(super) fn result(
    output: Output,
    api: &Api,
    (args, deadline): (&ResultArgs, Deadline),
) -> Outcome {
    let of = (args.of.id.get(), args.of.run_id, &args.update_id);
    ended(output, api, of, deadline).map_err(|fault| match fault.is("update_rejected") {
        // It was asked about, and did not come to what was wanted.
        true => fault.with_exit(Exit::Failed),
        false => fault,
    })
}

/// Waits until an update has ended that is under way, and prints the answer.
pub(crate) fn wait(output: Output, api: &Api, accepted: &Accepted, deadline: Deadline) -> Outcome {
    let wrong = |wrong: String| api.strange(&wrong);
    let id = WorkflowId::new(&accepted.workflow_id).map_err(|id| wrong(id.to_string()))?;
    let update_id = Name::new(&accepted.update_id).map_err(|name| wrong(name.to_string()))?;
    ended(output, api, (&id, accepted.run_id, &update_id), deadline)
}

fn ended(
    output: Output,
    api: &Api,
    (id, run_id, update_id): (&WorkflowId, Option<RunId>, &Name),
    deadline: Deadline,
) -> Outcome {
    let path = Path::run(id, run_id)
        .then("updates")
        .then(update_id.as_str());
    match api.until(&path, deadline)? {
        Some(json) => print(output, api, &json),
        None => Err(pending(id.as_str(), update_id.as_str())),
    }
}

fn print(output: Output, api: &Api, json: &RawValue) -> Outcome {
    Ok(print_payload(output, &payload(api, json)?)?)
}

fn ask(api: &Api, args: &UpdateArgs, stage: &str) -> Result<(String, Answer), Fault> {
    let update_id = args.update_id.as_ref().map(Name::to_string);
    let update_id = update_id.unwrap_or_else(new_id);
    let path = Path::run(args.of.id.get(), args.of.run_id)
        .then("updates")
        .then(args.name.as_str())
        .param("wait", stage)
        .param("update_id", &update_id);
    let answer = api.change(&Change {
        timeout: args.timeout,
        ..Change::post(path, shown(&args.input.payload()?)?)
    })?;
    Ok((update_id, answer))
}
