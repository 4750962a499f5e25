//! Whether a request's bytes have the shape of that request, before the codec sees them.
//!
//! The codec reserves memory for as many elements as an array says that it has: four bytes from a stranger would end the
//! process. So a request is walked first, without allocating, and what is no request or has too many elements goes no further.
//!
//! Source: Apache Kafka's message definitions (`clients/src/main/resources/common/message`). A test encodes every request in
//! every version by the codec and walks it to its last byte.

use kafka_protocol::messages::ApiKey;
use thiserror::Error;

use super::tables;
use crate::limits::{ARRAY_MAX, ELEMENTS_MAX};

/// A field of a request and the versions that have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) from: i16,
    pub(super) to: i16,
    pub(super) kind: Kind,
}

/// What a field looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// A string, perhaps null.
    Text,
    /// Bytes, perhaps null.
    Bytes,
    /// An array of strings or numbers.
    List(Item),
    /// An array of structs.
    Structs(&'static [Field]),
}

/// What a [`Kind::List`] has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Fixed(usize),
    Text,
}

/// A request's fields, and the first version with compact lengths and tagged fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) flexible_from: i16,
    pub(super) fields: &'static [Field],
}

/// Why bytes are no request.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum Misshapen {
    #[error("it ends in the middle of a field")]
    Short,
    #[error("a length is negative")]
    NegativeLength,
    #[error("a text has more than {TEXT_BYTES_MAX} bytes")]
    LongText,
    #[error("an array has more than {ARRAY_MAX} elements, or all of them more than {ELEMENTS_MAX}")]
    TooMany,
    #[error("it has tagged fields of a replica")]
    ReplicaFields,
    #[error("it is none that this broker answers")]
    Unknown,
}

/// Checks what stands between a header's first eight bytes and the body.
pub(crate) fn check_header(version: i16, rest: &[u8]) -> Result<(), Misshapen> {
    let mut walk = Walk {
        rest,
        version,
        flexible: false,
        elements: 0,
        known_tags: 0,
    };
    if version >= HEADER_WITH_CLIENT {
        walk.text()?;
    }
    match version >= HEADER_WITH_TAGS {
        true => walk.tags(),
        false => Ok(()),
    }
}

/// Checks the body of a request, without its header, and counts the elements of its arrays and its tagged fields.
pub(crate) fn check(api: ApiKey, version: i16, body: &[u8]) -> Result<usize, Misshapen> {
    let shape = tables::of(api).ok_or(Misshapen::Unknown)?;
    let mut walk = Walk {
        rest: body,
        version,
        flexible: version >= shape.flexible_from,
        elements: 0,
        known_tags: match api {
            ApiKey::Fetch => 2,
            _ => 0,
        },
    };
    // What follows is ignored, as Kafka does it: librdkafka asks for no topics with a field of four bytes where one is due.
    walk.fields(shape.fields)?;
    Ok(walk.elements)
}

/// Versions of headers.
const HEADER_WITH_CLIENT: i16 = 1;
const HEADER_WITH_TAGS: i16 = 2;

/// Bytes of a text: what a version without compact lengths can say.
const TEXT_BYTES_MAX: usize = i16::MAX as usize;

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    elements: usize,
    /// Tags below this are decoded by the codec in place, by their own shape.
    known_tags: u32,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &[Field]) -> Result<(), Misshapen> {
        for field in fields {
            if (field.from..=field.to).contains(&self.version) {
                self.field(field.kind)?;
            }
        }
        if self.flexible {
            self.tags()?;
        }
        Ok(())
    }

    fn field(&mut self, kind: Kind) -> Result<(), Misshapen> {
        match kind {
            Kind::Fixed(size) => self.skip(size),
            Kind::Text => self.text(),
            Kind::Bytes => {
                let length = match self.flexible {
                    true => self.compact_length()?,
                    false => self.length(4)?,
                };
                self.skip(length)
            }
            Kind::List(item) => {
                for _ in 0..self.elements()? {
                    match item {
                        Item::Fixed(size) => self.skip(size)?,
                        Item::Text => self.text()?,
                    }
                }
                Ok(())
            }
            Kind::Structs(fields) => {
                for _ in 0..self.elements()? {
                    self.fields(fields)?;
                }
                Ok(())
            }
        }
    }

    fn text(&mut self) -> Result<(), Misshapen> {
        let length = match self.flexible {
            true => self.compact_length()?,
            false => self.length(2)?,
        };
        if length > TEXT_BYTES_MAX {
            return Err(Misshapen::LongText);
        }
        self.skip(length)
    }

    fn elements(&mut self) -> Result<usize, Misshapen> {
        let elements = match self.flexible {
            true => self.compact_length()?,
            false => self.length(4)?,
        };
        self.count(elements)?;
        Ok(elements)
    }

    fn count(&mut self, elements: usize) -> Result<(), Misshapen> {
        self.elements = self.elements.saturating_add(elements);
        match elements > ARRAY_MAX || self.elements > ELEMENTS_MAX {
            true => Err(Misshapen::TooMany),
            false => Ok(()),
        }
    }

    fn tags(&mut self) -> Result<(), Misshapen> {
        let count = self.varint()?;
        self.count(count as usize)?;
        for _ in 0..count {
            if self.varint()? < self.known_tags {
                return Err(Misshapen::ReplicaFields);
            }
            let size = self.varint()? as usize;
            self.skip(size)?;
        }
        Ok(())
    }

    /// A length of so many bytes; that of null is 0.
    fn length(&mut self, width: usize) -> Result<usize, Misshapen> {
        let bytes = self.take(width)?;
        let length = match *bytes {
            [a, b] => i32::from(i16::from_be_bytes([a, b])),
            [a, b, c, d] => i32::from_be_bytes([a, b, c, d]),
            _ => return Err(Misshapen::Short),
        };
        match length {
            -1 => Ok(0),
            length => usize::try_from(length).map_err(|_negative| Misshapen::NegativeLength),
        }
    }

    /// A length that is written plus one; that of null is 0.
    fn compact_length(&mut self) -> Result<usize, Misshapen> {
        Ok((self.varint()? as usize).saturating_sub(1))
    }

    /// The codec reads up to five bytes and lets the fifth overflow: here it may not.
    fn varint(&mut self) -> Result<u32, Misshapen> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = *self.take(1)?.first().ok_or(Misshapen::Short)?;
            if shift == 28 && byte > 0x0f {
                return Err(Misshapen::NegativeLength);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Misshapen::NegativeLength)
    }

    fn skip(&mut self, size: usize) -> Result<(), Misshapen> {
        self.take(size).map(drop)
    }

    fn take(&mut self, size: usize) -> Result<&[u8], Misshapen> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(Misshapen::Short)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
