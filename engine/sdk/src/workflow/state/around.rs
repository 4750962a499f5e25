//! What stands around a run looks at what comes in and what goes out.
//!
//! Invariant: it is called without the lock, as all code of the user.

use super::{
    super::{Inbound, Intercepted, Outbound},
    Shared,
};
use crate::Result;

impl Shared {
    /// Whether a message may come in.
    pub(crate) fn lets_in(&self, message: &Inbound<'_>) -> Result<()> {
        match self.around.is_empty() {
            true => Ok(()),
            false => {
                let mut run = self.intercepted();
                // A program that was just rebuilt is asked what it is asked for the first time.
                run.is_replaying &= matches!(message, Inbound::Signal { .. });
                self.around.inbound(&run, message)
            }
        }
    }

    /// Whether what the run wants may go out.
    pub(crate) fn lets_out(&self, wanted: &Outbound<'_>) -> Result<()> {
        match self.around.is_empty() {
            true => Ok(()),
            false => self.around.outbound(&self.intercepted(), wanted),
        }
    }

    fn intercepted(&self) -> Intercepted<'_> {
        Intercepted {
            info: &self.info,
            now: self.now(),
            is_replaying: self.is_replaying(),
        }
    }
}
