//! The page about filters: it names every field, and its examples, like those of the guide, are filters.

use sagaline_core::filter::{
    Comparison, FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_ORDER_MAX, FILTER_TERMS_MAX, Field,
    Filter, Kind,
};

const PAGE: &str = include_str!("../../../../docs/reference/filters.md");

const GUIDE: &str = include_str!("../../../../docs/guide/time-and-failure.md");

/// The lines of a page's blocks of this language.
fn examples(page: &'static str, language: &str) -> Vec<&'static str> {
    let blocks = page.split("```").skip(1).step_by(2);
    let blocks =
        blocks.filter_map(|block| block.split_once('\n').filter(|(is, _)| *is == language));
    blocks
        .flat_map(|(_, lines)| lines.lines())
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn every_example_is_a_filter() {
    let examples = examples(PAGE, "sql");

    assert!(examples.len() > 10, "{examples:?}");
    for example in examples {
        let invalid = Filter::parse(example)
            .err()
            .map(|invalid| invalid.to_string());
        assert_eq!(invalid, None, "{example}");
    }
}

#[test]
fn every_filter_of_an_example_command_is_one() {
    let commands = [examples(PAGE, "sh"), examples(GUIDE, "sh")].concat();
    let filters: Vec<&str> = commands
        .iter()
        .filter_map(|line| line.split_once("-q '")?.1.split_once('\''))
        .map(|(filter, _)| filter)
        .collect();

    assert!(filters.len() > 6, "{commands:?}");
    for filter in filters {
        let invalid = Filter::parse(filter)
            .err()
            .map(|invalid| invalid.to_string());
        assert_eq!(invalid, None, "{filter}");
    }
}

#[test]
fn every_field_word_and_operator_is_told() {
    for field in Field::KNOWN {
        let name = field.name();
        assert!(PAGE.contains(&format!("| `{name}`")), "{name}");
        if let Kind::Word(words) = field.kind() {
            let missing = words
                .iter()
                .find(|word| !PAGE.contains(&format!("`{word}`")));
            assert_eq!(missing, None, "{name}");
        }
    }
    let words = [
        "IN",
        "BETWEEN",
        "STARTS_WITH",
        "CONTAINS",
        "IS NULL",
        "IS NOT NULL",
        "ORDER BY",
    ];
    for operator in Comparison::ALL.map(Comparison::as_str).iter().chain(&words) {
        assert!(PAGE.contains(&format!("`{operator}")), "{operator}");
    }
}

#[test]
fn every_limit_is_told() {
    for limit in [
        format!("{} KB", FILTER_BYTES_MAX / 1024),
        format!("{FILTER_DEPTH_MAX} parentheses"),
        format!("{} fields and values", "1,000"),
        format!("{FILTER_ORDER_MAX} fields to order by"),
    ] {
        assert!(PAGE.contains(&limit), "{limit}");
    }
    assert_eq!(FILTER_TERMS_MAX, 1_000);
}
