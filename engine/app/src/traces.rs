//! Spans go to a collector of OpenTelemetry: OTLP over HTTP, in JSON.
//!
//! Deliberately absent: what a span is (server); repeats: what a collector does not take is lost, and said in the log.

use std::{sync::Arc, time::Duration};

use sagaline_journal::{Error, ErrorKind};
use sagaline_server::Api;

use crate::notices::agent;

/// How long the collector may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Where spans go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    /// Of runs that were started outside of a trace.
    pub(crate) share: f64,
}

impl Collector {
    /// The URL that takes spans.
    fn url(&self) -> String {
        let (scheme, rest) = self
            .endpoint
            .split_once("://")
            .unwrap_or(("http", &self.endpoint));
        match rest.trim_end_matches('/') {
            host if !host.contains('/') => format!("{scheme}://{host}/v1/traces"),
            _ => self.endpoint.clone(),
        }
    }

    /// Sends spans of runs that close, as long as it is polled.
    pub(crate) async fn tell(self, api: Api) {
        let agent = agent(ANSWER_WAIT);
        let url: Arc<str> = self.url().into();
        api.trace(self.share, move |request| {
            let (agent, url) = (agent.clone(), url.clone());
            async move {
                let sent = tokio::task::spawn_blocking(move || {
                    agent
                        .post(&*url)
                        .header("Content-Type", "application/json")
                        .send(&request)
                });
                let sent = sent.await.map_err(|error| unsent(&error.to_string()))?;
                // A URL may have a secret in it.
                sent.map(drop).map_err(|error| match error {
                    ureq::Error::StatusCode(code) => unsent(&format!("it answered {code}")),
                    ureq::Error::Timeout(_) => unsent("it did not answer in time"),
                    ureq::Error::Io(error) => unsent(&error.to_string()),
                    _ => unsent("it cannot be called"),
                })
            }
        })
        .await;
    }
}

fn unsent(why: &str) -> Error {
    let text = format!("the collector of traces: {why}");
    Error::new(ErrorKind::Unavailable, "traces-unsent", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_path_is_a_collectors() {
        for (endpoint, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://otel.shop/", "https://otel.shop/v1/traces"),
            (
                "https://otel.shop/mine/v1/traces",
                "https://otel.shop/mine/v1/traces",
            ),
        ] {
            let share = 1.0;
            let endpoint = endpoint.to_owned();
            assert_eq!(Collector { endpoint, share }.url(), url);
        }
    }
}
