//! One field of a calendar or a cron expression: which values it allows, as people write them.
//!
//! Values are kept as they were written and read when they are used, because only the field knows its bounds and names.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::invalid::Invalid;

/// Most parts of one field.
const PARTS_MAX: usize = 100;

/// Which values of a field match: `5`, `1-5`, `*/15`, `0-30/10`, `MON-FRI`, `1,15,L`, `*`.
///
/// In JSON also a number, or a list of numbers, texts and `{"start": 1, "end": 5, "step": 2}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values(String);

impl Values {
    /// Values as they are written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether cron takes the field as open: it begins with a star.
    pub(super) fn is_open(&self) -> bool {
        self.0.starts_with(['*', '?'])
    }
}

impl<T: Into<String>> From<T> for Values {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = serde_json::Value::deserialize(deserializer)?;
        let parts = match &written {
            serde_json::Value::Array(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let texts: Option<Vec<String>> = parts.iter().map(part_text).collect();
        match texts {
            Some(texts) if !texts.is_empty() => Ok(Self(texts.join(","))),
            _ => Err(D::Error::custom(format!(
                "`{written}`: a number, a text as `1-5,7` or `*/2`, or a list of these and of {{\"start\", \"end\", \"step\"}} \
                 is allowed"
            ))),
        }
    }
}

/// A part in the form in which cron writes it.
fn part_text(part: &serde_json::Value) -> Option<String> {
    match part {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        serde_json::Value::Object(range) => {
            let known = ["start", "end", "step"];
            if range.keys().any(|key| !known.contains(&key.as_str())) {
                return None;
            }
            let start = range.get("start")?.as_u64()?;
            let end = range.get("end").map_or(Some(start), |end| end.as_u64())?;
            let step = range.get("step").map_or(Some(1), |step| step.as_u64())?;
            Some(format!("{start}-{end}/{step}"))
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Array(_) => None,
    }
}

/// What a field is called and which values it has.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    min: u16,
    max: u16,
    /// Names of the values from `min` on.
    names: &'static [&'static str],
    /// What a calendar that does not say takes.
    unless_said: &'static str,
}

pub(super) const SECOND: Field = Field::new("second", 0, 59, "0");
pub(super) const MINUTE: Field = Field::new("minute", 0, 59, "0");
pub(super) const HOUR: Field = Field::new("hour", 0, 23, "0");
pub(super) const DAY_OF_MONTH: Field = Field::new("day_of_month", 1, 31, "*");
pub(super) const MONTH: Field = Field {
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
    ..Field::new("month", 1, 12, "*")
};
pub(super) const YEAR: Field = Field::new("year", YEAR_MIN, YEAR_MAX, "*");
/// Sunday is 0, and 7 as well.
pub(super) const DAY_OF_WEEK: Field = Field {
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    ..Field::new("day_of_week", 0, 7, "*")
};

/// First year that a calendar knows.
const YEAR_MIN: u16 = 1970;

/// Last year that a calendar knows: each pair of a date and a day of the week that there is comes before.
pub(super) const YEAR_MAX: u16 = 2199;

impl Field {
    const fn new(name: &'static str, min: u16, max: u16, unless_said: &'static str) -> Self {
        Self {
            name,
            min,
            max,
            names: &[],
            unless_said,
        }
    }

    /// Reads values, or what stands for none.
    pub(super) fn read(&self, values: Option<&Values>) -> Result<Set, Invalid> {
        let text = values.map_or(self.unless_said, Values::as_str);
        self.parse(text)
            .map_err(|invalid| invalid.within(self.name))
    }

    /// Reads values; every one where none are given.
    pub(super) fn read_or_all(&self, values: Option<&Values>) -> Result<Set, Invalid> {
        let text = values.map_or("*", Values::as_str);
        self.parse(text)
            .map_err(|invalid| invalid.within(self.name))
    }

    fn parse(&self, text: &str) -> Result<Set, Invalid> {
        let mut set = Set::default();
        for part in text.split(',') {
            match part.trim() {
                "L" | "l" if self.min == 1 && self.max == 31 => set.is_last = true,
                some => set.ranges.push(self.part(some)?),
            }
        }
        if set.ranges.len() > PARTS_MAX {
            return Err(Invalid::new(format!(
                "{} parts; {PARTS_MAX} are allowed",
                set.ranges.len()
            )));
        }
        // Sunday by either number, as the first day of the week or the last.
        if self.max == 7 && set.contains(7) {
            set.ranges.push(Range::one(0));
        }
        Ok(set)
    }

    fn part(&self, part: &str) -> Result<Range, Invalid> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(part, step)?)),
            None => (part, None),
        };
        let (start, end) = match range.split_once('-') {
            Some((start, end)) => (self.value(start)?, self.value(end)?),
            None if matches!(range, "*" | "?") => (self.min, self.greatest()),
            None => {
                let start = self.value(range)?;
                // As cron has it: from there on, every so many.
                let end = step.map_or(start, |_| self.greatest());
                (start, end)
            }
        };
        if start > end {
            return Err(Invalid::new(format!(
                "`{part}` begins behind its end; write two parts, as `{start}-{},{}-{end}`",
                self.greatest(),
                self.min
            )));
        }
        let step = step.unwrap_or(1);
        Ok(Range { start, end, step })
    }

    fn step(&self, part: &str, step: &str) -> Result<u16, Invalid> {
        match step.parse() {
            Ok(step) if step > 0 && step <= self.max => Ok(step),
            _ => Err(Invalid::new(format!(
                "step `{step}` of `{part}`: 1 to {} are allowed",
                self.max
            ))),
        }
    }

    fn value(&self, text: &str) -> Result<u16, Invalid> {
        let named = self
            .names
            .iter()
            .position(|name| text.eq_ignore_ascii_case(name));
        let value = match named {
            Some(place) => u16::try_from(place).ok().map(|place| place + self.min),
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            None => None,
        };
        let (min, max) = (self.min, self.max);
        value
            .filter(|value| (min..=max).contains(value))
            .ok_or_else(|| {
                let names = match (self.names.first(), self.names.last()) {
                    (Some(first), Some(last)) => format!(", and {first} to {last}"),
                    _ => String::new(),
                };
                Invalid::new(format!("`{text}`: {min} to {max} are allowed{names}"))
            })
    }

    /// What `*` goes up to: Sunday counts once.
    fn greatest(&self) -> u16 {
        if self.max == 7 { 6 } else { self.max }
    }
}

/// The values that a field allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    ranges: Vec<Range>,
    /// The last day of the month, whichever it is.
    is_last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u16,
    end: u16,
    step: u16,
}

impl Range {
    const fn one(value: u16) -> Self {
        Self {
            start: value,
            end: value,
            step: 1,
        }
    }
}

impl Set {
    pub(super) fn contains(&self, value: u16) -> bool {
        self.ranges.iter().any(|range| {
            range.start <= value
                && value <= range.end
                && (value - range.start).is_multiple_of(range.step)
        })
    }

    /// Whether a day matches in a month of that many.
    pub(super) fn contains_day(&self, day: u16, days: u16) -> bool {
        self.contains(day) || (self.is_last && day == days)
    }

    /// The least allowed value from `from` to `max`.
    pub(super) fn next(&self, from: u16, max: u16) -> Option<u16> {
        (from..=max).find(|&value| self.contains(value))
    }

    /// Whether it allows all from `min` to `max`.
    pub(super) fn is_full(&self, min: u16, max: u16) -> bool {
        (min..=max).all(|value| self.contains(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(field: &Field, text: &str) -> Vec<u16> {
        let set = field.read(Some(&text.into())).unwrap();
        (field.min..=field.max)
            .filter(|&value| set.contains(value))
            .collect()
    }

    #[test]
    fn lists_ranges_steps_and_names_are_read() {
        assert_eq!(allowed(&MINUTE, "*/20"), [0, 20, 40]);
        assert_eq!(allowed(&MINUTE, "50/3"), [50, 53, 56, 59]);
        assert_eq!(allowed(&HOUR, "9-17/4,22"), [9, 13, 17, 22]);
        assert_eq!(allowed(&DAY_OF_WEEK, "mon-WED"), [1, 2, 3]);
        assert_eq!(allowed(&DAY_OF_WEEK, "5-7"), [0, 5, 6, 7]);
        assert_eq!(allowed(&DAY_OF_WEEK, "*"), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(allowed(&MONTH, "jan,3,DEC"), [1, 3, 12]);
        assert!(
            DAY_OF_MONTH
                .read(Some(&"L".into()))
                .unwrap()
                .contains_day(29, 29)
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_allowed() {
        let said = |field: &Field, text: &str| field.read(Some(&text.into())).unwrap_err().text();

        assert_eq!(said(&MINUTE, "61"), "minute: `61`: 0 to 59 are allowed");
        assert_eq!(
            said(&MONTH, "13"),
            "month: `13`: 1 to 12 are allowed, and JAN to DEC"
        );
        assert_eq!(
            said(&HOUR, "*/0"),
            "hour: step `0` of `*/0`: 1 to 23 are allowed"
        );
        assert_eq!(
            said(&DAY_OF_WEEK, "FRI-MON"),
            "day_of_week: `FRI-MON` begins behind its end; write two parts, as `5-6,0-1`"
        );
        for (field, text) in [
            (&SECOND, ""),
            (&SECOND, "+1"),
            (&SECOND, "1,,2"),
            (&HOUR, "L"),
            (&YEAR, "1969"),
            (&DAY_OF_MONTH, "0"),
        ] {
            let text = said(field, text);
            assert!(text.contains("are allowed"), "{text}");
        }
    }

    #[test]
    fn json_may_have_numbers_texts_and_ranges() {
        let read = |json: &str| serde_json::from_str::<Values>(json);

        assert_eq!(read("5").unwrap().as_str(), "5");
        assert_eq!(
            read(r#"[1, "MON-WED", {"start": 2, "end": 6, "step": 2}, {"start": 9}]"#)
                .unwrap()
                .as_str(),
            "1,MON-WED,2-6/2,9-9/1"
        );
        for wrong in ["-1", "[]", "true", r#"{"from": 1}"#, r#"{"end": 1}"#, "1.5"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("is allowed"), "{error}");
        }
    }
}
