//! The incident inbox: the work that waits for a person, by cause, and the page of one.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use askama::Template;

use super::{
    chrome::{Chrome, Place},
    run::quoted,
    seen::{Incident, Resolution, Run},
    time::At,
    told::{Json, Told, percent},
};

/// Members of a group that are shown at once.
const MEMBERS_SHOWN_MAX: usize = 20;

/// Longest input that an incident's page has in its form.
const EDITED_BYTES_MAX: usize = 64 * 1024;

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
    /// The same for the same cause, however long its words are, and of no other group.
    key: String,
    first: &'a Incident,
    members: Vec<&'a Incident>,
    since: Option<At>,
}

impl Group<'_> {
    fn open(&self) -> usize {
        self.members
            .iter()
            .filter(|one| one.resolution.is_none())
            .count()
    }

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
}

/// What became of an incident that somebody here has just acted on.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) incident: Incident,
    pub(crate) outcome: Outcome,
}

/// It, in words, with the sign of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) text: String,
    class: &'static str,
    icon: &'static str,
    /// When the next attempt follows.
    next: Option<At>,
    /// Nothing more comes of it: its row may go.
    is_over: bool,
}

impl Outcome {
    /// The truth about an incident by what its run does now.
    pub(crate) fn of(incident: &Incident, run: Option<&Run>) -> Self {
        let going = |text: String, next| Self {
            text,
            class: "retrying",
            icon: "retrying",
            next,
            is_over: false,
        };
        let over = |text: String| Self {
            text,
            class: "done",
            icon: "done",
            next: None,
            is_over: true,
        };
        let Some(resolution) = &incident.resolution else {
            let text = match incident.times {
                0 | 1 => "waits for you".to_owned(),
                times => format!("Failed again, {}", ordinal(times)),
            };
            return Self {
                text,
                class: "incident",
                icon: "incident",
                next: None,
                is_over: false,
            };
        };
        match resolution.act.raw() {
            "skip" => return over("Solved: skipped".to_owned()),
            "fail" => return over("Solved: failed for good".to_owned()),
            _ => {}
        }
        let Some(run) = run else {
            return going("Retry sent".to_owned(), None);
        };
        let pending = run.pending_activities.iter();
        let mut pending = pending.filter(|one| Some(one.activity_id) == incident.activity_id);
        let Some(activity) = pending.next() else {
            return over("Solved".to_owned());
        };
        let attempt = match activity.maximum_attempts {
            Some(most) => format!("attempt {} of {most}", activity.attempt),
            None => format!("attempt {}", activity.attempt),
        };
        let is_alone = run.situation.as_deref() == Some("no-worker");
        let text = match activity.state.as_str() {
            "queued" if is_alone => {
                format!(
                    "Retry sent; no worker reads queue {}",
                    activity.task_queue.line()
                )
            }
            "queued" => format!("Retrying: {attempt} is in the queue"),
            "running" => format!("Retrying: {attempt} is running"),
            "retrying" => format!("Retrying: {attempt} failed, the next"),
            "paused" => "Retry sent; the activity is paused".to_owned(),
            _ => format!("Retrying: {attempt}"),
        };
        let next = activity
            .next_attempt_at
            .filter(|_| activity.state == "retrying");
        going(text, next)
    }
}

/// `2nd time`
fn ordinal(times: u32) -> String {
    let end = match (times % 10, times % 100) {
        (1, 11) | (2, 12) | (3, 13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{times}{end} time")
}

/// What the inbox is made of.
pub(crate) struct InboxParts<'a> {
    pub(crate) chrome: Chrome,
    pub(crate) incidents: &'a [Incident],
    /// There are more than these.
    pub(crate) has_more: bool,
    /// Those that somebody here has just acted on: they stay where they are.
    pub(crate) followed: &'a [Followed],
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
    followed: &'a [Followed],
    /// Those of today, the newest first.
    solved: Vec<&'a Incident>,
    /// The newest, whenever it was.
    last_solved: Option<&'a Incident>,
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
    let closed = parts.followed.iter().map(|one| &one.incident);
    let closed = closed.filter(|incident| incident.resolution.is_some());
    let today = parts.chrome.now.midnight();
    let is_of_today = |incident: &&Incident| {
        let at = incident
            .resolution
            .as_ref()
            .and_then(|resolution| resolution.at);
        at.is_some_and(|at| at >= today)
    };
    InboxPage {
        groups: grouped(parts.incidents.iter().chain(closed), parts.group_by),
        followed: parts.followed,
        count: parts.incidents.len(),
        has_more: parts.has_more,
        oldest: parts
            .incidents
            .iter()
            .filter_map(|incident| incident.since)
            .min(),
        chrome: parts.chrome,
        solved: parts.solved.iter().filter(is_of_today).collect(),
        last_solved: parts.solved.first(),
        decisions: parts.decisions,
        retrying: parts.retrying,
        group_by: parts.group_by,
        query: parts.query,
    }
    .render()
}

impl InboxPage<'_> {
    /// What became of one that was acted on; none: nobody here did.
    fn outcome(&self, incident: &Incident) -> Option<&Outcome> {
        let mut followed = self.followed.iter();
        let found = followed.find(|one| one.incident.id == incident.id);
        found.map(|one| &one.outcome)
    }

    fn open_groups(&self) -> usize {
        self.groups.iter().filter(|group| group.open() > 0).count()
    }

    /// What of the address a form sends along, so that it leads back to the same page.
    fn kept(&self) -> String {
        let ids: Vec<&str> = self
            .followed
            .iter()
            .map(|one| one.incident.id.raw())
            .collect();
        let all = [
            ("group", self.group_by.slug().to_owned()),
            ("query", self.query.raw().to_owned()),
            ("follow", ids.join(",")),
        ];
        let given = all.iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> = given
            .map(|(name, value)| format!("{name}={}", percent(value)))
            .collect();
        pairs.join("&")
    }
}

/// Groups, the biggest first; of each the oldest first.
fn grouped<'a>(incidents: impl Iterator<Item = &'a Incident>, by: GroupBy) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(Told, Told, Told), Vec<&'a Incident>> = BTreeMap::new();
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
    let mut groups: Vec<Group<'a>> = groups
        .into_iter()
        .filter_map(|(cause, mut members)| {
            members.sort_by_key(|incident| incident.since);
            let first = members.first().copied()?;
            let mut hasher = DefaultHasher::new();
            cause.hash(&mut hasher);
            Some(Group {
                key: format!("{:016x}", hasher.finish()),
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
    /// An input that is shown where it is changed, and nowhere else.
    fn large_input(&self) -> Option<&Json> {
        let input = self.incident.input.as_ref();
        input.filter(|input| input.raw().len() > EDITED_BYTES_MAX)
    }

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

    fn run(json: &str) -> Run {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_incident_that_is_retried_is_told_of_as_it_goes_on() {
        let mut retried = incident("1", "Rare", 1);
        retried.activity_id = Some(3);
        retried.resolution = Some(Resolution {
            act: "retry".into(),
            ..Resolution::default()
        });
        let told = |state: &str, situation: &str| {
            let activity = format!(
                r#"{{"activity_id":3,"attempt":4,"maximum_attempts":6,"state":"{state}","task_queue":"orders"}}"#
            );
            let run = run(&format!(
                r#"{{"situation":"{situation}","pending_activities":[{activity}]}}"#
            ));
            Outcome::of(&retried, Some(&run)).text
        };

        assert_eq!(
            told("running", "working"),
            "Retrying: attempt 4 of 6 is running"
        );
        assert_eq!(
            told("queued", "no-worker"),
            "Retry sent; no worker reads queue orders"
        );
        assert_eq!(
            told("retrying", "retrying"),
            "Retrying: attempt 4 of 6 failed, the next"
        );
        let solved = Outcome::of(&retried, Some(&run("{}")));
        assert!(solved.is_over && solved.text == "Solved");
        retried.resolution = None;
        for (times, text) in [
            (2, "Failed again, 2nd time"),
            (11, "Failed again, 11th time"),
            (23, "Failed again, 23rd time"),
        ] {
            retried.times = times;
            assert_eq!(Outcome::of(&retried, None).text, text);
        }
    }

    #[test]
    fn the_biggest_cause_comes_first_and_its_oldest_run_leads() {
        let all = [
            incident("1", "Rare", 1),
            incident("2", "Usual", 9),
            incident("3", "Usual", 5),
        ];

        let groups = grouped(all.iter(), GroupBy::Cause);

        let told: Vec<(&str, usize)> = groups
            .iter()
            .map(|group| (group.first.id.raw(), group.members.len()))
            .collect();
        assert_eq!(told, [("3", 2), ("1", 1)]);
        assert_eq!(grouped(all.iter(), GroupBy::None).len(), 3);
    }
}
