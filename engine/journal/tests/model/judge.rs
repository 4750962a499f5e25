//! What an owner makes of the reports of its batch.

use sagaline_journal::{Belief, Delivery, believe};

use crate::{
    check::{self, Violation},
    rules::{BeliefRule, Reading},
    spec::Given,
    step::{Step, Steps, step_down},
    world::{Active, Batch, Owner, World},
};

impl Steps<'_> {
    /// All reports of a batch are there.
    pub(crate) fn judge(
        &mut self,
        world: &World,
        at: usize,
        active: &Active,
        batch: &Batch,
    ) -> Result<(Step, World), Violation> {
        let footer_offset = *batch.reports.last().expect("a batch has a record");
        let fits = footer_offset == Some(active.footing.offset + batch.records as i64);
        let why = match (self.rules.belief, footer_offset) {
            (BeliefRule::Ours, _) => match believe(active.footing.offset, &deliveries(batch)) {
                Belief::KnownValid { .. } => Some("known valid"),
                Belief::MustRead { footer_offset, .. } => self
                    .readers_say(world, active, batch, footer_offset)?
                    .then_some("readers say so"),
                Belief::ClaimAgain
                    if self.rules.reuses_numbers && world.spent.batches < self.limits.batches =>
                {
                    return Ok((
                        Step::DecideAgain { owner: at },
                        world.with(at, Owner::Active(active.clone())),
                    ));
                }
                Belief::ClaimAgain => None,
            },
            (_, None) => None,
            (_, Some(_)) if fits => Some("the footer's offset fits"),
            (BeliefRule::FooterFits, Some(offset)) => self
                .readers_say(world, active, batch, offset)?
                .then_some("readers say so"),
            (BeliefRule::FooterLanded, Some(offset)) => {
                let read = self.logs.up_to(world.log, offset);
                (self.logs.seen(read).epoch == active.footing.epoch).then_some("the footer landed")
            }
        };
        let Some(why) = why else {
            return Ok(step_down(world, at, "its batch is void or unknown"));
        };
        let believed = check::belief(self.logs.seen(world.log), active, batch.id)?;
        Ok((
            Step::Believe {
                owner: at,
                id: batch.id,
                why,
            },
            world.with(at, Owner::Active(believed)),
        ))
    }

    /// The validity function over what lies between the owner's last place and its footer.
    fn readers_say(
        &mut self,
        world: &World,
        active: &Active,
        batch: &Batch,
        to: i64,
    ) -> Result<bool, Violation> {
        if self.rules.reading != Reading::Ours {
            let read = self.logs.up_to(world.log, to);
            return Ok(self.logs.seen(read).batch_of(batch.id).is_some());
        }
        let given = self.logs.read_behind(world.log, active.footing, to)?;
        let is_own =
            |given: &Given| matches!(given, Given::Batch(valid) if valid.ids.contains(&batch.id));
        Ok(given.iter().any(is_own))
    }
}

fn deliveries(batch: &Batch) -> Vec<Delivery> {
    let delivery = |report: &Option<i64>| match *report {
        Some(offset) => Delivery::At {
            offset,
            appended_at: None,
        },
        None => Delivery::Unknown,
    };
    batch.reports.iter().map(delivery).collect()
}
