//! Schedules: created, changed and looked at by whoever has a client.

use std::fmt;

use sagaline_journal::{Error, ErrorKind};

use super::{Client, ClientError, IdConflict, IdReuse};
use crate::schedule::{
    Backfill, Description, Overlap, Schedule, Triggered, Upcoming,
    workflow::{self as built_in, Begin, Many, Note, Trigger},
    workflow_id,
};

/// A schedule of a name, there or not; [`Client::schedule`] makes it.
///
/// Errors of its methods: [`ErrorKind::NotFound`], [`ErrorKind::Conflict`]: there is none of that name;
/// [`ErrorKind::Invalid`]: what is asked for is not allowed, and the message names the field;
/// [`ErrorKind::Unavailable`]: no engine answered in time, and the request stays in the inbox.
///
/// # Example: a report each night, run once more by hand
/// ```no_run
/// use sagaline_sdk::{
///     client::{Client, ClientError},
///     schedule::{Action, Schedule, Spec},
/// };
///
/// # async fn example(client: Client) -> Result<(), ClientError> {
/// let spec = Spec::cron("30 2 * * *").in_time_zone("Europe/Zurich");
/// let nightly = client.schedule("nightly");
/// nightly.create(&Schedule::new(spec, Action::new("report", &"Zurich"))).await?;
/// nightly.trigger(None).await?;
/// for next in nightly.next(3).await? {
///     println!("due at {}", next.due_at.to_rfc3339());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ScheduleHandle {
    client: Client,
    name: String,
}

impl Client {
    /// The schedule of that name, there or not.
    #[must_use]
    pub fn schedule(&self, name: impl Into<String>) -> ScheduleHandle {
        ScheduleHandle {
            client: self.clone(),
            name: name.into(),
        }
    }
}

impl ScheduleHandle {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates it. Returns when that is in the journal.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`]: it is there. [`ErrorKind::Invalid`]: it says what is not allowed.
    pub async fn create(&self, schedule: &Schedule) -> Result<(), ClientError> {
        schedule.check().map_err(|error| invalid(&error))?;
        let begin = built_in::schedule(Begin::new(schedule.clone()));
        let start = self.client.start(begin, self.id()?);
        start
            .id_conflict(IdConflict::Fail)
            .id_reuse(IdReuse::AllowDuplicate)
            .await
            .map(drop)
    }

    /// Replaces what it goes by. What waits and what is under way stays.
    ///
    /// # Errors
    /// As of all its methods.
    pub async fn update(&self, schedule: &Schedule) -> Result<(), ClientError> {
        let update = built_in::change(schedule.clone());
        self.client.update(&self.id()?, update).await
    }

    /// What it does, what it has started, and when it is due next.
    ///
    /// # Errors
    /// As of all its methods.
    pub async fn describe(&self) -> Result<Description, ClientError> {
        self.client.query(&self.id()?, built_in::describe()).await
    }

    /// When it is due next, at most so many times.
    ///
    /// # Errors
    /// As of all its methods.
    pub async fn next(&self, count: u32) -> Result<Vec<Upcoming>, ClientError> {
        let many = Many { count: Some(count) };
        self.client.query(&self.id()?, built_in::next(many)).await
    }

    /// Starts nothing by itself until it is resumed.
    ///
    /// # Errors
    /// As of all its methods.
    pub async fn pause(&self, note: &str) -> Result<(), ClientError> {
        let update = built_in::pause(Note::new(note));
        self.client.update(&self.id()?, update).await
    }

    /// Goes on.
    ///
    /// # Errors
    /// As of all its methods.
    pub async fn resume(&self, note: &str) -> Result<(), ClientError> {
        let update = built_in::resume(Note::new(note));
        self.client.update(&self.id()?, update).await
    }

    /// Starts one now; its own rule holds while another is under way, unless `overlap` says another.
    ///
    /// # Errors
    /// As of all its methods.
    pub async fn trigger(&self, overlap: Option<Overlap>) -> Result<Triggered, ClientError> {
        let update = built_in::trigger(Trigger { overlap });
        self.client.update(&self.id()?, update).await
    }

    /// Starts what was due in a time.
    ///
    /// # Errors
    /// As of all its methods.
    pub async fn backfill(&self, backfill: Backfill) -> Result<(), ClientError> {
        let update = built_in::backfill(backfill);
        self.client.update(&self.id()?, update).await
    }

    /// Ends it; what it has started goes on.
    ///
    /// # Errors
    /// As of all its methods.
    pub async fn delete(&self) -> Result<(), ClientError> {
        let reason = "the schedule is deleted";
        self.client.cancel(&self.id()?, reason).await
    }

    fn id(&self) -> Result<String, ClientError> {
        workflow_id(&self.name).map_err(|error| invalid(&error))
    }
}

fn invalid(error: &crate::Error) -> ClientError {
    Error::new(ErrorKind::Invalid, "request-rejected", error.message()).into()
}

impl fmt::Debug for ScheduleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleHandle")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
