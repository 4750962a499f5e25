//! `worker`: its flags.

use clap::Args;

use crate::settings::{Layer, Span, WorkerLayer};

/// What `worker` takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Read this task queue only; may be repeated. Otherwise all that the activities name
    #[arg(short, long, value_name = "NAME")]
    pub(crate) queue: Vec<String>,
    #[command(flatten)]
    limits: WorkerLimits,
}

/// How much a worker does.
#[derive(Clone, Debug, Args)]
pub(crate) struct WorkerLimits {
    /// Activities that run at the same time [env: SAGALINE_MAX_IN_FLIGHT] [default: 64]
    #[arg(long)]
    max_in_flight: Option<usize>,
    /// How long a stop waits for what has begun [env: SAGALINE_DRAIN] [default: 30s]
    #[arg(long, value_name = "SPAN")]
    drain: Option<Span>,
}

impl WorkerArgs {
    /// What the flags say.
    pub(crate) fn layer(&self) -> Layer {
        Layer {
            worker: self.limits.layer(),
            ..Layer::default()
        }
    }
}

impl WorkerLimits {
    pub(crate) fn layer(&self) -> WorkerLayer {
        WorkerLayer {
            max_in_flight: self.max_in_flight,
            drain: self.drain,
        }
    }
}
