//! The one reader of the journal: engine, projection, audit and command line use it, so that they cannot disagree.
//!
//! It takes the records of one partition in offset order and gives valid batches and claims. Undecoded records of the
//! open batch are kept until its footer is there; nothing else is.
//!
//! Deliberately absent: where records come from, and state. Invariant: what strangers write onto the journal costs no
//! memory and changes nothing; what a build of ours wrote and cannot be read is an error, never left out.

use sagaline_core::Transition;
use sagaline_schemas::{self as schemas, Footer};

use crate::{
    BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Batch, BatchIndex, BatchKind, ClaimSeen, Entry, Error,
    ErrorKind, Footing, Header, Item, Journaled, Record, Validity, Verdict,
};

/// Reads one partition of the journal.
#[derive(Clone, Debug)]
pub struct JournalReader {
    validity: Validity,
    footing: Footing,
    last_offset: Option<i64>,
    open: Vec<(BatchKind, Record)>,
    open_bytes: usize,
    foreign: u64,
    gives_void: bool,
}

/// The transition of a record of which a reader said that it is valid.
///
/// # Errors
/// [`ErrorKind::Corrupt`]: it holds none.
pub fn transition_of(record: &Record) -> Result<Transition, Error> {
    let decoded = schemas::decode_transition(record.value().unwrap_or_default());
    decoded.map_err(|error| unreadable(record, &error))
}

/// A record that could be part of the next valid batch, by its headers.
struct InTurn {
    kind: BatchKind,
    at: BatchIndex,
    footer: Option<Footer>,
}

impl Default for JournalReader {
    fn default() -> Self {
        Self::new()
    }
}

impl JournalReader {
    /// Reads from offset 0.
    #[must_use]
    pub fn new() -> Self {
        Self::after(Footing::START)
    }

    /// Reads from right behind a place that a reader once gave.
    #[must_use]
    pub fn after(footing: Footing) -> Self {
        Self {
            validity: Validity::after(footing.epoch, footing.batch_no),
            footing,
            last_offset: None,
            open: Vec::new(),
            open_bytes: 0,
            foreign: 0,
            gives_void: false,
        }
    }

    /// The same, giving void records too, once they are known to be void.
    #[must_use]
    pub fn with_void_records(mut self) -> Self {
        self.gives_void = true;
        self
    }

    /// The last valid footer or claim.
    #[must_use]
    pub fn footing(&self) -> Footing {
        self.footing
    }

    /// How many records were a stranger's: headers or values that no build of ours writes.
    #[must_use]
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Takes the next record of the partition and appends to `into` what has become known by it.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], with partition and offset in its message. Stop: whoever reads on has another journal.
    /// - `journal-corrupt`: what a build of ours wrote cannot be read, or a batch is over its limits.
    /// - `journal-schema-unknown`: a newer build wrote it.
    /// - `journal-truncated`: the first record is not the next one, or offsets went back.
    pub fn read(&mut self, record: Record, into: &mut Vec<Item>) -> Result<(), Error> {
        self.check_offset(&record)?;
        match Header::parse(&record) {
            Some(Header::Claim) => self.read_claim(record, into),
            Some(Header::Batch { at, .. }) if !self.validity.is_in_turn(at) => {
                self.give_void(record, into);
                Ok(())
            }
            Some(Header::Batch { kind, at, footer }) => {
                match footer.map(schemas::decode_footer).transpose() {
                    Ok(footer) => self.read_in_turn(InTurn { kind, at, footer }, record, into),
                    Err(error) => self.foreign_unless_ours(error, record, into),
                }
            }
            None => {
                self.foreign += 1;
                self.give_void(record, into);
                Ok(())
            }
        }
    }

    /// The first record lies right behind the place where reading began, and offsets rise.
    fn check_offset(&mut self, record: &Record) -> Result<(), Error> {
        match self.last_offset {
            None if record.offset != self.footing.offset + 1 => {
                let text = format!(
                    "the record at offset {} is to be read first",
                    self.footing.offset + 1
                );
                return Err(truncated(record, &text));
            }
            Some(last) if record.offset <= last => {
                return Err(truncated(
                    record,
                    &format!("the record before it has offset {last}"),
                ));
            }
            _ => {}
        }
        self.last_offset = Some(record.offset);
        Ok(())
    }

    fn read_claim(&mut self, record: Record, into: &mut Vec<Item>) -> Result<(), Error> {
        let claim = match schemas::decode_claim(record.value().unwrap_or_default()) {
            Ok(claim) => claim,
            Err(error) => return self.foreign_unless_ours(error, record, into),
        };
        let valid = self.validity.record(Entry::Claim { epoch: claim.epoch }) == Verdict::Claimed;
        if valid {
            self.drop_open(into);
            self.stand_at(record.offset);
        }
        into.push(Item::Claim(ClaimSeen {
            offset: record.offset,
            appended_at: record.timestamp,
            claim,
            valid,
        }));
        Ok(())
    }

    fn read_in_turn(
        &mut self,
        InTurn { kind, at, footer }: InTurn,
        record: Record,
        into: &mut Vec<Item>,
    ) -> Result<(), Error> {
        let count = footer.as_ref().map(|footer| footer.count);
        match self.validity.record(Entry::Record { at, footer: count }) {
            Verdict::Begun => {
                self.drop_open(into);
                self.keep(kind, record)
            }
            Verdict::Continued => self.keep(kind, record),
            Verdict::Valid { .. } => {
                if at.index == 0 {
                    self.drop_open(into);
                }
                self.keep(kind, record)?;
                let footer = footer.expect("a batch is valid by its footer");
                into.push(Item::Batch(self.close(at, footer)?));
                Ok(())
            }
            Verdict::Broken | Verdict::Ignored | Verdict::Claimed => {
                self.drop_open(into);
                self.give_void(record, into);
                Ok(())
            }
        }
    }

    /// The open records are a valid batch.
    fn close(&mut self, at: BatchIndex, footer: Footer) -> Result<Batch, Error> {
        let (first, last) = (&self.open[0].1, &self.open[self.open.len() - 1].1);
        if (footer.epoch, footer.batch_no) != (at.epoch, at.batch_no) {
            let text = format!(
                "footer of batch {}/{} in a record of {at}",
                footer.epoch, footer.batch_no
            );
            return Err(corrupt(last, "journal-corrupt", &text));
        }
        let mut batch = Batch {
            epoch: at.epoch,
            batch_no: at.batch_no,
            first_offset: first.offset,
            footer_offset: last.offset,
            appended_at: last.timestamp,
            footer,
            transitions: Vec::with_capacity(self.open.len()),
        };
        for ((kind, record), index) in self.open.drain(..).zip(0..) {
            if kind == BatchKind::Transition {
                let transition = transition_of(&record)?;
                batch.transitions.push(Journaled {
                    offset: record.offset,
                    index,
                    transition,
                });
            }
        }
        self.open_bytes = 0;
        self.stand_at(batch.footer_offset);
        Ok(batch)
    }

    fn keep(&mut self, kind: BatchKind, record: Record) -> Result<(), Error> {
        self.open_bytes += record.size();
        if self.open.len() >= BATCH_RECORDS_MAX as usize || self.open_bytes > BATCH_BYTES_MAX {
            let text = format!(
                "batch of more than {BATCH_RECORDS_MAX} records or {BATCH_BYTES_MAX} bytes"
            );
            return Err(corrupt(&record, "journal-corrupt", &text));
        }
        self.open.push((kind, record));
        Ok(())
    }

    fn stand_at(&mut self, offset: i64) {
        self.footing = Footing {
            offset,
            epoch: self.validity.epoch(),
            batch_no: self.validity.batch_no(),
        };
    }

    fn drop_open(&mut self, into: &mut Vec<Item>) {
        self.open_bytes = 0;
        let void = self.open.drain(..).map(|(_, record)| Item::Void(record));
        if self.gives_void {
            into.extend(void);
        }
    }

    fn give_void(&self, record: Record, into: &mut Vec<Item>) {
        if self.gives_void {
            into.push(Item::Void(record));
        }
    }

    /// A value that is no single object is a stranger's. One that is, but cannot be read, a build of ours wrote.
    fn foreign_unless_ours(
        &mut self,
        error: schemas::Error,
        record: Record,
        into: &mut Vec<Item>,
    ) -> Result<(), Error> {
        if !matches!(error, schemas::Error::NotSingleObject { .. }) {
            return Err(unreadable(&record, &error));
        }
        self.foreign += 1;
        self.give_void(record, into);
        Ok(())
    }
}

fn unreadable(record: &Record, error: &schemas::Error) -> Error {
    let code = match error {
        schemas::Error::UnknownSchema { .. } => "journal-schema-unknown",
        _ => "journal-corrupt",
    };
    corrupt(record, code, &error.to_string())
}

fn truncated(record: &Record, text: &str) -> Error {
    corrupt(record, "journal-truncated", text)
}

fn corrupt(record: &Record, code: &'static str, text: &str) -> Error {
    let place = format!("{}/{}@{}", record.topic, record.partition, record.offset);
    Error::new(ErrorKind::Corrupt, code, format!("{place}: {text}"))
}
