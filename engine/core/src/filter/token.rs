//! The words, texts, numbers and signs that a filter is made of.

use alloc::borrow::Cow;
use core::ops::Range;

use super::{InvalidQuery, Number};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A field's name or a keyword.
    Word(&'a str),
    /// A name in backticks: always an attribute's.
    Quoted(&'a str),
    /// A text in double or single quotes.
    Text(Cow<'a, str>),
    /// A number as JSON has it.
    Number(&'a str),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    /// Nothing more.
    End,
}

/// The longer ones first.
const SYMBOLS: [&str; 9] = ["!=", ">=", "<=", "=", ">", "<", "(", ")", ","];

impl<'a> Token<'a> {
    /// The first token of a text behind this byte, and where it stands.
    pub(super) fn after(text: &'a str, at: usize) -> Result<(Self, Range<usize>), InvalidQuery> {
        let rest = text.get(at..).unwrap_or_default().trim_start();
        let start = text.len().saturating_sub(rest.len());
        let Some(first) = rest.chars().next() else {
            return Ok((Token::End, start..start));
        };
        let span = |length: usize| start..start.saturating_add(length);
        match first {
            '"' | '\'' => {
                let (said, length) = quoted(rest, first)
                    .ok_or_else(|| InvalidQuery::at(text, span(rest.len()), no_end(first)))?;
                Ok((Token::Text(said), span(length)))
            }
            '`' => {
                let (said, length) = quoted(rest, first)
                    .ok_or_else(|| InvalidQuery::at(text, span(rest.len()), no_end(first)))?;
                match said {
                    Cow::Borrowed(name) if crate::is_field_name(name) => {
                        Ok((Token::Quoted(name), span(length)))
                    }
                    Cow::Borrowed(_) | Cow::Owned(_) => {
                        Err(InvalidQuery::at(text, span(length), NAME_EXPECTED))
                    }
                }
            }
            '-' | '0'..='9' => {
                let number = run(rest, |c| {
                    c.is_alphanumeric() || matches!(c, '.' | '+' | '-')
                });
                match Number::new(number) {
                    Some(_) => Ok((Token::Number(number), span(number.len()))),
                    None => Err(InvalidQuery::at(text, span(number.len()), NUMBER_EXPECTED)),
                }
            }
            first if first.is_alphanumeric() || first == '_' => {
                let word = run(rest, |c| {
                    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
                });
                Ok((Token::Word(word), span(word.len())))
            }
            first => {
                let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
                let symbol = symbol.ok_or_else(|| {
                    InvalidQuery::at(
                        text,
                        span(first.len_utf8()),
                        "a word, a value or an operator",
                    )
                })?;
                Ok((Token::Symbol(symbol), span(symbol.len())))
            }
        }
    }
}

pub(super) const NAME_EXPECTED: &str =
    "an attribute's name: a letter or _, then letters, digits, _, - and ., 64 at most";

const NUMBER_EXPECTED: &str = "a number such as 5 or 1.50; times and spans stand in quotes";

const fn no_end(quote: char) -> &'static str {
    match quote {
        '"' => "a text that ends with \"",
        '\'' => "a text that ends with '",
        _ => "a name that ends with `",
    }
}

/// The longest beginning of such characters.
fn run(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end).0
}

/// What stands between the quote that the text begins with and the next, and the length with both. A quote within is
/// written twice; every other character stands for itself.
fn quoted(text: &str, quote: char) -> Option<(Cow<'_, str>, usize)> {
    let mut has_quotes = false;
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((end, c)) = chars.next() {
        if c != quote {
            continue;
        }
        if chars.next_if(|(_, next)| *next == quote).is_some() {
            has_quotes = true;
            continue;
        }
        let said = text.get(quote.len_utf8()..end)?;
        let said = match has_quotes {
            true => Cow::Owned(said.replace(twice(quote), once(quote))),
            false => Cow::Borrowed(said),
        };
        return Some((said, end.saturating_add(quote.len_utf8())));
    }
    None
}

pub(super) const fn once(quote: char) -> &'static str {
    match quote {
        '"' => "\"",
        '\'' => "'",
        _ => "`",
    }
}

pub(super) const fn twice(quote: char) -> &'static str {
    match quote {
        '"' => "\"\"",
        '\'' => "''",
        _ => "``",
    }
}
