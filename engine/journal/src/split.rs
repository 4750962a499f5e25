//! Splits a transition that is too large for one record.

use std::mem;

use sagaline_core::{Event, Transition};
use sagaline_schemas as schemas;

use crate::{Error, RECORD_BYTES_MAX, writer::unencodable};

/// Bytes by which the count of a list may grow when the list does.
const COUNT_BYTES_MAX: usize = 9;

/// Splits a transition into several of at most [`RECORD_BYTES_MAX`] encoded bytes and [`schemas::SEQUENCE_MAX`] events,
/// in order, `first_seq` advancing. An event that alone is larger stays alone.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`]: an event alone is over a limit of the schemas.
pub fn split(mut transition: Transition) -> Result<Vec<Transition>, Error> {
    let events = mem::take(&mut transition.events);
    let mut sizer = Sizer {
        bare: transition,
        buffer: Vec::new(),
    };
    let envelope = sizer.size(None)? + COUNT_BYTES_MAX;

    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut bytes = envelope;
    for event in events {
        let (event, size) = sizer.measure(event, envelope)?;
        if !part.is_empty()
            && (bytes + size > RECORD_BYTES_MAX || part.len() == schemas::SEQUENCE_MAX)
        {
            parts.push(sizer.part(mem::take(&mut part)));
            bytes = envelope;
        }
        bytes += size;
        part.push(event);
    }
    if !part.is_empty() || parts.is_empty() {
        parts.push(sizer.part(part));
    }
    Ok(parts)
}

struct Sizer {
    /// The transition of the next part, without its events.
    bare: Transition,
    buffer: Vec<u8>,
}

impl Sizer {
    /// Bytes that the event adds to a transition.
    fn measure(&mut self, event: Event, envelope: usize) -> Result<(Event, usize), Error> {
        let size = self.size(Some(event))?;
        let event = self
            .bare
            .events
            .pop()
            .expect("it was put there to be measured");
        Ok((event, (size + COUNT_BYTES_MAX).saturating_sub(envelope)))
    }

    fn size(&mut self, event: Option<Event>) -> Result<usize, Error> {
        self.bare.events.extend(event);
        self.buffer.clear();
        schemas::encode_transition(&self.bare, &mut self.buffer).map_err(unencodable)?;
        Ok(self.buffer.len())
    }

    fn part(&mut self, events: Vec<Event>) -> Transition {
        let part = Transition {
            events,
            ..self.bare.clone()
        };
        if self.bare.run_id.is_some() {
            self.bare.first_seq += part.events.len() as u64;
        }
        part
    }
}
