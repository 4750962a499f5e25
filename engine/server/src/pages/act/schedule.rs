//! Acts on schedules: what their dialogs say, and what the API is asked.

use serde_json::{Map, Value};

use super::{Ask, Dialog, Field, FieldKind, Form, ScheduleAct, dialog::shell};
use crate::pages::{
    schedule::{Description, OVERLAPS},
    time::At,
    told::percent,
};

/// How far back a backfill goes unless it is changed.
const BACKFILL_MS: i64 = 24 * 3_600_000;

impl ScheduleAct {
    pub(crate) fn dialog(self, one: &Description, now: At) -> Dialog {
        let name = one.name.line();
        let under_way = one.running.len();
        let (title, text, go) = match self {
            Self::Pause => (
                format!("Pause {name}?"),
                "Nothing is started by itself until it is resumed. What it has started goes on.".to_owned(),
                "Pause",
            ),
            Self::Resume => (
                format!("Resume {name}?"),
                "What is due from now on is started again.".to_owned(),
                "Resume",
            ),
            Self::Trigger => (
                format!("Start one of {name} now?"),
                format!(
                    "{} is started at once, beside what is due by itself. {under_way} under way.",
                    one.schedule.action.workflow.line()
                ),
                "Start one now",
            ),
            Self::Backfill => (
                format!("Backfill {name}?"),
                "What was due in this time is started as if it were due now. What was started before is not started again.".to_owned(),
                "Backfill",
            ),
            Self::Delete => (
                format!("Delete {name}?"),
                format!("It starts nothing any more. What it has started goes on: {under_way} under way."),
                "Delete",
            ),
        };
        let href = format!("/schedules/{}", one.name.path());
        Dialog {
            title,
            text,
            fields: self.fields(one, now),
            keep: "Back",
            go: go.to_owned(),
            is_grave: self == Self::Delete,
            command: self.command(one),
            action: format!("{href}/{}", self.word()),
            back: href,
            ..Dialog::default()
        }
    }

    fn fields(self, one: &Description, now: At) -> Vec<Field> {
        let line = |name, label, value| Field::new((name, label), FieldKind::Line, value);
        let overlap = |value: &str| {
            let named = ("overlap", "While another is under way");
            Field::new(named, FieldKind::Choice(&OVERLAPS), value)
        };
        match self {
            Self::Pause | Self::Resume | Self::Delete => vec![line("note", "Note", String::new())],
            Self::Trigger => vec![overlap(&one.schedule.overlap)],
            Self::Backfill => vec![
                line("from", "From", At::from_ms(now.ms() - BACKFILL_MS).iso()).required(),
                line("to", "To", now.iso()).required(),
                overlap("buffer_all"),
            ],
        }
    }

    fn command(self, one: &Description) -> String {
        let name = shell(&one.name);
        match self {
            Self::Backfill => format!("sagaline schedule backfill {name} --from TIME --to TIME"),
            _ => format!("sagaline schedule {} {name}", self.word()),
        }
    }

    /// What the API is asked, by what the form says.
    pub(crate) fn ask(self, name: &str, form: &Form) -> Ask {
        let names: &[&str] = match self {
            Self::Pause | Self::Resume | Self::Delete => &["note"],
            Self::Trigger => &["overlap"],
            Self::Backfill => &["from", "to", "overlap"],
        };
        let mut body = Map::new();
        for name in names {
            let text = form.get(*name).map_or("", |text| text.trim());
            if !text.is_empty() {
                body.insert((*name).to_owned(), Value::from(text));
            }
        }
        let (method, tail) = match self {
            Self::Delete => ("DELETE", String::new()),
            _ => ("POST", format!("/{}", self.word())),
        };
        Ask {
            method,
            path: format!("/api/v1/schedules/{}{tail}", percent(name)),
            body: Value::Object(body).to_string(),
        }
    }
}
