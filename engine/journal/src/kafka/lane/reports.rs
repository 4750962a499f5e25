//! Delivery reports on their way to the lane: gathered per append, passed on per effect.
//!
//! Invariant: each append and each effect is answered once. What a replaced producer still reports finds no open entry.

use std::sync::{Arc, Mutex};

use rdkafka::error::KafkaError;

use super::inbox::Inbox;
use crate::{
    Delivery, PortEvent, SendError, SendErrorKind, Tag,
    kafka::{
        fault,
        line::{Placed, Reports},
        slots::Slots,
        wake::lock,
    },
};

/// Reports of the journal producer.
#[derive(Debug)]
pub(super) struct Appends {
    open: Mutex<Slots<Append>>,
    failure: Mutex<Option<String>>,
    inbox: Arc<Inbox>,
}

#[derive(Debug)]
struct Append {
    partition: i32,
    tag: Tag,
    reports: Vec<Delivery>,
    missing: usize,
}

impl Append {
    fn answer(self) -> PortEvent {
        PortEvent::Appended {
            partition: self.partition,
            tag: self.tag,
            reports: self.reports,
        }
    }
}

impl Appends {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self {
            open: Mutex::default(),
            failure: Mutex::default(),
            inbox,
        }
    }

    /// Opens the entry of an append of `count` records, at least one. Its records are marked `first_mark + index`.
    pub(super) fn open(&self, partition: i32, tag: Tag, count: usize) -> usize {
        let reports = vec![Delivery::Unknown; count];
        let slot = lock(&self.open).insert(Append {
            partition,
            tag,
            reports,
            missing: count,
        });
        (slot as usize) << INDEX_BITS
    }

    /// Why the producer must be replaced, if it must.
    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    /// Answers everything that is still open: what has no report is unknown.
    pub(super) fn abandon(&self) {
        let open: Vec<_> = lock(&self.open).drain().collect();
        for append in open {
            self.inbox.push(append.answer());
        }
    }
}

impl Reports for Appends {
    fn delivered(&self, mark: usize, report: Result<Placed, KafkaError>) {
        let (slot, index) = (slot_of(mark >> INDEX_BITS), mark & INDEX_MAX);
        let mut open = lock(&self.open);
        let Some(append) = open.get_mut(slot) else {
            return;
        };
        let Some(entry) = append.reports.get_mut(index) else {
            return;
        };
        *entry = match report {
            Ok(Placed {
                offset,
                appended_at,
            }) => Delivery::At {
                offset,
                appended_at,
            },
            Err(error) => {
                let (partition, tag) = (append.partition, append.tag);
                tracing::warn!(partition, tag, %error, "a journal record may not have been appended");
                Delivery::Unknown
            }
        };
        append.missing -= 1;
        if append.missing == 0 {
            let done = open
                .remove(slot)
                .expect("it was just there, under the same lock");
            drop(open);
            self.inbox.push(done.answer());
        }
    }

    fn fatal(&self, reason: &str) {
        lock(&self.failure).get_or_insert_with(|| reason.to_owned());
        self.inbox.rouse();
    }
}

/// Reports of the effects producer.
#[derive(Debug)]
pub(super) struct Sends {
    open: Mutex<Slots<(i32, Tag)>>,
    failure: Mutex<Option<String>>,
    inbox: Arc<Inbox>,
}

impl Sends {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self {
            open: Mutex::default(),
            failure: Mutex::default(),
            inbox,
        }
    }

    /// Opens the entry of an effect and returns its record's mark.
    pub(super) fn open(&self, partition: i32, tag: Tag) -> usize {
        lock(&self.open).insert((partition, tag)) as usize
    }

    /// Why the producer must be replaced, if it must.
    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    /// Answers everything that is still open as not sent.
    pub(super) fn abandon(&self, reason: &str) {
        let open: Vec<_> = lock(&self.open).drain().collect();
        for (partition, tag) in open {
            let error = SendError {
                kind: SendErrorKind::Unavailable,
                reason: reason.to_owned(),
            };
            self.inbox.push(PortEvent::Sent {
                partition,
                tag,
                outcome: Err(error),
            });
        }
    }
}

impl Reports for Sends {
    fn delivered(&self, mark: usize, report: Result<Placed, KafkaError>) {
        let Some((partition, tag)) = lock(&self.open).remove(slot_of(mark)) else {
            return;
        };
        let outcome = report
            .map(|placed| placed.offset)
            .map_err(|error| fault::send_error(&error));
        let failed = outcome.is_err();
        self.inbox.push_quietly(PortEvent::Sent {
            partition,
            tag,
            outcome,
        });
        if failed {
            self.inbox.rouse();
        }
    }

    /// A lane is told of many effects at once: none of them is waited for one by one.
    fn idle(&self) {
        self.inbox.rouse();
    }

    fn fatal(&self, reason: &str) {
        lock(&self.failure).get_or_insert_with(|| reason.to_owned());
        self.inbox.rouse();
    }
}

fn slot_of(bits: usize) -> u32 {
    u32::try_from(bits).expect("a mark was made from a slot's number")
}

/// A mark is a slot's number above the index of a record in its append.
const INDEX_BITS: u32 = 32;
const INDEX_MAX: usize = (1 << INDEX_BITS) - 1;
const _: () = assert!(usize::BITS == 64, "a mark needs 64 bits");

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::error::RDKafkaErrorCode;

    use super::*;
    use crate::kafka::wake::Wake;

    fn at(offset: i64) -> Result<Placed, KafkaError> {
        Ok(Placed {
            offset,
            appended_at: None,
        })
    }

    fn late() -> KafkaError {
        KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut)
    }

    fn appends() -> (Appends, Arc<Inbox>) {
        let inbox = Arc::new(Inbox::new(Arc::new(Wake::default())));
        (Appends::new(inbox.clone()), inbox)
    }

    fn answers(inbox: &Inbox) -> Vec<PortEvent> {
        let mut events = Vec::new();
        inbox.take(&mut events);
        events
    }

    fn placed(offset: i64) -> Delivery {
        Delivery::At {
            offset,
            appended_at: None,
        }
    }

    #[test]
    fn an_append_is_answered_when_its_last_report_is_in() {
        let (appends, inbox) = appends();
        let mark = appends.open(3, 7, 2);

        appends.delivered(mark + 1, at(11));
        assert_eq!(answers(&inbox), []);
        appends.delivered(mark, at(10));

        let reports = vec![placed(10), placed(11)];
        assert_eq!(
            answers(&inbox),
            [PortEvent::Appended {
                partition: 3,
                tag: 7,
                reports
            }]
        );
    }

    #[test]
    fn what_became_of_a_failed_record_is_unknown() {
        let (appends, inbox) = appends();
        let mark = appends.open(0, 1, 2);

        appends.delivered(mark, at(5));
        appends.delivered(mark + 1, Err(late()));

        let reports = vec![placed(5), Delivery::Unknown];
        assert_eq!(
            answers(&inbox),
            [PortEvent::Appended {
                partition: 0,
                tag: 1,
                reports
            }]
        );
    }

    #[test]
    fn what_a_replaced_producer_reports_is_ignored() {
        let (appends, inbox) = appends();
        let mark = appends.open(0, 1, 2);
        appends.delivered(mark, at(5));

        appends.abandon();
        appends.delivered(mark + 1, at(6));

        let reports = vec![placed(5), Delivery::Unknown];
        assert_eq!(
            answers(&inbox),
            [PortEvent::Appended {
                partition: 0,
                tag: 1,
                reports
            }]
        );
    }

    #[test]
    fn a_fatal_error_wakes_the_lane() {
        let wake = Arc::new(Wake::default());
        let appends = Appends::new(Arc::new(Inbox::new(wake.clone())));

        appends.fatal("out of order");
        appends.fatal("again");
        wake.wait(Duration::from_secs(600));

        assert_eq!(appends.failure().as_deref(), Some("out of order"));
    }

    #[test]
    fn an_effect_is_answered_once() {
        let (_, inbox) = appends();
        let sends = Sends::new(inbox.clone());
        let (first, second) = (sends.open(1, 10), sends.open(1, 11));

        sends.delivered(first, at(3));
        sends.delivered(first, at(4));
        sends.abandon("the producer was replaced");

        assert_eq!(second, 1);
        let error = SendError {
            kind: SendErrorKind::Unavailable,
            reason: "the producer was replaced".to_owned(),
        };
        assert_eq!(
            answers(&inbox),
            [
                PortEvent::Sent {
                    partition: 1,
                    tag: 10,
                    outcome: Ok(3)
                },
                PortEvent::Sent {
                    partition: 1,
                    tag: 11,
                    outcome: Err(error)
                },
            ]
        );
    }
}
