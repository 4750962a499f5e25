//! Acts on task queues: what their dialogs say, and what the API is asked.

use serde_json::{Map, Value};

use super::{Ask, Dialog, Field, FieldKind, Form, QueueAct, ask::put_text, dialog::shell};
use crate::pages::{
    queue::{Queue, UNITS},
    told::{Marked, Told, percent},
};

impl QueueAct {
    /// What a dialog says of this queue; `activity` is the one that is meant, none the whole queue.
    pub(crate) fn dialog(self, queue: &Queue, activity: Option<&Told>) -> Dialog {
        let name = queue.name.line();
        let (title, text, go) = match (self, activity) {
            (Self::Pause, _) => (
                format!("Pause {name}?"),
                format!(
                    "No further task goes out until it is resumed, or none of the activity that is named. What has gone out goes on. \
                     How long an attempt may wait in the queue goes on as well: one that waits too long times out. {}",
                    queue.in_numbers()
                ),
                "Pause",
            ),
            (Self::Resume, None) => (
                format!("Resume {name}?"),
                format!(
                    "What was held goes out again, as its limits allow; activities that are paused by name stay so. {}",
                    queue.in_numbers()
                ),
                "Resume",
            ),
            (Self::Resume, Some(activity)) => (
                format!("Resume {} of {name}?", activity.line()),
                match queue.is_paused() {
                    true => "Its tasks go out again once the queue is resumed, too: all of it is paused.".to_owned(),
                    false => "Its tasks go out again, as the limits of the queue allow.".to_owned(),
                },
                "Resume",
            ),
            (Self::Limit, _) => (
                format!("Limit {name}?"),
                format!(
                    "Workers have at most so many tasks of it at once, and so many go out evenly in that time; a field that is empty is no limit. \
                     Nothing is taken back that has gone out. {}",
                    queue.in_numbers()
                ),
                "Set limits",
            ),
        };
        let base = queue.href();
        Dialog {
            title,
            text,
            fields: self.fields(queue, activity),
            keep: "Back",
            go: go.to_owned(),
            is_grave: self == Self::Pause,
            command: self.command(queue, activity),
            action: format!("{base}/{}", self.word()),
            back: base,
            ..Dialog::default()
        }
    }

    fn fields(self, queue: &Queue, activity: Option<&Told>) -> Vec<Field> {
        let activity = activity.map_or("", Told::raw).to_owned();
        let mut fields = match self {
            Self::Pause => vec![Field::new(
                ("activity", "Only this activity"),
                FieldKind::Line,
                activity,
            )],
            Self::Resume => vec![Field::hidden("activity", activity)],
            Self::Limit => {
                let limits = queue.limits.as_ref();
                let most = limits.and_then(|limits| limits.max_outstanding);
                let most = most.map(|most| most.to_string()).unwrap_or_default();
                let rate = limits.and_then(|limits| limits.rate());
                let (rate, unit) = rate.map_or((String::new(), "s"), |(rate, unit)| {
                    (rate.to_string(), unit)
                });
                vec![
                    Field::new(("max_outstanding", "Tasks at once"), FieldKind::Line, most),
                    Field::new(("rate", "Tasks"), FieldKind::Line, rate),
                    Field::new(("unit", "in"), FieldKind::Choice(&UNITS), unit),
                ]
            }
        };
        fields.push(Field::reason());
        fields
    }

    fn command(self, queue: &Queue, activity: Option<&Told>) -> String {
        let name = shell(&queue.name);
        match (self, activity) {
            (Self::Limit, _) => format!(
                "sagaline task-queue limit {name} --max-outstanding TASKS|none --rate RATE|none"
            ),
            (_, Some(activity)) => {
                format!(
                    "sagaline task-queue {} {name} --type {}",
                    self.word(),
                    shell(activity)
                )
            }
            _ => format!("sagaline task-queue {} {name}", self.word()),
        }
    }

    /// What the API is asked, by what the form says; or why that makes no sense.
    pub(crate) fn ask(self, queue: &str, form: &Form) -> Result<Ask, String> {
        let mut body = Map::new();
        put_text(&mut body, form, "reason");
        let given = |name: &str| form.get(name).map_or("", |text| text.trim());
        let tail = match (self, given("activity")) {
            (Self::Limit, _) => {
                body.insert(
                    "max_outstanding".to_owned(),
                    tasks(given("max_outstanding"))?,
                );
                let rate = rate(given("rate"), given("unit"))?;
                body.insert("rate_per_second".to_owned(), rate);
                "limits".to_owned()
            }
            (_, "") => self.word().to_owned(),
            (_, activity) => format!("activities/{}/{}", percent(activity), self.word()),
        };
        Ok(Ask {
            method: if self == Self::Limit { "PUT" } else { "POST" },
            path: format!("/api/v1/task-queues/{}/{tail}", percent(queue)),
            body: Value::Object(body).to_string(),
        })
    }
}

/// A number of tasks; nothing: no limit.
fn tasks(text: &str) -> Result<Value, String> {
    match text {
        "" => Ok(Value::Null),
        text => text.parse::<std::num::NonZeroU32>().map(|most| Value::from(most.get())).map_err(|_| {
            format!(
                "“{}” is no number of tasks: 1 or more are expected, or nothing; to stop a queue, pause it",
                Marked(text)
            )
        }),
    }
}

/// A rate by the second; nothing: no limit.
fn rate(text: &str, unit: &str) -> Result<Value, String> {
    let seconds = match unit {
        "min" => 60.0,
        "h" => 3_600.0,
        _ => 1.0,
    };
    match (text, text.parse::<f64>()) {
        ("", _) => Ok(Value::Null),
        // What JSON has no number for would lift the limit.
        (_, Ok(rate)) if rate.is_finite() && rate > 0.0 => Ok(Value::from(rate / seconds)),
        _ => Err(format!(
            "“{}” is no rate: a number over 0 is expected, or nothing; to stop a queue, pause it",
            Marked(text)
        )),
    }
}
