//! I11 for signals between runs: what senders say of them, and the runs that they went to, in whatever partitions they are.

use std::collections::{BTreeMap, BTreeSet};

use sagaline_core::{
    RunId, WorkflowId,
    event::{ExternalSignalSent, SignalReceived},
};

use crate::inputs::SignalKey;

/// All signals that runs ever sent.
#[derive(Debug, Default)]
pub(super) struct Signals {
    sent: BTreeMap<SignalKey, ExternalSignalSent>,
    received: BTreeSet<(SignalKey, RunId)>,
}

/// What one journal says that another must agree with.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Sent(SignalKey, Box<ExternalSignalSent>),
    Received(SignalKey, RunId),
}

impl Signals {
    pub(super) fn told(&mut self, told: Told) {
        match told {
            Told::Sent(key, sent) => drop(self.sent.insert(key, *sent)),
            Told::Received(key, run_id) => drop(self.received.insert((key, run_id))),
        }
    }

    /// Whether a run has what another run sent it.
    pub(super) fn is_sent(&self, workflow_id: &WorkflowId, received: &SignalReceived) -> bool {
        let Some(sender) = &received.sender else {
            return false;
        };
        let sent = self.sent.get(&(sender.run_id, sender.signal_id.get()));
        sent.is_some_and(|sent| {
            sent.workflow_id == *workflow_id
                && sent.signal == received.signal
                && sent.input == received.input
                && sent.awaited == sender.awaited
        })
    }

    pub(super) fn is_received(&self, key: SignalKey, run_id: RunId) -> bool {
        self.received.contains(&(key, run_id))
    }
}
