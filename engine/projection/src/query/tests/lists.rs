//! Lists by other ways than a filter, and what is refused.

use std::sync::Arc;

use sagaline_core::{Name, WorkflowId, filter::Filter};

use super::{
    Database, databases, filter,
    runs::{self, Dice},
    seen,
};
use crate::{
    List, PAGE_SIZE_MAX, PAGE_TOKEN_BYTES_MAX, Place, SavedView, StoredRun, VIEW_BYTES_MAX,
};

const RUNS: u32 = 40;

async fn filled(seed: u64) -> (Vec<StoredRun>, Vec<Database>) {
    let mut dice = Dice::new(seed);
    let runs: Vec<StoredRun> = (0..RUNS)
        .map(|number| runs::run(&mut dice, number))
        .collect();
    let databases = databases().await;
    for database in &databases {
        database.write(&runs).await;
    }
    (runs, databases)
}

fn page<'a>(filter: &'a Filter, page_size: usize, page_token: Option<&'a str>) -> List<'a> {
    List {
        filter,
        seen: seen(&[]),
        page_size,
        page_token,
    }
}

async fn code(database: &Database, list: &List<'_>) -> &'static str {
    database.projection.list(list).await.unwrap_err().code()
}

#[tokio::test]
async fn a_page_token_that_is_garbage_or_of_another_list_is_refused() {
    let (_, databases) = filled(1).await;
    let (all, other) = (Filter::default(), filter("ORDER BY Status, Duration DESC"));

    for database in databases {
        let first = database
            .projection
            .list(&page(&all, 5, None))
            .await
            .unwrap();
        let token = first.next_page_token.unwrap();
        let long = "A".repeat(PAGE_TOKEN_BYTES_MAX + 1);
        let forged = |json: &str| {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json)
        };
        let said: serde_json::Value = {
            use base64::Engine as _;
            let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
                .decode(&token)
                .unwrap();
            serde_json::from_slice(&json).unwrap()
        };
        let of_list = said["l"].as_str().unwrap();

        for garbage in [
            "",
            "!",
            "AAAA",
            &long,
            &token[1..],
            &forged("{}"),
            &forged(&format!(r#"{{"l":"{of_list}","k":["x",1],"n":1}}"#)),
            &forged(&format!(r#"{{"l":"{of_list}","k":[1],"n":1}}"#)),
            &forged(&format!(r#"{{"l":"{of_list}","k":[1.5,1],"n":1}}"#)),
            &forged(&format!(r#"{{"l":"{of_list}","k":[null,1],"n":1}}"#)),
        ] {
            let list = page(&all, 5, Some(garbage));
            assert_eq!(
                code(&database, &list).await,
                "projection-page-token",
                "{garbage}"
            );
        }
        let list = page(&other, 5, Some(&token));
        assert_eq!(code(&database, &list).await, "projection-page-token");
        let far = forged(&format!(
            r#"{{"l":"{of_list}","k":[9223372036854775807,-9223372036854775808],"n":-9223372036854775808}}"#
        ));
        assert_eq!(
            database
                .projection
                .list(&page(&all, 5, Some(&far)))
                .await
                .unwrap()
                .rows
                .len(),
            5
        );
        for size in [0, PAGE_SIZE_MAX + 1] {
            let list = page(&all, size, None);
            assert_eq!(code(&database, &list).await, "projection-page-size");
        }
    }
}

#[tokio::test]
async fn rows_that_change_between_pages_are_neither_repeated_nor_left_out() {
    let (runs, databases) = filled(2).await;
    let by_start = filter("ORDER BY StartTime");

    for database in databases {
        let list = page(&by_start, 10, None);
        let first = database.projection.list(&list).await.unwrap();
        let last = first.rows.last().unwrap().run.run_id;
        let mut changed = runs.clone();
        let mut it = changed
            .iter_mut()
            .filter(|stored| stored.run.run_id == last);
        let it = it.next().unwrap();
        it.run.waits.clear();
        it.run.activities.clear();
        database.rewrite(&runs, &changed).await;
        let token = first.next_page_token.as_deref();
        let rest = database
            .projection
            .list(&page(&by_start, 1_000, token))
            .await
            .unwrap();

        let mut seen: Vec<_> = first
            .rows
            .iter()
            .chain(&rest.rows)
            .map(|stored| stored.run.run_id)
            .collect();
        let listed = runs.iter().filter(|stored| stored.next_run_id().is_none());
        assert_eq!(seen.len(), listed.count());
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), first.rows.len() + rest.rows.len());
    }
}

#[tokio::test]
async fn ids_are_found_by_what_they_have_within_in_any_case() {
    let (runs, databases) = filled(3).await;
    let all = Filter::default();

    for database in databases {
        for text in [
            "ORDER", "rder-1", "50%_", "_", "%", "\\", "'; drop", "MLÄUT", "mläut", "x", "\"x\"",
            "a\0b", "\u{202e}",
        ] {
            let found = database
                .projection
                .search(text, &page(&all, 1_000, None))
                .await
                .unwrap();

            let lower = text.to_ascii_lowercase();
            let fits = |stored: &&StoredRun| {
                stored.next_run_id().is_none()
                    && stored
                        .workflow_id
                        .as_str()
                        .to_ascii_lowercase()
                        .contains(&lower)
            };
            let mut expected: Vec<_> = runs
                .iter()
                .filter(fits)
                .map(|stored| stored.run.run_id)
                .collect();
            let mut found: Vec<_> = found.rows.iter().map(|stored| stored.run.run_id).collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{text}");
        }
    }
}

#[tokio::test]
async fn runs_children_and_decisions_are_found() {
    let (runs, databases) = filled(4).await;
    let all = Filter::default();
    let newest = &runs[20];
    let mut again = newest.clone();
    again.run.run_id = sagaline_core::RunId::derive("ns", &again.workflow_id, b"again");
    again.first_offset = 1_000;

    for database in databases {
        database.write(std::slice::from_ref(&again)).await;
        let projection = &database.projection;
        let of_id = projection.runs_of(&newest.workflow_id).await.unwrap();

        assert_eq!(of_id.first(), Some(&again));
        assert!(
            of_id
                .iter()
                .all(|stored| stored.workflow_id == newest.workflow_id)
        );
        assert!(of_id.contains(newest));
        assert_eq!(
            projection.run(&newest.workflow_id, None).await.unwrap(),
            Some(again.clone())
        );
        let by_run_id = projection
            .run(&newest.workflow_id, Some(newest.run.run_id))
            .await
            .unwrap();
        assert_eq!(by_run_id.as_ref(), Some(newest));
        assert_eq!(
            projection
                .run_by_run_id(newest.run.run_id)
                .await
                .unwrap()
                .as_ref(),
            Some(newest)
        );
        let unknown = WorkflowId::new("nobody").unwrap();
        assert_eq!(projection.run(&unknown, None).await.unwrap(), None);

        let parent = runs
            .iter()
            .find_map(|stored| stored.run.started.parent.as_ref())
            .unwrap();
        let children = projection
            .children(parent.run_id, &page(&all, 1_000, None))
            .await
            .unwrap();
        let is_child = |stored: &&StoredRun| {
            let of = stored
                .run
                .started
                .parent
                .as_ref()
                .map(|parent| parent.run_id);
            of == Some(parent.run_id) && stored.next_run_id().is_none()
        };
        let with_again = || runs.iter().chain([&again]);
        assert_eq!(children.rows.len(), with_again().filter(is_child).count());

        let decisions = projection
            .decisions(&page(&all, 1_000, None))
            .await
            .unwrap();
        let offers = |stored: &&StoredRun| {
            let open = stored.run.closed.is_none() && stored.next_run_id().is_none();
            open && stored.run.waits.iter().any(|wait| !wait.choices.is_empty())
        };
        let expected = with_again().filter(offers).count();
        assert!(expected > 0);
        assert_eq!(decisions.rows.len(), expected);
        let counts = projection.count_decisions(&all, &seen(&[])).await.unwrap();
        assert_eq!(counts.count, expected as u64);
    }
}

#[tokio::test]
async fn pending_work_is_told_by_queue() {
    let (runs, databases) = filled(5).await;
    let activities = || runs.iter().flat_map(|stored| &stored.run.activities);

    for database in databases {
        let work = database.projection.queue_work().await.unwrap();

        assert!(!work.is_empty());
        assert_eq!(
            work.iter().map(|one| one.pending).sum::<u64>(),
            activities().count() as u64
        );
        for one in work {
            let of_queue =
                || activities().filter(|activity| activity.scheduled.task_queue == one.task_queue);
            let queued = || {
                of_queue()
                    .filter(|activity| activity.state == sagaline_core::run::ActivityState::Queued)
            };
            assert_eq!(one.pending, of_queue().count() as u64);
            assert_eq!(one.queued, queued().count() as u64);
            assert_eq!(one.oldest, queued().map(|activity| activity.sent_at).min());
        }
    }
}

#[tokio::test]
async fn views_are_kept_replaced_and_forgotten() {
    let view = |name: &str, definition: &str| SavedView {
        name: Name::new(name).unwrap(),
        definition: definition.into(),
    };

    for database in databases().await {
        let projection = &database.projection;
        projection
            .put_view(&view("b\0'x", "{\"query\":\"\"}"))
            .await
            .unwrap();
        projection.put_view(&view("a", "1")).await.unwrap();
        projection
            .put_view(&view("a", "{\"query\":\"Open = true\"}"))
            .await
            .unwrap();
        let long = format!("\"{}\"", "x".repeat(VIEW_BYTES_MAX));
        for bad in ["", "{", &long] {
            let error = projection.put_view(&view("a", bad)).await.unwrap_err();
            assert_eq!(error.code(), "projection-view");
        }

        let all = [
            view("a", "{\"query\":\"Open = true\"}"),
            view("b\0'x", "{\"query\":\"\"}"),
        ];
        assert_eq!(projection.views().await.unwrap(), all);
        assert_eq!(
            projection.view(&all[1].name).await.unwrap().as_ref(),
            Some(&all[1])
        );
        assert!(projection.delete_view(&all[0].name).await.unwrap());
        assert!(!projection.delete_view(&all[0].name).await.unwrap());
        assert_eq!(projection.view(&all[0].name).await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_largest_filters_are_taken() {
    let (runs, databases) = filled(6).await;
    let listed = runs
        .iter()
        .filter(|stored| stored.next_run_id().is_none())
        .count();
    let many = |of: &str, sign: &str, count: usize| vec![of; count].join(sign);
    let deep = format!("{}Open = true{}", "NOT (".repeat(16), ")".repeat(16));
    let nothing = format!("WorkflowId = '{}'", "x".repeat(16_000));
    let values = vec!["'x'"; 998].join(", ");

    for database in databases {
        for (text, expected) in [
            (
                many("Open=true", " OR ", 499) + " OR Open=false",
                Some(listed),
            ),
            (many("tier='x'", " OR ", 500), Some(0)),
            (many("Attempt>9", " AND ", 500), Some(0)),
            (deep.clone(), None),
            (nothing.clone(), Some(0)),
            (format!("WorkflowId IN ({values})"), Some(0)),
            (format!("tier IN ({values})"), Some(0)),
            (
                format!("tier STARTS_WITH '{}'", "\u{10ffff}".repeat(3_000)),
                Some(0),
            ),
            (
                format!("WorkflowId CONTAINS '{}'", "x".repeat(16_000)),
                Some(0),
            ),
        ] {
            let filter = filter(&text);
            let found = database.list(&filter, &[], 1_000).await.len();

            if let Some(expected) = expected {
                assert_eq!(
                    found,
                    expected,
                    "{}",
                    text.chars().take(60).collect::<String>()
                );
            }
        }
    }
}

#[tokio::test]
async fn values_that_are_longer_than_their_index_are_compared_in_full() {
    let mut dice = Dice::new(9);
    let long = "x".repeat(300);
    let values = ["a", "b", "ab", ""].map(|end| format!("{long}{end}"));
    let runs: Vec<StoredRun> = (0..)
        .zip(&values)
        .map(|(number, value)| {
            let mut stored = runs::run(&mut dice, number);
            stored.run.closed = None;
            let json = serde_json::to_string(value).unwrap().into_boxed_str();
            let fields = std::collections::BTreeMap::from([(Name::from("tier"), json)]);
            let started = Arc::make_mut(&mut stored.run.started);
            started.attributes = sagaline_core::Fields::new(fields).unwrap();
            stored
        })
        .collect();

    for database in databases().await {
        database.write(&runs).await;
        for test in [
            "= '{}a'",
            "!= '{}a'",
            "> '{}a'",
            "<= '{}ab'",
            "IN ('{}b', '{}', 'x')",
            "STARTS_WITH '{}a'",
            "CONTAINS 'xab'",
        ] {
            for text in [format!("tier {test}"), format!("NOT tier {test}")] {
                let filter = filter(&text.replace("{}", &long));
                let found = database.list(&filter, &[], 1_000).await.len();

                let selected = runs
                    .iter()
                    .filter(|stored| filter.selects_run(&stored.view(seen(&[]).now, &[])));
                assert_eq!(found, selected.count(), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn places_are_those_of_the_events_that_are_asked_for() {
    let mut dice = Dice::new(10);
    let place = |first_seq: u64| Place {
        first_seq,
        offset: i64::try_from(first_seq).unwrap() * 10,
    };
    let mut stored = runs::run(&mut dice, 1);
    stored.places = vec![place(50), place(60)];
    let older = [
        vec![place(1), place(10)],
        vec![place(20), place(30), place(40)],
    ];

    for database in databases().await {
        let mut tracked = crate::fold::Tracked::new(stored.clone());
        for older in &older {
            tracked.older.clone_from(older);
            let mut transaction = database.projection.pool().begin().await.unwrap();
            crate::write::write(&mut transaction, &[&tracked])
                .await
                .unwrap();
            transaction.commit().await.unwrap();
            tracked.written = crate::row::Hanging::of(&tracked.stored);
        }
        for (seqs, first, count) in [
            (1..2, 1, 1),
            (9..11, 1, 2),
            (25..55, 20, 4),
            (65..70, 60, 1),
            (1..100, 1, 7),
            (20..21, 20, 1),
        ] {
            let places = database
                .projection
                .places(&stored, seqs.clone())
                .await
                .unwrap();

            assert_eq!((places[0], places.len()), (place(first), count), "{seqs:?}");
        }
    }
}
