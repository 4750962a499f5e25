//! The answers to the acts of a chunk, the first to each, as they are read from the topic of replies.

use sagaline_core::error_type;
use sagaline_journal::{Record, wire::outcome};

use super::{Tally, Target};
use crate::client::Reply;

/// What was answered so far.
#[derive(Debug)]
pub(super) struct Answers {
    /// What correlations begin with; the place in the batch follows.
    stem: String,
    first: u64,
    heard: Vec<Option<Reply>>,
}

impl Answers {
    /// To so many acts, the first of which has that place in its batch.
    pub(super) fn new(batch: &str, first: u64, count: usize) -> Self {
        Self {
            stem: format!("{batch}/"),
            first,
            heard: vec![None; count],
        }
    }

    /// What the answer to one is known by: the same whoever asks again.
    pub(super) fn correlation(&self, at: usize) -> String {
        format!("{}{}", self.stem, self.first + at as u64)
    }

    /// Takes a record, which may be an answer to somebody else; whether it is a new one. The first counts: an act that was
    /// sent again after the engine died is answered again, and by then its workflow may be over.
    pub(super) fn take(&mut self, record: &Record) -> bool {
        let Some((correlation, reply)) = Reply::of(record) else {
            return false;
        };
        let place = correlation.strip_prefix(&self.stem);
        let place = place.and_then(|place| place.parse::<u64>().ok());
        let at = place.and_then(|place| usize::try_from(place.checked_sub(self.first)?).ok());
        match at.and_then(|at| self.heard.get_mut(at)) {
            Some(heard) if heard.is_none() => {
                *heard = Some(reply);
                true
            }
            Some(_) | None => false,
        }
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.heard.get(at).is_some_and(Option::is_some)
    }

    /// Counts what became of one.
    pub(super) fn count(&self, at: usize, target: &Target, tally: &mut Tally) {
        let Some(Some(reply)) = self.heard.get(at) else {
            return;
        };
        if reply.outcome != outcome::REJECTED {
            tally.done += 1;
        } else if is_over(&reply.error_type, target) {
            tally.skipped += 1;
        } else {
            tally.fail(&target.workflow_id, &code(&reply.error_type));
        }
    }
}

/// Whether what was to be acted on is over: its run is closed, its incident solved, its activity done.
fn is_over(error_type: &str, target: &Target) -> bool {
    match error_type {
        error_type::CLOSED | error_type::INCIDENT_RESOLVED => true,
        // Of a run that somebody has seen. An id that nobody knows is a mistake.
        error_type::NOT_FOUND => target.run_id.is_some(),
        _ => false,
    }
}

/// `attempt_running` of `sagaline.AttemptRunning`.
fn code(error_type: &str) -> String {
    let name = error_type.rsplit('.').next().unwrap_or_default();
    let mut code = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.push(c.to_ascii_lowercase());
    }
    code
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;
    use sagaline_journal::wire::{ce_type, header};

    use super::*;

    fn reply(correlation: &str, error_type: Option<&str>) -> Record {
        let mut record = Record::new("ns.replies".into(), 0, 0, Timestamp::default(), 100);
        let outcome = match error_type {
            Some(_) => outcome::REJECTED,
            None => outcome::ACCEPTED,
        };
        for (name, value) in [
            (header::CE_TYPE, ce_type::REPLY),
            (header::CORRELATION, correlation),
            (header::OUTCOME, outcome),
            (header::ERROR_TYPE, error_type.unwrap_or_default()),
        ] {
            record.push_header(name, Some(value.as_bytes()));
        }
        record
    }

    #[test]
    fn the_first_answer_to_each_act_counts() {
        let mut answers = Answers::new("batch/7", 500, 3);
        assert_eq!(answers.correlation(2), "batch/7/502");

        for foreign in [
            "batch/7/499",
            "batch/7/503",
            "batch/70/501",
            "x",
            "batch/7/",
        ] {
            assert!(!answers.take(&reply(foreign, None)), "{foreign}");
        }
        assert!((0..3).all(|at| !answers.has(at)));
        assert!(answers.take(&reply("batch/7/500", None)));
        assert!(!answers.take(&reply("batch/7/500", Some(error_type::CLOSED))));

        let mut tally = Tally::default();
        answers.count(0, &Target::workflow("w"), &mut tally);
        answers.count(1, &Target::workflow("w"), &mut tally);
        assert_eq!((tally.done, tally.count()), (1, 1));
    }

    #[test]
    fn what_is_over_is_skipped_and_what_is_refused_has_failed() {
        let seen = Target {
            run_id: Some("6fa459ea-ee8a-3ca4-894e-db77e160355e".to_owned()),
            ..Target::workflow("seen")
        };
        let named = Target::workflow("named");
        let mut tally = Tally::default();
        for (error_type, target) in [
            (error_type::CLOSED, &named),
            (error_type::INCIDENT_RESOLVED, &seen),
            (error_type::NOT_FOUND, &seen),
            (error_type::NOT_FOUND, &named),
            (error_type::ATTEMPT_RUNNING, &seen),
            (error_type::PAYLOAD_TOO_LARGE, &seen),
        ] {
            let mut answers = Answers::new("batch/7", 0, 1);
            answers.take(&reply("batch/7/0", Some(error_type)));
            answers.count(0, target, &mut tally);
        }

        assert_eq!((tally.done, tally.skipped, tally.failed), (0, 3, 3));
        let codes: Vec<&str> = tally.errors.iter().map(|one| one.code.as_str()).collect();
        assert_eq!(codes, ["not_found", "attempt_running", "payload_too_large"]);
    }
}
