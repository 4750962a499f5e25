//! All logs that a search has seen, as a tree: each is another one and a record. Each is read once, by one more record.

use std::collections::HashMap;

use sagaline_core::Timestamp;
use sagaline_journal::{Footing, JournalReader};

use crate::{
    check::Violation,
    misread::Misreader,
    rules::Reading,
    spec::{Given, Records, Spec, ValidBatch},
};

/// One log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LogId(u32);

impl LogId {
    /// The log without records.
    pub(crate) const EMPTY: Self = Self(0);
}

/// What reading a log gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) epoch: u64,
    pub(crate) owner: Option<u8>,
    pub(crate) valid: Vec<ValidBatch>,
}

impl Seen {
    /// The valid batch that has a record made for batch `id`.
    pub(crate) fn batch_of(&self, id: u8) -> Option<&ValidBatch> {
        self.valid.iter().find(|batch| batch.ids.contains(&id))
    }

    pub(crate) fn effects_done(&self) -> u64 {
        self.valid.last().map_or(0, |batch| batch.effects_done)
    }
}

#[derive(Clone, Debug)]
enum Reader {
    Ours(JournalReader),
    Other(Misreader),
}

struct Node {
    before: LogId,
    spec: Option<Spec>,
    records: i64,
    seen: Seen,
    /// The reader from the start, and one that went on from every footer and claim that was valid.
    readers: Vec<Reader>,
}

/// All logs seen.
pub(crate) struct Logs {
    reading: Reading,
    nodes: Vec<Node>,
    children: HashMap<(LogId, Spec), LogId>,
    records: Records,
}

impl Logs {
    pub(crate) fn new(reading: Reading) -> Self {
        let reader = match reading {
            Reading::Ours => Reader::Ours(JournalReader::new()),
            other => Reader::Other(Misreader::after(other, 0, 0)),
        };
        let empty = Node {
            before: LogId::EMPTY,
            spec: None,
            records: 0,
            seen: Seen::default(),
            readers: vec![reader],
        };
        Self {
            reading,
            nodes: vec![empty],
            children: HashMap::new(),
            records: Records::new(),
        }
    }

    /// Number of records, which is the offset of the next.
    pub(crate) fn end(&self, log: LogId) -> i64 {
        self.node(log).records
    }

    pub(crate) fn seen(&self, log: LogId) -> &Seen {
        &self.node(log).seen
    }

    /// The log up to this offset.
    pub(crate) fn up_to(&self, mut log: LogId, offset: i64) -> LogId {
        while self.end(log) > offset + 1 {
            log = self.node(log).before;
        }
        log
    }

    /// The records with their offsets, from the first.
    pub(crate) fn specs(&self, mut log: LogId) -> Vec<Spec> {
        let mut specs = Vec::new();
        while let Some(spec) = self.node(log).spec {
            specs.push(spec);
            log = self.node(log).before;
        }
        specs.reverse();
        specs
    }

    /// The log with one more record.
    pub(crate) fn append(&mut self, log: LogId, spec: Spec) -> Result<LogId, Violation> {
        if let Some(known) = self.children.get(&(log, spec)) {
            return Ok(*known);
        }
        let node = self.read_one_more(log, spec)?;
        let id = LogId(u32::try_from(self.nodes.len()).unwrap());
        self.nodes.push(node);
        self.children.insert((log, spec), id);
        Ok(id)
    }

    /// What an owner finds that reads the records behind `footing` up to an offset.
    pub(crate) fn read_behind(
        &mut self,
        log: LogId,
        footing: Footing,
        to: i64,
    ) -> Result<Vec<Given>, Violation> {
        let mut reader = Reader::Ours(JournalReader::after(footing));
        let mut given = Vec::new();
        for (offset, spec) in (0..).zip(self.specs(log)) {
            if offset > footing.offset && offset <= to {
                given.extend(self.read(&mut reader, offset, spec)?);
            }
        }
        Ok(given)
    }

    fn node(&self, log: LogId) -> &Node {
        &self.nodes[log.0 as usize]
    }

    fn read_one_more(&mut self, log: LogId, spec: Spec) -> Result<Node, Violation> {
        let (offset, mut seen, mut readers) = (
            self.end(log),
            self.seen(log).clone(),
            self.node(log).readers.clone(),
        );

        let mut given = Vec::new();
        for (at, reader) in readers.iter_mut().enumerate() {
            let by_this = self.read(reader, offset, spec)?;
            if at == 0 {
                given = by_this;
            } else if by_this != given {
                return Err(Violation(format!(
                    "a reader that went on gives {by_this:?}, one from the start {given:?}"
                )));
            }
        }
        if !given.is_empty() {
            readers.push(go_on(&readers[0], self.reading));
        }
        for given in given {
            match given {
                Given::Owner { epoch, owner } => (seen.epoch, seen.owner) = (epoch, Some(owner)),
                Given::Batch(batch) => seen.valid.push(batch),
            }
        }
        Ok(Node {
            before: log,
            spec: Some(spec),
            records: offset + 1,
            seen,
            readers,
        })
    }

    fn read(
        &mut self,
        reader: &mut Reader,
        offset: i64,
        spec: Spec,
    ) -> Result<Vec<Given>, Violation> {
        match reader {
            Reader::Other(reader) => Ok(reader.read(offset, spec).into_iter().collect()),
            Reader::Ours(reader) => {
                let record = self
                    .records
                    .make(spec)
                    .placed(offset, Timestamp::from_millis(offset));
                let mut items = Vec::new();
                reader
                    .read(record, &mut items)
                    .map_err(|error| Violation(format!("the reader stops: {error}")))?;
                Ok(items.into_iter().filter_map(Given::from_item).collect())
            }
        }
    }
}

/// A reader that begins at the place where this one stands.
fn go_on(reader: &Reader, reading: Reading) -> Reader {
    match reader {
        Reader::Ours(reader) => Reader::Ours(JournalReader::after(reader.footing())),
        Reader::Other(reader) => {
            let (epoch, batch_no) = reader.place();
            Reader::Other(Misreader::after(reading, epoch, batch_no))
        }
    }
}
