//! What became of each of many: done, skipped or failed, and why.

use sagaline_core::{WorkflowId, error_type};
use sagaline_journal::wire::outcome;
use serde::Serialize;

use super::{Target, words::number};
use crate::{
    fault::{Exit, Fault, Outcome},
    inbox::{Answer, Told},
    output::{Format, Output, aside, visible},
};

/// What became of all so far.
#[derive(Debug)]
pub(super) struct Report {
    output: Output,
    summary: Summary,
}

/// As the API has it of a batch.
#[derive(Debug, Default, Serialize)]
struct Summary {
    matched: usize,
    done: usize,
    skipped: usize,
    failed: usize,
    errors: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    workflow_id: WorkflowId,
    code: String,
}

impl Report {
    pub(super) fn new(output: Output, matched: usize) -> Self {
        let summary = Summary {
            matched,
            ..Summary::default()
        };
        Self { output, summary }
    }

    /// Takes what was said of one. What was over before its turn is skipped, and said so.
    pub(super) fn tell(&mut self, target: &Target, told: Told) {
        match told {
            Told::Answer(answer) if answer.outcome != outcome::REJECTED => self.summary.done += 1,
            Told::Answer(answer) if is_over(&answer) => {
                self.summary.skipped += 1;
                self.say("skipped", target, &answer.error_message);
            }
            Told::Answer(answer) => {
                self.failed(target, &code(&answer.error_type), &answer.error_message);
            }
            Told::Unsent(reason) => self.failed(target, "not_sent", &reason),
            Told::Silent => {
                let reason = "no engine answered; the request stays in the inbox";
                self.failed(target, "no_answer", reason);
            }
        }
    }

    /// Takes those whose turn never came.
    pub(super) fn left_out<'a>(&mut self, targets: impl Iterator<Item = &'a Target>) {
        let before = self.summary.failed;
        targets.for_each(|target| self.summary.fail(target, "not_sent"));
        let left_out = self.summary.failed - before;
        if left_out > 0 && self.output.format == Format::Table {
            let left_out = number(left_out);
            aside(&format!(
                "failed {left_out} more: not sent, as no engine answers"
            ));
        }
    }

    fn failed(&mut self, target: &Target, code: &str, reason: &str) {
        self.summary.fail(target, code);
        self.say("failed", target, reason);
    }

    fn say(&self, what: &str, target: &Target, reason: &str) {
        if self.output.format == Format::Table {
            let text = format!("{what} {}: {reason}", target.workflow_id);
            aside(&visible(&text));
        }
    }

    /// Prints how many of each; a fault if one failed.
    pub(super) fn finish(self) -> Outcome {
        let Summary {
            matched,
            done,
            skipped,
            failed,
            ..
        } = self.summary;
        match self.output.format {
            Format::Json | Format::Jsonl => self.output.json(&self.summary)?,
            Format::Table if matched == 0 => self.output.line("Nothing matches.")?,
            Format::Table => {
                let [done, skipped, failed] = [done, skipped, failed].map(number);
                self.output
                    .line(&format!("{done} done, {skipped} skipped, {failed} failed"))?;
            }
        }
        self.summary.outcome()
    }
}

impl Summary {
    fn fail(&mut self, target: &Target, code: &str) {
        self.failed += 1;
        self.errors.push(Failed {
            workflow_id: target.workflow_id.clone(),
            code: code.to_owned(),
        });
    }

    fn outcome(&self) -> Outcome {
        let [failed, matched] = [self.failed, self.matched].map(number);
        match self.failed {
            0 => Ok(()),
            _ => Err(Fault::new(
                Exit::Failed,
                format!("{failed} of {matched} failed"),
            )),
        }
    }
}

/// Whether what was to be acted on is over: its run is closed, its incident solved, its activity done.
fn is_over(answer: &Answer) -> bool {
    [
        error_type::CLOSED,
        error_type::NOT_FOUND,
        error_type::INCIDENT_RESOLVED,
    ]
    .contains(&answer.error_type.as_str())
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
    use sagaline_core::{Payload, Timestamp};

    use super::*;
    use crate::output::TimeStyle;

    fn refused(error_type: &str) -> Told {
        Told::Answer(Answer {
            outcome: outcome::REJECTED.to_owned(),
            run_id: None,
            event_seq: None,
            error_type: error_type.to_owned(),
            error_message: "because".to_owned(),
            value: Payload::empty(),
        })
    }

    fn report() -> Report {
        let output = Output {
            format: Format::Json,
            time: TimeStyle::Utc,
            now: Timestamp::default(),
            coding: None,
        };
        Report::new(output, 5)
    }

    #[test]
    fn what_is_over_is_skipped_and_what_is_refused_has_failed() {
        let target = Target::scripted(1, None, None);
        let mut report = report();

        report.tell(&target, refused(error_type::CLOSED));
        report.tell(&target, refused(error_type::INCIDENT_RESOLVED));
        report.tell(&target, refused(error_type::ATTEMPT_RUNNING));
        report.tell(&target, Told::Silent);
        report.left_out([&target].into_iter());

        let summary = &report.summary;
        assert_eq!((summary.skipped, summary.failed), (2, 3));
        let codes: Vec<&str> = summary.errors.iter().map(|one| one.code.as_str()).collect();
        assert_eq!(codes, ["attempt_running", "no_answer", "not_sent"]);
        assert_eq!(
            summary.outcome().unwrap_err().to_string(),
            "error: 3 of 5 failed"
        );
    }

    #[test]
    fn codes_are_words_of_the_error_type() {
        for (error_type, expected) in [
            (error_type::PAYLOAD_TOO_LARGE, "payload_too_large"),
            (error_type::PAUSED, "paused"),
            (error_type::INVALID_INPUT, "invalid_input"),
        ] {
            assert_eq!(code(error_type), expected);
        }
    }
}
