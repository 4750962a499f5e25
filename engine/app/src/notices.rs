//! Notices: people are told of new incidents and failed runs, by a webhook and on a topic.
//!
//! ```text
//! rows of the projection ─▶ claimed for a minute ─▶ by cause: one POST, a record each ─▶ marked
//!            ▲                                                  │ failed
//!            └──────── released, a pause of 1 s, 2 s, … 60 s ◀──┘
//! ```
//! Of one cause a webhook hears at once, and then at most every [`CAUSE_PAUSE`]: what came meanwhile is told together, with its
//! number. Deliberately absent: what a notice is (projection). Invariant: none is lost; after a crash some may come twice, under the same id.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use sagaline_journal::{
    Error, ErrorKind, Headers, NewRecord,
    kafka::{Kafka, Producer},
    wire::header,
};
use sagaline_projection::{Notice, Projection};
use serde_json::{Value, json};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig, TlsProvider},
};

use crate::clock;

/// From one call of the webhook to the next about the same cause, at least.
const CAUSE_PAUSE: Duration = Duration::from_secs(60);

/// How often rows are looked at without anybody having said that there are new ones.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Pause after a call that failed; each further one doubles it.
const AGAIN_FIRST: Duration = Duration::from_secs(1);

/// Longest pause after calls that failed.
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// How long the webhook may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Notices that one call has; of more it has the number.
const NOTICES_OF_CALL: usize = 20;

/// `ce_type` of a notice.
const CE_TYPE: &str = "sagaline.notice.v1";

/// Where notices go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// A URL that takes `POST`.
    pub(crate) webhook: Option<String>,
    /// A topic.
    pub(crate) topic: Option<String>,
}

impl Targets {
    pub(crate) fn is_empty(&self) -> bool {
        self.webhook.is_none() && self.topic.is_none()
    }
}

/// Tells people, as long as it is polled.
pub(crate) async fn tell(
    projection: Projection,
    kafka: Kafka,
    namespace: String,
    targets: Targets,
) -> Result<(), Error> {
    let since = clock::now();
    while let Err(error) = projection.give_notice_from(since).await {
        tracing::warn!(%error, code = error.code(), "nobody is told of incidents and failures yet");
        tokio::time::sleep(AGAIN_MAX).await;
    }
    let producer = match &targets.topic {
        Some(_) => Some(Producer::open(&kafka)?),
        None => None,
    };
    let mut teller = Teller {
        agent: targets.webhook.as_ref().map(|_| agent(ANSWER_WAIT)),
        producer,
        namespace,
        targets,
        projection,
        told: BTreeMap::new(),
        refused: BTreeMap::new(),
        appended: BTreeSet::new(),
        failures: 0,
    };
    let mut changes = teller.projection.changes();
    loop {
        match teller.turn().await {
            // Whether something was missed does not matter: all rows are looked at.
            Ok(()) => drop(tokio::time::timeout(LOOK_EVERY, changes.recv()).await),
            Err(error) => {
                tracing::warn!(%error, code = error.code(), "people are not told; trying again");
                tokio::time::sleep(pause(teller.failures)).await;
                teller.failures = teller.failures.saturating_add(1);
            }
        }
    }
}

/// How long nobody is called after so many failures in a row.
fn pause(failures: u32) -> Duration {
    AGAIN_MAX.min(AGAIN_FIRST.saturating_mul(2_u32.saturating_pow(failures)))
}

/// Who tells.
struct Teller {
    agent: Option<Agent>,
    producer: Option<Producer>,
    namespace: String,
    targets: Targets,
    projection: Projection,
    /// Causes of which the webhook has heard, and when.
    told: BTreeMap<String, Instant>,
    /// Causes of which it did not want to hear, and how often: one that it never takes comes last and holds up no other.
    refused: BTreeMap<String, u32>,
    /// Notices that are on the topic, and of which the webhook has not heard.
    appended: BTreeSet<String>,
    /// In a row.
    failures: u32,
}

impl Teller {
    /// Tells what nobody was told yet. After an error what is left is anybody's to tell.
    async fn turn(&mut self) -> Result<(), Error> {
        self.told.retain(|_, at| at.elapsed() < CAUSE_PAUSE);
        let except: Vec<String> = self.told.keys().cloned().collect();
        let claimed = clock::now();
        let untold = self.projection.untold(claimed, &except).await?;
        let mut left: BTreeSet<&str> = untold.iter().map(|one| one.id.as_str()).collect();
        self.appended.retain(|id| left.contains(id.as_str()));
        let mut causes: BTreeMap<&str, Vec<&Notice>> = BTreeMap::new();
        for notice in &untold {
            causes.entry(&notice.cause).or_default().push(notice);
        }
        self.refused
            .retain(|cause, _| causes.contains_key(&**cause));
        let mut causes: Vec<(&str, Vec<&Notice>)> = causes.into_iter().collect();
        causes.sort_by_key(|(cause, _)| self.refused.get(*cause).copied());
        for (cause, notices) in causes {
            if let Err(error) = self.tell(cause, &notices).await {
                let left: Vec<String> = left.into_iter().map(str::to_owned).collect();
                // Those that cannot be released are free after a minute; why the call failed says more.
                let _ = self.projection.release(&left, claimed).await;
                return Err(error);
            }
            for notice in notices {
                left.remove(notice.id.as_str());
            }
        }
        Ok(())
    }

    /// Tells of one cause.
    async fn tell(&mut self, cause: &str, notices: &[&Notice]) -> Result<(), Error> {
        let ids = || notices.iter().map(|one| one.id.clone());
        self.append(notices).await?;
        self.appended.extend(ids());
        if let Err(error) = self.call(notices).await {
            *self.refused.entry(cause.to_owned()).or_default() += 1;
            return Err(error);
        }
        if self.agent.is_some() {
            self.told.insert(cause.to_owned(), now());
        }
        let ids: Vec<String> = ids().collect();
        self.projection.told(&ids, clock::now()).await?;
        self.failures = 0;
        Ok(())
    }

    /// Appends a record for each to the topic.
    async fn append(&self, notices: &[&Notice]) -> Result<(), Error> {
        let (Some(producer), Some(topic)) = (&self.producer, &self.targets.topic) else {
            return Ok(());
        };
        let appended = |notice: &&&Notice| self.appended.contains(&notice.id);
        for notice in notices.iter().filter(|notice| !appended(notice)) {
            let workflow_id = notice.json["workflow_id"].as_str().unwrap_or_default();
            let mut record = NewRecord {
                topic: topic.as_str().into(),
                partition: 0,
                key: Some(workflow_id.as_bytes().to_vec()),
                value: Some(notice.json.to_string().into_bytes()),
                headers: Headers::new(),
            };
            record.push_header(header::CE_SPECVERSION, "1.0");
            record.push_header(header::CE_TYPE, CE_TYPE);
            record.push_header(header::CE_SOURCE, format!("sagaline/{}", self.namespace));
            record.push_header(header::CE_ID, notice.id.as_str());
            record.push_header(header::CONTENT_TYPE, "application/json");
            producer.send(record).await?;
        }
        Ok(())
    }

    /// Calls the webhook about one cause.
    async fn call(&self, notices: &[&Notice]) -> Result<(), Error> {
        let (Some(agent), Some(url)) = (&self.agent, &self.targets.webhook) else {
            return Ok(());
        };
        let (agent, url) = (agent.clone(), Arc::<str>::from(url.as_str()));
        let id = notices.first().map_or("", |one| &one.id).to_owned();
        let body = body(&self.namespace, notices);
        let called = tokio::task::spawn_blocking(move || {
            agent
                .post(&*url)
                .header("Idempotency-Key", id)
                .send_json(&body)
        });
        let answer = called
            .await
            .map_err(|error| undelivered(&error.to_string()))?;
        // A URL may have a secret in it: the error says what was wrong without it.
        answer.map(drop).map_err(|error| match error {
            ureq::Error::StatusCode(code) => undelivered(&format!("it answered {code}")),
            ureq::Error::Timeout(_) => undelivered("it did not answer in time"),
            ureq::Error::Io(error) => undelivered(&error.to_string()),
            _ => undelivered("it cannot be called"),
        })
    }
}

/// What a webhook gets: `text` is for chats.
fn body(namespace: &str, notices: &[&Notice]) -> Value {
    let first = notices.first().map_or(&Value::Null, |one| &one.json);
    let text = first["text"].as_str().unwrap_or_default();
    let text = match notices.len() {
        0 | 1 => text.to_owned(),
        count => format!("{text} And {} more like it.", count - 1),
    };
    let some = notices.iter().take(NOTICES_OF_CALL);
    json!({
        "text": text,
        "namespace": namespace,
        "cause": notices.first().map(|one| &one.cause),
        "count": notices.len(),
        "notices": some.map(|one| &one.json).collect::<Vec<_>>(),
    })
}

/// A client of HTTP that follows nobody elsewhere.
pub(crate) fn agent(answer_wait: Duration) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::NativeTls)
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let config = Agent::config_builder()
        .timeout_global(Some(answer_wait))
        .max_redirects(0)
        .tls_config(tls)
        .build();
    config.into()
}

fn undelivered(why: &str) -> Error {
    let text = format!("the webhook for notices: {why}");
    Error::new(ErrorKind::Unavailable, "notice-undelivered", text)
}

#[expect(
    clippy::disallowed_methods,
    reason = "people are told in real time; nothing that is journaled comes from it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;

    use super::*;

    fn notice(id: &str) -> Notice {
        Notice {
            id: id.to_owned(),
            at: Timestamp::from_millis(1),
            cause: "incident order ship AddressUnknown".to_owned(),
            json: json!({"id": id, "text": format!("{id} waits for a person: ship")}),
        }
    }

    #[test]
    fn pauses_double_from_a_second_to_a_minute() {
        let seconds: Vec<u64> = (0..8).map(|failures| pause(failures).as_secs()).collect();

        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(u32::MAX), AGAIN_MAX);
    }

    #[test]
    fn what_came_together_is_told_together_and_only_some_of_it_in_full() {
        let notices: Vec<Notice> = (0..50).map(|n| notice(&format!("o-{n}"))).collect();
        let all: Vec<&Notice> = notices.iter().collect();

        let one = body("shop", &all[..1]);
        let many = body("shop", &all);

        assert_eq!(one["text"], "o-0 waits for a person: ship");
        assert_eq!(
            many["text"],
            "o-0 waits for a person: ship And 49 more like it."
        );
        assert_eq!((&one["count"], &many["count"]), (&json!(1), &json!(50)));
        let told = many["notices"].as_array().map(Vec::len);
        assert_eq!(told, Some(NOTICES_OF_CALL));
    }
}
