//! Values as filters write them, each of its field's kind.

use alloc::{borrow::Cow, boxed::Box, format, string::String};
use core::ops::Range;

use super::{InvalidQuery, Kind, Number, Version, token::Token};
use crate::{Millis, Timestamp};

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text, or one of the words of a field.
    Text(Box<str>),
    /// A number.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
    /// An instant, in whole milliseconds.
    Time(Timestamp),
    /// A length of time.
    Span(Millis),
    /// A version.
    Version(Version),
}

impl Value {
    /// The value that a token of `text` is for a field of that kind.
    pub(super) fn read(
        kind: Kind,
        token: &Token<'_>,
        text: &str,
        span: Range<usize>,
    ) -> Result<Self, InvalidQuery> {
        let value = match token {
            Token::Text(said) => Self::of_text(kind, said),
            Token::Number(said) => Self::of_number(kind, said),
            Token::Word(word) if kind == Kind::Bool || kind == Kind::Any => match *word {
                word if word.eq_ignore_ascii_case("TRUE") => Some(Self::Bool(true)),
                word if word.eq_ignore_ascii_case("FALSE") => Some(Self::Bool(false)),
                _ => None,
            },
            Token::Word(_) | Token::Quoted(_) | Token::Symbol(_) | Token::End => None,
        };
        value.ok_or_else(|| {
            let invalid = InvalidQuery::at(text, span, expected(kind));
            match token {
                Token::Word(word) if word.eq_ignore_ascii_case("NULL") => {
                    invalid.hint("IS NULL asks for what is absent")
                }
                Token::Word(word) if Self::of_text(kind, word).is_some() => {
                    invalid.hint(format!("texts stand in quotes: \"{word}\""))
                }
                Token::Word(_)
                | Token::Quoted(_)
                | Token::Text(_)
                | Token::Number(_)
                | Token::Symbol(_)
                | Token::End => invalid,
            }
        })
    }

    fn of_text(kind: Kind, said: &str) -> Option<Self> {
        match kind {
            Kind::Text | Kind::Any => Some(Self::Text(said.into())),
            Kind::Word(words) => words.contains(&said).then(|| Self::Text(said.into())),
            Kind::Version => Version::new(said).map(Self::Version),
            Kind::Time => time(said).map(Self::Time),
            Kind::Span => said.parse().ok().map(Self::Span),
            Kind::Number | Kind::Bool => None,
        }
    }

    fn of_number(kind: Kind, said: &str) -> Option<Self> {
        let number = Number::new(said)?;
        match kind {
            Kind::Number | Kind::Any => Some(Self::Number(number)),
            Kind::Span => number.as_u64().map(|ms| Self::Span(Millis(ms))),
            Kind::Text | Kind::Word(_) | Kind::Version | Kind::Bool | Kind::Time => None,
        }
    }
}

/// An instant of RFC 3339, in whole milliseconds: as precise as it is printed elsewhere.
fn time(said: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = said.parse().ok()?;
    Some(in_millis(Timestamp::from_micros(instant.as_microsecond())))
}

pub(super) const fn in_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis())
}

fn expected(kind: Kind) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        Kind::Text => "a text in quotes",
        Kind::Word(words) => {
            let words: alloc::vec::Vec<String> =
                words.iter().map(|word| format!("\"{word}\"")).collect();
            return Cow::Owned(format!("one of {}", words.join(", ")));
        }
        Kind::Version => "a version such as \"1.2\"",
        Kind::Number => "a number",
        Kind::Bool => "true or false",
        Kind::Time => "a time such as \"2026-01-31T09:00:00Z\"",
        Kind::Span => "a span such as \"5m\", or a number of milliseconds",
        Kind::Any => "a text in quotes, a number, true or false",
    })
}
