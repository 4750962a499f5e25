//! What a program keeps, is told, and waits for.

use alloc::{boxed::Box, vec::Vec};

use crate::{Fields, Name, Payload, Sender, Wait};

event! {
    /// The program kept a value.
    MarkerRecorded {
        /// Kind of marker: `side-effect` …
        kind: Name,
        /// Its name in the code.
        name: Name,
        /// The value.
        value: Payload,
    }
    /// Somebody sent the run a message; its program takes it when it asks for one of that name.
    SignalReceived {
        /// The signal's name.
        signal: Name,
        /// What it carries.
        input: Payload,
        /// The run that sent it; absent: nobody's.
        sender: Option<Box<Sender>>,
    }
    /// What the run waits for that no other event shows: all of it, none when it is empty. Replay ignores it.
    WaitRecorded {
        /// The waits, oldest first.
        waits: Vec<Wait>,
    }
    /// The program changed what is said about its run: fields that are named, the others stay; one that is null goes.
    AttributesUpserted {
        /// Search attributes.
        attributes: Option<Fields>,
        /// For people.
        memo: Option<Fields>,
    }
}
