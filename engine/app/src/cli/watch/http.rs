//! A run that a server has, as it goes: events come by long polls, and on a terminal the rest is asked for at each turn.

use std::{io, time::Duration};

use sagaline_core::{RunId, WorkflowId};

use super::{EVENTS_MAX, Screen, WatchArgs, drawing, height, lines, show};
use crate::{
    cli::{
        api::{Api, Path},
        history::{Event, Pages, Printed, parsed},
        seen::Run,
    },
    clock::Deadline,
    fault::{Exit, Fault, Outcome},
    output::{Format, Output},
    settings::Span,
};

/// How often it is drawn while nothing happens, so that countdowns go.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// A run that is watched.
struct Watch<'a> {
    output: Output,
    api: &'a Api,
    id: &'a WorkflowId,
    /// The run that is shown.
    run_id: Option<RunId>,
    deadline: Deadline,
    /// None where each event is a line.
    screen: Option<Screen>,
}

pub(super) fn watch(output: Output, api: &Api, args: &WatchArgs) -> Outcome {
    let is_drawn = output.format == Format::Table && output.terminal.width.is_some();
    let mut watch = Watch {
        output,
        api,
        id: args.of.id.get(),
        run_id: args.of.run_id,
        deadline: Deadline::after(args.timeout.map(Span::get)),
        screen: is_drawn.then(Screen::default),
    };
    loop {
        match watch.follow()? {
            // Another run goes on in its place.
            Some(next) => watch.run_id = Some(next),
            None => return watch.ended(),
        }
    }
}

impl Watch<'_> {
    /// Follows a run until it closes, and gives the one that goes on in its place.
    fn follow(&mut self) -> Outcome<Option<RunId>> {
        let mut pages = Pages::of(self.api, self.id, self.run_id);
        let mut rows = Printed::new(self.output);
        let mut last: Vec<Event> = Vec::new();
        let mut has_ended = false;
        loop {
            let turn = match self.screen {
                Some(_) => DRAW_EVERY,
                None => Duration::MAX,
            };
            let events = parsed(self.api, &pages.newer((self.deadline, turn))?)?;
            self.run_id = pages.run_id();
            has_ended |= events.iter().any(Event::is_last);
            let path = self.path();
            match &mut self.screen {
                None => show(&mut rows, self.output, pages.run(), &events)?,
                Some(screen) => {
                    last.extend(events);
                    last.drain(..last.len().saturating_sub(EVENTS_MAX + 1));
                    let run: Run = again(self.api, &path, self.deadline)?;
                    let lines = lines(drawing(self.output), &run, &last, height());
                    screen.draw(io::stdout().lock(), &lines)?;
                }
            }
            if has_ended && !pages.has_more() {
                let run: Run = again(self.api, &path, self.deadline)?;
                let next = run.continued_as.and_then(|next| next.parse().ok());
                return Ok(next.filter(|next| Some(*next) != self.run_id));
            }
            if self.deadline.passed() {
                let text = format!("workflow {} is still open", self.id);
                let hint = format!("`workflow describe {}` says what it waits for", self.id);
                return Err(Fault::new(Exit::TimedOut, text).hint(hint));
            }
        }
    }

    fn path(&self) -> Path {
        Path::run(self.id, self.run_id)
    }

    /// Says how it ended.
    fn ended(&self) -> Outcome {
        let path = self.path();
        if self.screen.is_none() && self.output.format == Format::Table {
            let run: Run = self.api.read(&path)?;
            self.output.say(&run.waiting_for.text)?;
        }
        // What it returned is not asked for here; why it returned nothing is.
        self.api.get(&path.then("result"))?;
        Ok(())
    }
}

/// Asks for the run, of a server that has answered before.
fn again(api: &Api, path: &Path, deadline: Deadline) -> Outcome<Run> {
    api.again(deadline, || api.read(path))
}
