//! From text to [`Filter`]: recursive descent, one function for each strength of binding.
//!
//! ```text
//! filter = [any] [ORDER BY field [ASC|DESC] {, …}]      any = all {OR all}      all = not {AND not}
//! not = NOT not | ( any ) | field check
//! ```
//! Invariant: it ends for any text, and uses stack and memory as the limits beside [`Filter`] allow.

use alloc::{boxed::Box, format, vec::Vec};
use core::{mem, ops::Range};

use super::{
    Check, Comparison, Condition, Direction, FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_ORDER_MAX,
    FILTER_TERMS_MAX, Field, Filter, InvalidQuery, Kind, OrderBy, Spanned, Test, Value,
    token::Token,
};
use crate::{Name, is_field_name};

/// Words that are no names.
const KEYWORDS: [&str; 15] = [
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "STARTS_WITH",
    "CONTAINS",
    "IS",
    "NULL",
    "ORDER",
    "BY",
    "ASC",
    "DESC",
    "TRUE",
    "FALSE",
];

/// Whether a word is no name, however it is written.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|one| one.eq_ignore_ascii_case(word))
}

/// Reads a whole filter.
pub(super) fn filter(text: &str) -> Result<Filter, InvalidQuery> {
    if text.len() > FILTER_BYTES_MAX {
        let mut invalid = InvalidQuery::at(text, 0..0, format!("at most {FILTER_BYTES_MAX}"));
        invalid.found = format!("{} bytes", text.len());
        return Err(invalid);
    }
    let mut parser = Parser::new(text)?;
    let condition = match parser.token == Token::End || parser.is_at("ORDER") {
        true => None,
        false => Some(parser.any(0)?),
    };
    let order = match parser.take("ORDER")? {
        true => parser.order()?,
        false => Vec::new(),
    };
    match (&parser.token, order.is_empty()) {
        (Token::End, _) => Ok(Filter { condition, order }),
        (_, true) => Err(parser.wrong("AND, OR, ORDER BY or the end")),
        (_, false) => Err(parser.wrong("`,`, ASC, DESC or the end")),
    }
}

/// Reads one field and nothing else.
pub(super) fn field(text: &str) -> Result<Field, InvalidQuery> {
    // A name is bounded; so is what is read before that is known.
    let mut parser = Parser::new(text)?;
    let field = parser.field("a field")?.node;
    match parser.token {
        Token::End => Ok(field),
        Token::Word(_)
        | Token::Quoted(_)
        | Token::Text(_)
        | Token::Number(_)
        | Token::Symbol(_) => Err(parser.wrong("the end")),
    }
}

/// The text, and the token that comes next.
struct Parser<'a> {
    text: &'a str,
    token: Token<'a>,
    span: Range<usize>,
    /// Fields and values so far.
    terms: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, InvalidQuery> {
        let (token, span) = Token::after(text, 0)?;
        Ok(Self {
            text,
            token,
            span,
            terms: 0,
        })
    }

    fn wrong(&self, expected: &'static str) -> InvalidQuery {
        InvalidQuery::at(self.text, self.span.clone(), expected)
    }

    /// Goes on to the next token; gives the one that was there.
    fn next(&mut self) -> Result<Spanned<Token<'a>>, InvalidQuery> {
        let (token, span) = Token::after(self.text, self.span.end)?;
        Ok(Spanned {
            node: mem::replace(&mut self.token, token),
            span: mem::replace(&mut self.span, span),
        })
    }

    fn is_at(&self, keyword: &str) -> bool {
        matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Goes past a keyword, if it is there.
    fn take(&mut self, keyword: &str) -> Result<bool, InvalidQuery> {
        let is_there = self.is_at(keyword);
        if is_there {
            self.next()?;
        }
        Ok(is_there)
    }

    /// Goes past a sign, if it is there.
    fn take_symbol(&mut self, symbol: &'static str) -> Result<bool, InvalidQuery> {
        let is_there = self.token == Token::Symbol(symbol);
        if is_there {
            self.next()?;
        }
        Ok(is_there)
    }

    fn any(&mut self, depth: usize) -> Result<Condition, InvalidQuery> {
        let first = self.all(depth)?;
        if !self.is_at("OR") {
            return Ok(first);
        }
        let mut parts = Vec::from([first]);
        while self.take("OR")? {
            parts.push(self.all(depth)?);
        }
        Ok(Condition::Any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, InvalidQuery> {
        let first = self.not(depth)?;
        if !self.is_at("AND") {
            return Ok(first);
        }
        let mut parts = Vec::from([first]);
        while self.take("AND")? {
            parts.push(self.not(depth)?);
        }
        Ok(Condition::All(parts))
    }

    fn not(&mut self, depth: usize) -> Result<Condition, InvalidQuery> {
        let is_group = self.token == Token::Symbol("(");
        if (is_group || self.is_at("NOT")) && depth >= FILTER_DEPTH_MAX {
            let expected =
                format!("at most {FILTER_DEPTH_MAX} parentheses and NOTs within each other");
            return Err(InvalidQuery::at(self.text, self.span.clone(), expected));
        }
        let deeper = depth.saturating_add(1);
        if self.take("NOT")? {
            return Ok(Condition::Not(Box::new(self.not(deeper)?)));
        }
        if !self.take_symbol("(")? {
            return self.test().map(Condition::Test);
        }
        let condition = self.any(deeper)?;
        match self.take_symbol(")")? {
            true => Ok(condition),
            false => Err(self.wrong("AND, OR or `)`")),
        }
    }

    fn test(&mut self) -> Result<Test, InvalidQuery> {
        let field = self.field("a field, NOT or `(`")?;
        let kind = field.node.kind();
        let check = self.check(kind)?;
        Ok(Test { field, check })
    }

    fn field(&mut self, expected: &'static str) -> Result<Spanned<Field>, InvalidQuery> {
        self.count_term()?;
        let field = match self.token {
            Token::Word(word) if is_keyword(word) => {
                return Err(self.wrong(expected).hint(format!(
                    "an attribute of that name is written `{word}`, in backticks"
                )));
            }
            Token::Word(word) => match (Field::known(word), Field::alike(word)) {
                (Some(field), _) => field,
                (None, Some(alike)) => {
                    return Err(self.wrong(expected).hint(format!(
                        "did you mean {alike}? an attribute of that name is written `{word}`, in backticks"
                    )));
                }
                (None, None) => self.attribute(word)?,
            },
            Token::Quoted(word) => self.attribute(word)?,
            Token::Text(_) | Token::Number(_) | Token::Symbol(_) | Token::End => {
                return Err(self.wrong(expected));
            }
        };
        let span = self.next()?.span;
        Ok(Spanned { node: field, span })
    }

    fn attribute(&self, name: &str) -> Result<Field, InvalidQuery> {
        let name = Name::new(name)
            .ok()
            .filter(|name| is_field_name(name.as_str()));
        name.map(Field::Attribute)
            .ok_or_else(|| self.wrong(super::token::NAME_EXPECTED))
    }

    fn check(&mut self, kind: Kind) -> Result<Check, InvalidQuery> {
        if let Some(comparison) = self.comparison(kind)? {
            return Ok(Check::Compare(comparison, self.value(kind)?));
        }
        if self.take("IN")? {
            return self.values(kind).map(Check::In);
        }
        if self.take("IS")? {
            return match (self.take("NOT")?, self.take("NULL")?) {
                (false, true) => Ok(Check::IsNull),
                (true, true) => Ok(Check::IsNotNull),
                (false, false) => Err(self.wrong("NULL or NOT NULL")),
                (true, false) => Err(self.wrong("NULL")),
            };
        }
        if kind.is_ordered() && self.take("BETWEEN")? {
            let from = self.value(kind)?;
            return match self.take("AND")? {
                true => Ok(Check::Between(from, self.value(kind)?)),
                false => Err(self.wrong("AND and the other end")),
            };
        }
        if kind.has_parts() && self.take("STARTS_WITH")? {
            return self.value(Kind::Text).map(Check::StartsWith);
        }
        if kind.has_parts() && self.take("CONTAINS")? {
            return self.value(kind).map(Check::Contains);
        }
        Err(self.wrong(kind.operators()))
    }

    /// Goes past a sign that compares, if there is one that the kind knows.
    fn comparison(&mut self, kind: Kind) -> Result<Option<Comparison>, InvalidQuery> {
        let Token::Symbol(symbol) = self.token else {
            return Ok(None);
        };
        let known = Comparison::ALL
            .into_iter()
            .find(|one| one.as_str() == symbol);
        let knows = |one: &Comparison| kind.is_ordered() || !one.is_of_order();
        let Some(comparison) = known.filter(knows) else {
            return Ok(None);
        };
        self.next()?;
        Ok(Some(comparison))
    }

    fn value(&mut self, kind: Kind) -> Result<Spanned<Value>, InvalidQuery> {
        self.count_term()?;
        let value = Value::read(kind, &self.token, self.text, self.span.clone())?;
        let span = self.next()?.span;
        Ok(Spanned { node: value, span })
    }

    fn values(&mut self, kind: Kind) -> Result<Vec<Spanned<Value>>, InvalidQuery> {
        if !self.take_symbol("(")? {
            return Err(self.wrong("`(` and values"));
        }
        let mut values = Vec::from([self.value(kind)?]);
        while self.take_symbol(",")? {
            values.push(self.value(kind)?);
        }
        match self.take_symbol(")")? {
            true => Ok(values),
            false => Err(self.wrong("`,` or `)`")),
        }
    }

    fn order(&mut self) -> Result<Vec<OrderBy>, InvalidQuery> {
        if !self.take("BY")? {
            return Err(self
                .wrong("BY")
                .hint("an attribute of that name is written `order`, in backticks"));
        }
        let mut order = Vec::new();
        loop {
            if order.len() >= FILTER_ORDER_MAX {
                let expected = format!("at most {FILTER_ORDER_MAX} fields to order by");
                return Err(InvalidQuery::at(self.text, self.span.clone(), expected));
            }
            let field = self.field("a field")?;
            let direction = match self.take("DESC")? {
                true => Direction::Descending,
                false => {
                    self.take("ASC")?;
                    Direction::Ascending
                }
            };
            order.push(OrderBy { field, direction });
            if !self.take_symbol(",")? {
                return Ok(order);
            }
        }
    }

    fn count_term(&mut self) -> Result<(), InvalidQuery> {
        self.terms = self.terms.saturating_add(1);
        if self.terms <= FILTER_TERMS_MAX {
            return Ok(());
        }
        let expected = format!("at most {FILTER_TERMS_MAX} fields and values");
        Err(InvalidQuery::at(self.text, self.span.clone(), expected))
    }
}
