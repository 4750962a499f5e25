//! The hand-written schemas have every field, event and symbol of the Rust types, in the same order, and nothing else.

use sagaline_core::{Event, Transition};
use sagaline_schemas::{CLAIM_AVSC, Claim, FOOTER_AVSC, Footer, TRANSITION_AVSC};
use serde::Deserialize;

use crate::{rust_shape, schema_shape};

fn check<'de, T: Deserialize<'de>>(name: &str, avsc: &str) {
    let rust = rust_shape::lines::<T>(name);
    let schema = schema_shape::lines(name, avsc);

    let missing_in = |there: &[String], here: &[String]| {
        here.iter()
            .filter(|line| !there.contains(line))
            .map(|line| format!("\n  {line}"))
            .collect::<String>()
    };
    let (not_in_schema, not_in_rust) = (missing_in(&schema, &rust), missing_in(&rust, &schema));

    assert!(
        not_in_schema.is_empty(),
        "in Rust, but not in the schema:{not_in_schema}\nin the schema, but not in Rust:{not_in_rust}"
    );
    assert!(
        not_in_rust.is_empty(),
        "in the schema, but not in Rust:{not_in_rust}"
    );
    let moved = rust
        .iter()
        .zip(&schema)
        .find(|(rust, schema)| rust != schema);
    assert_eq!(
        moved, None,
        "fields, branches and symbols have the same order in both, by which they are written: (Rust, schema)"
    );
}

#[test]
fn claim_and_its_schema_agree() {
    check::<Claim>("Claim", CLAIM_AVSC);
}

#[test]
fn footer_and_its_schema_agree() {
    check::<Footer>("Footer", FOOTER_AVSC);
}

#[test]
fn transition_with_all_events_and_its_schema_agree() {
    check::<Transition>("Transition", TRANSITION_AVSC);
}

#[test]
fn every_event_is_a_branch_of_the_union() {
    let lines = schema_shape::lines("Transition", TRANSITION_AVSC);
    for name in Event::NAMES {
        let branch = format!("Transition.events[] {name}: record");
        assert!(lines.contains(&branch), "{name} is not in transition.avsc");
    }
}
