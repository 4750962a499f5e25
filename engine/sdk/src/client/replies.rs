//! Answers, from the reply topic to whoever waits for them, by correlation.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use sagaline_core::{Payload, Seq};
use sagaline_journal::{
    Error, ErrorKind, Record,
    kafka::Follower,
    wire::{ce_type, header, outcome},
};
use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;

use super::request::new_id;
use crate::codec::Coding;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// One of [`outcome`].
    pub(crate) outcome: String,
    pub(super) run_id: String,
    /// Where in the run's history the request stands.
    pub(super) event_seq: Option<Seq>,
    pub(crate) error_type: String,
    pub(super) error_message: String,
    /// The result, or details of the error.
    pub(super) value: Payload,
}

impl Reply {
    /// The answer that a record is, and the correlation of the request that it belongs to.
    pub(crate) fn of(record: &Record) -> Option<(&str, Self)> {
        let text = |name| {
            record
                .header(name)
                .and_then(|value| str::from_utf8(value).ok())
                .unwrap_or_default()
        };
        if text(header::CE_TYPE) != ce_type::REPLY {
            return None;
        }
        let reply = Self {
            outcome: text(header::OUTCOME).to_owned(),
            run_id: text(header::RUN_ID).to_owned(),
            event_seq: text(header::EVENT_SEQ).parse().ok(),
            error_type: text(header::ERROR_TYPE).to_owned(),
            error_message: text(header::ERROR_MESSAGE).to_owned(),
            value: Payload::new(
                text(header::CONTENT_TYPE),
                record.value().unwrap_or_default(),
            ),
        };
        Some((text(header::CORRELATION), reply))
    }

    /// The same with its payload decoded. One that cannot be stays as it is: whoever reads it says what it is.
    pub(super) fn decoded(mut self, coding: &Coding) -> Self {
        if let Ok(value) = coding.decode(self.value.clone()) {
            self.value = value;
        }
        self
    }
}

/// The partition of the reply topic that answers to clients, and to acts of batches, go to.
pub(crate) const REPLY_PARTITION: i32 = 0;

/// What is known of a request.
#[derive(Clone, Debug, Default)]
struct Heard {
    /// The first answer.
    first: Option<Reply>,
    /// The last one: how the run ended.
    last: Option<Reply>,
    /// No more will be heard.
    lost: Option<Error>,
}

/// Those who wait.
#[derive(Debug, Default)]
struct Desk {
    waiting: Mutex<HashMap<String, watch::Sender<Heard>>>,
}

/// Follows the reply topic for as long as somebody holds this.
pub(super) struct Replies {
    topic: Arc<str>,
    desk: Arc<Desk>,
    following: JoinHandle<()>,
}

/// One request's answers. Dropped, they are no longer waited for.
pub(super) struct Waiting {
    correlation: String,
    heard: watch::Receiver<Heard>,
    desk: Weak<Desk>,
}

impl Replies {
    /// The partition of the reply topic that answers to clients go to.
    pub(super) const PARTITION: i32 = REPLY_PARTITION;

    pub(super) fn follow(topic: &str, follower: Follower) -> Self {
        let desk = Arc::new(Desk::default());
        let following = tokio::spawn(follow(desk.clone(), follower));
        Self {
            topic: topic.into(),
            desk,
            following,
        }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Waits from now on for the answers to a new request.
    pub(super) fn expect(&self) -> Waiting {
        self.desk.expect(new_id())
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.following.abort();
        self.desk.lose(&Error::new(
            ErrorKind::Unavailable,
            "client-closed",
            "the client was closed",
        ));
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Heard>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expect(self: &Arc<Self>, correlation: Uuid) -> Waiting {
        let correlation = correlation.to_string();
        let (sender, heard) = watch::channel(Heard::default());
        self.lock().insert(correlation.clone(), sender);
        Waiting {
            correlation,
            heard,
            desk: Arc::downgrade(self),
        }
    }

    /// Gives a record to whoever waits for it; most are for others.
    fn hand_out(&self, record: &Record) {
        let Some((correlation, reply)) = Reply::of(record) else {
            return;
        };
        let waiting = self.lock();
        let Some(sender) = waiting.get(correlation) else {
            return;
        };
        sender.send_modify(|heard| {
            // Answers come at least once, and a request that was repeated may be refused after it was answered.
            if reply.outcome != outcome::ACCEPTED && heard.last.is_none() {
                heard.last = Some(reply.clone());
            }
            heard.first.get_or_insert(reply);
        });
    }

    fn lose(&self, error: &Error) {
        for sender in self.lock().values() {
            sender.send_modify(|heard| heard.lost = Some(error.clone()));
        }
    }
}

async fn follow(desk: Arc<Desk>, mut follower: Follower) {
    loop {
        match follower.next().await {
            Some(Ok(record)) => desk.hand_out(&record),
            Some(Err(error)) => {
                tracing::error!(%error, "answers are no longer heard: connect anew");
                desk.lose(&error);
            }
            None => return,
        }
    }
}

impl Waiting {
    pub(super) fn correlation(&self) -> &str {
        &self.correlation
    }

    /// The first answer.
    pub(super) async fn first(&mut self) -> Result<Reply, Error> {
        wait(self.heard.clone(), |heard| heard.first.as_ref()).await
    }

    /// How the run ended.
    pub(super) async fn last(&self) -> Result<Reply, Error> {
        wait(self.heard.clone(), |heard| heard.last.as_ref()).await
    }
}

async fn wait(
    mut heard: watch::Receiver<Heard>,
    pick: impl Fn(&Heard) -> Option<&Reply>,
) -> Result<Reply, Error> {
    let heard = heard
        .wait_for(|heard| pick(heard).is_some() || heard.lost.is_some())
        .await;
    match heard
        .as_deref()
        .map(|heard| (pick(heard).cloned(), heard.lost.clone()))
    {
        Ok((Some(reply), _)) => Ok(reply),
        Ok((None, Some(error))) => Err(error),
        Ok((None, None)) | Err(_) => Err(Error::new(
            ErrorKind::Unavailable,
            "client-closed",
            "the client was closed",
        )),
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.upgrade() {
            desk.lock().remove(&self.correlation);
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Waiting").field(&self.correlation).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sagaline_core::Timestamp;

    fn reply(correlation: &str, outcome: &str, value: &[u8]) -> Record {
        let mut record = Record::new("ns.replies".into(), 0, 0, Timestamp::default(), 100)
            .with_value(Some(value));
        for (name, value) in [
            (header::CE_TYPE, ce_type::REPLY),
            (header::CORRELATION, correlation),
            (header::OUTCOME, outcome),
            (header::RUN_ID, "r-1"),
        ] {
            record.push_header(name, Some(value.as_bytes()));
        }
        record
    }

    fn desk() -> (Arc<Desk>, Waiting) {
        let desk = Arc::new(Desk::default());
        let waiting = desk.expect(new_id());
        (desk, waiting)
    }

    #[tokio::test]
    async fn acceptance_comes_first_and_the_end_last_whoever_asks_when() {
        let (desk, mut waiting) = desk();
        let correlation = waiting.correlation().to_owned();
        desk.hand_out(&reply("another", outcome::COMPLETED, b"0"));
        desk.hand_out(&reply(&correlation, outcome::ACCEPTED, b""));
        desk.hand_out(&reply(&correlation, outcome::COMPLETED, b"7"));
        desk.hand_out(&reply(&correlation, outcome::COMPLETED, b"7"));

        assert_eq!(waiting.first().await.unwrap().outcome, outcome::ACCEPTED);
        assert_eq!(waiting.last().await.unwrap().value, Payload::json(*b"7"));
        assert_eq!(waiting.last().await.unwrap().run_id, "r-1");
    }

    #[tokio::test]
    async fn an_end_that_overtakes_its_acceptance_is_heard() {
        let (desk, mut waiting) = desk();
        desk.hand_out(&reply(waiting.correlation(), outcome::FAILED, b""));

        assert_eq!(waiting.first().await.unwrap().outcome, outcome::FAILED);
        assert_eq!(waiting.last().await.unwrap().outcome, outcome::FAILED);
    }

    #[tokio::test]
    async fn when_the_topic_is_lost_everybody_is_told() {
        let (desk, mut waiting) = desk();
        desk.lose(&Error::new(
            ErrorKind::NotFound,
            "kafka-topic-missing",
            "it went away",
        ));

        assert_eq!(waiting.first().await.unwrap_err().message(), "it went away");
        assert_eq!(
            waiting.last().await.unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[tokio::test]
    async fn nobody_waits_after_a_drop() {
        let (desk, waiting) = desk();
        drop(waiting);
        assert!(desk.lock().is_empty());
    }
}
