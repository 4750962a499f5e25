//! Records go on: to their target when they are due, else to the tier that what remains needs; refused ones to the inbox.

use std::sync::Arc;

use sagaline_core::{Millis, Timestamp, event::RejectReason};
use sagaline_journal::{
    Headers, NewRecord, SendError, SendErrorKind, Tag,
    wire::{ce_type, header, partition_of},
};

use super::{Bound, Delay, Order, Place, Tier};
use crate::{
    Keys,
    input::{Refusal, copy},
    lane::ReplyTopic,
};

/// Most records on their way at once, and none is added after so many bytes.
const SENDING_MAX: usize = 2_000;
const SENDING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Pause before a record is sent again.
const AGAIN_AFTER: Millis = Millis(200);

/// As [`AGAIN_AFTER`], once the log has said that there is no such topic, or that it does not take the record.
const REFUSED_AGAIN_AFTER: Millis = Millis(1_000);

/// How often it is looked whether a target is there.
const TARGET_AGAIN_AFTER: Millis = Millis(500);

/// A record whose target is still not there after so many tries is refused.
const TARGET_TRIES_MAX: u32 = 20;

/// A record on its way.
#[derive(Debug)]
pub(super) struct Sent {
    place: Place,
    offset: i64,
    what: What,
    /// When it was sent.
    pub(super) at: Millis,
    pub(super) bytes: usize,
}

impl Sent {
    /// The question for the time.
    pub(super) const fn tick(place: Place, at: Millis) -> Self {
        Self {
            place,
            offset: 0,
            what: What::Hop,
            at,
            bytes: 0,
        }
    }
}

/// Where a record is on its way to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Another tier.
    Hop,
    /// Its target, which it was due at then.
    Target(Timestamp),
    /// The inbox, refused.
    Refusal,
}

/// What is known of where a record is to go.
enum Way {
    /// There, in this record.
    To(What, NewRecord),
    /// It is not known yet; to be asked again.
    Later,
    /// There is no such target.
    Never(Refusal),
    /// It has arrived.
    Done,
}

impl Delay {
    pub(super) fn may_send(&self) -> bool {
        self.sending.len() < SENDING_MAX && self.sending_bytes < SENDING_BYTES_MAX
    }

    /// Sends what is due.
    pub(super) fn send_due(&mut self, time: Timestamp, now: Millis, orders: &mut Vec<Order>) {
        while self.may_send()
            && let Some((due, place, offset)) = self.due.first().copied()
            && due <= time
        {
            self.due.pop_first();
            self.send(place, offset, (time, now), orders);
        }
    }

    fn send(
        &mut self,
        place: Place,
        offset: i64,
        (time, now): (Timestamp, Millis),
        orders: &mut Vec<Order>,
    ) {
        let (what, record) = match self.way(place, offset, time) {
            Some(Way::To(what, record)) => (what, record),
            Some(Way::Never(refusal)) => match self.refuse(place, offset, refusal) {
                Some(record) => (What::Refusal, record),
                None => return,
            },
            Some(Way::Later) => {
                let again = time.plus(TARGET_AGAIN_AFTER);
                self.due.insert((again, place, offset));
                return;
            }
            Some(Way::Done) => return self.gone(place, offset),
            None => return,
        };
        let Some(shelf) = self.shelves.get_mut(&place) else {
            return;
        };
        let Some(entry) = shelf.get_mut(offset) else {
            return;
        };
        self.next_tag += 1;
        entry.sent = Some(self.next_tag);
        shelf.sent += 1;
        let bytes = record.size();
        self.sending_bytes += bytes;
        let sent = Sent {
            place,
            offset,
            what,
            at: now,
            bytes,
        };
        self.sending.insert(self.next_tag, sent);
        orders.push(Order::Send {
            tag: self.next_tag,
            record,
        });
    }

    fn way(&mut self, place: Place, offset: i64, time: Timestamp) -> Option<Way> {
        let entry = self.shelves.get_mut(&place)?.get_mut(offset)?;
        Some(match &entry.bound {
            Bound::Tick => Way::Done,
            Bound::Refused(refusal) => Way::To(
                What::Refusal,
                self.reading.refused_delay(&entry.record, refusal),
            ),
            Bound::Target { at, .. } if *at > time => {
                let tier = Tier::of(at.since(time));
                let topic = self.tiers[tier as usize].clone();
                Way::To(What::Hop, copy(&entry.record, topic, place.partition))
            }
            Bound::Target {
                at,
                topic,
                partition,
            } => {
                let there = if *topic == self.reading.inbox {
                    ReplyTopic::There(self.reading.partitions)
                } else {
                    self.topics.reply_topic(topic)
                };
                match there {
                    ReplyTopic::There(partitions) => {
                        let partition = partition.unwrap_or_else(|| {
                            partition_of(entry.record.key().unwrap_or_default(), partitions)
                        });
                        if partition < partitions {
                            let record = copy(&entry.record, topic.clone(), partition);
                            Way::To(What::Target(*at), record)
                        } else {
                            Way::Never(no_target(&format!(
                                "{topic} has {partitions} partitions, not {}",
                                i64::from(partition) + 1
                            )))
                        }
                    }
                    ReplyTopic::Looking => Way::Later,
                    ReplyTopic::Missing if entry.tries < TARGET_TRIES_MAX => {
                        entry.tries += 1;
                        Way::Later
                    }
                    ReplyTopic::Missing => Way::Never(no_target(&format!("{topic} is not there"))),
                    ReplyTopic::TooMany => Way::Never(no_target(&format!(
                        "too many topics are asked for; {topic} is one more"
                    ))),
                }
            }
        })
    }

    /// Makes a record a refused one.
    fn refuse(&mut self, place: Place, offset: i64, refusal: Refusal) -> Option<NewRecord> {
        let entry = self.shelves.get_mut(&place)?.get_mut(offset)?;
        let record = self.reading.refused_delay(&entry.record, &refusal);
        entry.bound = Bound::Refused(refusal);
        Some(record)
    }

    /// A record is elsewhere.
    pub(super) fn arrived(&mut self, tag: Tag, sent: &Sent, appended_at: Option<Timestamp>) {
        let place = sent.place;
        let shelf = self.shelves.get_mut(&place);
        if shelf.is_none_or(|shelf| shelf.sent_mut(sent.offset, tag).is_none()) {
            return;
        }
        match sent.what {
            What::Hop => self.figures.hopped(place.tier),
            What::Refusal => {
                self.figures.refused(place.tier);
                if self.figures.may_warn(sent.at) {
                    let (topic, partition) = (self.topic(place.tier), place.partition);
                    tracing::warn!(%topic, partition, offset = sent.offset, "a delayed record is refused; the inbox has it, to be seen by `input list-rejected`");
                }
            }
            What::Target(at) => {
                let late = appended_at.map_or(Millis(0), |appended_at| appended_at.since(at));
                self.figures.delivered(place.tier, late.0);
            }
        }
        self.gone(place, sent.offset);
    }

    fn gone(&mut self, place: Place, offset: i64) {
        let shelf = self.shelves.get_mut(&place);
        if let Some(entry) = shelf.and_then(|shelf| shelf.remove(offset)) {
            if place.tier == Tier::Soon {
                self.soon.less(1, entry.record.size());
            }
            self.moved.insert(place);
        }
    }

    /// A record did not arrive, as far as is known: it is sent again, or refused when its target takes it never.
    pub(super) fn failed(&mut self, tag: Tag, sent: &Sent, error: &SendError, now: Millis) {
        let Sent { place, offset, .. } = *sent;
        let Some(shelf) = self.shelves.get_mut(&place) else {
            return;
        };
        let leaving = shelf.leaving;
        let Some(entry) = shelf.sent_mut(offset, tag) else {
            return;
        };
        entry.sent = None;
        entry.tries += 1;
        let is_hopeless = match error.kind {
            SendErrorKind::Unavailable => false,
            SendErrorKind::Missing => entry.tries >= TARGET_TRIES_MAX,
            SendErrorKind::TooLarge | SendErrorKind::Refused => true,
        };
        // The inbox takes what the own topics take, or nothing goes on anywhere.
        let is_foreign =
            matches!(&entry.bound, Bound::Target { topic, .. } if *topic != self.reading.inbox);
        if is_hopeless && is_foreign && matches!(sent.what, What::Target(_)) {
            entry.bound = Bound::Refused(no_target(&error.reason));
        }
        if let (What::Hop, SendErrorKind::Missing, Bound::Target { at, .. }) =
            (sent.what, error.kind, &entry.bound)
        {
            // To be asked for is to be made again.
            let tier = self.clock.time(now).map(|time| Tier::of(at.since(time)));
            let topic = &self.tiers[tier.unwrap_or(Tier::Soon) as usize];
            let _ = self.topics.topic(topic);
        }
        shelf.sent -= 1;
        self.warn_of_failure(error, now);
        let pause = match error.kind {
            SendErrorKind::Unavailable => AGAIN_AFTER,
            SendErrorKind::Missing | SendErrorKind::TooLarge | SendErrorKind::Refused => {
                REFUSED_AGAIN_AFTER
            }
        };
        if let (Some(time), false) = (self.clock.time(now), leaving) {
            self.due.insert((time.plus(pause), place, offset));
        }
    }

    fn warn_of_failure(&mut self, error: &SendError, now: Millis) {
        if error.kind != SendErrorKind::Unavailable && self.figures.may_warn(now) {
            tracing::warn!(
                reason = error.reason,
                "a delayed record is not taken; trying again, or refusing it"
            );
        }
    }
}

fn no_target(message: &str) -> Refusal {
    Refusal::new(
        RejectReason::BadHeader,
        format!("sl-target-topic: {message}"),
    )
}

/// A record that says nothing: when it was appended is what matters.
pub(super) fn tick(topic: Arc<str>, partition: i32, keys: &Keys) -> NewRecord {
    let mut record = NewRecord {
        topic,
        partition,
        key: None,
        value: Some(Vec::new()),
        headers: Headers::new(),
    };
    record.push_header(header::CE_SPECVERSION, "1.0");
    record.push_header(header::CE_TYPE, ce_type::DELAY_TICK);
    record.push_header(header::CE_SOURCE, "sagaline.delay");
    keys.sign_record(&mut record);
    record
}
