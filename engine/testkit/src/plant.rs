//! Bugs that are planted on purpose, to show that the checks find them. They lie in what a lane or a delay service is told,
//! never in these.

use std::str::FromStr;

/// What a lane is told wrongly, now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A batch is acknowledged before it is in the log: its effects leave too early.
    AckTooEarly,
    /// A batch is told to lie right behind the one before, whatever lies between: a zombie believes itself.
    ZombieBelieved,
    /// A lost record is told to be in the log.
    LossUnnoticed,
    /// What is read back of the journal leaves out the claims of others.
    ClaimsUnread,
    /// An effect is acknowledged that never reaches its topic.
    EffectLost,
    /// An input is given to the lane twice, the second time under another identity.
    InputTwice,
    /// An input is never given to the lane.
    InputSkipped,
    /// A worker's result is another one when the lane reads it.
    ResultChanged,
    /// What a person does is something else when the lane reads it.
    ActChanged,
    /// An act is given to the lane twice, the second time under another identity.
    ActTwice,
    /// A signal carries something else when the lane reads it.
    SignalChanged,
    /// A signal is given to the lane twice, the second time under another identity.
    SignalTwice,
    /// An update carries something else when the lane reads it.
    UpdateChanged,
    /// An update is given to the lane twice, the second time as another.
    UpdateTwice,
    /// A child returned something else when the lane of its parent reads it.
    ChildResultChanged,
    /// A child hands nothing over when the lane of its parent reads it.
    HandedOverDropped,
    /// The end of a child is given to the lane twice, the second time under another identity: harmless.
    ChildEndedTwice,
    /// The delay service is told that it is later than it is.
    TimeTooLate,
    /// The inputs are told to end where they ended long ago: a time-out overtakes a result.
    EndsTooLow,
}

impl Bug {
    /// All that do harm.
    pub const ALL: [Self; 18] = [
        Self::AckTooEarly,
        Self::ZombieBelieved,
        Self::LossUnnoticed,
        Self::ClaimsUnread,
        Self::EffectLost,
        Self::InputTwice,
        Self::InputSkipped,
        Self::ResultChanged,
        Self::EndsTooLow,
        Self::ActChanged,
        Self::ActTwice,
        Self::SignalChanged,
        Self::SignalTwice,
        Self::UpdateChanged,
        Self::UpdateTwice,
        Self::ChildResultChanged,
        Self::HandedOverDropped,
        Self::TimeTooLate,
    ];
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter().chain([Self::ChildEndedTwice]);
        let found = all.find(|bug| format!("{bug:?}") == text);
        found.ok_or_else(|| format!("`{text}` is none of {:?}", Self::ALL))
    }
}
