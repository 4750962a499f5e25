//! What waits for a person.

use sagaline_core::{
    Timestamp,
    filter::{Filter, Subject},
};

use super::{
    NOW_MS, databases, filter, filters,
    runs::{self, Dice},
    seen,
};
use crate::{IncidentField, IncidentList, IncidentState, StoredRun};

#[tokio::test]
async fn incidents_are_what_core_selects_and_grouped_by_cause() {
    let mut dice = Dice::new(11);
    let runs: Vec<StoredRun> = (0..150)
        .map(|number| runs::run(&mut dice, number))
        .collect();
    let now = Timestamp::from_millis(NOW_MS);
    let open: Vec<&StoredRun> = runs
        .iter()
        .filter(|stored| !stored.run.incidents.is_empty())
        .collect();
    assert!(open.len() > 5);

    for database in databases().await {
        database.write(&runs).await;
        let mut dice = Dice::new(12);
        for round in 0..120 {
            let text = if round == 0 {
                String::new()
            } else {
                filters::filter(&mut dice)
            };
            let filter = filter(&text);
            let mut expected: Vec<_> = open
                .iter()
                .filter(|stored| {
                    let view = stored.view(now, &[]);
                    let mut incidents = stored.run.incidents.iter();
                    incidents.any(|incident| filter.selects(&Subject::incident(&view, incident)))
                })
                .map(|stored| stored.run.run_id)
                .collect();

            let mut found = Vec::new();
            let mut token: Option<String> = None;
            loop {
                let list = IncidentList {
                    filter: &filter,
                    seen: seen(&[]),
                    state: IncidentState::Open,
                    page_size: 3,
                    page_token: token.as_deref(),
                };
                let page = database.projection.incidents(&list).await.unwrap();
                found.extend(page.rows);
                match page.next_page_token {
                    Some(next) => token = Some(next),
                    None => break,
                }
            }

            for (a, b) in found.iter().zip(found.iter().skip(1)) {
                let (a, b) = (a.run.view(now, &[]), b.run.view(now, &[]));
                let (a, b) = (
                    Subject::incident(&a, &a.run.incidents[0]),
                    Subject::incident(&b, &b.run.incidents[0]),
                );
                assert!(
                    filter.sort_key(&a) <= filter.sort_key(&b),
                    "order of {text}"
                );
            }
            let mut found: Vec<_> = found.iter().map(|one| one.run.run.run_id).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{text}");
        }
        let fields = [
            IncidentField::Workflow,
            IncidentField::Activity,
            IncidentField::ErrorType,
        ];
        let all = Filter::default();
        let groups = database
            .projection
            .incident_groups(&all, &seen(&[]), IncidentState::Open, &fields)
            .await
            .unwrap();
        assert_eq!(
            groups.iter().map(|group| group.count).sum::<u64>(),
            open.len() as u64
        );
        for group in groups {
            let of_group = open.iter().filter(|stored| {
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
            let since = of_group
                .clone()
                .map(|stored| stored.run.incidents[0].since)
                .min();
            assert_eq!(
                (of_group.count() as u64, Some(group.since)),
                (group.count, since)
            );
        }
        let none = database
            .projection
            .incident_groups(&all, &seen(&[]), IncidentState::Resolved, &[])
            .await
            .unwrap();
        assert_eq!(none, []);
        let one = open[0];
        let incident = database
            .projection
            .incident(one.run.run_id, 7)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (&incident.run, incident.seq, incident.resolved),
            (one, 7, None)
        );
        assert_eq!(
            database
                .projection
                .incident(one.run.run_id, 8)
                .await
                .unwrap(),
            None
        );
    }
}
