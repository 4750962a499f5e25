//! `--query`: a filter as a flag, and the runs that it is asked about.

use clap::Args;
use sagaline_core::{
    Name,
    filter::{Field, Filter, InvalidQuery},
};

use super::{Session, describe::unread_queues};
use crate::{
    fault::{Exit, Fault, Outcome},
    runs::Runs,
};

/// A list's filter.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// Only what this filter means, in its order: `Status = "Running" ORDER BY StartTime`
    #[arg(short, long, value_name = "FILTER")]
    query: Option<String>,
}

impl Query {
    /// What the flag says.
    pub(crate) fn text(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The filter; without the flag one that means everything.
    pub(crate) fn filter(&self) -> Outcome<Filter> {
        read(self.query.as_deref().unwrap_or_default())
    }
}

/// The filter that a text is; otherwise a fault that shows where it is wrong.
pub(crate) fn read(text: &str) -> Outcome<Filter> {
    Filter::parse(text).map_err(|invalid| wrong("query", text, invalid))
}

/// The field that a text is; otherwise likewise.
pub(crate) fn read_field(text: &str) -> Outcome<Field> {
    Field::parse(text).map_err(|invalid| wrong("field", text, invalid))
}

fn wrong(what: &str, text: &str, invalid: InvalidQuery) -> Fault {
    let message = format!("invalid {what} {invalid}\n{}", shown(text, &invalid));
    let fault = Fault::new(Exit::Usage, message);
    match invalid.hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// The queues that nobody reads, as far as the filter asks for that.
pub(crate) fn queues_asked_for(
    session: &Session,
    filter: &Filter,
    folded: &[Runs],
) -> Outcome<Vec<Name>> {
    queues_of(session, filter.fields(), folded)
}

/// The queues that nobody reads, as far as one of these fields asks for that.
pub(crate) fn queues_of<'a>(
    session: &Session,
    mut fields: impl Iterator<Item = &'a Field>,
    folded: &[Runs],
) -> Outcome<Vec<Name>> {
    match fields.any(|field| *field == Field::Situation) {
        true => unread_queues(
            session,
            folded
                .iter()
                .flat_map(|runs| runs.iter().map(|(_, seen)| &seen.run)),
        ),
        false => Ok(Vec::new()),
    }
}

/// The line of the text that is wrong, and under it where.
fn shown(text: &str, invalid: &InvalidQuery) -> String {
    let (before, after) = text
        .split_at_checked(invalid.position())
        .unwrap_or((text, ""));
    let line = |part: &str| part.replace(char::is_control, " ");
    let begin = before
        .char_indices()
        .rev()
        .take(SHOWN_CHARS_MAX)
        .last()
        .map_or(0, |(at, _)| at);
    let before = line(before.split_at(begin).1);
    let after: String = line(after).chars().take(SHOWN_CHARS_MAX).collect();
    let under = " ".repeat(before.chars().count());
    format!("  {before}{after}\n  {under}^")
}

/// So much of a filter is shown on either side of what is wrong, in characters.
const SHOWN_CHARS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_shows_the_place() {
        let fault = read("Open = true AND status = 'Running'").unwrap_err();

        assert_eq!(
            fault.to_string(),
            "error: invalid query at byte 16: found `status`, expected a field, NOT or `(`\n    \
               Open = true AND status = 'Running'\n    \
             \u{20}               ^\n\
             hint: did you mean Status? an attribute of that name is written `status`, in backticks"
        );
        assert_eq!(fault.exit(), Exit::Usage);
    }

    #[test]
    fn the_page_shows_what_is_printed() {
        let page = include_str!("../../../../docs/reference/filters.md");

        let said = read("StartTime > 5").unwrap_err().to_string();

        assert!(
            page.contains(&format!("-q 'StartTime > 5'\n{said}\n```")),
            "{said}"
        );
    }

    #[test]
    fn of_a_long_filter_only_the_neighbourhood_is_shown() {
        let text = format!("a = '{}' AND ;{}", "ä\n".repeat(4_000), "b".repeat(4_000));

        let said = read(&text).unwrap_err().to_string();

        assert!(said.contains("AND ;bbb") && said.len() < 500, "{said}");
        let lines: Vec<&str> = said.lines().collect();
        let column = |line: &str, sign: char| line.chars().position(|c| c == sign);
        assert_eq!(column(lines[1], ';'), column(lines[2], '^'));
    }
}
