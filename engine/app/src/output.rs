//! What goes to stdout: tables for people, JSON for programs. Text of strangers is drawn so that it stays text.

mod decoded;
mod progress;
mod table;
mod text;
mod tone;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use sagaline_core::{Payload, Timestamp, view};
use sagaline_sdk::Coding;
use serde::Serialize;

pub(crate) use self::{
    progress::Progress,
    text::{columns, cut, visible},
    tone::word as toned,
};

/// The form of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document, as the API has it.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// How times are shown in tables; JSON has RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeStyle {
    /// In the time zone of this machine.
    Local,
    /// In UTC.
    #[default]
    Utc,
    /// As seen from now: `3 min ago`.
    Relative,
}

/// When words have colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorMode {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorMode {
    /// Whether there are colours where `is_terminal` says whether somebody looks; `variable` looks one up.
    pub(crate) fn is_on(
        self,
        is_terminal: bool,
        variable: impl Fn(&str) -> Option<String>,
    ) -> bool {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
                is_terminal && !is_set("NO_COLOR") && !is_dumb
            }
        }
    }
}

/// What stdout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Its columns; none: it is no terminal.
    pub(crate) width: Option<usize>,
    /// Whether words have colours.
    pub(crate) color: bool,
}

impl Terminal {
    /// A file or a pipe.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self {
        width: None,
        color: false,
    };

    /// What stdout is now.
    pub(crate) fn of_stdout(color: ColorMode) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = console::Term::stdout().size_checked();
        Self {
            width: size
                .filter(|_| is_terminal)
                .map(|(_, columns)| usize::from(columns)),
            color: color.is_on(is_terminal, |name| std::env::var(name).ok()),
        }
    }
}

/// The way to stdout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) time: TimeStyle,
    pub(crate) terminal: Terminal,
    /// When the command began.
    pub(crate) now: Timestamp,
    /// What the app's payloads are encoded by, if by anything.
    pub(crate) coding: Option<&'static Coding>,
}

impl Output {
    /// Writes one JSON document and a line break.
    pub(crate) fn json(self, value: &impl Serialize) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        match self.coding {
            None => serde_json::to_writer(&mut stdout, value)?,
            Some(coding) => {
                let shown = serde_json::to_string(value)?;
                stdout.write_all(decoded::json(coding, &shown).as_bytes())?;
            }
        }
        stdout.write_all(b"\n")?;
        stdout.flush()
    }

    /// A payload as the app has written it; one that cannot be decoded as it stands.
    pub(crate) fn decoded(self, payload: &Payload) -> Payload {
        let decode = |coding: &Coding| coding.decode(payload.clone()).ok();
        let decoded = self.coding.and_then(decode);
        decoded.unwrap_or_else(|| payload.clone())
    }

    /// Writes a line of text.
    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")?;
        stdout.flush()
    }

    /// Writes a sentence that may name what strangers named: all of it is one line.
    pub(crate) fn say(self, text: &str) -> io::Result<()> {
        self.line(&visible(text))
    }

    /// Writes rows under their headings, each column as wide as its widest cell, and all within a terminal.
    pub(crate) fn table(self, headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(self.drawn(headings, rows).as_bytes())?;
        stdout.flush()
    }

    /// The same rows as text.
    pub(crate) fn drawn(self, headings: &[&str], rows: &[Vec<String>]) -> String {
        table::table(headings, rows, self.terminal)
    }

    /// A time of the API in a table; what is none stays as it is.
    pub(crate) fn time_of(self, text: &str) -> String {
        let instant: Result<jiff::Timestamp, _> = text.parse();
        instant.map_or_else(
            |_| text.to_owned(),
            |instant| self.time(Timestamp::from_micros(instant.as_microsecond())),
        )
    }

    /// A time in a table.
    pub(crate) fn time(self, at: Timestamp) -> String {
        match self.time {
            TimeStyle::Utc => at.to_rfc3339(),
            TimeStyle::Relative if at > self.now => format!("in {}", view::age(at.since(self.now))),
            TimeStyle::Relative => format!("{} ago", view::age(self.now.since(at))),
            TimeStyle::Local => match jiff::Timestamp::from_microsecond(at.as_micros()) {
                Ok(instant) => instant
                    .to_zoned_datetime(jiff::tz::TimeZone::system())
                    .strftime("%Y-%m-%d %H:%M:%S%.3f %:z")
                    .to_string(),
                Err(_) => at.to_rfc3339(),
            },
        }
    }
}

/// Something for people beside the result: on stderr.
pub(crate) fn aside(text: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_those_who_look_and_have_not_said_no() {
        let none = |_: &str| None;
        let said = |name: &'static str, value: &'static str| {
            move |asked: &str| (asked == name).then(|| value.to_owned())
        };

        assert!(ColorMode::Auto.is_on(true, none));
        assert!(!ColorMode::Auto.is_on(false, none));
        assert!(!ColorMode::Auto.is_on(true, said("NO_COLOR", "1")));
        assert!(ColorMode::Auto.is_on(true, said("NO_COLOR", "")));
        assert!(!ColorMode::Auto.is_on(true, said("TERM", "dumb")));
        assert!(ColorMode::Always.is_on(false, said("NO_COLOR", "1")));
        assert!(!ColorMode::Never.is_on(true, none));
    }
}
