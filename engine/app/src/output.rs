//! What goes to stdout: tables for people, JSON for programs. Text of strangers is drawn so that it stays text.

mod decoded;

use std::io::{self, Write};

use clap::ValueEnum;
use sagaline_core::{Payload, Timestamp, view};
use sagaline_sdk::Coding;
use serde::Serialize;

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

/// The way to stdout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) time: TimeStyle,
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

    /// Writes rows under their headings, each column as wide as its widest cell.
    pub(crate) fn table(self, headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(table(headings, rows).as_bytes())?;
        stdout.flush()
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

fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| visible(cell)).collect())
        .collect();
    let all = || {
        std::iter::once(&head)
            .filter(|_| !headings.is_empty())
            .chain(&rows)
    };
    let columns = all().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        all()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in all() {
        let mut line = String::new();
        for (cell, &width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(
                ' ',
                width.saturating_sub(cell.chars().count()) + 2,
            ));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The text with control and bidirectional characters as visible marks.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{0}'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => shown.push('␡'),
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(c)));
            }
            c if c.is_control() => shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
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
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["a".into(), "1".into()],
            vec!["béta".into(), "2".into()],
        ];

        assert_eq!(table(&["ID", "N"], &rows), "ID    N\na     1\nbéta  2\n");
    }

    #[test]
    fn text_of_strangers_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(
            visible("a\u{1b}[2Jb\n\u{202e}c\u{85}"),
            "a␛[2Jb␊⟨U+202E⟩c⟨U+0085⟩"
        );
    }
}
