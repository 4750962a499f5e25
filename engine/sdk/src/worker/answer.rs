//! What a worker says of an attempt, and the records that say it.

use sagaline_core::{OnExhausted, Payload, Timestamp, error_type};
use sagaline_journal::{
    Headers, NewRecord,
    wire::{ce_type, header},
};

use crate::{Error, Result, completion::Address, duration::millis};

/// What a worker says.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It has begun.
    Started,
    /// It goes on.
    Heartbeat {
        progress: Payload,
        at: Timestamp,
    },
    Completed(Payload),
    Failed(Error),
    Canceled(Error),
}

impl Answer {
    /// What an activity's end means.
    pub(crate) fn to(ended: Result<Payload>) -> Self {
        match ended {
            Ok(result) if result.is_too_large() => {
                let text = format!(
                    "the result has {} bytes; {} are allowed",
                    result.data().len(),
                    sagaline_core::PAYLOAD_BYTES_MAX
                );
                Self::Failed(Error::new(error_type::PAYLOAD_TOO_LARGE, text).non_retryable())
            }
            Ok(result) => Self::Completed(result),
            // Whoever has its token answers.
            Err(error) if error.completes_later() => Self::Started,
            Err(error) if error.is_canceled() => Self::Canceled(error),
            Err(error) => Self::Failed(error),
        }
    }

    /// Says instead that the result is too large for the topic, if there is one.
    pub(crate) fn shorten(&mut self, reason: &dyn std::fmt::Display) -> bool {
        let Self::Completed(result) = self else {
            return false;
        };
        let text = format!("the result of {} bytes: {reason}", result.data().len());
        let error = Error::new(error_type::PAYLOAD_TOO_LARGE, text).non_retryable();
        *self = Self::Failed(error);
        true
    }

    fn ce_type(&self) -> &'static str {
        match self {
            Self::Started => ce_type::ACTIVITY_STARTED,
            Self::Heartbeat { .. } => ce_type::ACTIVITY_HEARTBEAT,
            Self::Completed(_) => ce_type::ACTIVITY_COMPLETED,
            Self::Failed(_) => ce_type::ACTIVITY_FAILED,
            Self::Canceled(_) => ce_type::ACTIVITY_CANCELED,
        }
    }

    /// The record, addressed as the task wants it.
    pub(crate) fn record(&self, address: &Address, worker: &str) -> NewRecord {
        let ce_type = self.ce_type();
        let kind = ce_type
            .trim_start_matches(ce_type::ACTIVITY_PREFIX)
            .trim_end_matches(".v1");
        let payload = self.payload();
        let mut record = NewRecord {
            topic: address.topic.clone(),
            partition: address.partition,
            key: address.key.clone(),
            value: payload.map(|payload| payload.data().to_vec()),
            headers: Headers::with_capacity(12, 320),
        };
        record.push_header(header::CE_SPECVERSION, "1.0");
        record.push_header(header::CE_TYPE, ce_type);
        let headers = &mut record.headers;
        headers.write(header::CE_SOURCE, format_args!("sagaline.worker/{worker}"));
        let task_id = &address.task_id;
        match self {
            // There are many.
            Self::Heartbeat { at, .. } => headers.write(
                header::CE_ID,
                format_args!("{task_id}/{kind}/{}", at.as_micros()),
            ),
            _ => headers.write(header::CE_ID, format_args!("{task_id}/{kind}")),
        }
        record.push_header(header::TOKEN, &address.token);
        record.push_header(header::WORKER, worker);
        if let Some(payload) = payload {
            record.push_header(header::CONTENT_TYPE, payload.content_type());
        }
        if let Self::Failed(error) = self {
            push_failure(&mut record, error);
        }
        record
    }

    /// Result or details.
    fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Started => None,
            Self::Heartbeat { progress, .. } => Some(progress),
            Self::Completed(result) => Some(result),
            Self::Failed(error) | Self::Canceled(error) => error
                .failure()
                .details
                .as_ref()
                .filter(|details| !details.is_too_large()),
        }
    }
}

fn push_failure(record: &mut NewRecord, error: &Error) {
    record.push_header(header::ERROR_TYPE, error.error_type());
    record.push_header(header::ERROR_MESSAGE, error.message());
    if !error.is_retryable() {
        record.push_header(header::NON_RETRYABLE, "true");
    }
    if let Some(wait) = error.wait() {
        record.push_header(header::RETRY_AFTER_MS, millis(wait).to_string());
    }
    if let Some(end) = error.on_exhausted() {
        let end = match end {
            OnExhausted::Fail => "fail",
            OnExhausted::Park => "park",
        };
        record.push_header(header::ON_EXHAUSTED, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DurationExt,
        worker::task::{Task, tests::task},
    };

    fn headers(answer: &Answer) -> (Vec<(String, String)>, Option<Vec<u8>>) {
        let task = Task::read(&task("ship", 5, &[])).unwrap();
        let record = answer.record(&task.address, "w-1");
        assert_eq!((&*record.topic, record.partition), ("ns.results", 3));
        assert_eq!(record.key.as_deref(), Some(&b"o-1"[..]));
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        let headers = record
            .headers
            .iter()
            .map(|(name, value)| (name.to_owned(), text(value)));
        (headers.collect(), record.value)
    }

    fn value<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
        headers
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_result_goes_back_with_token_and_worker() {
        let (headers, result) = headers(&Answer::to(Ok(Payload::json(*b"7"))));

        assert_eq!(
            value(&headers, header::CE_TYPE),
            Some("sagaline.activity.completed.v1")
        );
        assert_eq!(value(&headers, header::CE_ID), Some("r-1/5/1/completed"));
        assert_eq!(value(&headers, header::TOKEN), Some("secret"));
        assert_eq!(value(&headers, header::WORKER), Some("w-1"));
        assert_eq!(
            value(&headers, header::CONTENT_TYPE),
            Some("application/json")
        );
        assert_eq!(result.as_deref(), Some(&b"7"[..]));
    }

    #[test]
    fn an_error_goes_back_with_all_it_says() {
        let error = Error::new("Busy", "try later")
            .non_retryable()
            .retry_after(2.seconds())
            .fail_when_exhausted()
            .with_details(&[1, 2]);

        let (headers, details) = headers(&Answer::to(Err(error)));

        assert_eq!(
            value(&headers, header::CE_TYPE),
            Some("sagaline.activity.failed.v1")
        );
        assert_eq!(value(&headers, header::ERROR_TYPE), Some("Busy"));
        assert_eq!(value(&headers, header::ERROR_MESSAGE), Some("try later"));
        assert_eq!(value(&headers, header::NON_RETRYABLE), Some("true"));
        assert_eq!(value(&headers, header::RETRY_AFTER_MS), Some("2000"));
        assert_eq!(value(&headers, header::ON_EXHAUSTED), Some("fail"));
        assert_eq!(details.as_deref(), Some(&b"[1,2]"[..]));
    }

    #[test]
    fn heartbeats_carry_progress_and_differ_in_their_id() {
        let at = Timestamp::from_millis(7);
        let progress = Payload::json(*b"3");

        let (headers, value_of) = headers(&Answer::Heartbeat { progress, at });

        assert_eq!(
            value(&headers, header::CE_TYPE),
            Some("sagaline.activity.heartbeat.v1")
        );
        assert_eq!(
            value(&headers, header::CE_ID),
            Some("r-1/5/1/heartbeat/7000")
        );
        assert_eq!(value_of.as_deref(), Some(&b"3"[..]));
    }

    #[test]
    fn what_is_completed_later_has_only_begun() {
        let cx = crate::ActivityContext::local();

        let (headers, _) = headers(&Answer::to(cx.complete_later()));

        assert_eq!(
            value(&headers, header::CE_TYPE),
            Some("sagaline.activity.started.v1")
        );
    }

    #[test]
    fn the_cancel_error_is_no_failure() {
        let (headers, _) = headers(&Answer::to(Err(Error::canceled("stopped"))));

        assert_eq!(
            value(&headers, header::CE_TYPE),
            Some("sagaline.activity.canceled.v1")
        );
        assert_eq!(value(&headers, header::ERROR_TYPE), None);
    }

    #[test]
    fn a_result_over_the_limit_fails_for_good() {
        let large = Payload::json(vec![b'1'; sagaline_core::PAYLOAD_BYTES_MAX + 1]);

        let (headers, details) = headers(&Answer::to(Ok(large)));

        assert_eq!(
            value(&headers, header::ERROR_TYPE),
            Some("sagaline.PayloadTooLarge")
        );
        assert_eq!(value(&headers, header::NON_RETRYABLE), Some("true"));
        assert_eq!(details, None);
    }
}
