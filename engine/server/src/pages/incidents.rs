//! The incident inbox: the work that waits for a person, by cause, and the page of one.

use std::collections::BTreeMap;

use askama::Template;

use super::{
    chrome::{Chrome, Place},
    run::quoted,
    seen::{Incident, Resolution, Run},
    time::At,
    told::{Told, percent},
};

/// Members of a group that are shown at once.
const MEMBERS_SHOWN_MAX: usize = 20;

/// What incidents are put together by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GroupBy {
    /// Workflow, activity, error type.
    #[default]
    Cause,
    Workflow,
    /// Each by itself.
    None,
}

impl GroupBy {
    pub(crate) fn of(slug: &str) -> Self {
        match slug {
            "workflow" => Self::Workflow,
            "none" => Self::None,
            _ => Self::Cause,
        }
    }

    const fn slug(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Workflow => "workflow",
            Self::None => "none",
        }
    }
}

/// Incidents of one cause.
struct Group<'a> {
    first: &'a Incident,
    members: Vec<&'a Incident>,
    since: Option<At>,
}

impl Group<'_> {
    fn shown(&self) -> &[&Incident] {
        self.members
            .get(..MEMBERS_SHOWN_MAX)
            .unwrap_or(&self.members)
    }

    fn more(&self) -> usize {
        self.members.len().saturating_sub(MEMBERS_SHOWN_MAX)
    }

    /// Its activity and error type, as a filter of incidents.
    fn query(&self) -> String {
        let mut parts = vec![format!(
            "WorkflowType = {}",
            quoted(self.first.workflow.raw())
        )];
        parts.extend(
            self.first
                .activity
                .as_ref()
                .map(|activity| format!("Activity = {}", quoted(activity.raw()))),
        );
        parts.push(format!(
            "LastFailureType = {}",
            quoted(self.first.error_type.raw())
        ));
        percent(&parts.join(" AND "))
    }

    fn key(&self) -> String {
        percent(&format!(
            "{}-{}",
            self.first.error_type.raw(),
            self.first.activity.as_ref().map_or("", Told::raw)
        ))
    }
}

/// What the inbox is made of.
pub(crate) struct InboxParts<'a> {
    pub(crate) chrome: Chrome,
    pub(crate) incidents: &'a [Incident],
    /// There are more than these.
    pub(crate) has_more: bool,
    pub(crate) solved: &'a [Incident],
    /// Runs that wait for a choice of a person.
    pub(crate) decisions: &'a [Run],
    pub(crate) retrying: Option<u64>,
    pub(crate) group_by: GroupBy,
    pub(crate) query: Told,
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct InboxPage<'a> {
    chrome: Chrome,
    groups: Vec<Group<'a>>,
    count: usize,
    has_more: bool,
    oldest: Option<At>,
    solved: &'a [Incident],
    decisions: &'a [Run],
    retrying: Option<u64>,
    group_by: GroupBy,
    query: Told,
}

/// The inbox.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn inbox(parts: InboxParts<'_>) -> askama::Result<String> {
    InboxPage {
        groups: grouped(parts.incidents, parts.group_by),
        count: parts.incidents.len(),
        has_more: parts.has_more,
        oldest: parts
            .incidents
            .iter()
            .filter_map(|incident| incident.since)
            .min(),
        chrome: parts.chrome,
        solved: parts.solved,
        decisions: parts.decisions,
        retrying: parts.retrying,
        group_by: parts.group_by,
        query: parts.query,
    }
    .render()
}

/// Groups, the biggest first; of each the oldest first.
fn grouped(incidents: &[Incident], by: GroupBy) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<(Told, Told, Told), Vec<&Incident>> = BTreeMap::new();
    for incident in incidents {
        let workflow = incident.workflow_and_version();
        let key = match by {
            GroupBy::Cause => (
                workflow,
                incident.activity.clone().unwrap_or_default(),
                incident.error_type.clone(),
            ),
            GroupBy::Workflow => (workflow, Told::default(), Told::default()),
            GroupBy::None => (incident.id.clone(), Told::default(), Told::default()),
        };
        groups.entry(key).or_default().push(incident);
    }
    let mut groups: Vec<Group<'_>> = groups
        .into_values()
        .filter_map(|mut members| {
            members.sort_by_key(|incident| incident.since);
            let first = members.first().copied()?;
            Some(Group {
                first,
                since: first.since,
                members,
            })
        })
        .collect();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.members.len()), group.since));
    groups
}

/// What the page of one incident is made of.
pub(crate) struct IncidentParts<'a> {
    pub(crate) chrome: Chrome,
    pub(crate) incident: &'a Incident,
    /// Its run, where it could be read.
    pub(crate) run: Option<&'a Run>,
}

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentPage<'a> {
    chrome: Chrome,
    incident: &'a Incident,
    run: Option<&'a Run>,
}

/// The page of one.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn page(parts: IncidentParts<'_>) -> askama::Result<String> {
    IncidentPage {
        chrome: parts.chrome,
        incident: parts.incident,
        run: parts.run,
    }
    .render()
}

impl IncidentPage<'_> {
    /// What is compensated if it is failed, last first.
    fn undone(&self) -> Vec<&Told> {
        let steps = self
            .run
            .and_then(|run| run.compensation.as_ref()?.steps.as_ref());
        steps
            .into_iter()
            .flatten()
            .rev()
            .filter(|step| step.state == "registered")
            .map(|step| &step.of)
            .collect()
    }

    fn resolution(&self) -> Option<&Resolution> {
        self.incident.resolution.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(id: &str, error_type: &str, since_ms: i64) -> Incident {
        Incident {
            id: id.into(),
            workflow: "order".into(),
            version: "1.0".into(),
            activity: Some("ship".into()),
            error_type: error_type.into(),
            since: Some(At::from_ms(since_ms)),
            ..Incident::default()
        }
    }

    #[test]
    fn the_biggest_cause_comes_first_and_its_oldest_run_leads() {
        let all = [
            incident("1", "Rare", 1),
            incident("2", "Usual", 9),
            incident("3", "Usual", 5),
        ];

        let groups = grouped(&all, GroupBy::Cause);

        let told: Vec<(&str, usize)> = groups
            .iter()
            .map(|group| (group.first.id.raw(), group.members.len()))
            .collect();
        assert_eq!(told, [("3", 2), ("1", 1)]);
        assert_eq!(grouped(&all, GroupBy::None).len(), 3);
    }
}
