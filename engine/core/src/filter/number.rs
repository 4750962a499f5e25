//! Numbers as JSON writes them, compared by their digits: nothing is rounded, however long they are.

use alloc::boxed::Box;
use core::{cmp::Ordering, fmt};

/// A number as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number(Box<str>);

impl Number {
    /// Takes a number of JSON; none where the text is no such number, or its exponent has more than 15 digits.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        Decimal::read(text).map(|_| Self(text.into()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, if it is a whole one that is written as such: `5`, but neither `5.0` nor `-5`.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Compares two numbers; none where one of the texts is no number.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Decimal::read(a)?, Decimal::read(b)?);
    let by_size = || match a.is_negative {
        false => a.compare_size(&b),
        true => b.compare_size(&a),
    };
    Some(a.sign().cmp(&b.sign()).then_with(by_size))
}

/// The parts of a number.
struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (is_negative, size) = match text.strip_prefix('-') {
            Some(size) => (true, size),
            None => (false, text),
        };
        let (mantissa, exponent) = match size.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (size, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_idle_zero = whole.len() > 1 && whole.starts_with('0');
        let is_number =
            !whole.is_empty() && !has_idle_zero && is_digits(whole) && is_digits(fraction);
        is_number.then_some(Self {
            is_negative,
            whole,
            fraction,
            exponent,
        })
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    fn idle_zeros(&self) -> usize {
        self.digits().take_while(|&digit| digit == b'0').count()
    }

    fn sign(&self) -> i8 {
        match (self.digits().all(|digit| digit == b'0'), self.is_negative) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => -1,
        }
    }

    /// How many digits stand before the point when the first one that counts comes first.
    fn places(&self) -> i64 {
        let length = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        self.exponent
            .saturating_add(length(self.whole.len()))
            .saturating_sub(length(self.idle_zeros()))
    }

    /// Compares without signs.
    fn compare_size(&self, other: &Self) -> Ordering {
        if self.sign() == 0 || other.sign() == 0 {
            return self.sign().abs().cmp(&other.sign().abs());
        }
        self.places().cmp(&other.places()).then_with(|| {
            let mut a = self.digits().skip(self.idle_zeros());
            let mut b = other.digits().skip(other.idle_zeros());
            loop {
                let (digit, other_digit) = (a.next(), b.next());
                let order = digit.unwrap_or(b'0').cmp(&other_digit.unwrap_or(b'0'));
                if order.is_ne() || (digit.is_none() && other_digit.is_none()) {
                    return order;
                }
            }
        })
    }
}

/// Longest exponent, in digits: sums of two stay far from the end of the range.
const EXPONENT_DIGITS_MAX: usize = 15;

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_exponent = !digits.is_empty()
        && digits.len() <= EXPONENT_DIGITS_MAX
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_exponent.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_every_digit() {
        let ascending = [
            "-1e3",
            "-12.5",
            "-12.4999",
            "-0.001",
            "0",
            "1e-20",
            "0.1",
            "0.10000000000000000000000000000000001",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.5",
            "1e16",
            "18446744073709551616",
            "1e400",
            "1.5e400",
            "1e999999999999999",
        ];

        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(compare(a, b), Some(at.cmp(&other)), "{a} and {b}");
            }
        }
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for (a, b) in [
            ("1.50", "1.5"),
            ("100", "1e2"),
            ("1E+2", "1000e-1"),
            ("0.0012", "1.2e-3"),
            ("-0", "0.000"),
            ("0e99", "-0"),
        ] {
            assert_eq!(compare(a, b), Some(Ordering::Equal), "{a} and {b}");
        }
    }

    #[test]
    fn only_what_json_takes_is_a_number() {
        for good in ["0", "-0", "10", "1.0", "1e5", "1E-5", "-1.25e+10"] {
            assert!(Number::new(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "-",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "0x1",
            "NaN",
            "1 ",
            "--1",
            "1e1.5",
            "1e1234567890123456",
        ] {
            assert!(Number::new(bad).is_none(), "{bad}");
        }
    }
}
