//! Files that are read anew while a server runs: its certificate at SIGHUP, its tokens at SIGHUP and when they have changed.
//!
//! Invariant: what cannot be read changes nothing; the log says so, with its code.

use std::time::Duration;

use sagaline_runtime::Purpose;
use sagaline_server::{Look, Tls, Tokens};
use tokio::{runtime::Runtime, task::spawn_blocking, time::timeout};

use crate::{fault::Outcome, signals::HangUps};

/// How often the file of tokens is looked at: so long one that was taken out may still count.
const TOKENS_LOOK_EVERY: Duration = Duration::from_secs(2);

/// What is read anew.
#[derive(Debug)]
pub(crate) struct Renewal {
    pub(crate) tls: Option<Tls>,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) purpose: Purpose,
}

impl Renewal {
    /// Goes on as long as the runtime lives.
    pub(crate) fn begin(self, runtime: &Runtime) -> Outcome {
        let _inside = runtime.enter();
        if let Some(tls) = self.tls {
            runtime.spawn(certificate(tls, HangUps::heard()?));
        }
        if let Some(read) = self.tokens {
            let hang_ups = match self.purpose {
                Purpose::Production => HangUps::heard()?,
                Purpose::Development => HangUps::unheard(),
            };
            runtime.spawn(tokens(read, hang_ups));
        }
        Ok(())
    }
}

async fn certificate(tls: Tls, mut hang_ups: HangUps) {
    loop {
        hang_ups.next().await;
        match tls.reload() {
            Ok(()) => tracing::info!("the certificate was read anew"),
            Err(error) => {
                tracing::error!(%error, code = error.code(), "the certificate of before goes on");
            }
        }
    }
}

async fn tokens(tokens: Tokens, mut hang_ups: HangUps) {
    loop {
        // Which of both it was does not matter: what the file says does.
        drop(timeout(TOKENS_LOOK_EVERY, hang_ups.next()).await);
        let file = tokens.clone();
        match spawn_blocking(move || file.look()).await {
            Ok(Ok(Look::New { tokens })) => {
                tracing::info!(tokens, "the file of tokens was read anew");
            }
            Ok(Ok(Look::Same)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, code = error.code(), "the tokens of before go on");
            }
            Err(error) => tracing::error!(%error, "the file of tokens was not read"),
        }
    }
}
