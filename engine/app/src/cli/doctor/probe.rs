//! A question through the engine: what the broker's clock says, and whether an owner answers.
//!
//! It asks for a workflow that nobody has. Describes leave no event, so nothing remains of it.

use std::time::Duration;

use sagaline_core::{Millis, Timestamp, WorkflowId};
use sagaline_journal::{
    kafka::{Admin, TopicState},
    wire::{ce_type, topic},
};

use super::Check;
use crate::{
    cli::Session,
    clock::{self, Deadline},
    fault::Outcome,
    inbox::{Inbox, Question},
};

/// The id that is asked for.
const PROBE_ID: &str = "sagaline-doctor";

/// An engine hands its partitions over when its clock is farther off than this; so does ours count.
const SKEW_MAX: Millis = Millis(2_000);

/// How long an owner may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Asks, if there is an inbox to ask; waits for an answer if there is somebody to give it.
pub(super) fn checks(session: &Session, admin: &Admin, has_engine: bool) -> Outcome<Vec<Check>> {
    let namespace = &session.settings.namespace;
    for needed in [topic::inbox(namespace), topic::replies(namespace)] {
        if !matches!(admin.topic(&needed)?, TopicState::Present(_)) {
            return Ok(Vec::new());
        }
    }
    let nobody = WorkflowId::new(PROBE_ID).expect("the probe's id is short");
    let inbox = Inbox::open(session)?;
    let before = clock::now();
    let asked = inbox.ask(Question::new(ce_type::WORKFLOW_DESCRIBE, &nobody))?;
    let after = clock::now();

    let appended_at = inbox.appended_at(&asked)?;
    let mut checks: Vec<Check> = appended_at
        .map(|appended_at| clock_check(before, appended_at, after))
        .into_iter()
        .collect();
    if has_engine {
        let answered = inbox
            .answer(&asked, Deadline::after(Some(ANSWER_MAX)), |_| true)?
            .is_some();
        checks.push(match answered {
            true => Check::fine(
                "answer",
                format!(
                    "an owner answered within {} ms",
                    clock::now().since(before).0
                ),
            ),
            false => {
                let text = format!(
                    "no owner answered within {} s; the engines' logs say why",
                    ANSWER_MAX.as_secs()
                );
                Check::found("answer", "no-answer", text)
            }
        });
    }
    Ok(checks)
}

/// The broker appended between `before` and `after`: what lies outside is the difference of the clocks.
fn clock_check(before: Timestamp, appended: Timestamp, after: Timestamp) -> Check {
    // Kafka's timestamps are whole milliseconds.
    let behind = before.since(appended.plus(Millis(1)));
    let ahead = appended.since(after);
    let skew = behind.max(ahead);
    if skew <= SKEW_MAX {
        return Check::fine("clock", format!("within {} ms of the broker's", skew.0));
    }
    let direction = if ahead > behind { "ahead of" } else { "behind" };
    let text = format!(
        "the broker's clock is {} ms {direction} this machine's; run NTP on both: engines step down at {} ms",
        skew.0, SKEW_MAX.0
    );
    Check::found("clock", "clock-skew", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_outside_of_the_round_trip_is_skew() {
        let at = Timestamp::from_millis;

        assert_eq!(clock_check(at(1_000), at(1_500), at(2_000)).finding, None);
        assert_eq!(
            clock_check(at(10_000), at(7_000), at(10_010)).finding,
            Some("clock-skew")
        );
        let ahead = clock_check(at(10_000), at(12_500), at(10_010));
        assert!(ahead.text.contains("2490 ms ahead of"), "{}", ahead.text);
    }
}
