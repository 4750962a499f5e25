//! `workflow`: its verbs.

use clap::Subcommand;

use super::{
    Session, act, ask, count, delete, describe, history, list, metadata, reset, result, signal,
    start, update, versions, watch,
};
use crate::fault::Outcome;

/// What can be done with workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start a workflow and print its run
    Start(start::StartArgs),
    /// Start a workflow, wait for it and print its result
    Execute(start::StartArgs),
    /// Wait for a workflow and print its result
    Result(result::ResultArgs),
    /// Print what a run does, why it does not go on, and what it has done
    Describe(describe::DescribeArgs),
    /// Follow a run as it goes, until it ends
    Watch(watch::WatchArgs),
    /// Print the events of a run
    #[command(visible_alias = "show")]
    History(history::HistoryArgs),
    /// Print runs, the newest first
    List(list::ListArgs),
    /// Count runs, all or by the value of a field
    Count(count::CountArgs),
    /// Print the workflows of the app, and which signals, queries and updates each handles
    Metadata(metadata::MetadataArgs),
    /// Print which versions of workflows, and of changes in them, open runs go by
    Versions(versions::VersionsArgs),
    /// Send a run a message
    Signal(signal::SignalArgs),
    /// Start a workflow unless it is open, and send it a message
    SignalWithStart(start::SignalWithStartArgs),
    /// Start a workflow unless it is open, and ask it to change
    UpdateWithStart(start::UpdateWithStartArgs),
    /// Ask a run something and print the answer; nothing changes
    Query(ask::QueryArgs),
    /// Ask a run to change
    #[command(subcommand)]
    Update(update::Verb),
    /// Ask a run to stop; its completed steps are compensated
    Cancel(act::CancelArgs),
    /// Begin nothing new of a run until it is resumed; what is in flight may end
    Pause(act::HoldArgs),
    /// Let a paused run go on
    #[command(visible_alias = "unpause")]
    Resume(act::HoldArgs),
    /// End a run at once; nothing is compensated unless asked for
    Terminate(act::TerminateArgs),
    /// End a run, and have another go on from one of its events; what is in flight there begins again
    Reset(reset::ResetArgs),
    /// Show nobody any more what a closed run was given and gave; the journal keeps its bytes until it is trimmed
    Delete(delete::DeleteArgs),
}

impl Verb {
    pub(crate) fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Start(args) => start::start(session, args),
            Self::Execute(args) => start::execute(session, args),
            Self::Result(args) => result::result(session, &args),
            Self::Describe(args) => describe::describe(session, &args),
            Self::History(args) => history::history(session, &args),
            Self::Watch(args) => watch::watch(session, &args),
            Self::Count(args) => count::count(session, &args),
            Self::List(args) => list::list(session, &args),
            Self::Metadata(args) => metadata::metadata(session, &args),
            Self::Versions(args) => versions::versions(session, &args),
            Self::Signal(args) => signal::signal(session, &args),
            Self::SignalWithStart(args) => start::signal_with_start(session, args),
            Self::UpdateWithStart(args) => start::update_with_start(session, args),
            Self::Query(args) => ask::query(session, &args),
            Self::Update(verb) => verb.run(session),
            Self::Cancel(args) => act::cancel(session, &args),
            Self::Pause(args) => act::pause(session, &args),
            Self::Resume(args) => act::resume(session, &args),
            Self::Terminate(args) => act::terminate(session, &args),
            Self::Reset(args) => reset::reset(session, &args),
            Self::Delete(args) => delete::delete(session, &args),
        }
    }
}
