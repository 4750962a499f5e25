//! `activity`: what a person does about a pending activity, or about all that a filter means.

mod options;

use clap::{Args, Subcommand};
use sagaline_core::{ActivityId, RunId, WorkflowId};
use sagaline_journal::wire::{act, header};

use super::{
    Session,
    bulk::{Doing, Many},
    input::{Input, read},
    operate::{Body, Operation, Why, tell_all},
    workflow_id,
};
use crate::fault::{Fault, Outcome};

/// What can be done with a pending activity.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the next attempt now; it uses up one
    Retry(RetryArgs),
    /// Go on as if a worker had returned a result
    Complete(CompleteArgs),
    /// Go on as if it had failed for good
    Fail(FailArgs),
    /// Begin no attempt until it is resumed; one that runs may end
    Pause(HoldArgs),
    /// Let it go on
    #[command(visible_alias = "unpause")]
    Resume(HoldArgs),
    /// Change how it is retried and how long it may take
    UpdateOptions(options::UpdateArgs),
}

/// Which activity.
#[derive(Debug, Args)]
struct ActivityOf {
    /// Workflow id
    #[arg(
        value_name = "WORKFLOW_ID",
        value_parser = workflow_id,
        required_unless_present_any = ["workflow_id", "query"],
        conflicts_with_all = ["query", "yes", "dry_run"]
    )]
    id: Option<WorkflowId>,
    /// Number of the activity, as `workflow describe` prints it
    #[arg(value_name = "ACTIVITY_ID", value_parser = activity_id, conflicts_with = "query")]
    number: Option<ActivityId>,
    /// Workflow id
    #[arg(
        short,
        long,
        value_name = "ID",
        value_parser = workflow_id,
        conflicts_with_all = ["query", "yes", "dry_run"]
    )]
    workflow_id: Option<WorkflowId>,
    /// Number of the activity
    #[arg(
        long,
        value_name = "ACTIVITY_ID",
        value_parser = activity_id,
        conflicts_with_all = ["number", "query"]
    )]
    activity_id: Option<ActivityId>,
    /// Only of this run; otherwise of the open one
    #[arg(short, long, conflicts_with = "query")]
    run_id: Option<RunId>,
    #[command(flatten)]
    many: Many,
    #[command(flatten)]
    why: Why,
}

/// What `pause` and `resume` take.
#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    of: ActivityOf,
}

/// What `retry` takes.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    #[command(flatten)]
    of: ActivityOf,
    #[command(flatten)]
    input: Input,
    /// Although a worker may be at it: what that one answers is ignored then
    #[arg(long)]
    even_if_running: bool,
}

/// What `complete` takes.
#[derive(Debug, Args)]
pub(crate) struct CompleteArgs {
    #[command(flatten)]
    of: ActivityOf,
    /// What the activity would have returned: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON|@FILE|-")]
    result: String,
    /// Although a worker may be at it: what that one answers is ignored then
    #[arg(long)]
    even_if_running: bool,
}

/// What `fail` takes.
#[derive(Debug, Args)]
pub(crate) struct FailArgs {
    #[command(flatten)]
    of: ActivityOf,
    /// Error type that the workflow sees
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    error_type: Option<String>,
    /// What went wrong
    #[arg(long)]
    message: Option<String>,
    /// Although a worker may be at it: what that one answers is ignored then
    #[arg(long)]
    even_if_running: bool,
}

impl ActivityOf {
    /// The one that is named, by positions or flags; none: a filter says which.
    fn one(&self) -> Outcome<Option<(&WorkflowId, ActivityId)>> {
        let (number, flag) = (self.number.or(self.activity_id), self.workflow_id.as_ref());
        let (workflow_id, number) = match (flag, &self.id) {
            (None, None) if number.is_none() => return Ok(None),
            // Behind `--workflow-id` the first position is the activity's.
            (Some(workflow_id), Some(text)) if number.is_none() => {
                let number = activity_id(text.as_str()).map_err(|expected| {
                    Fault::usage(format!("'{text}' for [ACTIVITY_ID]: {expected}"))
                })?;
                (Some(workflow_id), Some(number))
            }
            (Some(_), Some(_)) => {
                return Err(Fault::usage("the workflow id is given twice")
                    .hint("either --workflow-id or its position names it"));
            }
            (flag, id) => (flag.or(id.as_ref()), number),
        };
        match (workflow_id, number) {
            (Some(workflow_id), Some(number)) => Ok(Some((workflow_id, number))),
            _ => Err(
                Fault::usage("a workflow id and the number of its activity are needed")
                    .hint("`workflow describe` prints the numbers"),
            ),
        }
    }
}

fn activity_id(text: &str) -> Result<ActivityId, String> {
    let number = text.parse().ok().and_then(ActivityId::new);
    number.ok_or_else(|| "a number from 1 is expected".to_owned())
}

impl Verb {
    pub(crate) fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Retry(args) => {
                let body = Body {
                    input: args.input.given()?,
                    even_if_running: args.even_if_running,
                    ..Body::default()
                };
                tell(
                    session,
                    &args.of,
                    (Doing::RetryActivity, act::ACTIVITY_RETRY),
                    &body,
                )
            }
            Self::Complete(args) => {
                let body = Body {
                    result: Some(read("--result", &args.result)?),
                    even_if_running: args.even_if_running,
                    ..Body::default()
                };
                let act = (Doing::CompleteActivity, act::ACTIVITY_COMPLETE);
                tell(session, &args.of, act, &body)
            }
            Self::Fail(args) => {
                let body = Body {
                    error_type: args.error_type,
                    message: args.message,
                    even_if_running: args.even_if_running,
                    ..Body::default()
                };
                tell(
                    session,
                    &args.of,
                    (Doing::FailActivity, act::ACTIVITY_FAIL),
                    &body,
                )
            }
            Self::Pause(args) => {
                let act = (Doing::PauseActivity, act::ACTIVITY_PAUSE);
                tell(session, &args.of, act, &Body::default())
            }
            Self::Resume(args) => {
                let act = (Doing::ResumeActivity, act::ACTIVITY_RESUME);
                tell(session, &args.of, act, &Body::default())
            }
            Self::UpdateOptions(args) => {
                let body = Body {
                    options: Some(args.options()),
                    ..Body::default()
                };
                let act = (Doing::UpdateOptions, act::ACTIVITY_UPDATE_OPTIONS);
                tell(session, &args.of, act, &body)
            }
        }
    }
}

fn tell(
    session: &Session,
    of: &ActivityOf,
    (doing, act): (Doing, &'static str),
    body: &Body,
) -> Outcome {
    let Some((workflow_id, activity_id)) = of.one()? else {
        return tell_all(session, (&of.many, &of.why), (doing, act), body);
    };
    let done = match act {
        act::ACTIVITY_RETRY => "is tried again",
        act::ACTIVITY_COMPLETE => "counts as completed",
        act::ACTIVITY_FAIL => "counts as failed",
        act::ACTIVITY_PAUSE => "is paused",
        act::ACTIVITY_UPDATE_OPTIONS => "has these options now",
        _ => "goes on",
    };
    let done = format!("Activity {activity_id} of {workflow_id} {done}.");
    let operation = Operation {
        workflow_id,
        run_id: of.run_id,
        act,
        target: Some((header::ACTIVITY_ID, activity_id.to_string())),
    };
    operation.tell(session, &of.why, body, &done)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        of: ActivityOf,
    }

    #[test]
    fn behind_the_flag_of_the_workflow_the_first_position_is_the_activity() {
        let one = |line: &str| {
            let line = Line::try_parse_from(line.split_whitespace()).unwrap();
            let one = line.of.one().map_err(|fault| fault.message().to_owned())?;
            Ok::<_, String>(one.map(|(id, number)| format!("{id} {number}")))
        };

        for line in [
            "x o-1 3",
            "x -w o-1 3",
            "x -w o-1 --activity-id 3",
            "x o-1 --activity-id 3",
        ] {
            assert_eq!(one(line), Ok(Some("o-1 3".to_owned())), "{line}");
        }
        assert_eq!(one("x -q a=1"), Ok(None));
        for line in ["x o-1", "x -w o-1"] {
            let needed = "a workflow id and the number of its activity are needed";
            assert_eq!(one(line), Err(needed.to_owned()), "{line}");
        }
        assert_eq!(
            one("x -w o-1 three"),
            Err("'three' for [ACTIVITY_ID]: a number from 1 is expected".to_owned())
        );
        assert_eq!(
            one("x o-1 3 -w o-1"),
            Err("the workflow id is given twice".to_owned())
        );
    }
}
