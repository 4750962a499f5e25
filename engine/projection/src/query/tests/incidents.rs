//! What waits for a person.

use sagaline_core::{
    Timestamp,
    filter::{Filter, Subject},
};

use super::{
    Database, NOW_MS, databases, filter, filters,
    runs::{self, Dice},
    seen,
};
use crate::{IncidentField, IncidentList, IncidentState, StoredIncident, StoredRun};

const RUNS: u32 = 150;

/// Runs, of which some have an open incident.
fn runs() -> Vec<StoredRun> {
    let mut dice = Dice::new(11);
    let runs: Vec<StoredRun> = (0..RUNS)
        .map(|number| runs::run(&mut dice, number))
        .collect();
    assert!(with_incident(&runs).count() > 5);
    runs
}

fn with_incident(runs: &[StoredRun]) -> impl Iterator<Item = &StoredRun> + Clone {
    runs.iter()
        .filter(|stored| !stored.run.incidents.is_empty())
}

/// All pages.
async fn list(database: &Database, filter: &Filter) -> Vec<StoredIncident> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let list = IncidentList {
            filter,
            seen: seen(&[]),
            state: IncidentState::Open,
            page_size: 3,
            page_token: token.as_deref(),
        };
        let page = database.projection.incidents(&list).await.unwrap();
        found.extend(page.rows);
        match page.next_page_token {
            Some(next) => token = Some(next),
            None => return found,
        }
    }
}

fn assert_in_order(found: &[StoredIncident], filter: &Filter) {
    let now = Timestamp::from_millis(NOW_MS);
    for (a, b) in found.iter().zip(found.iter().skip(1)) {
        let (a, b) = (a.run.view(now, &[]), b.run.view(now, &[]));
        let (a, b) = (
            Subject::incident(&a, &a.run.incidents[0]),
            Subject::incident(&b, &b.run.incidents[0]),
        );
        assert!(
            filter.sort_key(&a) <= filter.sort_key(&b),
            "order of {filter}"
        );
    }
}

#[tokio::test]
async fn incidents_are_what_core_selects_and_in_its_order() {
    let runs = runs();
    let now = Timestamp::from_millis(NOW_MS);

    for database in databases().await {
        database.write(&runs).await;
        let mut dice = Dice::new(12);
        for round in 0..120 {
            let filter = match round {
                0 => Filter::default(),
                _ => filter(&filters::filter(&mut dice)),
            };
            let is_selected = |stored: &&StoredRun| {
                let view = stored.view(now, &[]);
                let mut incidents = stored.run.incidents.iter();
                incidents.any(|incident| filter.selects(&Subject::incident(&view, incident)))
            };
            let expected = with_incident(&runs).filter(is_selected);
            let mut expected: Vec<_> = expected.map(|stored| stored.run.run_id).collect();

            let found = list(&database, &filter).await;

            assert_in_order(&found, &filter);
            let mut found: Vec<_> = found.iter().map(|one| one.run.run.run_id).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{filter}");
        }
    }
}

#[tokio::test]
async fn incidents_are_grouped_by_cause_and_found_by_id() {
    let runs = runs();
    let all = Filter::default();
    let fields = [
        IncidentField::Workflow,
        IncidentField::Activity,
        IncidentField::ErrorType,
    ];
    for database in databases().await {
        database.write(&runs).await;
        let projection = &database.projection;
        let (open, solved) = (IncidentState::Open, IncidentState::Resolved);

        let now = seen(&[]);
        let groups = projection.incident_groups(&all, &now, open, &fields);
        let groups = groups.await.unwrap();
        let none = projection.incident_groups(&all, &now, solved, &[]);
        assert_eq!(none.await.unwrap(), []);

        let total: u64 = groups.iter().map(|group| group.count).sum();
        assert_eq!(total, with_incident(&runs).count() as u64);
        for group in groups {
            let of_group = with_incident(&runs).filter(|stored| {
                let incident = &stored.run.incidents[0];
                let values = [
                    Some(stored.run.started.workflow.as_str()),
                    incident.activity.as_ref().map(sagaline_core::Name::as_str),
                    Some(incident.failure.error_type.as_str()),
                ];
                values
                    .into_iter()
                    .eq(group.values.iter().map(Option::as_deref))
            });
            let since = of_group.clone().map(|stored| stored.run.incidents[0].since);
            assert_eq!(since.min(), Some(group.since));
            assert_eq!(of_group.count() as u64, group.count);
        }
        let one = with_incident(&runs).next().unwrap();
        let found = projection.incident(one.run.run_id, 7).await.unwrap();
        let found = found.unwrap();
        assert_eq!((&found.run, found.seq, found.resolved), (one, 7, None));
        let unknown = projection.incident(one.run.run_id, 8).await.unwrap();
        assert_eq!(unknown, None);
    }
}
