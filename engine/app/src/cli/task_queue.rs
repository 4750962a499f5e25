//! `task-queue`: what waits in task queues and who works on it, and the acts that limit and pause them.

mod act;
mod http;
mod see;

use clap::{Args, Subcommand};
use sagaline_core::Name;

use super::{
    Session,
    api::{Api, Door},
    operate::Why,
};
use crate::fault::Outcome;

/// What can be done with task queues.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print all task queues: workers, backlog, limits
    List,
    /// Print all about one: its workers, what waits and for how long, what limits it
    Describe(QueueArgs),
    /// Limit how many tasks workers may have at once, and how many go out in a second
    Limit(LimitArgs),
    /// Send no more tasks of an activity, or none at all; what was sent goes on
    Pause(HoldArgs),
    /// Send them again
    #[command(visible_alias = "unpause")]
    Resume(HoldArgs),
}

/// Which queue.
#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// Task queue
    #[arg(value_name = "QUEUE", value_parser = name)]
    queue: Name,
}

/// What `limit` takes.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("limits").required(true).multiple(true)))]
pub(crate) struct LimitArgs {
    #[command(flatten)]
    of: QueueArgs,
    /// Most tasks that workers may have at once; `none` lifts the limit
    #[arg(long, value_name = "TASKS|none", group = "limits", value_parser = act::tasks)]
    max_outstanding: Option<act::Limit<u32>>,
    /// Most tasks that go out in a second, a minute or an hour, evenly: 50, 0.5, 30/min, 100/h; `none` lifts the limit
    #[arg(long, value_name = "RATE|none", group = "limits", value_parser = act::rate)]
    rate: Option<act::Limit<f64>>,
    #[command(flatten)]
    why: Why,
}

/// What `pause` and `resume` take.
#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    of: QueueArgs,
    /// Only this activity; otherwise all of the queue
    #[arg(short = 't', long = "type", value_name = "ACTIVITY", value_parser = name)]
    activity: Option<Name>,
    #[command(flatten)]
    why: Why,
}

fn name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|invalid| invalid.to_string())
}

impl Verb {
    pub(crate) fn run(self, session: &Session) -> Outcome {
        match session.door()? {
            Door::Http(api) => self.at(session, &api),
            Door::Kafka => self.by_topics(session),
        }
    }

    /// Asks a server.
    fn at(self, session: &Session, api: &Api) -> Outcome {
        match self {
            Self::List => http::list(session.output, api),
            Self::Describe(args) => http::describe(session.output, api, &args.queue),
            Self::Limit(args) => http::limit(session, api, &args),
            Self::Pause(args) => http::hold(session, api, &args, "pause"),
            Self::Resume(args) => http::hold(session, api, &args, "resume"),
        }
    }

    /// Goes by the topics.
    fn by_topics(self, session: &Session) -> Outcome {
        match self {
            Self::List => see::list(session),
            Self::Describe(args) => see::describe(session, &args.queue),
            Self::Limit(args) => act::limit(session, args),
            Self::Pause(args) => act::pause(session, args),
            Self::Resume(args) => act::resume(session, args),
        }
    }
}
