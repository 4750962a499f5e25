//! The picture: lanes and their marks, as SVG whose geometry is in attributes, which a strict CSP lets pass.
//!
//! Each mark is a link to its event and has a title that says all of it. Colours come from classes of the style sheet.

use std::fmt::{self, Write as _};

use super::{
    axis::Axis,
    lane::{End, Lane, LaneKind, Stretch},
    lanes::Timeline,
    marks::{self, Escaped, P},
};

/// Heights, in pixels: a lane, the axis above them, the line below them.
pub(crate) const LANE: usize = 30;
pub(crate) const AXIS: usize = 26;
const FOOT: usize = 20;

/// Draws a timeline. Its links are of the page that it is on: a long id in each of them would make it large.
pub(crate) fn svg(timeline: &Timeline) -> String {
    let picture = Picture {
        timeline,
        axis: Axis::of(timeline),
        height: AXIS + timeline.lanes.len() * LANE + FOOT,
    };
    let mut out = String::with_capacity(16 * 1024);
    picture.draw(&mut out).unwrap_or_default();
    out
}

pub(super) struct Picture<'a> {
    pub(super) timeline: &'a Timeline,
    pub(super) axis: Axis,
    height: usize,
}

impl Picture<'_> {
    fn draw(&self, out: &mut String) -> fmt::Result {
        write!(
            out,
            "<svg class=\"timeline\" width=\"100%\" height=\"{}\" aria-hidden=\"true\">",
            self.height
        )?;
        for (index, _) in self.timeline.lanes.iter().enumerate().skip(1).step_by(2) {
            write!(
                out,
                "<rect class=\"stripe\" x=\"0\" y=\"{}\" width=\"100%\" height=\"{LANE}\"/>",
                AXIS + index * LANE
            )?;
        }
        self.draw_axis(out)?;
        self.draw_pauses(out)?;
        for (index, lane) in self.timeline.lanes.iter().enumerate() {
            self.draw_lane(out, lane, AXIS + index * LANE + LANE / 2)?;
        }
        self.draw_folds(out)?;
        self.draw_undo(out)?;
        self.draw_now(out)?;
        out.write_str("</svg>")
    }

    /// Opens a link to an event that says what it is about.
    pub(super) fn open(&self, out: &mut String, seq: u64, title: &dyn fmt::Display) -> fmt::Result {
        write!(
            out,
            "<a href=\"?tab=history&amp;show=full&amp;at={seq}#event-{seq}\" tabindex=\"-1\"><title>{}</title>",
            Escaped(title)
        )
    }

    fn draw_axis(&self, out: &mut String) -> fmt::Result {
        for tick in &self.axis.ticks {
            write!(
                out,
                "<line class=\"grid\" x1=\"{x}\" x2=\"{x}\" y1=\"18\" y2=\"{}\"/><text class=\"tick\" x=\"{x}\" y=\"12\"{}>{}</text>",
                self.height - FOOT,
                // What a module may show in the reader's own zone.
                if tick.label.starts_with([':', '+']) {
                    String::new()
                } else {
                    format!(" data-at=\"{}\"", tick.at.iso())
                },
                Escaped(&tick.label),
                x = P(tick.x)
            )?;
        }
        Ok(())
    }

    fn draw_folds(&self, out: &mut String) -> fmt::Result {
        for fold in &self.axis.folds {
            let middle = P((fold.from + fold.to) / 2.0);
            write!(
                out,
                "<g class=\"fold\"><use href=\"#t-cut\" x=\"{middle}\" y=\"{}\"/><line class=\"fold-line\" x1=\"{middle}\" x2=\"{middle}\" \
                 y1=\"{AXIS}\" y2=\"{}\"/><text x=\"{middle}\" y=\"12\" text-anchor=\"middle\">{}</text></g>",
                AXIS + LANE / 2,
                self.height - FOOT,
                Escaped(&fold.label)
            )?;
        }
        Ok(())
    }

    fn draw_pauses(&self, out: &mut String) -> fmt::Result {
        for pause in &self.timeline.pauses {
            let (from, to) = self.span(pause);
            self.open(out, pause.seq, &pause.what)?;
            write!(
                out,
                "<rect class=\"pause\" x=\"{}\" y=\"{AXIS}\" width=\"{}\" height=\"{}\"/></a>",
                P(from),
                P(to - from),
                self.height - AXIS - FOOT
            )?;
        }
        Ok(())
    }

    fn draw_undo(&self, out: &mut String) -> fmt::Result {
        let Some(undo) = &self.timeline.undo else {
            return Ok(());
        };
        let x = self.axis.x(undo.at);
        let anchor = if x > 55.0 { "end" } else { "start" };
        self.open(out, undo.seq, &undo.what)?;
        write!(
            out,
            "<line class=\"undo-line\" x1=\"{x}\" x2=\"{x}\" y1=\"{AXIS}\" y2=\"{bottom}\"/><use class=\"undo\" href=\"#t-compensating\" x=\"{x}\" y=\"{y}\"/>\
             <text class=\"undo\" x=\"{x}\" y=\"{text}\" dx=\"{dx}\" text-anchor=\"{anchor}\">{}</text></a>",
            Escaped(&undo.what),
            x = P(x),
            bottom = self.height - FOOT,
            y = self.height - FOOT / 2,
            text = self.height - 6,
            dx = if anchor == "end" { -10 } else { 10 },
        )
    }

    fn draw_now(&self, out: &mut String) -> fmt::Result {
        let Some(now) = self.axis.now else {
            return Ok(());
        };
        write!(
            out,
            "<line class=\"now\" x1=\"{x}\" x2=\"{x}\" y1=\"18\" y2=\"{}\"/><text class=\"now\" x=\"{x}\" y=\"12\" text-anchor=\"middle\">now <tspan data-at=\"{}\">{}</tspan></text>",
            self.height - FOOT,
            self.timeline.now.iso(),
            self.timeline.now.clock(),
            x = P(now)
        )
    }

    /// From where to where a stretch is drawn.
    fn span(&self, stretch: &Stretch) -> (f64, f64) {
        let to = stretch.to.map_or(self.axis.right, |to| self.axis.x(to));
        (self.axis.x(stretch.from), to)
    }

    fn draw_lane(&self, out: &mut String, lane: &Lane, y: usize) -> fmt::Result {
        match lane.kind {
            LaneKind::Run => self.draw_run(out, lane, y)?,
            LaneKind::Child => self.draw_child(out, lane, y)?,
            LaneKind::Children | LaneKind::Group => self.draw_tallies(out, lane, y)?,
            LaneKind::Activity | LaneKind::Timer | LaneKind::Wait => {}
        }
        for incident in &lane.incidents {
            let (from, to) = self.span(incident);
            self.open(out, incident.seq, &incident.what)?;
            write!(
                out,
                "<rect class=\"incident\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"22\" fill=\"url(#t-hatch)\"/>\
                 <svg x=\"{}\" y=\"{y}\" overflow=\"visible\"><use class=\"incident\" href=\"#t-incident\" x=\"28\" y=\"0\"/></svg></a>",
                P(from),
                y - 11,
                P((to - from).max(0.4)),
                P(from)
            )?;
        }
        for stretch in &lane.stretches {
            self.draw_stretch(out, lane, stretch, y)?;
        }
        self.draw_attempts(out, lane, y)?;
        for mark in &lane.marks {
            self.open(out, mark.seq, &mark.what)?;
            let above = if lane.kind == LaneKind::Run { y - 9 } else { y };
            write!(
                out,
                "<use class=\"mark {icon}\" href=\"#t-{icon}\" x=\"{}\" y=\"{above}\"/></a>",
                P(self.axis.x(mark.at)),
                icon = mark.icon
            )?;
        }
        self.draw_note(out, lane, y)
    }

    fn draw_run(&self, out: &mut String, lane: &Lane, y: usize) -> fmt::Result {
        let from = P(self.axis.x(self.timeline.started));
        let to = P(self.axis.right);
        self.open(out, lane.seq, &"the run")?;
        write!(
            out,
            "<line class=\"run {}\" x1=\"{from}\" x2=\"{to}\" y1=\"{y}\" y2=\"{y}\"/><use class=\"run-start\" href=\"#t-start\" x=\"{from}\" y=\"{y}\"/></a>",
            lane.end.class()
        )?;
        match lane.end {
            End::Open => write!(
                out,
                "<line class=\"run-on\" x1=\"{to}\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>"
            ),
            end => write!(
                out,
                "<use class=\"end {class}\" href=\"#t-{class}\" x=\"{to}\" y=\"{y}\"/><text class=\"end {class}\" x=\"{to}\" y=\"{}\" dx=\"12\">{}</text>",
                y + 4,
                Escaped(&self.timeline.status),
                class = end.class(),
            ),
        }
    }

    fn draw_child(&self, out: &mut String, lane: &Lane, y: usize) -> fmt::Result {
        let from = self.axis.x(lane.start);
        let to = lane
            .ended
            .map_or(self.axis.right, |ended| self.axis.x(ended));
        let title = format!("child {}, {}", lane.name.line(), lane.end.word());
        match &lane.child {
            Some(id) => write!(
                out,
                "<a href=\"{}\" tabindex=\"-1\"><title>{}</title>",
                id.page(),
                Escaped(&title)
            )?,
            None => self.open(out, lane.seq, &title)?,
        }
        let class = lane.end.class();
        write!(
            out,
            "<rect class=\"child {class}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"16\" rx=\"3\"/>\
             <rect class=\"child-in {class}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"10\"/></a>",
            y - 8,
            y - 5,
            x = P(from),
            width = P((to - from).max(0.3)),
        )?;
        self.draw_end(out, lane.end, to, y)
    }

    /// The icon of an end, behind a bar.
    pub(super) fn draw_end(&self, out: &mut String, end: End, x: f64, y: usize) -> fmt::Result {
        match end {
            End::Open => Ok(()),
            end => write!(
                out,
                "<svg x=\"{}\" y=\"{y}\" overflow=\"visible\"><use class=\"end {class}\" href=\"#t-{class}\" x=\"8\" y=\"0\"/></svg>",
                P(x),
                class = end.class()
            ),
        }
    }

    /// A group: how many are done, failed and open, as heights over time.
    fn draw_tallies(&self, out: &mut String, lane: &Lane, y: usize) -> fmt::Result {
        let total = lane
            .tallies
            .iter()
            .map(|(_, tally)| tally.total())
            .max()
            .unwrap_or(1)
            .max(1);
        self.open(
            out,
            lane.seq,
            &format!(
                "{}: {}",
                lane.name.line(),
                lane.note.clone().unwrap_or_default()
            ),
        )?;
        let ends = lane.tallies.iter().skip(1).map(|(at, _)| self.axis.x(*at));
        let last = lane
            .ended
            .map_or(self.axis.right, |ended| self.axis.x(ended));
        for ((at, tally), to) in lane.tallies.iter().zip(ends.chain([last])) {
            let x = self.axis.x(*at);
            let mut top = marks::part(tally.total(), total, 24);
            for (count, class) in [
                (tally.open, "open"),
                (tally.failed, "failed"),
                (tally.done, "done"),
            ] {
                let bottom = top - marks::part(count, total, 24);
                if count > 0 && to > x {
                    write!(
                        out,
                        "<rect class=\"tally {class}\" x=\"{}\" width=\"{}\" y=\"{:.1}\" height=\"{:.1}\"/>",
                        P(x),
                        P(to - x),
                        marks::pixels(y) + 12.0 - top,
                        top - bottom
                    )?;
                }
                top = bottom;
            }
        }
        out.write_str("</a>")
    }

    fn draw_stretch(
        &self,
        out: &mut String,
        lane: &Lane,
        stretch: &Stretch,
        y: usize,
    ) -> fmt::Result {
        let (from, to) = self.span(stretch);
        let is_open = stretch.to.is_none();
        let due = stretch.due.filter(|_| is_open);
        self.open(out, stretch.seq, &stretch.what)?;
        write!(
            out,
            "<line class=\"wait\" x1=\"{}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>",
            P(from),
            P(to)
        )?;
        if lane.kind == LaneKind::Timer {
            write!(
                out,
                "<use class=\"timer\" href=\"#t-clock\" x=\"{}\" y=\"{y}\"/>",
                P(from)
            )?;
        }
        if let Some(due) = due {
            let (x, icon) = (
                self.axis.x(due).max(self.axis.right + 3.0),
                if lane.kind == LaneKind::Timer {
                    "due"
                } else {
                    "flag"
                },
            );
            write!(
                out,
                "<line class=\"coming\" x1=\"{}\" x2=\"{x}\" y1=\"{y}\" y2=\"{y}\"/><use class=\"timer\" href=\"#t-{icon}\" x=\"{x}\" y=\"{y}\"/>\
                 <text class=\"coming\" x=\"{x}\" dx=\"10\" y=\"{}\" data-countdown=\"{}\">{}</text>",
                P(self.axis.right),
                y + 4,
                due.iso(),
                due.countdown(self.timeline.now),
                x = P(x)
            )?;
        }
        out.write_str("</a>")?;
        match lane.kind {
            LaneKind::Timer => self.draw_end(out, stretch.end, to, y),
            _ => Ok(()),
        }
    }

    /// What stands beside a lane that has not been undone.
    fn draw_note(&self, out: &mut String, lane: &Lane, y: usize) -> fmt::Result {
        let note = lane
            .note
            .as_ref()
            .filter(|_| lane.kind == LaneKind::Activity);
        let Some(note) = note else { return Ok(()) };
        let x = self.axis.x(lane.ended.unwrap_or(lane.start));
        write!(
            out,
            "<svg x=\"{}\" y=\"{}\" overflow=\"visible\"><text class=\"lane-note\" x=\"22\" y=\"0\">{}</text></svg>",
            P(x),
            y + 4,
            Escaped(note)
        )
    }
}
