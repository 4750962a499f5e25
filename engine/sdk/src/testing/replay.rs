//! Recorded histories against today's code: what would differ after a deploy is found before it.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use super::{UNREADABLE, printed};
use crate::{
    Error, Result, WorkflowFn, Workflows,
    recorded::{Recorded, Runs, check},
};

/// Runs `workflow` again on recorded histories of it, and compares. Gives how many runs were compared; runs of other
/// workflows are passed over.
///
/// `history` is what `sagaline workflow history ID -o json` (or `jsonl`) prints, or `sagaline journal tail --from earliest
/// --until-end` for many runs, open ones too. Compared is what an engine compares: kind, name, number and order of what the
/// workflow wants. Instants are read as they are printed, in milliseconds.
///
/// # Errors
/// `sagaline.Nondeterminism` with both sides, for the first run that differs; `sagaline.DefinitionMissing` when a run has a
/// version that `workflow` is not; `sagaline.Panic`; [`UNREADABLE`] when the history is none, has gaps, or has no run of
/// the workflow.
///
/// # Example: a step that was put before one that runs have behind them
/// ```
/// use sagaline_sdk::{prelude::*, testing::{Env, replay}};
///
/// #[activity]
/// async fn charge(cents: u32) -> Result<String> { Ok(format!("paid {cents}")) }
/// #[activity]
/// async fn check(cents: u32) -> Result<()> { Ok(()) }
///
/// #[workflow]
/// async fn pay(cx: Context, cents: u32) -> Result<String> {
///     cx.run(charge(cents)).await
/// }
/// #[workflow(name = "pay")]
/// async fn pay_with_check(cx: Context, cents: u32) -> Result<String> {
///     cx.run(check(cents)).await?;
///     cx.run(charge(cents)).await
/// }
///
/// let run = Env::new().activities(activities![charge]).start(pay(100));
/// run.result().unwrap();
/// let history = run.history().to_json(); // or what the command line printed
///
/// assert_eq!(replay(pay, history.as_bytes()).unwrap(), 1);
/// let error = replay(pay_with_check, history.as_bytes()).unwrap_err();
/// assert_eq!(error.error_type(), "sagaline.Nondeterminism");
/// assert!(error.message().contains("to schedule activity charge (number 1), the program now wants to schedule activity check"));
/// ```
pub fn replay<Arguments, F: WorkflowFn<Arguments>>(
    workflow: F,
    history: impl Read,
) -> Result<usize> {
    replay_all(&Workflows::new().with(workflow), history)
}

/// The same with a file.
///
/// # Errors
/// As [`replay`]; and the file cannot be read.
pub fn replay_file<Arguments, F: WorkflowFn<Arguments>>(
    workflow: F,
    history: impl AsRef<Path>,
) -> Result<usize> {
    replay(workflow, BufReader::new(File::open(history)?))
}

/// The same for several workflows, or several versions of one.
///
/// # Errors
/// As [`replay`].
pub fn replay_all(workflows: &Workflows, history: impl Read) -> Result<usize> {
    let runs: Runs = printed::runs(history)?;
    let is_known = |one: &&Recorded| {
        let name = one.run.started.workflow.as_str();
        workflows.names().any(|known| known == name)
    };
    let mut compared = 0;
    for recorded in runs.iter().filter(is_known) {
        check(workflows, recorded)?;
        compared += 1;
    }
    if compared == 0 {
        let names: Vec<&str> = workflows.names().collect();
        let text = format!("the history has no run of {}", names.join(" or "));
        return Err(Error::new(UNREADABLE, text).non_retryable());
    }
    Ok(compared)
}
