//! What stands in the form of a schedule, and what the API is asked by it.

use serde_json::Value;

use super::{Interval, Schedule};
use crate::pages::{
    act::{Ask, Form},
    seen::Fields,
    told::{Json, Told, percent},
};

/// What stands in the form. Lists have a line for each of their members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled(Form);

/// Members that are text where they are given: of the specification, of the action, of the schedule.
const SPEC_TEXTS: [&str; 4] = ["start_at", "end_at", "jitter", "time_zone"];
const ACTION_TEXTS: [&str; 4] = ["workflow", "version", "run_timeout", "execution_timeout"];
const TEXTS: [&str; 3] = ["overlap", "catch_up", "note"];

/// Members that are JSON.
const SPEC_JSON: [&str; 2] = ["calendars", "exclude"];
const ACTION_JSON: [&str; 3] = ["input", "attributes", "memo"];

/// Parts of the form that most leave as they are.
const RARE: [&str; 11] = [
    "calendars",
    "exclude",
    "start_at",
    "end_at",
    "jitter",
    "version",
    "run_timeout",
    "execution_timeout",
    "attributes",
    "memo",
    "remaining",
];

impl Filled {
    /// Of a workflow that was chosen, with its example.
    pub(crate) fn of_workflow(name: &str, example: Option<&Json>) -> Self {
        let mut form = Form::new();
        form.insert("workflow".to_owned(), name.to_owned());
        form.insert(
            "input".to_owned(),
            example.map(Json::editable).unwrap_or_default(),
        );
        Self(form)
    }

    /// As it was sent, when it was refused.
    pub(crate) fn of(form: Form) -> Self {
        Self(form)
    }

    /// As a schedule is.
    pub(crate) fn like(schedule: &Schedule) -> Self {
        let (spec, action) = (&schedule.spec, &schedule.action);
        let lines = |all: Vec<String>| all.join("\n");
        let text = |told: &Option<Told>| {
            told.as_ref()
                .map_or_else(String::new, |told| told.raw().to_owned())
        };
        let json = |json: &Option<Json>| match json {
            Some(json) if json.raw() != "[]" => json.editable(),
            _ => String::new(),
        };
        let is = |is: bool| if is { "yes" } else { "" }.to_owned();
        let all = [
            (
                "cron",
                lines(spec.cron.iter().map(|one| one.raw().to_owned()).collect()),
            ),
            ("every", lines(spec.intervals.iter().map(line_of).collect())),
            ("calendars", json(&spec.calendars)),
            ("exclude", json(&spec.exclude)),
            ("start_at", text(&spec.start_at)),
            ("end_at", text(&spec.end_at)),
            ("jitter", text(&spec.jitter)),
            ("time_zone", spec.time_zone.raw().to_owned()),
            ("workflow", action.workflow.raw().to_owned()),
            ("version", text(&action.version)),
            ("input", json(&action.input)),
            ("attributes", object(&action.attributes)),
            ("memo", object(&action.memo)),
            ("run_timeout", text(&action.run_timeout)),
            ("execution_timeout", text(&action.execution_timeout)),
            ("overlap", schedule.overlap.clone()),
            ("catch_up", schedule.catch_up.raw().to_owned()),
            ("pause_on_failure", is(schedule.pause_on_failure)),
            ("paused", is(schedule.paused)),
            ("note", schedule.note.raw().to_owned()),
            (
                "remaining",
                schedule
                    .remaining
                    .map(|count| count.to_string())
                    .unwrap_or_default(),
            ),
        ];
        Self(
            all.into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(super) fn is(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// Something of what is rare is filled in.
    pub(super) fn is_rare(&self) -> bool {
        RARE.iter().any(|name| self.is(name))
    }
}

fn line_of(interval: &Interval) -> String {
    match &interval.offset {
        Some(offset) => format!("{} + {}", interval.every.raw(), offset.raw()),
        None => interval.every.raw().to_owned(),
    }
}

fn object(fields: &Fields) -> String {
    let members: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("  {}: {}", Value::from(name.raw()), value.raw()))
        .collect();
    match members.is_empty() {
        true => String::new(),
        false => format!("{{\n{}\n}}", members.join(",\n")),
    }
}

/// What the API is asked: the whole schedule. What is no JSON, or no time, is the API's to refuse.
pub(crate) fn ask(name: &str, form: &Form) -> Ask {
    let of = |name: &str| form.get(name).map_or("", |value| value.trim());
    let mut spec = texts(form, &SPEC_TEXTS);
    let lines = |name: &str| {
        let lines = of(name)
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    if !of("cron").is_empty() {
        spec.push(format!("\"cron\":{}", Value::from(lines("cron"))));
    }
    if !of("every").is_empty() {
        let intervals: Vec<String> = lines("every").iter().map(|line| interval(line)).collect();
        spec.push(format!("\"intervals\":[{}]", intervals.join(",")));
    }
    spec.extend(json(form, &SPEC_JSON));
    let mut action = texts(form, &ACTION_TEXTS);
    action.extend(json(form, &ACTION_JSON));
    let mut members = vec![
        format!("\"spec\":{{{}}}", spec.join(",")),
        format!("\"action\":{{{}}}", action.join(",")),
    ];
    members.extend(texts(form, &TEXTS));
    for flag in ["pause_on_failure", "paused"] {
        members.push(format!("\"{flag}\":{}", !of(flag).is_empty()));
    }
    members.extend(json(form, &["remaining"]));
    Ask {
        method: "PUT",
        path: format!("/api/v1/schedules/{}", percent(name)),
        body: format!("{{{}}}", members.join(",")),
    }
}

fn interval(line: &str) -> String {
    let (every, offset) = line.split_once('+').unwrap_or((line, ""));
    let every = Value::from(every.trim());
    match offset.trim() {
        "" => format!("{{\"every\":{every}}}"),
        offset => format!("{{\"every\":{every},\"offset\":{}}}", Value::from(offset)),
    }
}

fn given<'a>(form: &'a Form, names: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let named = names
        .iter()
        .map(|name| (*name, form.get(*name).map_or("", |value| value.trim())));
    named.filter(|(_, value)| !value.is_empty())
}

fn texts(form: &Form, names: &[&str]) -> Vec<String> {
    given(form, names)
        .map(|(name, text)| format!("\"{name}\":{}", Value::from(text)))
        .collect()
}

fn json(form: &Form, names: &[&str]) -> Vec<String> {
    given(form, names)
        .map(|(name, json)| format!("\"{name}\":{json}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that a schedule can have.
    const WHOLE: &str = r#"{"spec":{"cron":["0 3 * * *","@daily"],"intervals":[{"every":"1h","offset":"15m"},{"every":"7d"}],
        "calendars":[{"hour":[1,2]}],"exclude":["@yearly",{"month":12}],"start_at":"2026-01-01T00:00:00Z",
        "end_at":"2027-01-01T00:00:00Z","jitter":"30s","time_zone":"Europe/Zurich"},
        "action":{"workflow":"order","version":"1.2.0","input":{"total":1.50},"attributes":{"customer":"ada","n":1.0},"memo":{"a":[1]},
        "run_timeout":"1h","execution_timeout":"2h"},"overlap":"buffer_one","catch_up":"1d","pause_on_failure":true,"paused":true,
        "note":"why","remaining":3}"#;

    #[test]
    fn a_form_that_is_sent_back_unchanged_changes_nothing() {
        let schedule: Schedule = serde_json::from_str(WHOLE).unwrap();

        let ask = ask("nightly", &Filled::like(&schedule).0);

        let (sent, was): (Value, Value) = (
            serde_json::from_str(&ask.body).unwrap(),
            serde_json::from_str(WHOLE).unwrap(),
        );
        assert_eq!(sent, was, "{}", ask.body);
        assert!(
            ask.body.contains("1.50"),
            "numbers stay as they are written"
        );
    }

    #[test]
    fn a_short_form_asks_for_little() {
        let form =
            crate::pages::form::form("cron=0+3+*+*+*&workflow=order&input=&overlap=skip&version=");

        let ask = ask("a/b", &form);

        assert_eq!(ask.path, "/api/v1/schedules/a%2Fb");
        assert_eq!(
            ask.body,
            r#"{"spec":{"cron":["0 3 * * *"]},"action":{"workflow":"order"},"overlap":"skip","pause_on_failure":false,"paused":false}"#
        );
    }
}
