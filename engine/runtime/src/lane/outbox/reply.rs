//! Replies on their way: to topics that their callers named, which may not be there.

use sagaline_core::{Millis, ReplyTo};

use super::{Entry, Outbox, REPLY_TRIES_MAX, Sending};
use crate::lane::{LaneShared, ReplyTopic};

/// How often a lane looks whether a topic that wants a reply is there.
pub(super) const REPLY_AGAIN_AFTER: Millis = Millis(500);

impl Outbox {
    /// Whoever named the topic may still make it. What does not come holds up a new owner, so it is not waited for long.
    pub(super) fn await_reply_topic(&mut self, mut entry: Entry, now: Millis) {
        entry.missed += 1;
        if entry.missed >= REPLY_TRIES_MAX {
            return self.refuse(entry, "the topic or the partition is not there");
        }
        self.later
            .push((Millis(now.0 + REPLY_AGAIN_AFTER.0), entry));
    }
}

/// What keeps a reply from going out. A producer keeps every topic that it ever heard of, and what is sent to one that is
/// not there holds up what is behind it: it hears of those only that are there.
pub(super) fn reply_way(shared: &LaneShared, to: &ReplyTo) -> Option<Sending> {
    match shared.topics.reply_topic(&to.topic) {
        ReplyTopic::There(partitions) if to.partition < partitions => None,
        ReplyTopic::There(_) | ReplyTopic::Missing => Some(Sending::NobodyThere),
        ReplyTopic::Looking => Some(Sending::NoTopic(None)),
        ReplyTopic::TooMany => {
            let reason = format!("too many topics want replies; {} is one more", to.topic);
            Some(Sending::Never(reason))
        }
    }
}
