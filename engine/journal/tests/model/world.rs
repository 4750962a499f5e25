//! The state of the model: a log, owners, what is on their wires, and which effects were sent.

use std::collections::VecDeque;

use sagaline_journal::Footing;

use crate::{logs::LogId, rules::Limits, spec::Spec};

/// One state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) log: LogId,
    pub(crate) owners: Vec<Owner>,
    /// What each producer has sent and the log has not yet taken. It lands in order, at any time, or is lost.
    pub(crate) wires: Vec<VecDeque<Spec>>,
    /// Batches whose effects were sent, as a set of bits.
    pub(crate) sent: u64,
    pub(crate) spent: Spent,
}

/// What has been used of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Spent {
    pub(crate) claims: u8,
    pub(crate) batches: u8,
    pub(crate) faults: u8,
    pub(crate) ids: u8,
}

/// One process that owns, wants to own, or believes that it owns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Idle,
    /// Its claim is on the wire. By the rules it reads once that has landed; else `read_before` is what it knows.
    Claiming {
        wire: usize,
        owner: u8,
        epoch: u64,
        claim_offset: Option<i64>,
        read_before: Option<LogId>,
    },
    /// It decides.
    Active(Active),
    /// A batch is in flight.
    Waiting {
        active: Active,
        batch: Batch,
    },
}

/// What an owner holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Active {
    pub(crate) wire: usize,
    /// Its last place: its claim or its last valid footer.
    pub(crate) footing: Footing,
    /// Its state: the batches that it has folded.
    pub(crate) memory: Vec<u8>,
    /// Effects that it has still to send, with their batch numbers, oldest first.
    pub(crate) todo: VecDeque<(u64, u8)>,
    pub(crate) effects_done: u64,
}

/// A batch in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    pub(crate) id: u8,
    pub(crate) records: usize,
    /// Offsets, or that a record was lost.
    pub(crate) reports: Vec<Option<i64>>,
}

impl World {
    pub(crate) fn new(limits: &Limits) -> Self {
        let owners = vec![Owner::Idle; limits.owners];
        Self {
            log: LogId::EMPTY,
            owners,
            wires: Vec::new(),
            sent: 0,
            spent: Spent::default(),
        }
    }

    pub(crate) fn is_sent(&self, id: u8) -> bool {
        self.sent & (1 << id) != 0
    }

    /// The same with this owner instead.
    pub(crate) fn with(&self, at: usize, owner: Owner) -> Self {
        let mut world = self.clone();
        world.owners[at] = owner;
        world
    }
}

impl Owner {
    /// Takes what became of the next record on a wire; false when it no longer listens to that wire.
    pub(crate) fn report(&mut self, from: usize, offset: Option<i64>) -> bool {
        match self {
            Self::Claiming {
                wire, claim_offset, ..
            } if *wire == from => *claim_offset = offset,
            Self::Waiting { active, batch } if active.wire == from => batch.reports.push(offset),
            _ => return false,
        }
        true
    }
}
