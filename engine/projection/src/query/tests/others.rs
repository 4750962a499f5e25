//! What is told of beside runs: names of attributes, inputs that could not be taken.

use std::collections::BTreeMap;

use sagaline_core::{Fields, Timestamp, WorkflowId};

use super::{
    Database, databases,
    runs::{self, Dice},
};
use crate::{AttributeKind, RejectedPlace, StoredRun, key, row::RejectedRow, write};

#[tokio::test]
async fn attributes_are_told_with_the_kinds_that_runs_have() {
    let mut dice = Dice::new(21);
    let runs: Vec<StoredRun> = (0..80).map(|number| runs::run(&mut dice, number)).collect();
    let mut expected: BTreeMap<(String, &str), u64> = BTreeMap::new();
    let attributes = runs
        .iter()
        .filter_map(|run| run.run.started.attributes.as_ref());
    for field in attributes.flat_map(Fields::iter) {
        let Some(first) = key::attribute_keys(&field.json).into_iter().next() else {
            continue;
        };
        let kind = match first.key.as_bytes() {
            [b'0', ..] => "bool",
            [b'1', ..] => "number",
            [b'3', ..] => "text",
            [b'4', ..] => "list",
            _ => "other",
        };
        *expected.entry((field.name.to_string(), kind)).or_default() += 1;
    }
    assert!(expected.len() > 5, "{expected:?}");

    for database in databases().await {
        assert_eq!(
            database.projection.attributes().await.unwrap(),
            (Vec::new(), false)
        );
        database.write(&runs).await;

        let (attributes, more) = database.projection.attributes().await.unwrap();

        let told = attributes.iter().flat_map(|one| {
            let kinds = one.kinds.iter();
            kinds.map(|(kind, runs)| ((one.name.clone(), kind.as_str()), *runs))
        });
        assert_eq!(told.collect::<BTreeMap<_, _>>(), expected);
        assert!(!more && attributes.iter().all(|one| one.exact));
        assert_ne!(attributes[0].kinds[0].0, AttributeKind::Other);
        let has = |name| database.projection.has_attribute(name);
        assert!(has(&attributes[0].name).await.unwrap() && !has("none").await.unwrap());
    }
}

/// All pages.
async fn rejected(database: &Database, id: Option<&WorkflowId>) -> Vec<RejectedPlace> {
    let (mut found, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = database
            .projection
            .rejected_inputs(id, 3, token.as_deref())
            .await
            .unwrap();
        assert!(page.rows.len() <= 3);
        found.extend(page.rows);
        match page.next_page_token {
            Some(next) => token = Some(next),
            None => return found,
        }
    }
}

#[tokio::test]
async fn inputs_that_could_not_be_taken_come_newest_first_page_by_page() {
    let id = |text: &str| WorkflowId::new(text).unwrap();
    let mut rows: Vec<RejectedRow> = (0..20)
        .map(|number: i64| RejectedRow {
            partition: i32::try_from(number % 3).unwrap(),
            offset: number,
            // Several at a time.
            at: Timestamp::from_micros(number / 4),
            workflow_id: match number % 4 {
                0 => None,
                1 => Some(id("a\0b")),
                _ => Some(id("order")),
            },
        })
        .collect();

    for database in databases().await {
        let mut transaction = database.projection.pool().begin().await.unwrap();
        // Twice is as once.
        for _ in 0..2 {
            write::write_rejected(&mut transaction, &rows)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
        rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.partition, row.offset)));
        let expected = |id: Option<&WorkflowId>| {
            let rows = rows.iter();
            let meant = rows.filter(|row| id.is_none() || row.workflow_id.as_ref() == id);
            let places = meant.map(|row| RejectedPlace {
                partition: row.partition,
                offset: row.offset,
            });
            places.collect::<Vec<_>>()
        };

        for wanted in [None, Some(id("order")), Some(id("a\0b")), Some(id("none"))] {
            let wanted = wanted.as_ref();
            assert_eq!(rejected(&database, wanted).await, expected(wanted));
        }
        let projection = &database.projection;
        let is_there = |offset| {
            projection.is_rejected_input(RejectedPlace {
                partition: 1,
                offset,
            })
        };
        assert!(is_there(4).await.unwrap() && !is_there(5).await.unwrap());
        let token = projection.rejected_inputs(None, 3, None).await.unwrap();
        let token = token.next_page_token;
        let order = id("order");
        let foreign = projection.rejected_inputs(Some(&order), 3, token.as_deref());
        let refused = foreign.await.unwrap_err();
        assert_eq!(refused.code(), "projection-page-token");
    }
}
