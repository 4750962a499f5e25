//! Searches: all schedules within bounds, or random ones.

use std::{
    collections::HashSet,
    fmt::Write,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    check::{self, Violation},
    logs::Logs,
    random::Random,
    rules::{Limits, Rules},
    spec::Spec,
    step::{Step, Steps},
    world::World,
};

/// A violation and how it came about.
pub(crate) struct Found {
    violation: Violation,
    trail: Vec<Step>,
    log: Vec<Spec>,
}

impl Found {
    pub(crate) fn tell(&self, how: &str) -> String {
        let mut text = format!("{} ({how})\n  what happened:", self.violation.0);
        for step in &self.trail {
            write!(text, "\n    {step:?}").expect("a string takes everything");
        }
        text.push_str("\n  the log:");
        for (offset, spec) in self.log.iter().enumerate() {
            write!(text, "\n    {offset}: {spec:?}").expect("a string takes everything");
        }
        text
    }
}

/// How much was searched.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) beliefs: u64,
}

/// Every state that can be reached within the limits.
pub(crate) fn search(rules: &Rules, limits: &Limits) -> Result<Explored, Box<Found>> {
    let mut logs = Logs::new(rules.reading);
    let first = World::new(limits);
    // Of a state only its hash is remembered: among a million, two are mistaken for one with a chance of 1 in 10^7.
    let mut known = HashSet::from([hash(&first)]);
    let mut trail = Trail(vec![(0, None)]);
    let mut open = vec![(first, 0)];
    let mut explored = Explored::default();
    while let Some((world, at)) = open.pop() {
        explored.states += 1;
        let next = check::state(logs.seen(world.log), &world)
            .and_then(|()| {
                Steps {
                    rules,
                    limits,
                    logs: &mut logs,
                }
                .from(&world)
            })
            .map_err(|violation| Found {
                violation,
                trail: trail.to(at),
                log: logs.specs(world.log),
            })?;
        for (step, world) in next {
            explored.beliefs += u64::from(matches!(step, Step::Believe { .. }));
            if known.insert(hash(&world)) {
                open.push((world, trail.push(at, step)));
            }
        }
    }
    Ok(explored)
}

/// How each state was reached: from which other one, by which step.
struct Trail(Vec<(usize, Option<Step>)>);

impl Trail {
    fn push(&mut self, from: usize, step: Step) -> usize {
        self.0.push((from, Some(step)));
        self.0.len() - 1
    }

    fn to(&self, mut at: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        while let (from, Some(step)) = self.0[at] {
            steps.push(step);
            at = from;
        }
        steps.reverse();
        steps
    }
}

/// One random schedule; gives how often an owner believed.
pub(crate) fn walk(rules: &Rules, limits: &Limits, seed: u64) -> Result<u64, Box<Found>> {
    let mut walk = Walk {
        logs: Logs::new(rules.reading),
        world: World::new(limits),
        trail: Vec::new(),
    };
    match walk.go(rules, limits, &mut Random(seed)) {
        Ok(()) => Ok(walk
            .trail
            .iter()
            .filter(|step| matches!(step, Step::Believe { .. }))
            .count() as u64),
        Err(violation) => Err(Box::new(Found {
            violation,
            log: walk.logs.specs(walk.world.log),
            trail: walk.trail,
        })),
    }
}

struct Walk {
    logs: Logs,
    world: World,
    trail: Vec<Step>,
}

impl Walk {
    fn go(&mut self, rules: &Rules, limits: &Limits, random: &mut Random) -> Result<(), Violation> {
        for _ in 0..limits.steps {
            let mut next = Steps {
                rules,
                limits,
                logs: &mut self.logs,
            }
            .from(&self.world)?;
            if next.is_empty() {
                break;
            }
            let (step, world) = next.swap_remove(random.below(next.len()));
            self.trail.push(step);
            self.world = world;
            check::state(self.logs.seen(self.world.log), &self.world)?;
        }
        check::end(self.logs.seen(self.world.log), &self.world, rules)
    }
}

fn hash(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}
