//! Each update is accepted once and ends once, in the order in which its program was given them; who asks again is told the same.

use std::collections::BTreeMap;

use sagaline_core::event::{
    AnswerOutcome, ReplyRequested, UpdateAccepted, UpdateCompleted, UpdateRejected,
};

use super::{Place, Run};
use crate::{
    Violation,
    inputs::{Asks, UpdateAsked},
    scripted::{Word, word_on},
};

/// The updates of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Updates {
    accepted: u64,
    ended: u64,
    known: BTreeMap<String, Update>,
}

#[derive(Clone, Debug)]
struct Update {
    /// Which of those that were accepted, from 1.
    order: u64,
    number: u64,
    /// Correlations of those who want to know how it ends.
    followers: Vec<String>,
    ended: Option<(AnswerOutcome, Vec<u8>)>,
}

impl Updates {
    /// Those under way go on, and who waited for them was told that the run closed.
    pub(super) fn forget_followers(&mut self) {
        let pending = self.known.values_mut().filter(|one| one.ended.is_none());
        pending.for_each(|one| one.followers.clear());
    }

    /// What a run leaves of them to the one that goes on in its place: those that have ended.
    pub(super) fn left(&self) -> Self {
        let ended = self.known.iter().filter(|(_, one)| one.ended.is_some());
        Self {
            known: ended.map(|(id, one)| (id.clone(), one.clone())).collect(),
            ..Self::default()
        }
    }
}

impl Run {
    /// What was asked for, if it is this update and nobody asked for it before.
    fn new_update<'a>(
        &self,
        place: Place<'a>,
        (update_id, input): (&str, Option<&[u8]>),
    ) -> Result<&'a UpdateAsked, Violation> {
        match place.by.map(|input| &input.asks) {
            Some(Asks::Update(asked))
                if asked.update_id == update_id
                    && input.is_none_or(|input| input == asked.input())
                    && !self.updates.known.contains_key(update_id)
                    && self.undo.is_none() =>
            {
                Ok(asked)
            }
            by => Err(self.violates("I7", format!("update {update_id} by {by:?}"))),
        }
    }

    pub(super) fn update_accepted(
        &mut self,
        place: Place<'_>,
        event: &UpdateAccepted,
    ) -> Result<(), Violation> {
        let id = event.update_id.as_str();
        let number = self
            .new_update(place, (id, Some(event.input.data())))?
            .number;
        if matches!(word_on(number, 1), Word::Refuses | Word::Panics) {
            return Err(self.violates("I11", format!("update {id} of {number} is accepted")));
        }
        self.updates.accepted += 1;
        let update = Update {
            order: self.updates.accepted,
            number,
            followers: Vec::new(),
            ended: None,
        };
        self.updates.known.insert(id.to_owned(), update);
        Ok(())
    }

    pub(super) fn update_rejected(
        &mut self,
        place: Place<'_>,
        event: &UpdateRejected,
    ) -> Result<(), Violation> {
        let id = event.update_id.as_str();
        let number = self.new_update(place, (id, None))?.number;
        if !matches!(word_on(number, 1), Word::Refuses | Word::Panics) {
            return Err(self.violates("I11", format!("update {id} of {number} is rejected")));
        }
        let update = Update {
            order: 0,
            number,
            followers: Vec::new(),
            ended: Some((AnswerOutcome::Rejected, Vec::new())),
        };
        self.updates.known.insert(id.to_owned(), update);
        Ok(())
    }

    /// It answers what the program of ours answers to the update that it was given at this place.
    pub(super) fn update_completed(&mut self, event: &UpdateCompleted) -> Result<(), Violation> {
        let id = event.update_id.as_str();
        let update = self.updates.known.get_mut(id);
        let Some(update) = update.filter(|update| update.ended.is_none()) else {
            return Err(self.violates("I11", format!("{event:?}, which is not under way")));
        };
        let result = event.result.as_ref().map(|result| result.data().to_vec());
        let ended = match (word_on(update.number, update.order), result) {
            (Word::Answers(count), Some(result)) if result == count.to_string().into_bytes() => {
                (AnswerOutcome::Completed, result)
            }
            (Word::Fails, None) => (AnswerOutcome::Failed, Vec::new()),
            (word, _) => {
                let what = format!("{event:?} of {update:?}, which {word:?}");
                return Err(self.violates("I11", what));
            }
        };
        update.ended = Some(ended);
        self.updates.ended += 1;
        Ok(())
    }

    /// Somebody is answered: what is said of an update that is known is so, and of one under way more follows.
    pub(super) fn answered_update(
        &mut self,
        place: Place<'_>,
        event: &ReplyRequested,
    ) -> Result<(), Violation> {
        let Some(Asks::Update(asked)) = place.by.map(|input| &input.asks) else {
            return Ok(());
        };
        let Some(update) = self.updates.known.get_mut(&asked.update_id) else {
            return match event.answer.outcome {
                AnswerOutcome::Rejected => Ok(()),
                _ => Err(self.violates("I7", format!("{event:?} to {asked:?}"))),
            };
        };
        let said = (&event.answer.outcome, &event.answer.result);
        let is_right = match (&update.ended, said) {
            (None, (AnswerOutcome::Accepted, None)) => {
                let correlation = event.reply.correlation.to_string();
                if event.update_id.is_some() && !update.followers.contains(&correlation) {
                    update.followers.push(correlation);
                }
                event.update_id.is_some()
            }
            (Some((AnswerOutcome::Completed, answer)), (AnswerOutcome::Completed, Some(said))) => {
                answer == said.data()
            }
            (Some((ended, _)), (said, _)) => ended == said,
            // One caller too many.
            (None, (said, _)) => *said == AnswerOutcome::Rejected,
        };
        match is_right {
            true => Ok(()),
            false => {
                let what = format!("{event:?} to {asked:?}, of {:?}", self.updates);
                Err(self.violates("I7", what))
            }
        }
    }

    /// Who is told of the end of an update.
    pub(in crate::check) fn followers_of_update(&self, update_id: &str) -> &[String] {
        let update = self.updates.known.get(update_id);
        update.map_or(&[], |update| &update.followers)
    }

    /// Who waited for an update that was under way when the run closed.
    pub(in crate::check) fn followers_of_pending(&self) -> impl Iterator<Item = &String> {
        let known = self.updates.known.values();
        let pending = known.filter(|update| update.ended.is_none());
        pending.flat_map(|update| &update.followers)
    }

    /// How many updates its program was given: at least and at most.
    pub(in crate::check) fn updates_given(&self) -> (u64, u64) {
        (self.updates.ended, self.updates.accepted)
    }
}
