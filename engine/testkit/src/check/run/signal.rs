//! I11: a program is given each signal once, in the order in which they came.

use std::collections::BTreeMap;

use sagaline_core::event::{SignalReceived, WaitRecorded};

use super::{Place, Run};
use crate::Violation;

impl Run {
    /// It is what its sender sent. Whose end is fixed is given no more.
    pub(super) fn signal(
        &mut self,
        place: Place<'_>,
        event: &SignalReceived,
    ) -> Result<(), Violation> {
        let text = String::from_utf8_lossy(event.input.data());
        let signal = format!("{} {text}", event.signal);
        if place.seq <= self.copies {
            // It was left, so the input does not tell of it; those that were left are the last of their name.
            let mut of_input = self.signals_of_input.iter();
            if let Some(last) = of_input.rposition(|one| *one == signal) {
                self.signals_of_input.remove(last);
            }
            return Ok(());
        }
        let asked = place.by.and_then(|input| input.asks.signal());
        let is_sent = asked.is_some_and(|asked| {
            asked.signal == event.signal.as_str() && asked.input == event.input.data()
        });
        if !is_sent {
            let what = format!("signal {} by {:?}", event.signal, place.by);
            return Err(self.violates("I7", what));
        }
        if self.undo.is_none() {
            self.signals.push(signal);
        }
        self.check_sender(place, event)
    }

    /// A program of ours waits for a signal beside a timer.
    pub(super) fn waits(&self, event: &WaitRecorded) -> Result<(), Violation> {
        let has_timer = |at| self.timers.values().any(|due| *due == at);
        let mut deadlines = event.waits.iter().map(|wait| wait.deadline);
        if deadlines.all(|at| at.is_some_and(has_timer)) && self.undo.is_none() {
            return Ok(());
        }
        let what = format!("waits for {:?} with timers {:?}", event.waits, self.timers);
        Err(self.violates("I11", what))
    }

    /// The program returned the signals that it was given: of each name all, in order.
    pub(super) fn check_signals(&self, returned: &[String]) -> Result<(), Violation> {
        let given: Vec<&str> = self.signals.iter().map(String::as_str).collect();
        let returned: Vec<&str> = returned.iter().map(String::as_str).collect();
        if by_name(&given) == by_name(&returned) {
            return Ok(());
        }
        let what = format!("was given the signals {given:?}, returns {returned:?}");
        Err(self.violates("I11", what))
    }
}

pub(super) fn by_name<'a>(signals: &[&'a str]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, input) in signals.iter().filter_map(|text| text.split_once(' ')) {
        by_name.entry(name).or_default().push(input);
    }
    by_name
}
