//! An answer of the engine to a request.

use sagaline_core::{Payload, RunId, Seq, error_type};
use sagaline_journal::{
    Record,
    wire::{ce_type, header, outcome},
};

use crate::fault::{Exit, Fault, Outcome};

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// One of [`outcome`].
    pub(crate) outcome: String,
    pub(crate) run_id: Option<RunId>,
    /// Where in the run's history the request stands; none of an engine that does not say.
    pub(crate) event_seq: Option<Seq>,
    pub(crate) error_type: String,
    pub(crate) error_message: String,
    /// The result, or details of the error.
    pub(crate) value: Payload,
}

impl Answer {
    /// The answer that a record is, if it is one to this request.
    pub(super) fn read(record: &Record, correlation: &str) -> Option<Self> {
        let (of, answer) = Self::of(record)?;
        (of == correlation).then_some(answer)
    }

    /// The answer that a record is, and the correlation of the request that it belongs to.
    pub(super) fn of(record: &Record) -> Option<(String, Self)> {
        let text = |name: &str| Some(String::from_utf8_lossy(record.header(name)?).into_owned());
        if text(header::CE_TYPE)? != ce_type::REPLY {
            return None;
        }
        let correlation = text(header::CORRELATION)?;
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
        let answer = Self {
            outcome: text(header::OUTCOME)?,
            run_id: text(header::RUN_ID).and_then(|run_id| run_id.parse().ok()),
            event_seq: text(header::EVENT_SEQ).and_then(|seq| seq.parse().ok()),
            error_type: text(header::ERROR_TYPE).unwrap_or_default(),
            error_message: text(header::ERROR_MESSAGE).unwrap_or_default(),
            value: Payload::new(&content_type, record.value().unwrap_or_default()),
        };
        Some((correlation, answer))
    }

    /// The answer, unless it is a refusal.
    pub(crate) fn taken(self) -> Outcome<Self> {
        match self.outcome.as_str() {
            outcome::REJECTED => Err(Fault::quoting(Exit::Refused, &self.error_message)),
            _ => Ok(self),
        }
    }

    /// Whether the id rules refuse a start.
    pub(crate) fn is_of_used_id(&self) -> bool {
        self.outcome == outcome::REJECTED && self.error_type == error_type::ALREADY_STARTED
    }

    /// Whether it is refused because no run of the id is open.
    pub(crate) fn is_of_no_open_run(&self) -> bool {
        let refused = [error_type::NOT_FOUND, error_type::CLOSED];
        self.outcome == outcome::REJECTED && refused.contains(&self.error_type.as_str())
    }

    /// Whether it is the run's end.
    pub(crate) fn is_final(&self) -> bool {
        self.outcome != outcome::ACCEPTED
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;

    use super::*;

    fn reply(headers: &[(&str, &str)]) -> Record {
        let mut record = Record::new("ns.replies".into(), 0, 0, Timestamp::default(), 100)
            .with_value(Some(b"7"));
        for (name, value) in headers {
            record.push_header(name, Some(value.as_bytes()));
        }
        record
    }

    #[test]
    fn only_the_answer_to_this_request_is_taken() {
        let of = |correlation| {
            [
                (header::CE_TYPE, ce_type::REPLY),
                (header::CORRELATION, correlation),
                (header::OUTCOME, outcome::COMPLETED),
                (header::EVENT_SEQ, "24"),
            ]
        };

        let answer = Answer::read(&reply(&of("c-1")), "c-1").unwrap();

        assert!(answer.is_final());
        assert_eq!(answer.value, Payload::json(*b"7"));
        assert_eq!(answer.event_seq, Some(24));
        assert!(Answer::read(&reply(&of("c-2")), "c-1").is_none());
        assert!(Answer::read(&reply(&of("c-1")[1..]), "c-1").is_none());
    }
}
