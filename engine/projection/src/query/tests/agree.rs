//! Random filters over random runs: what SQL lists is what core selects, in core's order.

use proptest::{
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};
use sagaline_core::{
    Name,
    filter::{Field, Filter, Subject},
};

use super::{
    Database, NOW_MS, databases, filters,
    runs::{self, Dice, TEXTS},
    seen,
};
use crate::StoredRun;

const SEEDS: u64 = 12;
const RUNS: u32 = 60;
const FILTERS: usize = 120;

/// Where the order goes by the activity that a run's sentence is about, and that is another while nobody reads its queue.
fn orders_by_activity(filter: &Filter) -> bool {
    let mut order = filter.order.iter();
    order.any(|by| by.field.node.is_of_activity())
}

async fn check(
    database: &Database,
    runs: &[StoredRun],
    text: &str,
    unread: &[Name],
    dice: &mut Dice,
) {
    let filter = Filter::parse(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}"));
    let unread = if orders_by_activity(&filter) {
        &[]
    } else {
        unread
    };
    let now = sagaline_core::Timestamp::from_millis(NOW_MS);
    let mut expected: Vec<_> = runs
        .iter()
        .filter(|stored| stored.next_run_id().is_none())
        .filter(|stored| filter.selects_run(&stored.view(now, unread)))
        .map(|stored| stored.run.run_id)
        .collect();

    let page_size = usize::try_from(1 + dice.below(12)).unwrap();
    let listed = database.list(&filter, unread, page_size).await;
    let counts = database
        .projection
        .count(&filter, None, &seen(unread))
        .await
        .unwrap();

    for (a, b) in listed.iter().zip(listed.iter().skip(1)) {
        let (a, b) = (a.view(now, unread), b.view(now, unread));
        let (a, b) = (Subject::run(&a), Subject::run(&b));
        assert!(
            filter.sort_key(&a) <= filter.sort_key(&b),
            "order of {text}"
        );
    }
    for stored in &listed {
        let original = runs.iter().find(|run| run.run.run_id == stored.run.run_id);
        assert_eq!(original, Some(stored), "{text}");
    }
    let mut listed: Vec<_> = listed.iter().map(|stored| stored.run.run_id).collect();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected, "runs of {text} with {unread:?} unread");
    assert_eq!(
        (counts.count, counts.exact),
        (expected.len() as u64, true),
        "{text}"
    );
}

#[tokio::test]
async fn lists_are_what_core_selects_and_in_its_order() {
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let runs: Vec<StoredRun> = (0..RUNS)
            .map(|number| runs::run(&mut dice, number))
            .collect();
        for mut database in databases().await {
            // Other statements drive where nothing is rare.
            database.few([-1, 3, 10_000][usize::try_from(seed % 3).unwrap()]);
            database.write(&runs).await;
            let mut dice = Dice::new(seed + 1_000);
            for _ in 0..FILTERS {
                let text = filters::filter(&mut dice);
                let unread: Vec<Name> = (0..dice.below(4))
                    .map(|_| Name::from(dice.pick(&TEXTS)))
                    .collect();
                check(&database, &runs, &text, &unread, &mut dice).await;
            }
        }
    }
}

/// What people and programs may write in the place of a value.
struct Values(TestRunner);

impl Values {
    fn of(&mut self, expression: &str) -> String {
        let strategy = proptest::string::string_regex(expression).unwrap();
        strategy.new_tree(&mut self.0).unwrap().current()
    }

    /// Any text, number or word. Which has U+0001 or U+0002 within is not asked; see `key::text_key`.
    fn any(&mut self, dice: &mut Dice) -> String {
        match dice.below(5) {
            0 => self.of("-?[0-9]{1,25}([.][0-9]{1,25})?([eE]-?[0-9]{1,4})?"),
            1 => self.of("[A-Za-z_][A-Za-z0-9_.-]{0,10}"),
            2 => format!("'{}'", self.of("[0-9TZ:.+-]{1,24}")),
            _ => {
                let text = self.of("(?s).{0,8}").replace(['\u{1}', '\u{2}'], "");
                format!("'{}'", text.replace('\'', "''"))
            }
        }
    }
}

/// The same with some of its words replaced, left out or doubled.
fn garbled(text: &str, values: &mut Values, dice: &mut Dice) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for _ in 0..=dice.below(2) {
        let at = usize::try_from(dice.below(words.len() as u64)).unwrap();
        let is_value = words[at].starts_with('\'') || words[at].parse::<f64>().is_ok();
        match dice.below(8) {
            0 => words[at] = values.of("(?s).{0,4}"),
            1 => words[at].clear(),
            2 => words.insert(at, words[at].clone()),
            _ if is_value => words[at] = values.any(dice),
            _ => {}
        }
    }
    words.join(" ")
}

#[tokio::test]
async fn whatever_is_written_is_refused_or_lists_what_core_selects() {
    let mut dice = Dice::new(90);
    let runs: Vec<StoredRun> = (0..RUNS)
        .map(|number| runs::run(&mut dice, number))
        .collect();
    let mut values = Values(TestRunner::deterministic());
    let texts: Vec<String> = (0..4_000)
        .map(|_| garbled(&filters::filter(&mut dice), &mut values, &mut dice))
        .collect();
    let (taken, refused): (Vec<_>, Vec<_>) = texts
        .into_iter()
        .partition(|text| Filter::parse(text).is_ok());
    assert!(taken.len() > 500 && refused.len() > 500, "{}", taken.len());

    for database in databases().await {
        database.write(&runs).await;
        for text in taken.iter().take(600) {
            check(&database, &runs, text, &[], &mut dice).await;
        }
    }
}

#[tokio::test]
async fn groups_have_the_runs_that_core_selects() {
    let mut dice = Dice::new(77);
    let runs: Vec<StoredRun> = (0..RUNS)
        .map(|number| runs::run(&mut dice, number))
        .collect();
    let now = sagaline_core::Timestamp::from_millis(NOW_MS);
    let unread = [Name::from("order"), Name::from("z")];
    let listed = runs.iter().filter(|stored| stored.next_run_id().is_none());
    let listed: Vec<&StoredRun> = listed.collect();

    for database in databases().await {
        database.write(&runs).await;
        for field in [
            Field::Status,
            Field::Situation,
            Field::Open,
            Field::WorkflowType,
        ] {
            let all = Filter::default();
            let counts = database
                .projection
                .count(&all, Some(&field), &seen(&unread))
                .await
                .unwrap();

            assert_eq!((counts.count, counts.exact), (listed.len() as u64, true));
            let total: u64 = counts.groups.iter().map(|group| group.count).sum();
            assert_eq!(total, counts.count, "{}", field.name());
            for group in counts.groups {
                let text = match (&group.value, &field) {
                    (None, field) => format!("{} IS NULL", field.name()),
                    (Some(value), Field::Open) => format!("Open = {value}"),
                    (Some(value), field) => {
                        format!("{} = '{}'", field.name(), value.replace('\'', "''"))
                    }
                };
                let filter = super::filter(&text);
                let selected = listed
                    .iter()
                    .filter(|stored| filter.selects_run(&stored.view(now, &unread)));
                assert_eq!(selected.count() as u64, group.count, "{text}");
            }
        }
    }
}
