//! What the headers of a journal record say. A record whose headers are not as ours is a stranger's: it counts for nothing.

use std::fmt;

use crate::{Record, wire};

/// Most digits of a number in `sl-batch`, so that it fits every language's 64-bit integer.
const DIGITS_MAX: usize = 18;

/// Header `sl-batch`: whose batch, which batch, which record of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchIndex {
    /// The owner's epoch, from 1.
    pub epoch: u64,
    /// The batch's number, from 1.
    pub batch_no: u64,
    /// The record's place in the batch, from 0.
    pub index: u64,
}

impl BatchIndex {
    /// Reads `epoch/batch_no/index`: decimal digits without sign or leading zeros, at most 18 each. No owner has epoch 0, so
    /// before the first claim nothing counts.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut numbers = text.split(|&byte| byte == b'/').map(number);
        match (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            numbers.next(),
        ) {
            (Some(epoch), Some(batch_no), Some(index), None) => {
                let (epoch, batch_no, index) = (epoch?, batch_no?, index?);
                (epoch > 0 && batch_no > 0).then_some(Self {
                    epoch,
                    batch_no,
                    index,
                })
            }
            _ => None,
        }
    }
}

impl fmt::Display for BatchIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.epoch, self.batch_no, self.index)
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number =
        (1..=DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let has_leading_zero = digits.len() > 1 && digits[0] == b'0';
    (is_number && !has_leading_zero).then(|| {
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    })
}

/// A journal record by its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header<'a> {
    /// A claim.
    Claim,
    /// A record of a batch.
    Batch {
        /// Whether it carries a transition; otherwise it is a mark.
        kind: BatchKind,
        /// Its place.
        at: BatchIndex,
        /// The footer, not yet decoded, on a batch's last record.
        footer: Option<&'a [u8]>,
    },
}

/// What a record of a batch carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// One input's events for one run.
    Transition,
    /// Nothing but its headers.
    Mark,
}

impl<'a> Header<'a> {
    /// Reads the headers; `None` when they are a stranger's.
    #[must_use]
    pub fn parse(record: &'a Record) -> Option<Self> {
        let kind = str::from_utf8(record.header(wire::header::KIND)?).ok()?;
        let kind = match kind {
            wire::kind::CLAIM => return Some(Self::Claim),
            wire::kind::TRANSITION => BatchKind::Transition,
            wire::kind::MARK => BatchKind::Mark,
            _ => return None,
        };
        let at = BatchIndex::parse(record.header(wire::header::BATCH)?)?;
        Some(Self::Batch {
            kind,
            at,
            footer: record.header(wire::header::FOOTER),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = BatchIndex {
            epoch: 7,
            batch_no: 999_999_999_999_999_999,
            index: 0,
        };

        assert_eq!(place.to_string(), "7/999999999999999999/0");
        assert_eq!(BatchIndex::parse(place.to_string().as_bytes()), Some(place));
    }

    #[test]
    fn whatever_else_a_language_takes_for_a_number_is_no_place() {
        for text in [
            "", "1/2", "1/2/3/4", "1/2/", "/1/2", "+1/2/3", "-1/2/3", " 1/2/3", "1/2/3\n",
            "01/2/3", "1/2/0x3", "1_0/2/3", "0/1/0", "1/0/0",
        ] {
            assert_eq!(BatchIndex::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(
            BatchIndex::parse("1/1000000000000000000/0".as_bytes()),
            None
        );
        assert_eq!(BatchIndex::parse("\u{0661}/2/3".as_bytes()), None);
    }
}
