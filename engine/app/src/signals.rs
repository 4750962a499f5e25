//! SIGTERM and SIGINT: how a service is told to stop.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};

use crate::fault::Outcome;

/// Ready once SIGTERM or SIGINT has come. To be called where a tokio runtime is.
pub(crate) fn stop() -> Outcome<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
