//! A task as a worker reads it.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use sagaline_core::{Payload, Timestamp};
use sagaline_journal::{
    Record,
    wire::{ce_type, header},
};

use crate::{ActivityInfo, completion::Address};

/// An attempt to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// Where the answer goes.
    pub(crate) address: Arc<Address>,
    pub(crate) info: ActivityInfo,
    pub(crate) input: Payload,
    /// What an earlier attempt told last of its progress.
    pub(crate) last_heartbeat: Option<Payload>,
    /// After this it is void.
    pub(crate) expires_at: Option<Timestamp>,
}

/// Why a record is no task that could be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Its sender can be told.
    Answerable(Arc<Address>, String),
    /// It does not even say where an answer would go.
    Lost(String),
}

impl Task {
    pub(crate) fn read(record: &Record) -> Result<Self, Unreadable> {
        let headers = Headers::of(record);
        let address = Arc::new(headers.address(record).map_err(Unreadable::Lost)?);
        let task = headers.task(record, &address);
        task.map_err(|reason| Unreadable::Answerable(address, reason))
    }
}

/// The headers that a worker looks at, found in one pass; of a repeated one the last counts.
#[derive(Default)]
struct Headers<'a>([Option<&'a [u8]>; NAMES.len()]);

const NAMES: [&str; 20] = [
    header::CE_TYPE,
    header::CE_ID,
    header::CONTENT_TYPE,
    header::ACTIVITY,
    header::WORKFLOW,
    header::WORKFLOW_ID,
    header::RUN_ID,
    header::ACTIVITY_ID,
    header::ATTEMPT,
    header::IDEMPOTENCY_KEY,
    header::TOKEN,
    header::REPLY_TOPIC,
    header::REPLY_PARTITION,
    header::START_TO_CLOSE_MS,
    header::EXPIRES_AT,
    header::HEARTBEAT_TIMEOUT_MS,
    header::LAST_HEARTBEAT,
    header::LAST_HEARTBEAT_TYPE,
    header::TRACEPARENT,
    header::TRACESTATE,
];

impl<'a> Headers<'a> {
    fn of(record: &'a Record) -> Self {
        let mut all = Self::default();
        for (name, value) in record.headers() {
            if let Some(index) = NAMES.iter().position(|known| known.as_bytes() == name) {
                all.0[index] = value;
            }
        }
        all
    }

    fn address(&self, record: &Record) -> Result<Address, String> {
        let token = self
            .bytes(header::TOKEN)
            .ok_or_else(|| missing(header::TOKEN))?;
        Ok(Address {
            task_id: self.required(header::CE_ID)?.to_owned(),
            key: record.key().map(<[u8]>::to_vec),
            token: token.to_vec(),
            topic: self.required(header::REPLY_TOPIC)?.into(),
            partition: number(
                header::REPLY_PARTITION,
                self.required(header::REPLY_PARTITION)?,
            )?,
        })
    }

    fn task(&self, record: &Record, address: &Arc<Address>) -> Result<Task, String> {
        let found = self.required(header::CE_TYPE)?;
        if found != ce_type::ACTIVITY_TASK {
            return Err(format!(
                "{} is `{found}` where `{}` is expected",
                header::CE_TYPE,
                ce_type::ACTIVITY_TASK
            ));
        }
        let expires_at = self
            .optional(header::EXPIRES_AT)?
            .map(instant)
            .transpose()?;
        let content_type = self.optional(header::CONTENT_TYPE)?.unwrap_or_default();
        let workflow = self.optional(header::WORKFLOW)?.unwrap_or_default();
        let info = ActivityInfo {
            activity: self.required(header::ACTIVITY)?.to_owned(),
            workflow: workflow.to_owned(),
            workflow_id: self.required(header::WORKFLOW_ID)?.to_owned(),
            run_id: self.required(header::RUN_ID)?.to_owned(),
            activity_id: number(header::ACTIVITY_ID, self.required(header::ACTIVITY_ID)?)?,
            attempt: number(header::ATTEMPT, self.required(header::ATTEMPT)?)?,
            idempotency_key: self.required(header::IDEMPOTENCY_KEY)?.to_owned(),
            start_to_close: self.span(header::START_TO_CLOSE_MS)?,
            heartbeat: self.span(header::HEARTBEAT_TIMEOUT_MS)?,
            traceparent: self.optional(header::TRACEPARENT)?.map(Into::into),
            tracestate: self.optional(header::TRACESTATE)?.map(Into::into),
        };
        Ok(Task {
            address: Arc::clone(address),
            info,
            input: Payload::new(content_type, record.value().unwrap_or_default()),
            last_heartbeat: self.progress()?,
            expires_at,
        })
    }

    fn progress(&self) -> Result<Option<Payload>, String> {
        let name = header::LAST_HEARTBEAT;
        let content_type = self.optional(header::LAST_HEARTBEAT_TYPE)?;
        let decode = |text| {
            let progress = BASE64.decode(text);
            let progress =
                progress.map(|bytes| Payload::new(content_type.unwrap_or_default(), bytes));
            progress.map_err(|error| format!("header `{name}` is no base64: {error}"))
        };
        self.bytes(name).map(decode).transpose()
    }

    fn span(&self, name: &str) -> Result<Option<Duration>, String> {
        let millis = self.optional(name)?.map(|text| number(name, text));
        Ok(millis.transpose()?.map(Duration::from_millis))
    }

    fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        let index = NAMES.iter().position(|known| *known == name)?;
        self.0[index]
    }

    fn optional(&self, name: &str) -> Result<Option<&'a str>, String> {
        let value = self.bytes(name).map(str::from_utf8).transpose();
        value.map_err(|_| format!("header `{name}` is not UTF-8"))
    }

    fn required(&self, name: &str) -> Result<&'a str, String> {
        self.optional(name)?.ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> String {
    format!("header `{name}` is missing")
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("header `{name}` is `{text}` where a number is expected"))
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    let instant =
        parsed.map_err(|error| format!("header `{}` is `{text}`: {error}", header::EXPIRES_AT))?;
    Ok(Timestamp::from_micros(instant.as_microsecond()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A task of `activity`, with its headers changed so; an empty value takes one away.
    pub(crate) fn task(activity: &str, offset: i64, changes: &[(&str, &str)]) -> Record {
        let id = format!("r-1/{offset}/1");
        let activity_id = offset.to_string();
        let mut headers = vec![
            (header::CE_TYPE, ce_type::ACTIVITY_TASK),
            (header::CE_ID, &id),
            (header::ACTIVITY, activity),
            (header::WORKFLOW, "order"),
            (header::WORKFLOW_ID, "o-1"),
            (header::RUN_ID, "r-1"),
            (header::ACTIVITY_ID, &activity_id),
            (header::ATTEMPT, "1"),
            (header::IDEMPOTENCY_KEY, "r-1/5"),
            (header::TOKEN, "secret"),
            (header::REPLY_TOPIC, "ns.results"),
            (header::REPLY_PARTITION, "3"),
            (header::START_TO_CLOSE_MS, "60000"),
        ];
        headers.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        headers.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        let mut record = Record::new(
            "ns.tasks.default".into(),
            0,
            offset,
            Timestamp::default(),
            400,
        )
        .with_key(Some(b"o-1"))
        .with_value(Some(b"\"x\""));
        for (name, value) in headers {
            record.push_header(name, Some(value.as_bytes()));
        }
        record
    }

    #[test]
    fn a_task_is_read_with_all_it_says() {
        let changes = [
            (header::EXPIRES_AT, "2026-01-31T12:00:00.250Z"),
            (header::ATTEMPT, "3"),
            (header::HEARTBEAT_TIMEOUT_MS, "2000"),
            (header::LAST_HEARTBEAT, "eyJkb25lIjo3fQ=="),
            (header::TRACEPARENT, "00-1-2-01"),
            (header::TRACESTATE, "vendor=7"),
        ];

        let task = Task::read(&task("ship", 5, &changes)).unwrap();

        assert_eq!(task.info.activity, "ship");
        assert_eq!((task.info.activity_id, task.info.attempt), (5, 3));
        assert_eq!(task.info.start_to_close, Some(Duration::from_secs(60)));
        assert_eq!(task.info.heartbeat, Some(Duration::from_secs(2)));
        assert_eq!(task.info.traceparent.as_deref(), Some("00-1-2-01"));
        assert_eq!(task.info.tracestate.as_deref(), Some("vendor=7"));
        assert_eq!(task.last_heartbeat, Some(Payload::json(*br#"{"done":7}"#)));
        assert_eq!(
            task.expires_at.unwrap().to_rfc3339(),
            "2026-01-31T12:00:00.250Z"
        );
        assert_eq!(
            (&*task.address.topic, task.address.partition),
            ("ns.results", 3)
        );
        assert_eq!(task.address.key.as_deref(), Some(&b"o-1"[..]));
        assert_eq!(task.input, Payload::json(*b"\"x\""));
    }

    #[test]
    fn what_is_wrong_with_a_task_is_named() {
        for (name, value, reason) in [
            (header::ACTIVITY, "", "header `sl-activity` is missing"),
            (
                header::ATTEMPT,
                "two",
                "header `sl-attempt` is `two` where a number is expected",
            ),
            (
                header::CE_TYPE,
                "other",
                "ce_type is `other` where `sagaline.activity.task.v1` is expected",
            ),
            (
                header::LAST_HEARTBEAT,
                "?",
                "header `sl-last-heartbeat` is no base64: Invalid symbol 63, offset 0.",
            ),
        ] {
            let Err(Unreadable::Answerable(address, found)) =
                Task::read(&task("ship", 5, &[(name, value)]))
            else {
                panic!("{name} = {value} was read");
            };
            assert_eq!(
                (address.task_id.as_str(), found.as_str()),
                ("r-1/5/1", reason)
            );
        }
        let Err(Unreadable::Answerable(_, reason)) =
            Task::read(&task("ship", 5, &[(header::EXPIRES_AT, "soon")]))
        else {
            panic!("it was read");
        };
        assert!(
            reason.starts_with("header `sl-expires-at` is `soon`: "),
            "{reason}"
        );
    }

    #[test]
    fn without_an_address_nobody_can_be_told() {
        for name in [
            header::TOKEN,
            header::REPLY_TOPIC,
            header::REPLY_PARTITION,
            header::CE_ID,
        ] {
            let read = Task::read(&task("ship", 5, &[(name, "")]));
            assert_eq!(
                read,
                Err(Unreadable::Lost(format!("header `{name}` is missing")))
            );
        }
    }
}
