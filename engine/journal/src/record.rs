//! Records as they come from the log and as they go to it. One buffer holds key, value and headers of a record that was
//! read, so that taking one costs two allocations whatever it carries.

use std::{borrow::Cow, fmt, io::Write as _, ops::Range, sync::Arc};

use sagaline_core::Timestamp;

/// A record read from a topic.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Kafka's timestamp: of a topic with LogAppendTime, when the broker appended it.
    pub timestamp: Timestamp,
    buffer: Vec<u8>,
    key: Option<Range<u32>>,
    value: Option<Range<u32>>,
    headers: Vec<(Range<u32>, Option<Range<u32>>)>,
}

impl Record {
    /// A record without key, value and headers; `with_…` and [`Self::push_header`] add them. There is room for so many
    /// bytes of all of them.
    #[must_use]
    pub fn new(
        topic: Arc<str>,
        partition: i32,
        offset: i64,
        timestamp: Timestamp,
        capacity: usize,
    ) -> Self {
        Self {
            topic,
            partition,
            offset,
            timestamp,
            buffer: Vec::with_capacity(capacity),
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn with_key(mut self, key: Option<&[u8]>) -> Self {
        self.key = key.map(|key| self.store(key));
        self
    }

    /// Sets the value.
    #[must_use]
    pub fn with_value(mut self, value: Option<&[u8]>) -> Self {
        self.value = value.map(|value| self.store(value));
        self
    }

    /// Adds a header behind the others.
    pub fn push_header(&mut self, name: &str, value: Option<&[u8]>) {
        if self.headers.is_empty() {
            self.headers.reserve(HEADERS_USUAL);
        }
        let name = self.store(name.as_bytes());
        let value = value.map(|value| self.store(value));
        self.headers.push((name, value));
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_ref().map(|range| self.load(range))
    }

    /// The value; `None` is a tombstone, or an empty payload.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_ref().map(|range| self.load(range))
    }

    /// All headers in order, a repeated one as often as it is there.
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = (&[u8], Option<&[u8]>)> {
        self.headers.iter().map(|(name, value)| {
            (
                self.load(name),
                value.as_ref().map(|range| self.load(range)),
            )
        })
    }

    /// The value of a header; of a repeated one the last counts.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers()
            .rev()
            .find(|(have, _)| *have == name.as_bytes())
            .and_then(|(_, value)| value)
    }

    /// Bytes of key, value and headers.
    #[must_use]
    pub fn size(&self) -> usize {
        self.buffer.len()
    }

    fn store(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        let at = |position: usize| u32::try_from(position).expect("a record is far below 4 GB");
        at(start)..at(self.buffer.len())
    }

    fn load(&self, range: &Range<u32>) -> &[u8] {
        &self.buffer[range.start as usize..range.end as usize]
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Record({}/{}@{}, {} bytes)",
            self.topic,
            self.partition,
            self.offset,
            self.size()
        )
    }
}

/// Who has a header has others.
const HEADERS_USUAL: usize = 12;

/// A record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition: never left to a client's partitioner.
    pub partition: i32,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// The headers in order.
    pub headers: Headers,
}

impl NewRecord {
    /// Adds a header behind the others.
    pub fn push_header(&mut self, name: impl Into<Cow<'static, str>>, value: impl AsRef<[u8]>) {
        self.headers.push(name, value);
    }

    /// Bytes of key, value and headers.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len)
            + self.value.as_ref().map_or(0, Vec::len)
            + self.headers.size()
    }

    /// The same record as a reader sees it, once it has a place.
    #[must_use]
    pub fn placed(&self, offset: i64, timestamp: Timestamp) -> Record {
        let mut record = Record::new(
            self.topic.clone(),
            self.partition,
            offset,
            timestamp,
            self.size(),
        )
        .with_key(self.key.as_deref())
        .with_value(self.value.as_deref());
        for (name, value) in self.headers.iter() {
            record.push_header(name, Some(value));
        }
        record
    }
}

/// Headers to be written: all values lie in one buffer, since a task has many and each is short.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// Each with where its value begins; it ends where the next begins.
    names: Vec<(Cow<'static, str>, usize)>,
    values: Vec<u8>,
}

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            names: Vec::new(),
            values: Vec::new(),
        }
    }

    /// No headers yet, and room for so many with so many bytes of values in all.
    #[must_use]
    pub fn with_capacity(headers: usize, bytes: usize) -> Self {
        Self {
            names: Vec::with_capacity(headers),
            values: Vec::with_capacity(bytes),
        }
    }

    /// Adds a header behind the others.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl AsRef<[u8]>) {
        self.names.push((name.into(), self.values.len()));
        self.values.extend_from_slice(value.as_ref());
    }

    /// Adds a header whose value is written, not built first: `headers.write(name, format_args!("{run_id}/{attempt}"))`.
    pub fn write(&mut self, name: impl Into<Cow<'static, str>>, value: fmt::Arguments<'_>) {
        self.names.push((name.into(), self.values.len()));
        // A buffer in memory takes everything.
        let _written = self.values.write_fmt(value);
    }

    /// Names and values in order, a repeated one as often as it is there.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> {
        (0..self.names.len()).map(|index| {
            let (name, begin) = &self.names[index];
            let end = self
                .names
                .get(index + 1)
                .map_or(self.values.len(), |(_, next)| *next);
            (&**name, &self.values[*begin..end])
        })
    }

    /// The value of a header; of a repeated one the last counts.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.iter().rev().find(|(have, _)| *have == name);
        found.map(|(_, value)| value)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Bytes of names and values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.names.iter().map(|(name, _)| name.len()).sum::<usize>() + self.values.len()
    }
}

impl<N: Into<Cow<'static, str>>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut all = Self::new();
        for (name, value) in headers {
            all.push(name, value);
        }
        all
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value)| (name, String::from_utf8_lossy(value).into_owned());
        f.debug_map()
            .entries(self.iter().map(|(name, value)| shown((name, value))))
            .finish()
    }
}
