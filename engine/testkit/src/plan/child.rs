//! The children of a simulated saga: what each does is its input, as of any saga.

use sagaline_core::{IdReuse, event::ParentClosePolicy};
use serde::{Deserialize, Serialize};

use super::{Mischief, Plan};
use crate::rng::Rng;

/// Ids that any saga may start a child under.
const SHARED: u64 = 4;

/// A run that a stage starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Child {
    pub(crate) id: String,
    /// Of a workflow that some nodes lack.
    pub(crate) rare: bool,
    pub(crate) close_policy: ParentClosePolicy,
    pub(crate) id_reuse: IdReuse,
    /// The stage is over only when it has ended.
    pub(crate) awaited: bool,
    /// How it is stopped as soon as it is started: asked to, or, where true, ended at once.
    #[serde(default)]
    pub(crate) regrets: Vec<bool>,
    pub(crate) run_timeout_ms: Option<u64>,
    pub(crate) plan: Plan,
}

/// For whom a plan is drawn.
#[derive(Debug)]
pub(crate) struct Family {
    /// Id of the saga at the top.
    root: String,
    depth: u32,
    depth_max: u32,
    /// Numbers all that are below it.
    born: u32,
    /// How many sagas there are.
    sagas: u64,
    /// Children may have ids that others have, too: those of sagas, and some of nobody's.
    takes: bool,
    rare: u32,
}

impl Family {
    pub(crate) fn of(root: &str, depth_max: u32, (sagas, takes): (u64, bool), rare: u32) -> Self {
        Self {
            root: root.to_owned(),
            depth: 0,
            depth_max,
            born: 0,
            sagas,
            takes,
            rare,
        }
    }

    /// Those below do less.
    pub(super) const fn stages_end(&self) -> u64 {
        match self.depth {
            0 => 5,
            1 => 3,
            _ => 2,
        }
    }

    /// Some workflow id: of a saga, of a relative, or of nobody.
    pub(super) fn neighbour(&self, rng: &mut Rng) -> String {
        match rng.below(4) {
            0 => format!("{}.{}", self.root, rng.between(1, 4)),
            1 => self.root.clone(),
            _ => format!("w-{}", rng.below(self.sagas)),
        }
    }

    fn id(&mut self, rng: &mut Rng) -> String {
        self.born += 1;
        match (self.takes, rng.below(20)) {
            (true, 0) => format!("w-{}", rng.below(self.sagas)),
            (true, 1) => format!("c-{}", rng.below(SHARED)),
            _ => format!("{}.{}", self.root, self.born),
        }
    }
}

impl Child {
    pub(super) fn draw_some(rng: &mut Rng, mischief: Mischief, family: &mut Family) -> Vec<Self> {
        if family.depth >= family.depth_max || !rng.percent(25) {
            return Vec::new();
        }
        family.depth += 1;
        let children = (0..rng.between(1, 3)).map(|_| Self::draw(rng, mischief, family));
        let children = children.collect();
        family.depth -= 1;
        children
    }

    fn draw(rng: &mut Rng, mischief: Mischief, family: &mut Family) -> Self {
        let timeout = rng.between(500, 30_000);
        Self {
            id: family.id(rng),
            rare: rng.ppm(family.rare),
            close_policy: *rng.pick(&[
                ParentClosePolicy::Terminate,
                ParentClosePolicy::Terminate,
                ParentClosePolicy::Cancel,
                ParentClosePolicy::Abandon,
            ]),
            id_reuse: *rng.pick(&[
                IdReuse::RejectDuplicate,
                IdReuse::AllowDuplicate,
                IdReuse::AllowDuplicateFailedOnly,
            ]),
            awaited: rng.percent(75),
            regrets: match rng.percent(10) {
                true => rng
                    .pick(&[vec![false], vec![true], vec![false, true]])
                    .clone(),
                false => Vec::new(),
            },
            run_timeout_ms: rng.percent(8).then_some(timeout),
            plan: Plan::draw(rng, mischief, family),
        }
    }
}
