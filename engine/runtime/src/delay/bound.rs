//! Where a delayed record wants to go, and whether it may.

use std::{collections::BTreeSet, sync::Arc};

use sagaline_core::{Millis, Timestamp, event::RejectReason};
use sagaline_journal::{
    Record,
    wire::{ce_type, header, topic},
};

use crate::{
    envelope::{Envelope, bad_header},
    input::{Reading, Refusal},
};

/// Longest delay; a record that wants more is refused.
pub const DELAY_MAX: Millis = Millis::from_secs(10 * 366 * 24 * 3_600);

/// Where a record is bound for.
#[derive(Debug)]
pub(super) enum Bound {
    /// To a topic, when it is due.
    Target {
        at: Timestamp,
        topic: Arc<str>,
        partition: Option<i32>,
    },
    /// Nowhere: it told the service the time.
    Tick,
    /// To the inbox, where it is journaled as refused.
    Refused(Refusal),
}

/// Which targets there are.
#[derive(Debug)]
pub(super) struct Targets {
    pub(super) namespace: String,
    /// Topics that take delayed records of anybody.
    pub(super) open: BTreeSet<String>,
}

impl Bound {
    /// Reads a record that was taken at `now`.
    pub(super) fn of(record: &Record, now: Timestamp, reading: &Reading, to: &Targets) -> Self {
        read(record, now, reading, to).unwrap_or_else(Self::Refused)
    }
}

fn read(
    record: &Record,
    now: Timestamp,
    reading: &Reading,
    to: &Targets,
) -> Result<Bound, Refusal> {
    let envelope = Envelope::read(record)?;
    let has_mac = record.header(header::MAC).is_some() && reading.keys.verifies_record(record);
    if has_mac && record.header(header::CE_TYPE) == Some(ce_type::DELAY_TICK.as_bytes()) {
        return Ok(Bound::Tick);
    }
    let at = deliver_at(&envelope, now)?;
    let target = envelope.required(header::TARGET_TOPIC)?;
    if !topic::is_name(target) {
        return Err(bad_header(
            header::TARGET_TOPIC,
            target,
            "it is no name of a topic",
        ));
    }
    // What a stranger may add to a record of ours under another spelling is not covered by its MAC.
    let is_signed = has_mac
        && [header::DELIVER_AT, header::TARGET_TOPIC]
            .iter()
            .all(|name| record.header(name).is_some());
    to.check(target, is_signed)?;
    let expected = "a partition number is expected";
    let partition: Option<i32> = envelope.parsed(header::TARGET_PARTITION, expected)?;
    if let Some(negative) = partition.filter(|number| *number < 0) {
        let text = negative.to_string();
        return Err(bad_header(header::TARGET_PARTITION, &text, expected));
    }
    Ok(Bound::Target {
        at,
        topic: target.into(),
        partition,
    })
}

/// When it is due, in whole milliseconds, rounded up: it is never early.
fn deliver_at(envelope: &Envelope<'_>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let text = envelope.required(header::DELIVER_AT)?;
    let at = envelope.instant(header::DELIVER_AT)?;
    let in_time = at.filter(|at| *at <= now.plus(DELAY_MAX));
    let too_late = "it is more than ten years ahead";
    in_time.ok_or_else(|| bad_header(header::DELIVER_AT, text, too_late))
}

impl Targets {
    /// Strangers reach the topics that are open to them; whoever has the keys, any but those on which it could only do
    /// harm.
    fn check(&self, target: &str, is_signed: bool) -> Result<(), Refusal> {
        let ours = target
            .strip_prefix(&self.namespace)
            .and_then(|rest| rest.strip_prefix('.'));
        let refused = |message: String| Err(Refusal::new(RejectReason::Forged, message));
        match ours {
            Some(rest) if rest.starts_with("retry.") || ["journal", "state"].contains(&rest) => {
                let expected = "no record is ever delivered there";
                Err(bad_header(header::TARGET_TOPIC, target, expected))
            }
            _ if is_signed => Ok(()),
            None if self.open.contains(target) => Ok(()),
            None => refused(format!(
                "sl-mac is missing or not genuine, and {target} is not in delay_targets"
            )),
            Some(_) => refused(format!(
                "sl-mac is missing or not genuine, and {target} is the engine's"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Keys;

    fn bound(headers: &[(&str, &str)], signed: bool) -> Bound {
        let reading = Reading::new("ns", 4, Keys::development());
        let to = Targets {
            namespace: "ns".to_owned(),
            open: BTreeSet::from(["mail".to_owned(), "ns.inbox".to_owned()]),
        };
        let mut record = sagaline_journal::NewRecord {
            topic: "ns.retry.soon".into(),
            partition: 0,
            key: None,
            value: None,
            headers: sagaline_journal::Headers::new(),
        };
        for (name, value) in headers {
            record.push_header((*name).to_owned(), value);
        }
        if signed {
            reading.keys.sign_record(&mut record);
        }
        let now = Timestamp::from_millis(1_000_000);
        Bound::of(&record.placed(7, now), now, &reading, &to)
    }

    fn refused(headers: &[(&str, &str)], signed: bool) -> Option<RejectReason> {
        match bound(headers, signed) {
            Bound::Refused(refusal) => Some(refusal.reason),
            Bound::Target { .. } | Bound::Tick => None,
        }
    }

    const AT: (&str, &str) = (header::DELIVER_AT, "1970-01-01T00:20:00Z");

    #[test]
    fn a_stranger_reaches_only_what_is_open_and_never_what_is_ours() {
        let check = |target, signed, expected| {
            let headers = [AT, (header::TARGET_TOPIC, target)];
            assert_eq!(refused(&headers, signed), expected, "{target} {signed}");
        };

        check("mail", false, None);
        check("post", false, Some(RejectReason::Forged));
        check("post", true, None);
        check("ns.inbox", false, Some(RejectReason::Forged));
        check("ns.inbox", true, None);
        for target in ["ns.journal", "ns.retry.soon", "ns.state", "a b"] {
            check(target, true, Some(RejectReason::BadHeader));
        }
    }

    #[test]
    fn an_instant_is_rounded_up_to_the_millisecond_and_bounded() {
        let at = |text| match bound(&[(header::DELIVER_AT, text), MAIL], false) {
            Bound::Target { at, .. } => Ok(at.as_millis()),
            Bound::Refused(refusal) => Err(refusal.message),
            Bound::Tick => panic!("it is none"),
        };
        const MAIL: (&str, &str) = (header::TARGET_TOPIC, "mail");

        assert_eq!(at("1970-01-01T00:20:00.123Z"), Ok(1_200_123));
        assert_eq!(at("1970-01-01T00:20:00.123000001Z"), Ok(1_200_124));
        assert_eq!(at("1970-01-01T01:20:00+01:00"), Ok(1_200_000));
        assert_eq!(at("1969-12-31T23:59:59.9995Z"), Ok(0));
        assert!(at("soon").unwrap_err().contains("RFC 3339"));
        assert!(
            at("1990-01-01T00:00:00Z")
                .unwrap_err()
                .contains("ten years")
        );
    }

    #[test]
    fn a_record_says_its_target_in_any_spelling_and_its_partition_is_a_number() {
        let extension = [
            ("ce_sldeliverat", "1970-01-01T00:20:00Z"),
            ("ce_sltargettopic", "mail"),
        ];
        assert_eq!(refused(&extension, false), None);
        // Its MAC does not cover these.
        let other = [extension[0], ("ce_sltargettopic", "ns.inbox")];
        assert_eq!(refused(&other, true), Some(RejectReason::Forged));

        for (partition, expected) in [
            ("3", None),
            ("-1", Some(RejectReason::BadHeader)),
            ("x", Some(RejectReason::BadHeader)),
        ] {
            let headers = [
                AT,
                (header::TARGET_TOPIC, "mail"),
                (header::TARGET_PARTITION, partition),
            ];
            assert_eq!(refused(&headers, false), expected, "{partition}");
        }
        assert_eq!(refused(&[AT], false), Some(RejectReason::MissingHeader));
    }

    #[test]
    fn only_a_signed_tick_is_one() {
        let tick = [(header::CE_TYPE, ce_type::DELAY_TICK)];

        assert!(matches!(bound(&tick, true), Bound::Tick));
        assert!(matches!(bound(&tick, false), Bound::Refused(_)));
    }
}
