//! What may be written, and how it is read.

use sagaline_core::filter::{Check, Condition, Field, Filter, Kind};

/// The one form of the text; read again it is the same filter.
pub(crate) fn printed(text: &str) -> String {
    let filter = Filter::parse(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}"));
    let printed = filter.to_string();
    let again = Filter::parse(&printed).unwrap_or_else(|invalid| panic!("{printed}: {invalid}"));
    assert_eq!(filter, again, "{text} is printed as {printed}");
    printed
}

#[test]
fn not_binds_strongest_then_and_then_or() {
    for (text, expected) in [
        ("a=1 or b=2 and c=3", "a = 1 OR b = 2 AND c = 3"),
        ("(a=1 or b=2) and c=3", "(a = 1 OR b = 2) AND c = 3"),
        ("a=1 or (b=2 and c=3)", "a = 1 OR b = 2 AND c = 3"),
        ("not a=1 and b=2", "NOT a = 1 AND b = 2"),
        ("not (a=1 and b=2)", "NOT (a = 1 AND b = 2)"),
        ("not not (a=1)", "NOT NOT a = 1"),
        ("((a=1))", "a = 1"),
        ("a=1 and (b=2 and c=3)", "a = 1 AND (b = 2 AND c = 3)"),
        ("a between 1 and 2 and b=3", "a BETWEEN 1 AND 2 AND b = 3"),
        (
            "not a in (1, 2) or b is not null",
            "NOT a IN (1, 2) OR b IS NOT NULL",
        ),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn spaces_letters_of_keywords_and_quotes_are_free() {
    for (text, expected) in [
        ("", ""),
        ("  \n\t ", ""),
        ("Status='Running'", "Status = \"Running\""),
        ("ExecutionStatus = \"Running\"", "Status = \"Running\""),
        ("Attempt>=3 And Open=TRUE", "Attempt >= 3 AND Open = true"),
        ("x = 'it''s \"so\"'", "x = \"it's \"\"so\"\"\""),
        ("x = \"\\\"", "x = \"\\\""),
        ("x = 'a\nb'", "x = \"a\nb\""),
        ("order BY StartTime", "ORDER BY StartTime"),
        (
            "Open = true ORDER by StartTime asc, `order` desc",
            "Open = true ORDER BY StartTime, `order` DESC",
        ),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn values_keep_what_they_say() {
    for (text, expected) in [
        ("x = 1.50", "x = 1.50"),
        ("x = -0", "x = -0"),
        (
            "x = 123456789012345678901234567890",
            "x = 123456789012345678901234567890",
        ),
        ("Duration > '90s'", "Duration > \"90s\""),
        ("Duration > '120 min'", "Duration > \"2h\""),
        ("Duration > 300000", "Duration > \"5m\""),
        ("Duration >= 0", "Duration >= \"0ms\""),
        (
            "StartTime > '2026-01-31T10:00:00+01:00'",
            "StartTime > \"2026-01-31T09:00:00.000Z\"",
        ),
        (
            "StartTime > '2026-01-31T09:00:00.1239Z'",
            "StartTime > \"2026-01-31T09:00:00.123Z\"",
        ),
        ("Version = '1.2'", "Version = \"1.2\""),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn a_name_in_backticks_is_an_attribute() {
    let field = |text: &str| match Filter::parse(text).unwrap().condition {
        Some(Condition::Test(test)) => test.field.node,
        other => panic!("{other:?}"),
    };

    assert_eq!(field("Status = 'Running'"), Field::Status);
    let Field::Attribute(name) = field("`Status` = 'gold'") else {
        panic!("it is an attribute");
    };
    assert_eq!(name.as_str(), "Status");
    for text in ["`Status` = 1", "`status` = 1", "`in` = 1", "`Null` = 1"] {
        assert_eq!(printed(text), text);
    }
    assert_eq!(printed("`order-total` = 1"), "order-total = 1");
}

#[test]
fn every_part_says_where_it_stands() {
    let text = "Open = true AND  amount BETWEEN 1 AND 25 ORDER BY StartTime";
    let filter = Filter::parse(text).unwrap();
    let Some(Condition::All(parts)) = filter.condition else {
        panic!("there are two");
    };
    let Condition::Test(test) = &parts[1] else {
        panic!("it is about a field");
    };
    let Check::Between(_, to) = &test.check else {
        panic!("it has two ends");
    };

    assert_eq!(&text[test.field.span.clone()], "amount");
    assert_eq!(&text[to.span.clone()], "25");
    assert_eq!(&text[filter.order[0].field.span.clone()], "StartTime");
}

/// A value of the kind, as it is printed.
fn sample(kind: Kind) -> Vec<String> {
    let quoted = |text: &str| format!("\"{text}\"");
    match kind {
        Kind::Text => vec![quoted("a"), quoted("")],
        Kind::Word(words) => words.iter().map(|word| quoted(word)).collect(),
        Kind::Version => vec![quoted("1.0.0"), quoted("2.0.0-beta.1")],
        Kind::Number => vec!["0".into(), "7".into()],
        Kind::Bool => vec!["true".into(), "false".into()],
        Kind::Time => vec![quoted("2026-01-31T09:00:00.250Z")],
        Kind::Span => vec![quoted("250ms"), quoted("30s"), quoted("1d")],
        Kind::Any => vec![quoted("a"), "1.5e3".into(), "true".into()],
    }
}

#[test]
fn every_field_takes_the_operators_of_its_kind_and_no_other() {
    let mut fields = Vec::from(Field::KNOWN);
    fields.push(Field::Attribute("customer".into()));
    for field in fields {
        let kind = field.kind();
        let is_ordered = !matches!(kind, Kind::Word(_) | Kind::Bool);
        let has_parts = matches!(kind, Kind::Text | Kind::Any);
        for value in sample(kind) {
            let with_part = format!("{field} STARTS_WITH \"a\"");
            let allowed = [
                (format!("{field} = {value}"), true),
                (format!("{field} != {value}"), true),
                (format!("{field} IN ({value})"), true),
                (format!("{field} IN ({value}, {value})"), true),
                (format!("{field} IS NULL"), true),
                (format!("{field} IS NOT NULL"), true),
                (format!("{field} > {value}"), is_ordered),
                (format!("{field} >= {value}"), is_ordered),
                (format!("{field} < {value}"), is_ordered),
                (format!("{field} <= {value}"), is_ordered),
                (format!("{field} BETWEEN {value} AND {value}"), is_ordered),
                (with_part, has_parts),
                (format!("{field} CONTAINS {value}"), has_parts),
                (format!("ORDER BY {field}"), true),
                (format!("ORDER BY {field} DESC"), true),
            ];
            for (text, is_allowed) in allowed {
                match is_allowed {
                    true => assert_eq!(printed(&text), text),
                    false => assert!(Filter::parse(&text).is_err(), "{text}"),
                }
            }
        }
    }
}
