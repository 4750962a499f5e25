//! Acts on a run, an activity or an incident: what a dialog says before, and what the API is asked.
//!
//! Names and numbers in a dialog are the run's own. Invariant: each act shows the same act as a command.

mod ask;
mod dialog;
mod diff;
mod queue;
mod schedule;

use askama::Template;

use super::{
    chrome::{Chrome, Place},
    told::Told,
};

/// What kind of act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Signal,
    Query,
    Update,
    Cancel,
    Terminate,
    Pause,
    Resume,
    Delete,
    Reset,
}

/// An act on an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActivityAct {
    Complete,
    Fail,
    Retry,
    Pause,
    Resume,
}

/// An act on an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IncidentAct {
    Retry,
    Skip,
    Fail,
}

/// An act on a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScheduleAct {
    Pause,
    Resume,
    Trigger,
    Backfill,
    Delete,
}

/// An act on a task queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueAct {
    Pause,
    Resume,
    Limit,
}

macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal, $note:literal;)* }) => {
        impl $name {
            /// The act that is called so in URLs.
            pub(crate) fn of(word: &str) -> Option<Self> {
                match word { $( $word => Some(Self::$variant), )* _ => None }
            }

            /// What it is called in URLs, there and in the API.
            pub(crate) const fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }

            /// What is said once it is done.
            pub(crate) const fn note(self) -> &'static str {
                match self { $( Self::$variant => $note, )* }
            }
        }
    };
}

words!(Act {
    Signal = "signal", "The signal is in the history.";
    Query = "query", "Asked.";
    Update = "update", "The update has been taken.";
    Cancel = "cancel", "The run is asked to stop.";
    Terminate = "terminate", "The run is terminated.";
    Pause = "pause", "The run is paused.";
    Resume = "resume", "The run goes on.";
    Delete = "delete", "The run is deleted.";
    Reset = "reset", "A new run goes on from there.";
});

words!(ActivityAct {
    Complete = "complete", "The activity is completed by hand.";
    Fail = "fail", "The activity is failed.";
    Retry = "retry", "The next attempt is sent.";
    Pause = "pause", "The activity is paused.";
    Resume = "resume", "The activity goes on.";
});

words!(IncidentAct {
    Retry = "retry", "The retry is sent.";
    Skip = "skip", "Skipped: the workflow goes on.";
    Fail = "fail", "Failed.";
});

words!(ScheduleAct {
    Pause = "pause", "The schedule is paused.";
    Resume = "resume", "The schedule goes on.";
    Trigger = "trigger", "One is asked for.";
    Backfill = "backfill", "What was due in that time is started.";
    Delete = "delete", "The schedule is deleted.";
});

words!(QueueAct {
    Pause = "pause", "Paused: nothing further goes out.";
    Resume = "resume", "What was held goes out again.";
    Limit = "limit", "The limits are changed.";
});

/// What a form sent.
pub(crate) type Form = std::collections::BTreeMap<String, String>;

/// What the API is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// A field of a dialog.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) kind: FieldKind,
    pub(crate) value: String,
    pub(crate) is_required: bool,
    pub(crate) options: Vec<Told>,
}

impl Field {
    /// One that may stay empty.
    pub(crate) fn new(
        (name, label): (&'static str, &'static str),
        kind: FieldKind,
        value: impl Into<String>,
    ) -> Self {
        Self {
            name,
            label,
            kind,
            value: value.into(),
            is_required: false,
            options: Vec::new(),
        }
    }

    /// One that nobody sees.
    pub(crate) fn hidden(name: &'static str, value: impl Into<String>) -> Self {
        Self::new((name, ""), FieldKind::Hidden, value)
    }

    /// Why somebody does it.
    pub(crate) fn reason() -> Self {
        Self::new(("reason", "Reason"), FieldKind::Reason, "")
    }

    /// The same, and it must be filled in.
    pub(crate) fn required(self) -> Self {
        Self {
            is_required: true,
            ..self
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Hidden,
    Line,
    Json,
    Reason,
    /// One of these, each with its words.
    Choice(&'static [(&'static str, &'static str)]),
}

/// A dialog: a page of its own without modules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialog {
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) keep: &'static str,
    pub(crate) go: String,
    /// It cannot be taken back.
    pub(crate) is_grave: bool,
    pub(crate) command: String,
    pub(crate) action: String,
    pub(crate) back: String,
    /// What is changed, to be looked at before it is sent.
    pub(crate) diff: Vec<Line>,
    /// It may be answered by a question, which is shown in its place.
    pub(crate) is_reviewed: bool,
    /// Why what was filled in cannot be sent.
    pub(crate) wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "act.html")]
struct ActPage {
    chrome: Chrome,
    dialog: Dialog,
}

#[derive(Template)]
#[template(path = "answer.html")]
struct AnswerPage {
    chrome: Chrome,
    title: String,
    answer: String,
    back: String,
}

pub(super) use dialog::shell;
pub(crate) use diff::{Line, diff};

/// The page of a dialog.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn page(chrome: Chrome, dialog: Dialog) -> askama::Result<String> {
    ActPage { chrome, dialog }.render()
}

/// The page of an answer: of a query, of an update.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn answer(
    chrome: Chrome,
    title: String,
    answer: String,
    back: String,
) -> askama::Result<String> {
    AnswerPage {
        chrome,
        title,
        answer,
        back,
    }
    .render()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{run::Known, seen::Run},
        *,
    };

    fn form(pairs: &[(&str, &str)]) -> Form {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn json_of_a_form_goes_on_verbatim() {
        let ask = ActivityAct::Complete.ask(
            "r",
            "a/b",
            "2",
            &form(&[("result", " {\"n\":1.50} "), ("reason", "by \"hand\"")]),
        );

        assert_eq!(
            ask.path,
            "/api/v1/workflows/a%2Fb/activities/2/complete?run_id=r"
        );
        assert_eq!(ask.body, r#"{"reason":"by \"hand\"","result":{"n":1.50}}"#);
    }

    #[test]
    fn a_form_without_anything_asks_with_an_empty_object() {
        assert_eq!(
            IncidentAct::Retry.ask("i", &form(&[("reason", " ")])).body,
            "{}"
        );
        assert_eq!(
            IncidentAct::Skip
                .ask("i", &form(&[("result", "null")]))
                .body,
            r#"{"result":null}"#
        );
    }

    #[test]
    fn a_name_is_one_segment_of_the_path() {
        let ask = Act::Signal.ask("r", "o-1", &form(&[("name", "../cancel"), ("input", "1")]));

        assert_eq!(
            ask.path,
            "/api/v1/workflows/o-1/signals/..%2Fcancel?run_id=r"
        );
    }

    #[test]
    fn ids_are_quoted_for_a_shell() {
        assert_eq!(shell(&"order-7".into()), "order-7");
        assert_eq!(shell(&"a'; rm -rf /".into()), "'a'\\''; rm -rf /'");
        assert_eq!(shell(&"--all".into()), "'--all'");
    }

    #[test]
    fn a_dialog_names_what_is_compensated() {
        let run: Run = serde_json::from_str(
            r#"{"workflow_id":"o","compensation":{"state":"registered","steps":[
                {"of":"reserve","activity":"release","state":"registered"},{"of":"charge","activity":"refund","state":"registered"}]}}"#,
        )
        .unwrap();

        let dialog = Act::Cancel.dialog(&run, &Known::default(), None);

        assert!(
            dialog
                .text
                .contains("2 completed steps are compensated, last first: refund, release"),
            "{}",
            dialog.text
        );
        assert!(
            Act::Terminate
                .dialog(&run, &Known::default(), None)
                .text
                .contains("reserve, charge stay done")
        );
    }
}
