//! What can happen next.

use std::collections::VecDeque;

use sagaline_journal::Footing;

use crate::{
    check::{self, Violation},
    logs::Logs,
    rules::{Limits, Rules},
    spec::{FooterSpec, Spec},
    world::{Active, Batch, Owner, World},
};

/// What happened, for the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Claim {
        owner: usize,
        epoch: u64,
    },
    Land {
        spec: Spec,
        late: bool,
    },
    Lose {
        spec: Spec,
        late: bool,
    },
    TakeOver {
        owner: usize,
    },
    StepDown {
        owner: usize,
        why: &'static str,
    },
    Append {
        owner: usize,
        id: u8,
        records: u8,
    },
    Believe {
        owner: usize,
        id: u8,
        why: &'static str,
    },
    DecideAgain {
        owner: usize,
    },
    SendEffect {
        owner: usize,
        id: u8,
    },
    Crash {
        owner: usize,
    },
}

/// Everything that can happen next, by the given rules.
pub(crate) struct Steps<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) limits: &'a Limits,
    pub(crate) logs: &'a mut Logs,
}

type Next = Vec<(Step, World)>;

impl Steps<'_> {
    pub(crate) fn from(&mut self, world: &World) -> Result<Next, Violation> {
        let mut next = Vec::new();
        for wire in 0..world.wires.len() {
            self.move_wire(world, wire, &mut next)?;
        }
        for (at, owner) in world.owners.iter().enumerate() {
            self.move_owner(world, at, owner, &mut next)?;
            if *owner != Owner::Idle && world.spent.faults < self.limits.faults {
                let mut crashed = world.with(at, Owner::Idle);
                crashed.spent.faults += 1;
                next.push((Step::Crash { owner: at }, crashed));
            }
        }
        Ok(next)
    }

    /// The first record on the wire lands, or is lost.
    fn move_wire(&mut self, world: &World, wire: usize, next: &mut Next) -> Result<(), Violation> {
        let Some(&spec) = world.wires[wire].front() else {
            return Ok(());
        };
        let mut rest = world.clone();
        rest.wires[wire].pop_front();

        let mut landed = rest.clone();
        landed.log = self.logs.append(world.log, spec)?;
        let late = !report(&mut landed, wire, Some(self.logs.end(world.log)));
        next.push((Step::Land { spec, late }, landed));

        if self.rules.drops
            && world.spent.faults < self.limits.faults
            && !matches!(spec, Spec::Claim { .. })
        {
            rest.spent.faults += 1;
            let late = !report(&mut rest, wire, None);
            next.push((Step::Lose { spec, late }, rest));
        }
        Ok(())
    }

    fn move_owner(
        &mut self,
        world: &World,
        at: usize,
        owner: &Owner,
        next: &mut Next,
    ) -> Result<(), Violation> {
        match owner {
            Owner::Idle => self.claim(world, at, next),
            Owner::Claiming {
                claim_offset: Some(_),
                ..
            } => next.push(self.take_over(world, at, owner)),
            Owner::Claiming { .. } => {}
            Owner::Active(active) => {
                self.append(world, at, active, next);
                self.send_effect(world, at, active, next)?;
            }
            Owner::Waiting { active, batch } => {
                if batch.reports.len() == batch.records {
                    next.push(self.judge(world, at, active, batch)?);
                }
                self.send_effect(world, at, active, next)?;
            }
        }
        Ok(())
    }

    fn claim(&self, world: &World, at: usize, next: &mut Next) {
        if world.spent.claims == self.limits.claims {
            return;
        }
        let epoch = self.logs.seen(world.log).epoch + 1;
        let mut claimed = world.clone();
        claimed.spent.claims += 1;
        claimed.spent.ids += 1;
        let owner = claimed.spent.ids;
        let read_before = (!self.rules.reads_to_claim).then_some(world.log);
        claimed.owners[at] = Owner::Claiming {
            wire: world.wires.len(),
            owner,
            epoch,
            claim_offset: None,
            read_before,
        };
        claimed
            .wires
            .push(VecDeque::from([Spec::Claim { epoch, owner }]));
        next.push((Step::Claim { owner: at, epoch }, claimed));
    }

    /// The claim has landed: the owner reads up to it.
    fn take_over(&self, world: &World, at: usize, claiming: &Owner) -> (Step, World) {
        let &Owner::Claiming {
            wire,
            owner,
            epoch,
            claim_offset: Some(offset),
            read_before,
        } = claiming
        else {
            unreachable!("only an owner whose claim has landed takes over")
        };
        let read = read_before.unwrap_or_else(|| self.logs.up_to(world.log, offset));
        let seen = self.logs.seen(read);
        let is_mine = (seen.epoch, seen.owner) == (epoch, Some(owner));
        if self.rules.checks_claim && read_before.is_none() && !is_mine {
            return step_down(world, at, "its claim is void");
        }

        let batch_no = seen.valid.len() as u64;
        let effects_done = if self.rules.snapshots_early {
            batch_no
        } else {
            seen.effects_done()
        };
        let undone = seen
            .valid
            .iter()
            .filter(|batch| batch.batch_no > effects_done);
        let active = Active {
            wire,
            footing: Footing {
                offset,
                epoch,
                batch_no,
            },
            memory: seen.valid.iter().map(|batch| batch.ids[0]).collect(),
            todo: undone.map(|batch| (batch.batch_no, batch.ids[0])).collect(),
            effects_done,
        };
        (
            Step::TakeOver { owner: at },
            world.with(at, Owner::Active(active)),
        )
    }

    fn append(&self, world: &World, at: usize, active: &Active, next: &mut Next) {
        if world.spent.batches == self.limits.batches {
            return;
        }
        for records in 1..=self.limits.size {
            let mut appended = world.clone();
            appended.spent.batches += 1;
            appended.spent.ids += 1;
            let id = appended.spent.ids;
            let Footing {
                epoch, batch_no, ..
            } = active.footing;
            for index in 0..u32::from(records) {
                let footer = FooterSpec {
                    count: u32::from(records),
                    effects_done: active.effects_done,
                };
                let footer = (index + 1 == u32::from(records)).then_some(footer);
                appended.wires[active.wire].push_back(Spec::Record {
                    epoch,
                    batch_no: batch_no + 1,
                    index,
                    footer,
                    id,
                });
            }
            let batch = Batch {
                id,
                records: usize::from(records),
                reports: Vec::new(),
            };
            appended.owners[at] = Owner::Waiting {
                active: active.clone(),
                batch,
            };
            next.push((
                Step::Append {
                    owner: at,
                    id,
                    records,
                },
                appended,
            ));
        }
    }

    fn send_effect(
        &self,
        world: &World,
        at: usize,
        active: &Active,
        next: &mut Next,
    ) -> Result<(), Violation> {
        let Some(&(batch_no, id)) = active.todo.front() else {
            return Ok(());
        };
        check::effect(self.logs.seen(world.log), id)?;
        let mut sent = world.clone();
        sent.sent |= 1 << id;
        match &mut sent.owners[at] {
            Owner::Active(active) | Owner::Waiting { active, .. } => {
                active.todo.pop_front();
                active.effects_done = batch_no;
            }
            Owner::Idle | Owner::Claiming { .. } => {
                unreachable!("only an active owner has effects")
            }
        }
        next.push((Step::SendEffect { owner: at, id }, sent));
        Ok(())
    }
}

fn report(world: &mut World, wire: usize, offset: Option<i64>) -> bool {
    world
        .owners
        .iter_mut()
        .any(|owner| owner.report(wire, offset))
}

pub(crate) fn step_down(world: &World, at: usize, why: &'static str) -> (Step, World) {
    (
        Step::StepDown { owner: at, why },
        world.with(at, Owner::Idle),
    )
}
