//! A filter as text, in one form of the many that mean the same. Parsed again it is the same filter.

use core::fmt::{self, Display, Formatter, Write as _};

use super::{
    Check, Condition, Direction, Field, Filter, OrderBy, Spanned, Test, Value, parse::is_keyword,
};
use crate::Millis;

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(condition) = &self.condition {
            condition.fmt(f)?;
        }
        if self.order.is_empty() {
            return Ok(());
        }
        if self.condition.is_some() {
            f.write_str(" ")?;
        }
        f.write_str("ORDER BY ")?;
        list(f, &self.order)
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(parts) => joined(f, parts, " OR ", |part| matches!(part, Self::Any(_))),
            Self::All(parts) => joined(f, parts, " AND ", |part| {
                matches!(part, Self::Any(_) | Self::All(_))
            }),
            Self::Not(part) => {
                f.write_str("NOT ")?;
                grouped(f, part, matches!(**part, Self::Any(_) | Self::All(_)))
            }
            Self::Test(test) => test.fmt(f),
        }
    }
}

fn joined(
    f: &mut Formatter<'_>,
    parts: &[Condition],
    between: &str,
    needs_group: impl Fn(&Condition) -> bool,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        grouped(f, part, needs_group(part))?;
    }
    Ok(())
}

fn grouped(f: &mut Formatter<'_>, part: &Condition, needs_group: bool) -> fmt::Result {
    match needs_group {
        true => write!(f, "({part})"),
        false => part.fmt(f),
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, parts: &[T]) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        part.fmt(f)?;
    }
    Ok(())
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match &self.check {
            Check::Compare(comparison, value) => {
                write!(f, "{field} {} {value}", comparison.as_str())
            }
            Check::In(values) => {
                write!(f, "{field} IN (")?;
                list(f, values)?;
                f.write_str(")")
            }
            Check::Between(from, to) => write!(f, "{field} BETWEEN {from} AND {to}"),
            Check::StartsWith(value) => write!(f, "{field} STARTS_WITH {value}"),
            Check::Contains(value) => write!(f, "{field} CONTAINS {value}"),
            Check::IsNull => write!(f, "{field} IS NULL"),
            Check::IsNotNull => write!(f, "{field} IS NOT NULL"),
        }
    }
}

impl Display for OrderBy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.field.fmt(f)?;
        match self.direction {
            Direction::Ascending => Ok(()),
            Direction::Descending => f.write_str(" DESC"),
        }
    }
}

impl<T: Display> Display for Spanned<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// An attribute that would be taken for something else stands in backticks.
impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.name();
        let is_attribute = matches!(self, Self::Attribute(_));
        match is_attribute && (is_keyword(name) || Self::alike(name).is_some()) {
            true => write!(f, "`{name}`"),
            false => f.write_str(name),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => quoted(f, text),
            Self::Number(number) => number.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::Time(at) => quoted(f, &at.to_rfc3339()),
            Self::Span(span) => span_in_words(f, *span),
            Self::Version(version) => quoted(f, version.as_str()),
        }
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        if c == '"' {
            f.write_char('"')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

/// In the largest unit in which it is a whole number.
fn span_in_words(f: &mut Formatter<'_>, span: Millis) -> fmt::Result {
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    let whole = units
        .into_iter()
        .find(|(ms, _)| span.0 > 0 && span.0.is_multiple_of(*ms));
    let (unit_ms, unit) = whole.unwrap_or((1, "ms"));
    write!(f, "\"{}{unit}\"", span.0.checked_div(unit_ms).unwrap_or(0))
}
