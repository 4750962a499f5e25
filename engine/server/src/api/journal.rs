//! The journal, read where the projection says that something lies.
//!
//! Reading blocks its thread, so it is done on threads that may, few at a time. Invariant: only places that the projection
//! knows are read; whether a record is valid was decided there.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use sagaline_core::{Timestamp, Transition};
use sagaline_journal::{
    Error, ErrorKind, Record,
    kafka::{Kafka, Reader},
    transition_of,
    wire::topic,
};
use tokio::sync::Semaphore;

/// Most readers at a time, each with a connection of its own.
const READERS_MAX: usize = 4;

/// Records between two that are wanted which are rather read, too, than jumped over.
const GAP_MAX: i64 = 256;

/// Reads the journal of a namespace. Clones share the readers.
#[derive(Clone)]
pub(super) struct Journal(Arc<Shared>);

struct Shared {
    kafka: Kafka,
    topic: String,
    readers: Mutex<Vec<Reader>>,
    permits: Semaphore,
}

/// A record and what it tells.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) offset: i64,
    pub(super) transition: Transition,
}

impl Journal {
    pub(super) fn new(kafka: &Kafka, namespace: &str) -> Self {
        Self(Arc::new(Shared {
            kafka: kafka.clone(),
            topic: topic::journal(namespace),
            readers: Mutex::default(),
            permits: Semaphore::new(READERS_MAX),
        }))
    }

    /// What lies at these offsets of a partition, which rise.
    pub(super) async fn read(&self, partition: i32, offsets: Vec<i64>) -> Result<Vec<Told>, Error> {
        self.with(move |reader, topic| {
            let mut told = Vec::with_capacity(offsets.len());
            let mut wanted = offsets.into_iter().peekable();
            while let Some(from) = wanted.next() {
                let mut pass = vec![from];
                let is_near = |last: i64, next: i64| next - last <= GAP_MAX;
                while let Some(next) =
                    wanted.next_if(|next| is_near(pass.last().copied().unwrap_or(from), *next))
                {
                    pass.push(next);
                }
                told.extend(read_pass(reader, (topic, partition), &pass)?);
            }
            Ok(told)
        })
        .await
    }

    /// Where each of these partitions ends now.
    pub(super) async fn ends(&self, partitions: Vec<i32>) -> Result<Vec<(i32, i64)>, Error> {
        self.with(move |reader, topic| {
            let end = |partition| Ok((partition, reader.end(topic, partition)?));
            partitions.into_iter().map(end).collect()
        })
        .await
    }

    /// Does something with a reader, on a thread that may wait.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let internal = |text: String| Error::new(ErrorKind::Internal, "journal-reader", text);
        let _permit = self.0.permits.acquire().await;
        let shared = self.0.clone();
        let done = tokio::task::spawn_blocking(move || {
            let kept = shared.lock().pop();
            let reader = kept.map_or_else(|| Reader::open_for_pieces(&shared.kafka), Ok)?;
            let done = work(&reader, &shared.topic)?;
            shared.lock().push(reader);
            Ok(done)
        });
        done.await.map_err(|error| internal(error.to_string()))?
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_pass(
    reader: &Reader,
    (topic, partition): (&str, i32),
    offsets: &[i64],
) -> Result<Vec<Told>, Error> {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return Ok(Vec::new());
    };
    let (mut told, mut failed) = (Vec::with_capacity(offsets.len()), None);
    let visit = |record: &Record| {
        if offsets.binary_search(&record.offset).is_ok() {
            match transition_of(record) {
                Ok(transition) => told.push(Told {
                    offset: record.offset,
                    transition,
                }),
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    };
    reader.read(topic, partition, *first, Some(last + 1), visit)?;
    match failed {
        Some(error) => Err(error),
        None => Ok(told),
    }
}

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "what people see is told by this machine's clock: nothing of it is replayed"
)]
pub(crate) fn now() -> Timestamp {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::SystemTime::UNIX_EPOCH);
    let micros = since.unwrap_or_default().as_micros();
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}
