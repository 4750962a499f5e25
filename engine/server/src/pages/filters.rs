//! Filters that are chosen instead of written: each choice is a link to the list with the filter that it makes.
//!
//! What is written in the field is kept, and has the chosen beside it; of one that cannot be read only the chosen is left.

use sagaline_core::filter::{
    Check, Comparison, Condition, Field, Filter, Kind, Spanned, Test, Value,
};

use super::{run::quoted, time::At, told::Told};

/// A menu, named for what is chosen in it.
pub(crate) struct Menu {
    pub(crate) title: &'static str,
    pub(crate) chosen: Told,
    pub(crate) choices: Vec<Choice>,
}

/// A choice, with the filter that it makes.
pub(crate) struct Choice {
    pub(crate) title: Told,
    pub(crate) filter: String,
    pub(crate) is_chosen: bool,
}

/// How long ago a run may have begun.
const SINCE: [(&str, i64); 5] = [
    ("last 15 minutes", 15 * 60_000),
    ("last hour", 3_600_000),
    ("last 24 hours", 24 * 3_600_000),
    ("last 7 days", 7 * 24 * 3_600_000),
    ("last 30 days", 30 * 24 * 3_600_000),
];

/// How a value may be compared, as it is read and as it is written.
pub(crate) const OPERATORS: [(&str, &str); 8] = [
    ("is", "="),
    ("is not", "!="),
    ("more than", ">"),
    ("at least", ">="),
    ("less than", "<"),
    ("at most", "<="),
    ("contains", "CONTAINS"),
    ("starts with", "STARTS_WITH"),
];

/// The filter without an order of its own, for a list that is sorted by a column.
pub(crate) fn unordered(filter: &str) -> String {
    match Filter::parse(filter) {
        Ok(Filter { condition, order }) if !order.is_empty() => {
            let order = Vec::new();
            Filter { condition, order }.to_string()
        }
        _ => filter.to_owned(),
    }
}

/// Which workflow's runs are listed.
pub(crate) fn by_workflow(filter: &str, workflows: &[Told]) -> Menu {
    let filter = Filter::parse(filter).unwrap_or_default();
    let is_it = |test: &Test| {
        test.field.node == Field::WorkflowType
            && matches!(test.check, Check::Compare(Comparison::Equal, _))
    };
    let chosen = conditions(&filter)
        .iter()
        .find_map(|condition| match condition {
            Condition::Test(test) if is_it(test) => text_of(&test.check),
            _ => None,
        });
    let any = Choice {
        title: "any".into(),
        filter: replaced(&filter, is_it, None),
        is_chosen: chosen.is_none(),
    };
    let of = |name: &Told| Choice {
        title: name.clone(),
        filter: replaced(
            &filter,
            is_it,
            Some(&format!("WorkflowType = {}", quoted(name.raw()))),
        ),
        is_chosen: chosen == Some(name.raw()),
    };
    Menu {
        title: "workflow",
        chosen: chosen.unwrap_or("any").into(),
        choices: [any].into_iter().chain(workflows.iter().map(of)).collect(),
    }
}

/// Since when those that are listed began.
pub(crate) fn by_start(filter: &str, now: At) -> Menu {
    let filter = Filter::parse(filter).unwrap_or_default();
    let is_it = |test: &Test| {
        let is_from = matches!(
            test.check,
            Check::Compare(Comparison::GreaterOrEqual | Comparison::Greater, _)
        );
        test.field.node == Field::StartTime && is_from
    };
    let chosen = conditions(&filter)
        .iter()
        .find_map(|condition| match condition {
            Condition::Test(test) if is_it(test) => match &test.check {
                Check::Compare(_, value) => match &value.node {
                    Value::Time(at) => Some(At::from_ms(at.as_millis())),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        });
    let any = Choice {
        title: "any time".into(),
        filter: replaced(&filter, is_it, None),
        is_chosen: chosen.is_none(),
    };
    let of = |(title, ms): (&str, i64)| Choice {
        title: title.into(),
        filter: replaced(
            &filter,
            is_it,
            Some(&format!(
                "StartTime >= \"{}\"",
                At::from_ms(now.ms() - ms).iso()
            )),
        ),
        is_chosen: false,
    };
    Menu {
        title: "started",
        chosen: match chosen {
            Some(at) => Told::from(format!("since {}", at.short(now)).as_str()),
            None => "any time".into(),
        },
        choices: [any].into_iter().chain(SINCE.map(of)).collect(),
    }
}

/// The filter, and what a field's value must be besides. What is no filter stays as it was written: the list says what is
/// wrong with it.
pub(crate) fn with(filter: &str, (field, operator, value): (&str, &str, &str)) -> String {
    let operator = OPERATORS
        .iter()
        .find(|(_, written)| *written == operator)
        .map_or("=", |(_, written)| written);
    let plain = format!("{field} {operator} {value}");
    let as_text = format!("{field} {operator} {}", quoted(value));
    let is_plain = match Field::parse(field).map(|field| field.kind()) {
        Ok(Kind::Number | Kind::Bool) => true,
        // An attribute's value is what it looks like.
        Ok(Kind::Any) => Filter::parse(&plain).is_ok(),
        _ => false,
    };
    let added = if is_plain { plain } else { as_text };
    match (Filter::parse(filter), Filter::parse(&added)) {
        (Ok(written), Ok(_)) => replaced(&written, |_| false, Some(&added)),
        // The list says what is wrong with it.
        (Ok(written), Err(_)) => match written.condition {
            Some(Condition::Any(_)) => format!("({filter}) AND {added}"),
            Some(_) if written.order.is_empty() => format!("{filter} AND {added}"),
            _ => added,
        },
        (Err(_), _) => filter.to_owned(),
    }
}

fn text_of(check: &Check) -> Option<&str> {
    match check {
        Check::Compare(
            _,
            Spanned {
                node: Value::Text(text),
                ..
            },
        ) => Some(text),
        _ => None,
    }
}

/// What must hold all together.
fn conditions(filter: &Filter) -> &[Condition] {
    match &filter.condition {
        Some(Condition::All(all)) => all,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// The filter with `condition` in the place of those that are meant.
fn replaced(filter: &Filter, is_it: impl Fn(&Test) -> bool, condition: Option<&str>) -> String {
    let mut all = conditions(filter).to_vec();
    all.retain(|condition| !matches!(condition, Condition::Test(test) if is_it(test)));
    let added = condition.and_then(|text| Filter::parse(text).ok());
    all.extend(added.and_then(|added| added.condition));
    let condition = match all.len() {
        0 | 1 => all.pop(),
        _ => Some(Condition::All(all)),
    };
    Filter {
        condition,
        order: filter.order.clone(),
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(menu: &Menu) -> Vec<(&str, &str, bool)> {
        let choices = menu.choices.iter();
        choices
            .map(|one| (one.title.raw(), one.filter.as_str(), one.is_chosen))
            .collect()
    }

    #[test]
    fn a_workflow_is_chosen_beside_what_is_written() {
        let filter = "Open = true OR Attempt > 3 ORDER BY StartTime";
        let menu = by_workflow(filter, &["order".into(), "a \"b\"".into()]);

        assert_eq!(menu.chosen.raw(), "any");
        assert_eq!(
            choices(&menu),
            [
                ("any", filter, true),
                (
                    "order",
                    r#"(Open = true OR Attempt > 3) AND WorkflowType = "order" ORDER BY StartTime"#,
                    false
                ),
                (
                    "a \"b\"",
                    r#"(Open = true OR Attempt > 3) AND WorkflowType = "a ""b""" ORDER BY StartTime"#,
                    false
                ),
            ]
        );
    }

    #[test]
    fn another_workflow_takes_the_place_of_the_one_that_is_chosen() {
        let menu = by_workflow(
            "WorkflowType = \"order\" AND Open = true",
            &["order".into(), "bill".into()],
        );

        assert_eq!(menu.chosen.raw(), "order");
        assert_eq!(
            choices(&menu),
            [
                ("any", "Open = true", false),
                ("order", "Open = true AND WorkflowType = \"order\"", true),
                ("bill", "Open = true AND WorkflowType = \"bill\"", false),
            ]
        );
    }

    #[test]
    fn a_start_is_chosen_by_how_long_ago_it_was() {
        let now = At::from_ms(1_800_000_000_000);
        let menu = by_start("Open = true AND StartTime > \"2027-01-15T07:00:00Z\"", now);

        assert_eq!(menu.chosen.raw(), "since 07:00:00");
        assert_eq!(choices(&menu)[0], ("any time", "Open = true", false));
        assert_eq!(
            choices(&menu)[2],
            (
                "last hour",
                "Open = true AND StartTime >= \"2027-01-15T07:00:00.000Z\"",
                false
            )
        );
        assert_eq!(by_start("", now).chosen.raw(), "any time");
    }

    #[test]
    fn a_filter_is_added_as_what_its_field_takes() {
        let of = |filter, field, operator, value| with(filter, (field, operator, value));

        assert_eq!(
            of("Open = true", "Status", "!=", "Failed"),
            "Open = true AND Status != \"Failed\""
        );
        assert_eq!(of("", "Attempt", ">=", "5"), "Attempt >= 5");
        assert_eq!(of("", "amount", ">", "100.50"), "amount > 100.50");
        assert_eq!(of("", "customer", "=", "ada"), "customer = \"ada\"");
        assert_eq!(
            of("", "customer", "=", "a\" OR \"b"),
            r#"customer = "a"" OR ""b""#
        );
        assert_eq!(of("", "Attempt", ">=", "often"), "Attempt >= often");
        assert_eq!(of("Open =", "Attempt", ">=", "5"), "Open =");
        assert_eq!(
            of("Open = true", "Attempt", ">=", "often"),
            "Open = true AND Attempt >= often"
        );
        assert_eq!(
            of("Open = true OR a = 1", "Attempt", ">=", "often"),
            "(Open = true OR a = 1) AND Attempt >= often"
        );
        assert_eq!(of("", "a", "; DROP", "b"), "a = \"b\"");
    }

    #[test]
    fn an_order_gives_way_to_that_of_a_column() {
        assert_eq!(unordered("Open = true ORDER BY StartTime"), "Open = true");
        assert_eq!(unordered("ORDER BY StartTime"), "");
        assert_eq!(unordered("Open  =  true"), "Open  =  true");
        assert_eq!(unordered("Open ="), "Open =");
    }
}
