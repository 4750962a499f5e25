//! Whether a condition holds: true, false, or neither, where what it asks about is absent or of another kind.

use core::cmp::Ordering;

use super::{
    Check, Comparison, Condition, Direction, OrderBy, Subject, Test, Value, subject::Seen,
};

/// Whether it holds of a subject; `None`: neither.
pub(super) fn holds(condition: &Condition, subject: &Subject<'_>) -> Option<bool> {
    match condition {
        Condition::Any(parts) => any(parts.iter().map(|part| holds(part, subject))),
        Condition::All(parts) => all(parts.iter().map(|part| holds(part, subject))),
        Condition::Not(part) => holds(part, subject).map(|holds| !holds),
        Condition::Test(test) => of_field(test, &subject.field(&test.field.node)),
    }
}

/// One that holds is enough; else one that is neither leaves it open.
fn any(mut parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let end = parts.try_fold(Some(false), |so_far, part| match part {
        Some(true) => Err(()),
        Some(false) => Ok(so_far),
        None => Ok(None),
    });
    end.unwrap_or(Some(true))
}

/// One that does not hold is enough; else one that is neither leaves it open.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    any(parts.map(|part| part.map(|holds| !holds))).map(|fails| !fails)
}

fn of_field(test: &Test, seen: &Seen<'_>) -> Option<bool> {
    let compare = |comparison: Comparison, value: &Value| {
        seen.compare(value).map(|order| comparison.holds(order))
    };
    match &test.check {
        Check::IsNull => Some(matches!(seen, Seen::Null)),
        Check::IsNotNull => Some(!matches!(seen, Seen::Null)),
        Check::Compare(comparison, value) => compare(*comparison, &value.node),
        Check::In(values) => any(values
            .iter()
            .map(|value| compare(Comparison::Equal, &value.node))),
        Check::Between(from, to) => all([
            compare(Comparison::GreaterOrEqual, &from.node),
            compare(Comparison::LessOrEqual, &to.node),
        ]
        .into_iter()),
        Check::StartsWith(value) => match (seen, &value.node) {
            (Seen::Text(seen), Value::Text(text)) => Some(seen.starts_with(&**text)),
            _ => None,
        },
        Check::Contains(value) => match (seen, &value.node) {
            (Seen::Text(seen), Value::Text(text)) => Some(seen.contains(&**text)),
            (Seen::List(elements), value) => {
                let is_it = |element: &Seen<'_>| element.compare(value) == Some(Ordering::Equal);
                Some(elements.iter().any(is_it))
            }
            _ => None,
        },
    }
}

/// What is sorted by: keys of one filter are ordered as it says.
#[derive(Debug)]
pub struct SortKey<'a>(alloc::vec::Vec<(Direction, Seen<'a>)>);

impl<'a> SortKey<'a> {
    pub(super) fn of(order: &[OrderBy], subject: &Subject<'a>) -> Self {
        let part = |by: &OrderBy| (by.direction, subject.field(&by.field.node));
        Self(order.iter().map(part).collect())
    }
}

impl Ord for SortKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = self.0.iter().zip(&other.0);
        let orders = parts.map(|((direction, a), (_, b))| match (a, b, direction) {
            (Seen::Null, _, _) | (_, Seen::Null, _) | (_, _, Direction::Ascending) => a.order(b),
            (_, _, Direction::Descending) => b.order(a),
        });
        orders
            .into_iter()
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for SortKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SortKey<'_> {}
