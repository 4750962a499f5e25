//! A workflow is set back by whoever has a client and the keys.

use sagaline_core::{Payload, RunId};
use sagaline_journal::{
    Error, ErrorKind,
    wire::{act, ce_type, header},
};
use serde::Serialize;

use super::{Client, ClientError, Request};

/// From where a workflow goes on; [`Client::reset`] takes it.
#[derive(Clone, Debug)]
pub struct Reset {
    body: Body,
    actor: String,
    reason: Option<String>,
    run_id: Option<RunId>,
}

#[derive(Clone, Debug, Serialize)]
struct Body {
    event_seq: u64,
    reapply: &'static str,
}

impl Reset {
    /// Behind that event of the history; `actor` is who does it.
    pub fn to(event_seq: u64, actor: impl Into<String>) -> Self {
        Self {
            body: Body {
                event_seq,
                reapply: "signals",
            },
            actor: actor.into(),
            reason: None,
            run_id: None,
        }
    }

    /// Why, for people.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Of this run's history; of the newest run's unless said.
    #[must_use]
    pub fn run_id(mut self, run_id: RunId) -> Self {
        self.run_id = Some(run_id);
        self
    }

    /// Signals that came behind the event do not come again; unless said they do, in order.
    #[must_use]
    pub fn without_signals(mut self) -> Self {
        self.body.reapply = "none";
        self
    }
}

impl Client {
    /// Ends a workflow's run, open or not, and lets another go on in its place behind one of its events. Gives the new run's
    /// id, once that is in the journal. Only those who have the [`keys`](Client::keys) may.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], [`ErrorKind::NotFound`], [`ErrorKind::Conflict`]: it is refused, and the message says why.
    ///
    /// # Example: an order goes on from before a step that had a bug
    /// ```no_run
    /// use sagaline_sdk::client::{Client, ClientError, Reset};
    ///
    /// # async fn example(client: Client) -> Result<(), ClientError> {
    /// let run_id = client.reset("order-1", Reset::to(7, "ada").reason("the price was wrong")).await?;
    /// println!("it goes on as run {run_id}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reset(&self, workflow_id: &str, reset: Reset) -> Result<String, ClientError> {
        let body = serde_json::to_vec(&reset.body).map_err(|error| {
            let text = format!("reset: {error}");
            Error::new(ErrorKind::Internal, "client-internal", text)
        })?;
        let mut request = Request::new(ce_type::WORKFLOW_OPERATE, workflow_id)
            .header(header::ACT, act::RESET)
            .header(header::ACTOR, reset.actor);
        if let Some(reason) = reset.reason {
            request = request.header(header::REASON, reason);
        }
        if let Some(run_id) = reset.run_id {
            request = request.header(header::RUN_ID, run_id.to_string());
        }
        let request = request.plain(Payload::json(body)).signed();
        let (first, _) = self.ask(request).await?;
        Ok(first.run_id)
    }
}
