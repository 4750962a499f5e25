//! SIGTERM and SIGINT: how a service is told to stop. A SIGINT after that ends the process at once: a second Ctrl-C is of
//! somebody who does not want to wait, a second SIGTERM is of a supervisor that says the same again.

use std::{future::Future, process, thread};

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use crate::fault::Outcome;

/// The exit code of what Ctrl-C ended.
pub(crate) const INTERRUPTED: i32 = 130;

/// Hears signals from this call on, whatever the caller does meanwhile; ready once the first has come.
pub(crate) fn stop() -> Outcome<impl Future<Output = ()> + Send> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (terminate, interrupt) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        )
    };
    let (tell, told) = oneshot::channel();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(hear(terminate, interrupt, tell)))?;
    Ok(async {
        // Without its thread the process could not be told to stop at all.
        let _ = told.await;
    })
}

/// SIGHUP, where it means that files are to be read anew.
#[derive(Debug)]
pub(crate) struct HangUps(Option<Signal>);

impl HangUps {
    /// Hears it from this call on, which is within a runtime; it ends the process no more.
    pub(crate) fn heard() -> Outcome<Self> {
        Ok(Self(Some(signal(SignalKind::hangup())?)))
    }

    /// Where it ends the process, as a terminal that is closed wants it.
    pub(crate) const fn unheard() -> Self {
        Self(None)
    }

    /// Returns at the next one.
    pub(crate) async fn next(&mut self) {
        let next = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if next.is_none() {
            // None is heard, or comes any more.
            std::future::pending().await
        }
    }
}

async fn hear(mut terminate: Signal, mut interrupt: Signal, tell: oneshot::Sender<()>) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // It may be stopping by itself.
    let _ = tell.send(());
    interrupt.recv().await;
    process::exit(INTERRUPTED);
}
