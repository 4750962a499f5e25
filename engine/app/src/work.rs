//! `worker`: this program's activities, until it is told to stop.

use std::future::Future;

use sagaline_sdk::worker::{LocalWorker, Worker};
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
};

use crate::{
    App,
    cli::{Session, worker::WorkerArgs},
    fault::{Fault, Outcome},
    signals,
};

/// Runs the worker until SIGTERM or SIGINT.
pub(crate) fn work(session: &Session, app: App, args: &WorkerArgs) -> Outcome {
    if app.activities.names().next().is_none() {
        return Err(Fault::usage("this program has no activities")
            .hint("`sagaline::app().activities(…)` gives them; workers of other programs may share its queues"));
    }
    let worker = worker(session, app, &args.queue)?;
    runtime()?.block_on(run(worker, signals::stop()?))
}

/// The worker that an app's activities make; without `queues` it reads all that they name.
pub(crate) fn worker(session: &Session, app: App, queues: &[String]) -> Outcome<Worker> {
    let settings = &session.settings;
    let mut worker = Worker::new(session.kafka()?)
        .namespace(&settings.namespace)
        .default_queue(app.default_queue_name())
        .activities(app.activities)
        .coding(app.coding)
        .max_in_flight(settings.max_in_flight)
        .drain(settings.drain);
    if !queues.is_empty() {
        worker = worker.queues(queues);
    }
    Ok(app
        .data
        .into_iter()
        .fold(worker, |worker, give| give(worker)))
}

/// Runs it until `stop` is ready.
pub(crate) async fn run(worker: Worker, stop: impl Future<Output = ()> + Send) -> Outcome {
    worker.run(stop).await.map_err(Fault::from)
}

/// Runs both, or the one there is, until `stop` is ready, or one of them ends by itself.
pub(crate) async fn run_both(
    worker: Option<Worker>,
    local: LocalWorker,
    stop: impl Future<Output = ()> + Send,
) -> Outcome {
    let (stopping, stopped) = watch::channel(false);
    let until_stopped = || {
        let mut stopped = stopped.clone();
        async move {
            // Its sender lives as long as all of this.
            drop(stopped.wait_for(|stop| *stop).await);
        }
    };
    let worker = async {
        let ended = match worker {
            Some(worker) => run(worker, until_stopped()).await,
            None => {
                until_stopped().await;
                Ok(())
            }
        };
        stopping.send_replace(true);
        ended
    };
    let local = async {
        let ended = local.run(until_stopped()).await;
        stopping.send_replace(true);
        ended.map_err(Fault::from)
    };
    let stop = async {
        tokio::select! {
            () = stop => {}
            () = until_stopped() => {}
        }
        stopping.send_replace(true);
    };
    let (worked, ran, ()) = tokio::join!(worker, local, stop);
    worked.and(ran)
}

/// What activities run on.
pub(crate) fn runtime() -> Outcome<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name("sagaline-worker")
        .build()
        .map_err(Fault::from)
}
