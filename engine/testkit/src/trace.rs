//! What happened, as one number: two runs of the same seed must come to the same; and, on request, as lines.

use std::hash::{DefaultHasher, Hash, Hasher};

use sagaline_journal::{Record, wire::header};
use sagaline_schemas::{decode_claim, decode_transition};

use crate::{event::Event, time::Moment};

/// The trace of a run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hasher: DefaultHasher,
    verbose: bool,
}

impl Trace {
    pub(crate) fn new(verbose: bool) -> Self {
        Self {
            verbose,
            ..Self::default()
        }
    }

    /// The number so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// An event happens.
    pub(crate) fn event(&mut self, now: Moment, event: &Event) {
        now.hash(&mut self.hasher);
        std::mem::discriminant(event).hash(&mut self.hasher);
        event.lane().hash(&mut self.hasher);
        if self.verbose {
            self.say(&format!("{:>12.6} {}", seconds(now), told(event)));
        }
    }

    /// A record is in the log.
    pub(crate) fn record(&mut self, record: &Record) {
        if self.verbose {
            self.say(&appended(record));
        }
        (&record.topic, record.partition, record.offset).hash(&mut self.hasher);
        (record.key(), record.value()).hash(&mut self.hasher);
        for header in record.headers() {
            header.hash(&mut self.hasher);
        }
    }

    #[expect(
        clippy::print_stderr,
        clippy::unused_self,
        reason = "the trace goes to the terminal, on request"
    )]
    fn say(&self, line: &str) {
        eprintln!("{line}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn seconds(now: Moment) -> f64 {
    now.0 as f64 / 1e6
}

/// A record for people: of the journal its events, of all others their headers.
fn appended(record: &Record) -> String {
    let place = format!(
        "    + {}/{}@{}",
        record.topic, record.partition, record.offset
    );
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if record.header(header::KIND).is_none() {
        let headers: Vec<String> = record
            .headers()
            .map(|(name, value)| format!("{}={}", text(name), text(value.unwrap_or_default())))
            .collect();
        return format!("{place} {:?} {}", record.key().map(text), headers.join(" "));
    }
    let batch = record.header(header::BATCH).map(text).unwrap_or_default();
    if let Ok(transition) = decode_transition(record.value().unwrap_or_default()) {
        return format!(
            "{place} {batch} {:?} {:?} from {} {:?} by {}@{}",
            transition.workflow_id,
            transition.run_id,
            transition.first_seq,
            transition.events,
            transition.cause.topic,
            transition.cause.offset
        );
    }
    let claim = decode_claim(record.value().unwrap_or_default());
    format!("{place} {batch} {claim:?}")
}

fn told(event: &Event) -> String {
    let mut text = format!("{event:?}");
    if text.len() > 400 {
        let end = (0..=400)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
    }
    text
}
