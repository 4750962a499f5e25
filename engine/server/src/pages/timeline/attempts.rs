//! Attempts as they are drawn: bars, the waits between them, the block of many, the one that comes.

use std::fmt::{self, Write as _};

use super::{
    lane::{Attempt, Coming, End, Lane},
    marks::{self, Escaped, P},
    svg::Picture,
};
use crate::pages::time::took;

/// More attempts than this are folded: the first, a block, the last.
pub(crate) const ATTEMPTS_SHOWN_MAX: usize = 20;
const FIRST_SHOWN: usize = 3;
const LAST_SHOWN: usize = 5;

/// The attempts of a lane that are drawn, and those between them that are not.
pub(crate) struct ShownAttempts<'a> {
    first: &'a [Attempt],
    folded: &'a [Attempt],
    last: &'a [Attempt],
}

impl<'a> ShownAttempts<'a> {
    pub(crate) fn attempts(&self) -> impl Iterator<Item = &'a Attempt> {
        self.first.iter().chain(self.last)
    }
}

pub(crate) fn shown_attempts(lane: &Lane) -> ShownAttempts<'_> {
    let all = lane.attempts.as_slice();
    if all.len() <= ATTEMPTS_SHOWN_MAX {
        return ShownAttempts {
            first: all,
            folded: &[],
            last: &[],
        };
    }
    let (first, rest) = all.split_at(FIRST_SHOWN);
    let (folded, last) = rest.split_at(rest.len().saturating_sub(LAST_SHOWN));
    ShownAttempts {
        first,
        folded,
        last,
    }
}

impl Picture<'_> {
    pub(super) fn draw_attempts(&self, out: &mut String, lane: &Lane, y: usize) -> fmt::Result {
        let shown = shown_attempts(lane);
        let mut before: Option<&Attempt> = None;
        for attempt in shown.first {
            self.draw_wait(out, before, attempt, y)?;
            self.draw_attempt(out, attempt, y)?;
            before = Some(attempt);
        }
        if let (Some(first), Some(last)) = (
            before.filter(|_| !shown.folded.is_empty()),
            shown.last.first(),
        ) {
            self.draw_folded(out, shown.folded, (first, last), y)?;
            before = None;
        }
        for attempt in shown.last {
            self.draw_wait(out, before, attempt, y)?;
            self.draw_attempt(out, attempt, y)?;
            before = Some(attempt);
        }
        match lane.coming {
            Some(coming) => self.draw_coming(out, lane, coming, y),
            None => Ok(()),
        }
    }

    /// The dashed line between two attempts, with its length.
    fn draw_wait(
        &self,
        out: &mut String,
        before: Option<&Attempt>,
        attempt: &Attempt,
        y: usize,
    ) -> fmt::Result {
        let before = before.filter(|before| before.undoes == attempt.undoes);
        let Some(ended) = before.and_then(|before| before.ended) else {
            return Ok(());
        };
        let (from, to) = (self.axis.x(ended), self.axis.x(attempt.sent));
        write!(
            out,
            "<line class=\"backoff\" x1=\"{}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>",
            P(from),
            P(to)
        )?;
        if to - from > 5.5 {
            write!(
                out,
                "<text class=\"backoff\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                P((from + to) / 2.0 + 0.8),
                y - 4,
                took(attempt.sent.ms() - ended.ms())
            )?;
        }
        Ok(())
    }

    fn draw_attempt(&self, out: &mut String, attempt: &Attempt, y: usize) -> fmt::Result {
        let from = self.axis.x(attempt.sent);
        let to = attempt
            .ended
            .map_or(self.axis.right, |ended| self.axis.x(ended));
        let class = if attempt.undoes {
            "attempt undo"
        } else {
            "attempt"
        };
        let end = attempt.end.class();
        self.open(out, attempt.event(), &attempt.told())?;
        match attempt.started {
            Some(started) => {
                let started = self.axis.x(started);
                marks::bar(out, &format!("{class} queue"), (from, started), y)?;
                marks::bar(out, &format!("{class} {end}"), (started, to), y)?;
            }
            None if attempt.end == End::Open => {
                marks::bar(out, &format!("{class} queue"), (from, to), y)?
            }
            None => marks::bar(out, &format!("{class} unreported {end}"), (from, to), y)?,
        }
        if to - from > 2.6 && (attempt.number > 1 || attempt.end != End::Done) {
            write!(
                out,
                "<text class=\"number\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                P((from + to) / 2.0),
                y + 4,
                attempt.number
            )?;
        }
        if attempt.undoes && attempt.number == 1 {
            write!(
                out,
                "<svg x=\"{}\" y=\"{y}\" overflow=\"visible\"><use class=\"undo\" href=\"#t-compensating\" x=\"-9\" y=\"0\"/></svg>",
                P(from)
            )?;
        }
        self.draw_end(out, attempt.end, to, y)?;
        out.write_str("</a>")?;
        if attempt.undoes && attempt.end != End::Failed {
            write!(
                out,
                "<svg x=\"{}\" y=\"{}\" overflow=\"visible\"><text class=\"undo\" x=\"18\" y=\"0\">{}</text></svg>",
                P(to),
                y + 4,
                Escaped(&attempt.activity.line())
            )?;
        }
        Ok(())
    }

    /// `× 87, GatewayDown × 86`
    fn draw_folded(
        &self,
        out: &mut String,
        folded: &[Attempt],
        (first, last): (&Attempt, &Attempt),
        y: usize,
    ) -> fmt::Result {
        let from = self.axis.x(first.ended.unwrap_or(first.sent)) + 1.4;
        let to = self.axis.x(last.sent);
        let told = marks::folded_in_words(folded);
        self.open(
            out,
            folded.first().map_or(first.seq, |attempt| attempt.event()),
            &told,
        )?;
        marks::bar(out, "folded", (from, to.max(from + 1.0)), y)?;
        let label = if to - from > 18.0 {
            told
        } else {
            format!("× {}", folded.len())
        };
        write!(
            out,
            "<text class=\"folded\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></a>",
            P((from + to) / 2.0),
            y + 4,
            Escaped(&label)
        )
    }

    /// The coming attempt: past the line of now, to a hollow dot. A click on the dot is one on its *Retry now*.
    fn draw_coming(&self, out: &mut String, lane: &Lane, coming: Coming, y: usize) -> fmt::Result {
        let from = self.axis.x(coming.since);
        let x = self.axis.x(coming.due).max(self.axis.right + 3.0);
        let seq = lane.attempts.last().map_or(lane.seq, Attempt::event);
        self.open(
            out,
            seq,
            &format!("attempt {} is due at {}", coming.number, coming.due.full()),
        )?;
        write!(
            out,
            "<line class=\"coming\" x1=\"{}\" x2=\"{x}\" y1=\"{y}\" y2=\"{y}\"/>\
             <text class=\"coming\" x=\"{x}\" dx=\"10\" y=\"{}\"><tspan>{}</tspan><tspan dx=\"4\" data-countdown=\"{}\" data-before=\"in \">{}</tspan></text></a>",
            P(from),
            y + 4,
            coming.number,
            coming.due.iso(),
            coming.due.coming(self.timeline.now),
            x = P(x)
        )?;
        let dot = format!(
            "<use class=\"coming\" href=\"#t-due\" x=\"{}\" y=\"{y}\"/>",
            P(x)
        );
        match coming.activity_id {
            Some(id) => write!(
                out,
                "<a href=\"#activity-{id}\" data-retry tabindex=\"-1\"><title>Retry now</title>{dot}</a>"
            ),
            None => out.write_str(&dot),
        }
    }
}
