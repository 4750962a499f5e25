//! Keys are in core's order, and equal where core says so.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use sagaline_core::{
    Cause, Fields, IdentityRing, Name, Payload, Place, Run, RunId, Timestamp, WorkflowId,
    event::WorkflowStarted,
    filter::{Filter, Subject},
    run::Carried,
    view::View,
};

use super::{AttributeKey, attribute_keys, behind, kind, text_key, text_of, version_key};

fn run(version: &str, attribute: Option<&str>) -> Run {
    let fields = attribute.map(|json| BTreeMap::from([(Name::from("a"), json.into())]));
    let started = Arc::new(WorkflowStarted {
        workflow: Name::from("order"),
        version: version.into(),
        input: Payload::empty(),
        trace: None,
        attributes: fields.and_then(|fields| Fields::new(fields).unwrap()),
        memo: None,
        run_timeout_ms: None,
        execution_timeout_ms: None,
        parent: None,
        chain: None,
        start_at: None,
        retry: None,
        reset_of: None,
        reset: None,
    });
    let cause = Cause {
        source: "s".into(),
        id: "1".into(),
        topic: "inbox".into(),
        partition: 0,
        offset: 0,
    };
    let place = Place {
        seq: 1,
        at: Timestamp::from_millis(1),
        cause: &cause,
    };
    let run_id = RunId::derive("test", &id(), b"start");
    let (ring, carried) = (IdentityRing::default(), Carried::default());
    Run::start(run_id, place, &started, ring, carried)
}

fn id() -> WorkflowId {
    WorkflowId::new("order-1").unwrap()
}

fn order_by_core(filter: &str, a: &Run, b: &Run) -> Ordering {
    let (id, filter) = (id(), Filter::parse(filter).unwrap());
    let [a, b] = [a, b].map(|run| View::new(&id, run, 0, Timestamp::default()));
    let (a, b) = (Subject::run(&a), Subject::run(&b));
    filter.sort_key(&a).cmp(&filter.sort_key(&b))
}

fn selects(filter: &str, run: &Run) -> bool {
    let id = id();
    let view = View::new(&id, run, 0, Timestamp::default());
    let filter = Filter::parse(filter).unwrap_or_else(|invalid| panic!("{filter}: {invalid}"));
    filter.selects(&Subject::run(&view))
}

/// What is absent comes last.
fn first_key(json: &str) -> (bool, Option<AttributeKey>) {
    let first = attribute_keys(json).into_iter().next();
    (first.is_none(), first)
}

fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a", "b", "ab", "\0", "\u{1}", "\u{2}", "é", "'", "\"", "\u{202e}", "😀", "%", "\u{fffd}",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat()),
        (190usize..210, "[ab]{0,3}").prop_map(|(n, end)| "x".repeat(n) + &end),
        any::<String>(),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,15})?",
        (1usize..420, 0usize..3).prop_map(|(n, end)| format!("-{}{end}", "9".repeat(n))),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        text().prop_map(|text| serde_json::to_string(&text).unwrap()),
        number(),
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("null".to_owned()),
        Just("{\"x\":1}".to_owned()),
        Just("\"\\ud800\"".to_owned()),
    ];
    let list = prop::collection::vec(scalar.clone(), 0..4);
    prop_oneof![4 => scalar, 1 => list.prop_map(|list| format!("[{}]", list.join(", ")))]
}

fn version() -> impl Strategy<Value = String> {
    let number = "0|[1-9]|1[0-9]|18446744073709551615|99999999999999999999";
    let early = "(-((0|7|07|10|a|ab|beta|\u{1}|é)(\\.(0|7|10|a|b\u{2}?))?|))?(\\+b1)?";
    proptest::string::string_regex(&format!("({number})(\\.({number})){{0,2}}{early}")).unwrap()
}

proptest! {
    #[test]
    fn attributes_are_ordered_as_core_orders_them(a in json(), b in json()) {
        let by_core = order_by_core("ORDER BY a", &run("1", Some(&a)), &run("1", Some(&b)));

        prop_assert_eq!(first_key(&a).cmp(&first_key(&b)), by_core, "{} and {}", a, b);
    }

    #[test]
    fn numbers_are_ordered_as_core_orders_them(a in number(), b in number()) {
        let by_core = order_by_core("ORDER BY a", &run("1", Some(&a)), &run("1", Some(&b)));

        prop_assert_eq!(first_key(&a).cmp(&first_key(&b)), by_core, "{} and {}", a, b);
    }

    #[test]
    fn versions_are_ordered_as_core_orders_them(a in version(), b in version()) {
        let by_core = order_by_core("ORDER BY Version", &run(&a, None), &run(&b, None));
        let key = |text: &str| (version_key(text).is_none(), version_key(text));

        prop_assert_eq!(key(&a).cmp(&key(&b)), by_core, "{} and {}", a, b);
    }

    #[test]
    fn values_of_filters_have_the_keys_of_attributes(json in json(), value in prop_oneof![
        text().prop_map(|text| format!("'{}'", text.replace('\'', "''"))), number(), Just("true".to_owned()),
    ]) {
        let run = run("1", Some(&json));
        let filter = Filter::parse(&format!("a CONTAINS {value}")).unwrap();
        let Some(sagaline_core::filter::Condition::Test(test)) = filter.condition else {
            return Err(TestCaseError::fail("one test"));
        };
        let sagaline_core::filter::Check::Contains(said) = test.check else {
            return Err(TestCaseError::fail("CONTAINS"));
        };
        let keys = attribute_keys(&json);
        let is_list = keys.first().is_some_and(|first| first.key == kind::LIST);

        let (own, element) = (AttributeKey::of(&said.node).unwrap(), AttributeKey::of_element(&said.node).unwrap());

        prop_assert_eq!(keys.contains(&own), selects(&format!("a = {value}"), &run));
        prop_assert_eq!(is_list && keys.contains(&element), is_list && selects(&format!("a CONTAINS {value}"), &run));
    }

    #[test]
    fn texts_come_back_and_stay_in_order(a in text(), b in text()) {
        let (x, y) = (text_key(&a), text_key(&b));

        prop_assert_eq!(text_of(&x), a.as_str());
        prop_assert!(!x.contains('\0'));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        prop_assert_eq!(y.starts_with(&*x), b.starts_with(&*a));
        let is_before_end = behind(&x).is_none_or(|end| *y < *end);
        prop_assert_eq!(x <= y && is_before_end, b.starts_with(&*a));
    }
}
