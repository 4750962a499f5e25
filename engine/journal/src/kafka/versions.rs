//! Which requests the brokers take. librdkafka asks each when it connects, and tells only its log.
//!
//! Invariant: what cannot be read there is not known, and is no error.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};

use super::{Kafka, clock::Deadline, fault};
use crate::Error;

/// The requests that all brokers take which were spoken to, and in which versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersions(BTreeMap<i16, RangeInclusive<i16>>);

impl ApiVersions {
    /// Connects, and listens to what the brokers say.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): no answer within 5 s.
    pub fn ask(kafka: &Kafka) -> Result<Self, Error> {
        let mut config = kafka.base();
        config
            .set("group.id", super::reader::READER_GROUP)
            .set("debug", "feature")
            .set_log_level(RDKafkaLogLevel::Debug);
        let listener: BaseConsumer<Listener> =
            BaseConsumer::from_config_and_context(&config, Listener::default())
                .map_err(|error| fault::error("make a consumer", &error))?;
        listener
            .fetch_metadata(None, METADATA_WAIT)
            .map_err(|error| fault::error("ask for the brokers", &error))?;
        // The log is told to whoever polls. Nothing is assigned: no record comes.
        let late = Deadline::after(LOG_WAIT);
        while !late.passed() {
            drop(listener.poll(Duration::from_millis(20)));
            let versions = listener.context().versions();
            if versions.max(PRODUCE).is_some() && listener.context().is_over() {
                return Ok(versions);
            }
        }
        Ok(listener.context().versions())
    }

    /// The newest version of a request, by its number; none: they do not take it.
    #[must_use]
    pub fn max(&self, request: i16) -> Option<i16> {
        self.0.get(&request).map(|versions| *versions.end())
    }

    /// Whether nothing could be learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Another broker takes `request` in these versions.
    fn learn(&mut self, request: i16, versions: RangeInclusive<i16>) {
        let known = self.0.entry(request).or_insert_with(|| versions.clone());
        *known = *known.start().max(versions.start())..=*known.end().min(versions.end());
    }
}

/// `Produce` is the first that every broker tells.
const PRODUCE: i16 = 0;

/// Hears what librdkafka logs.
#[derive(Debug, Default)]
struct Listener(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    versions: ApiVersions,
    /// A line that is of another matter came after the versions.
    is_over: bool,
}

impl Listener {
    fn versions(&self) -> ApiVersions {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.versions.clone()
    }

    fn is_over(&self) -> bool {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.is_over
    }
}

impl ClientContext for Listener {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, message: &str) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match spoken(message) {
            Some((request, versions)) => {
                heard.versions.learn(request, versions);
                heard.is_over = false;
            }
            None => heard.is_over = true,
        }
    }
}

impl ConsumerContext for Listener {}

/// What a line of the log says: `…:   ApiKey Produce (0) Versions 0..12`.
fn spoken(line: &str) -> Option<(i16, RangeInclusive<i16>)> {
    let (_, rest) = line.split_once("ApiKey ")?;
    let (_, rest) = rest.split_once('(')?;
    let (request, rest) = rest.split_once(") Versions ")?;
    let (first, last) = rest.trim().split_once("..")?;
    Some((
        request.parse().ok()?,
        first.parse().ok()?..=last.parse().ok()?,
    ))
}

/// How long a question about the cluster may take.
const METADATA_WAIT: Duration = Duration::from_secs(5);

/// How long the log may take to tell what was said already.
const LOG_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_says_which_versions_there_are() {
        let check = |line: &str, expected| assert_eq!(spoken(line), expected, "{line}");

        check(
            "[thrd:b:9092/1]: b:9092/1:   ApiKey Produce (0) Versions 3..13",
            Some((0, 3..=13)),
        );
        check(
            "[thrd:b:9092/1]: b:9092/1:   ApiKey Unknown-74? (74) Versions 0..0",
            Some((74, 0..=0)),
        );
        check("[thrd:b:9092/1]: b:9092/1: Broker API support:", None);
        check("ApiKey Produce (0) Versions 3", None);
        check("ApiKey Produce (99999) Versions 3..4", None);
    }

    #[test]
    fn of_several_brokers_the_oldest_counts() {
        let mut versions = ApiVersions::default();
        versions.learn(0, 0..=13);
        versions.learn(0, 3..=11);

        assert_eq!(versions.max(0), Some(11));
        assert_eq!(versions.max(1), None);
    }
}
