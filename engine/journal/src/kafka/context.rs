//! What librdkafka tells a client besides records: its log, its errors. Each client keeps its last error, since the
//! library hands the reason and the code over separately.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use rdkafka::{
    ClientContext, config::RDKafkaLogLevel, consumer::ConsumerContext, error::KafkaError,
};

use super::wake::lock;

/// The context of a client that has nothing to call back but its log.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    notes: Notes,
}

impl Quiet {
    pub(super) fn notes(&self) -> &Notes {
        &self.notes
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.notes.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.notes.error(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

/// Log lines and errors as they pass.
#[derive(Debug, Default)]
pub(super) struct Notes {
    served: AtomicU64,
    last_error: Mutex<String>,
}

impl Notes {
    /// How many events were served. A poll that returns nothing while this moved may have left more behind.
    pub(super) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Why the error that was just returned happened.
    pub(super) fn last_error(&self) -> String {
        lock(&self.last_error).clone()
    }

    pub(super) fn serve(&self) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.serve();
        // CONFWARN: one set of properties serves producers and consumers, and each complains about the other's.
        if (level as i32) <= (RDKafkaLogLevel::Error as i32) && facility != "CONFWARN" {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        } else {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
    }

    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        self.serve();
        reason.clone_into(&mut lock(&self.last_error));
        tracing::debug!(target: "librdkafka", %error, reason);
    }
}
