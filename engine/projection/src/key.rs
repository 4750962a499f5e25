//! Texts that stand for values in the tables: in the order of the values, byte by byte, and such that both databases take them.
//!
//! ```text
//! attribute  0 false, 1 true   ·  kind 0      list     ·  kind 4, and a row per element: `e` and the element's key
//!            number            ·  kind 1      other    ·  kind 5
//!            text              ·  kind 3      null     ·  no row
//! ```
//! Invariant: two values compare as their keys do, with `sagaline_core::filter`; tests ask core. Deliberately absent: which
//! column has what. PostgreSQL's texts cannot have U+0000, so that it is written with U+0001 in front ([`text_key`]).

use std::borrow::Cow;

use sagaline_core::filter::{Number, Value, Version};
use serde_json::value::RawValue;

/// Most characters of a value that are searched by index; what is behind them is compared as well, one by one. PostgreSQL's
/// indexes take 2,704 bytes.
pub(crate) const KEY_CHARS_MAX: usize = 200;

/// The key of an attribute's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AttributeKey {
    /// Its kind and its first [`KEY_CHARS_MAX`] characters.
    pub(crate) key: String,
    /// What is behind them; mostly empty.
    pub(crate) rest: String,
}

/// What a key begins with: kinds of values in the order in which a list has them.
pub(crate) mod kind {
    pub(crate) const BOOL: &str = "0";
    pub(crate) const NUMBER: &str = "1";
    pub(crate) const TEXT: &str = "3";
    pub(crate) const LIST: &str = "4";
    pub(crate) const OTHER: &str = "5";
    /// An element of a list. Behind all kinds of values, so that these stand together.
    pub(crate) const ELEMENT: &str = "e";
    /// Behind the keys of one kind: of `3…` those below `4`.
    pub(crate) const fn end_of(kind: &str) -> &'static str {
        match kind.as_bytes() {
            [b'0'] => "1",
            [b'1'] => "2",
            _ => "4",
        }
    }
}

impl AttributeKey {
    fn new(all: String) -> Self {
        match all.char_indices().nth(KEY_CHARS_MAX) {
            Some((at, _)) => Self {
                key: all[..at].to_owned(),
                rest: all[at..].to_owned(),
            },
            None => Self {
                key: all,
                rest: String::new(),
            },
        }
    }

    /// The key that an attribute with this value has; none of values that attributes do not have.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        scalar_of(value).map(Self::new)
    }

    /// The key that a list with this element has.
    pub(crate) fn of_element(value: &Value) -> Option<Self> {
        scalar_of(value).map(|key| Self::new(format!("{}{key}", kind::ELEMENT)))
    }
}

fn scalar_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(of_text(text)),
        Value::Number(number) => Some(of_number(number)),
        Value::Bool(value) => Some(of_bool(*value)),
        Value::Time(_) | Value::Span(_) | Value::Version(_) => None,
    }
}

/// The keys of an attribute, a row each: first what it is, then the elements that it has if it is a list. None of null.
pub(crate) fn attribute_keys(json: &str) -> Vec<AttributeKey> {
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(json) else {
        let key = of_json(json.trim_ascii());
        return key.map(AttributeKey::new).into_iter().collect();
    };
    let elements = elements
        .iter()
        .filter_map(|element| of_json(element.get()))
        .filter(|key| *key != kind::OTHER);
    let mut keys: Vec<AttributeKey> = elements
        .map(|key| AttributeKey::new(format!("{}{key}", kind::ELEMENT)))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys.insert(0, AttributeKey::new(kind::LIST.to_owned()));
    keys
}

/// The key of a value of JSON that is no list; none of null.
fn of_json(json: &str) -> Option<String> {
    let known = match json.bytes().next() {
        _ if json == "null" => return None,
        _ if json == "true" => Some(of_bool(true)),
        _ if json == "false" => Some(of_bool(false)),
        Some(b'"') => serde_json::from_str::<String>(json)
            .ok()
            .map(|text| of_text(&text)),
        Some(b'-' | b'0'..=b'9') => Number::new(json).map(|number| of_number(&number)),
        Some(_) | None => None,
    };
    Some(known.unwrap_or_else(|| kind::OTHER.to_owned()))
}

fn of_bool(value: bool) -> String {
    format!("{}{}", kind::BOOL, u8::from(value))
}

fn of_text(text: &str) -> String {
    format!("{}{}", kind::TEXT, text_key(text))
}

/// A text as the tables have it: U+0000 and U+0001 have U+0001 in front. Beginnings stay beginnings; within a text, only one
/// with U+0001 may seem to have what it has not.
pub(crate) fn text_key(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', '\u{1}']) {
        return Cow::Borrowed(text);
    }
    let mut key = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => key.push_str("\u{1}\u{1}"),
            '\u{1}' => key.push_str("\u{1}\u{2}"),
            c => key.push(c),
        }
    }
    Cow::Owned(key)
}

/// What comes behind all texts that begin with this one; none: nothing does.
pub(crate) fn behind(prefix: &str) -> Option<String> {
    let (last, before) = {
        let mut chars = prefix.chars();
        (chars.next_back()?, chars.as_str())
    };
    let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
    match next {
        Some(next) => Some(format!("{before}{next}")),
        None => behind(before),
    }
}

/// The text that a key stands for.
pub(crate) fn text_of(key: &str) -> Cow<'_, str> {
    if !key.contains('\u{1}') {
        return Cow::Borrowed(key);
    }
    let mut chars = key.chars();
    let mut text = String::with_capacity(key.len());
    while let Some(c) = chars.next() {
        text.push(match c {
            '\u{1}' if chars.next() == Some('\u{1}') => '\0',
            c => c,
        });
    }
    Cow::Owned(text)
}

/// A decimal number by its parts: ±0.`digits` · 10^`places`.
pub(crate) struct Decimal {
    pub(crate) is_negative: bool,
    /// How many digits stand before the point.
    pub(crate) places: i64,
    /// Without zeros at either end: of zero none.
    pub(crate) digits: String,
}

impl Decimal {
    pub(crate) fn of(number: &Number) -> Self {
        let (is_negative, size) = match number.as_str().strip_prefix('-') {
            Some(size) => (true, size),
            None => (false, number.as_str()),
        };
        let (mantissa, exponent) = size.split_once(['e', 'E']).unwrap_or((size, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let idle_zeros = digits.len() - digits.trim_start_matches('0').len();
        // A number has at most 15 digits of exponent, and a text is shorter than i64's range.
        let exponent = exponent.parse::<i64>().unwrap_or_default();
        Self {
            is_negative,
            places: exponent + length(whole) - i64::try_from(idle_zeros).unwrap_or(i64::MAX / 2),
            digits: digits.trim_matches('0').to_owned(),
        }
    }
}

/// Sign, how many digits stand before the point, digits. Of what is below zero each is turned round.
fn of_number(number: &Number) -> String {
    let Decimal {
        is_negative,
        places,
        digits,
    } = Decimal::of(number);
    if digits.is_empty() {
        return format!("{}1", kind::NUMBER);
    }
    match is_negative {
        false => format!("{}2{}{digits}", kind::NUMBER, of_places(places)),
        // The end sorts behind all digits: -1.5 is below -1.
        true => format!(
            "{}0{}{}~",
            kind::NUMBER,
            of_places(-places),
            turned(&digits)
        ),
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX / 2)
}

/// Whole numbers: first how long, then the digits; below zero turned round.
fn of_places(places: i64) -> String {
    let digits = places.unsigned_abs().to_string();
    // At most 19 digits.
    let length = u8::try_from(digits.len()).unwrap_or(u8::MAX);
    match places < 0 {
        false => format!("1{}{digits}", char::from(b'A' + length)),
        true => format!("0{}{}", char::from(b'Z' - length), turned(&digits)),
    }
}

fn turned(digits: &str) -> String {
    let digits = digits.bytes();
    digits
        .map(|digit| char::from(b'0' + (b'9' - digit)))
        .collect()
}

/// The key of a workflow's version: its three numbers, then what comes before it is out. None of what is no version.
pub(crate) fn version_key(version: &str) -> Option<String> {
    Version::new(version)?;
    let (version, _build) = version.split_once('+').unwrap_or((version, ""));
    let (numbers, early) = match version.split_once('-') {
        Some((numbers, early)) => (numbers, Some(early)),
        None => (version, None),
    };
    let numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0));
    let mut key = String::new();
    for number in numbers.chain([0, 0]).take(3) {
        push_number(&mut key, number);
    }
    match early {
        None => key.push('1'),
        Some(early) => {
            key.push('0');
            early.split('.').for_each(|part| push_part(&mut key, part));
            // The shorter name comes first.
            key.push('0');
        }
    }
    Some(key)
}

fn push_number(key: &mut String, number: u64) {
    let digits = number.to_string();
    // At most 20 digits.
    let length = u8::try_from(digits.len()).unwrap_or(u8::MAX);
    key.push(char::from(b'A' + length));
    key.push_str(&digits);
}

/// Numbers before words; a word ends with what is below all that it can have.
fn push_part(key: &mut String, part: &str) {
    match part.parse::<u64>() {
        Ok(number) => {
            key.push('1');
            push_number(key, number);
        }
        Err(_) => {
            key.push('2');
            for c in part.chars() {
                match c {
                    '\0' => key.push_str("\u{2}\u{1}"),
                    '\u{1}' => key.push_str("\u{2}\u{2}"),
                    '\u{2}' => key.push_str("\u{2}\u{3}"),
                    c => key.push(c),
                }
            }
            key.push('\u{1}');
        }
    }
}

#[cfg(test)]
mod tests;
