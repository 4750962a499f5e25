//! What is no filter: where it is wrong, and what would be right.

use sagaline_core::filter::{
    FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_ORDER_MAX, FILTER_TERMS_MAX, Filter, InvalidQuery,
};

fn invalid(text: &str) -> InvalidQuery {
    match Filter::parse(text) {
        Ok(filter) => panic!("{text} is read as {filter}"),
        Err(invalid) => invalid,
    }
}

#[test]
fn an_error_says_where_what_was_found_and_what_was_expected() {
    for line in INVALID.lines() {
        let (text, expected) = line.split_once(" ⇒ ").unwrap();
        let said = invalid(text).to_string();
        assert!(said.starts_with(expected), "{text}: {said}");
    }
}

#[test]
fn what_is_nearly_right_has_a_hint() {
    for (text, expected) in [
        ("status = 'Running'", "did you mean Status?"),
        ("executionStatus = 'Running'", "did you mean Status?"),
        ("ORDER BY startTime", "did you mean StartTime?"),
        ("Activity = charge", "texts stand in quotes: \"charge\""),
        ("CloseTime = NULL", "IS NULL asks for what is absent"),
        (
            "in = 5",
            "an attribute of that name is written `in`, in backticks",
        ),
        (
            "order = 5",
            "an attribute of that name is written `order`, in backticks",
        ),
    ] {
        let hint = invalid(text).hint.unwrap_or_default();
        assert!(hint.contains(expected), "{text}: {hint}");
    }
    assert_eq!(invalid("Attempt = often").hint, None);
}

#[test]
fn a_long_find_is_cut() {
    let said = invalid(&format!("Attempt = '{}'", "x".repeat(5_000))).to_string();

    assert!(said.len() < 200 && said.contains('…'), "{said}");
}

#[test]
fn there_is_a_limit_to_length_depth_and_number() {
    let nested = |depth: usize| format!("{}a = 1{}", "(".repeat(depth), ")".repeat(depth));
    let negated = |depth: usize| format!("{}a = 1", "NOT ".repeat(depth));
    let among = |values: usize| format!("a IN ({})", vec!["1"; values].join(","));
    let ordered = |fields: usize| format!("ORDER BY {}", vec!["a"; fields].join(","));
    let long = |bytes: usize| format!("a = '{}'", "x".repeat(bytes - 6));

    for (text, expected) in [
        (nested(FILTER_DEPTH_MAX + 1), "at most 32"),
        (nested(5_000), "at most 32"),
        (negated(FILTER_DEPTH_MAX + 1), "at most 32"),
        (negated(4_000), "at most 32"),
        (among(FILTER_TERMS_MAX), "at most 1000 fields and values"),
        (ordered(FILTER_ORDER_MAX + 1), "at most 8 fields"),
        (
            long(FILTER_BYTES_MAX + 1),
            "found 16385 bytes, expected at most 16384",
        ),
    ] {
        let said = invalid(&text).to_string();
        assert!(said.contains(expected), "{said}");
    }
    for text in [
        nested(FILTER_DEPTH_MAX),
        negated(FILTER_DEPTH_MAX),
        among(FILTER_TERMS_MAX - 1),
        ordered(FILTER_ORDER_MAX),
        long(FILTER_BYTES_MAX),
    ] {
        Filter::parse(&text).unwrap();
    }
}

/// A text, and how its error begins.
const INVALID: &str = r#"StartTime > 5 ⇒ at byte 12: found `5`, expected a time such as "2026-01-31T09:00:00Z"
StartTime > 'soon' ⇒ at byte 12: found `'soon'`, expected a time
Attempt = '3' ⇒ at byte 10: found `'3'`, expected a number
Open = 'true' ⇒ at byte 7: found `'true'`, expected true or false
Duration > 1.5 ⇒ at byte 11: found `1.5`, expected a span such as "5m"
Duration > 5m ⇒ at byte 11: found `5m`, expected a number such as 5 or 1.50; times and spans
Version = 1 ⇒ at byte 10: found `1`, expected a version such as "1.2"
Status = 'Runing' ⇒ at byte 9: found `'Runing'`, expected one of "Running", "Completed"
Status > 'Running' ⇒ at byte 7: found `>`, expected =, !=, IN or IS
Attempt CONTAINS 1 ⇒ at byte 8: found `CONTAINS`, expected =, !=, >, >=, <, <=, IN, BETWEEN or IS
Activity LIKE 'x' ⇒ at byte 9: found `LIKE`, expected =, !=, >, >=, <, <=, IN, BETWEEN, STARTS_WITH,
Activity = charge ⇒ at byte 11: found `charge`, expected a text in quotes
Activity STARTS_WITH 5 ⇒ at byte 21: found `5`, expected a text in quotes
x BETWEEN 1 OR 2 ⇒ at byte 12: found `OR`, expected AND and the other end
x IN 1 ⇒ at byte 5: found `1`, expected `(` and values
x IN () ⇒ at byte 6: found `)`, expected a text in quotes, a number, true or false
x IN (1 2) ⇒ at byte 8: found `2`, expected `,` or `)`
x IS 5 ⇒ at byte 5: found `5`, expected NULL or NOT NULL
x IS NOT 5 ⇒ at byte 9: found `5`, expected NULL
x = ⇒ at byte 3: found the end, expected a text in quotes
x == 1 ⇒ at byte 3: found `=`, expected a text
x = 1 y = 2 ⇒ at byte 6: found `y`, expected AND, OR, ORDER BY or the end
(x = 1 ⇒ at byte 6: found the end, expected AND, OR or `)`
Attempt>=3And Open = true ⇒ at byte 9: found `3And`, expected a number such as
x = 1) ⇒ at byte 5: found `)`, expected AND, OR, ORDER BY or the end
AND ⇒ at byte 0: found `AND`, expected a field, NOT or `(`
x = 1 AND ⇒ at byte 9: found the end, expected a field, NOT or `(`
x = 'a ⇒ at byte 4: found `'a`, expected a text that ends with '
x ; y ⇒ at byte 2: found `;`, expected a word, a value or an operator
x = 1 ORDER StartTime ⇒ at byte 12: found `StartTime`, expected BY
ORDER BY ⇒ at byte 8: found the end, expected a field
ORDER BY x ASC DESC ⇒ at byte 15: found `DESC`, expected `,`, ASC, DESC or the end
ä = 1 ⇒ at byte 0: found `ä`, expected an attribute's name
`a b` = 1 ⇒ at byte 0: found ``a b``, expected an attribute's name
ü' = 1 ⇒ at byte 0: found `ü`"#;
