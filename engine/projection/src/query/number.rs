//! Numbers of filters, for columns that have whole ones.

use sagaline_core::filter::Number;

use crate::key::Decimal;

/// A number's whole part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// The largest whole number that is not above it. Of what is beyond the range of columns, the end of that.
    pub(super) floor: i64,
    /// It is that number.
    pub(super) is_exact: bool,
}

impl Whole {
    /// The whole part of a number. Columns count things: of what is below zero, only that it is.
    pub(super) fn of(number: &Number) -> Self {
        let Decimal {
            is_negative,
            places,
            digits: significant,
        } = Decimal::of(number);
        if significant.is_empty() {
            return Self {
                floor: 0,
                is_exact: true,
            };
        }
        if is_negative {
            return Self {
                floor: -1,
                is_exact: false,
            };
        }
        match usize::try_from(places) {
            Err(_) | Ok(0) => Self {
                floor: 0,
                is_exact: false,
            },
            Ok(places) if places <= DIGITS_MAX => {
                let (whole, fraction) = significant.split_at(places.min(significant.len()));
                Self {
                    floor: format!("{whole:0<places$}").parse().unwrap_or(i64::MAX),
                    is_exact: fraction.is_empty(),
                }
            }
            Ok(_) => Self {
                floor: i64::MAX,
                is_exact: false,
            },
        }
    }

    /// The smallest whole number that is not below it.
    pub(super) const fn ceil(self) -> i64 {
        match self.is_exact {
            true => self.floor,
            false => self.floor.saturating_add(1),
        }
    }
}

/// With so many digits a number is within the range.
const DIGITS_MAX: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_rounded_down_and_up() {
        for (text, floor, ceil) in [
            ("0", 0, 0),
            ("-0.0", 0, 0),
            ("0.001", 0, 1),
            ("5", 5, 5),
            ("5.0", 5, 5),
            ("5.25e1", 52, 53),
            ("1e3", 1_000, 1_000),
            ("0.0012e4", 12, 12),
            ("-5", -1, 0),
            ("-0.5", -1, 0),
            (
                "999999999999999999",
                999_999_999_999_999_999,
                999_999_999_999_999_999,
            ),
            ("1e400", i64::MAX, i64::MAX),
            ("1e-400", 0, 1),
        ] {
            let whole = Whole::of(&Number::new(text).unwrap());

            assert_eq!((whole.floor, whole.ceil()), (floor, ceil), "{text}");
        }
    }
}
