//! Values that a run keeps, and the versions of changes that it goes by.

use std::{collections::VecDeque, iter, ops::RangeInclusive};

use sagaline_core::{
    Name, Payload,
    error_type::NONDETERMINISM,
    program::{CommandKind, ProgramCommand, Recorded, VERSION_MARKER},
};

use super::{Shared, State};
use crate::{Error, Result};

impl Shared {
    /// Keeps what `make` gives, or gives back what was kept.
    pub(crate) fn marker(
        &self,
        kind: &Name,
        name: &Name,
        make: impl FnOnce() -> Payload,
    ) -> Result<Payload> {
        let mut state = self.lock();
        state.leave_history();
        let of_value = |one: Recorded| (one.kind == CommandKind::RecordMarker).then_some(one);
        let replayed = state.replayed.as_mut();
        let replayed =
            replayed.map(|markers| iter::from_fn(|| markers.pop_front()).find_map(of_value));
        let value = match replayed {
            None => {
                drop(state);
                let made = make();
                state = self.lock();
                Ok(made)
            }
            Some(Some(Recorded {
                name: Some(then),
                value: Some(value),
                ..
            })) if then == *name => Ok(*value),
            // History has no such marker here: the command below shows that to whoever compares.
            Some(_) => Err(
                Error::new(NONDETERMINISM, format!("history has no `{name}` here")).non_retryable(),
            ),
        };
        state.commands.push(ProgramCommand::RecordMarker {
            kind: kind.clone(),
            name: name.clone(),
            value: value
                .as_ref()
                .map_or_else(|_| Payload::empty(), Payload::clone),
        });
        value
    }

    /// By which version of a change the run goes on: the one that it went by before, that of its history, or the newest.
    ///
    /// A history that passed the place without a word did so before there was the change.
    pub(crate) fn version(&self, change: &Name, supported: &RangeInclusive<u32>) -> u32 {
        let mut state = self.lock();
        if let Some(known) = state.versions.get(change) {
            return *known;
        }
        state.leave_history();
        let version = match &mut state.replayed {
            None => Some(*supported.end()),
            Some(markers) => recorded_version(markers, change),
        };
        if let Some(version) = version {
            state.commands.push(ProgramCommand::RecordMarker {
                kind: Name::from(VERSION_MARKER),
                name: change.clone(),
                value: Payload::json(version.to_string().into_bytes()),
            });
        }
        let version = version.unwrap_or(*supported.start());
        state.versions.insert(change.clone(), version);
        version
    }
}

impl State {
    /// Where history was cut between the commands of an activation, what comes behind its last is new.
    fn leave_history(&mut self) {
        let is_kept = |one: &&ProgramCommand| !matches!(one, ProgramCommand::RecordWaits(_));
        let given = self.commands.iter().filter(is_kept).count();
        if self.cut_at.is_some_and(|recorded| given >= recorded) {
            self.replayed = None;
            self.cut_at = None;
        }
    }
}

/// Whether a command keeps something.
pub(super) const fn is_one(kind: CommandKind) -> bool {
    matches!(kind, CommandKind::RecordMarker | CommandKind::RecordVersion)
}

/// The version of a change that an activation recorded next, before its next value.
fn recorded_version(markers: &mut VecDeque<Recorded>, change: &Name) -> Option<u32> {
    let versions = markers.iter();
    let mut versions = versions.take_while(|one| one.kind == CommandKind::RecordVersion);
    let at = versions.position(|one| one.name.as_ref() == Some(change))?;
    let recorded = markers.drain(..=at).next_back()?;
    serde_json::from_slice(recorded.value?.data()).ok()
}
