//! Answers, and inputs that no run took.

use alloc::boxed::Box;

use super::{Answer, RejectReason};
use crate::{Name, Parent, Payload, ReplyTo, Sender};

event! {
    /// Somebody wants an answer: at once, and when the run closes.
    ReplyRequested {
        /// Where to.
        reply: ReplyTo,
        /// The answer now.
        answer: Answer,
        /// Whether the run's outcome follows.
        follow: bool,
        /// It answers the start of a child that is refused, and goes to this parent instead.
        parent: Option<Parent>,
        /// The update whose outcome follows; absent where none does, and from records of before there were updates.
        update_id: Option<Name>,
        /// It answers a signal of another run that is refused, and goes to that run instead.
        sender: Option<Sender>,
    }
    /// A record of another partition's workflow was sent there.
    InputForwarded {
        /// The partition it belongs to.
        target_partition: i32,
    }
    /// A record could not be understood, or not be taken. Its place is in the transition's cause.
    InputRejected {
        /// A word for code to match on.
        reason: RejectReason,
        /// For people: what is wrong and what would be right.
        message: Box<str>,
        /// The record's key.
        key: Option<Payload>,
        /// Its `ce_type`.
        ce_type: Option<Box<str>>,
        /// The first 64 KB of its value.
        value: Payload,
        /// Length of the whole value.
        value_bytes: u64,
        /// SHA-256 of the whole value, in hexadecimal.
        sha256: Box<str>,
    }
}
