//! Fetch's answer as bytes, but for the records: what is large is sent from where it was read, without a copy of it.
//!
//! Answer, topic and partition each end with what has a length (topics, partitions, records) and with tags, of which there
//! are none. So each is written by the codec with that last thing empty, and the thing is put in its place:
//!
//! ```text
//!   ... | length | things | no tags       versions 12 and up; length is a varint of one more
//!   ... | length | things                 versions below; length is 4 bytes
//! ```

use std::mem;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{FetchResponse, ResponseHeader},
    protocol::{Encodable, HeaderVersion},
};

use super::{Answer, Garbled, SIZE_BYTES};

/// Writes an answer with its size before it.
///
/// # Errors
/// A value that has no place in that version: a mistake of ours.
pub(crate) fn encode(
    correlation: i32,
    version: i16,
    mut answer: FetchResponse,
) -> Result<Answer, Garbled> {
    let mut out = Out {
        version,
        written: BytesMut::with_capacity(written_bytes(&answer)),
        apart: Vec::new(),
    };
    out.written.put_bytes(0, SIZE_BYTES);
    ResponseHeader::default()
        .with_correlation_id(correlation)
        .encode(&mut out.written, FetchResponse::header_version(version))
        .map_err(Garbled::codec)?;
    let topics = mem::take(&mut answer.responses);
    out.open(&answer, topics.len())?;
    for mut topic in topics {
        let partitions = mem::take(&mut topic.partitions);
        out.open(&topic, partitions.len())?;
        for mut partition in partitions {
            let records = partition.records.take().unwrap_or_default();
            out.open(&partition, records.len())?;
            out.put(records);
            out.close();
        }
        out.close();
    }
    out.close();
    out.finish()
}

/// Room for what is written, so that it seldom moves: a guess.
fn written_bytes(answer: &FetchResponse) -> usize {
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    let records = |len: usize| if len < APART_BYTES_MIN { len } else { 0 };
    let each =
        partitions.map(|one| THING_BYTES + records(one.records.as_ref().map_or(0, Bytes::len)));
    THING_BYTES * (1 + answer.responses.len()) + each.sum::<usize>()
}

/// An answer that grows.
struct Out {
    version: i16,
    /// Everything but what is `apart`.
    written: BytesMut,
    /// Records, and before which byte of `written` they belong.
    apart: Vec<(usize, Bytes)>,
}

impl Out {
    /// Writes a thing whose last field is empty up to that field, and says how long the field is.
    fn open(&mut self, thing: &impl Encodable, len: usize) -> Result<(), Garbled> {
        thing
            .encode(&mut self.written, self.version)
            .map_err(Garbled::codec)?;
        let empty_bytes = if self.is_flexible() { 2 } else { 4 };
        self.written.truncate(self.written.len() - empty_bytes);
        let len = i32::try_from(len).map_err(|_too_long| Garbled::long_answer())?;
        match self.is_flexible() {
            true => self.put_varint(len.unsigned_abs() + 1),
            false => self.written.put_i32(len),
        }
        Ok(())
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn put_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.written.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.written.put_u8(value as u8);
    }

    fn put(&mut self, records: Bytes) {
        match records.len() {
            ..APART_BYTES_MIN => self.written.extend_from_slice(&records),
            _ => self.apart.push((self.written.len(), records)),
        }
    }

    /// Ends what was opened: it has no tags.
    fn close(&mut self) {
        if self.is_flexible() {
            self.written.put_u8(0);
        }
    }

    fn is_flexible(&self) -> bool {
        self.version >= FLEXIBLE_SINCE
    }

    fn finish(mut self) -> Result<Answer, Garbled> {
        let apart: usize = self.apart.iter().map(|(_, records)| records.len()).sum();
        let size = i32::try_from(self.written.len() - SIZE_BYTES + apart)
            .map_err(|_too_long| Garbled::long_answer())?;
        self.written[..SIZE_BYTES].copy_from_slice(&size.to_be_bytes());
        let mut answer = Answer::default();
        let mut rest = self.written.freeze();
        let mut sent = 0;
        for (at, records) in self.apart {
            answer.push(rest.split_to(at - sent));
            answer.push(records);
            sent = at;
        }
        answer.push(rest);
        Ok(answer)
    }
}

/// Less than this is cheaper to copy than to hand to the system as a part of its own.
const APART_BYTES_MIN: usize = 4_096;

/// About what the fields of a partition take, or a topic's with a name of some length.
const THING_BYTES: usize = 64;

/// From this version on lengths are varints and everything may have tags.
const FLEXIBLE_SINCE: i16 = 12;

#[cfg(test)]
mod tests;
