//! Activities and their attempts.

use alloc::boxed::Box;

use crate::{
    ActivityId, Attempt, Failure, Name, Payload, RetryChange, RetryPolicy, TimeoutsChange,
    Timestamp,
};

event! {
    /// The program asked for an activity.
    ActivityScheduled {
        /// Its number in the run.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Where workers take it from.
        task_queue: Name,
        /// Its input.
        input: Payload,
        /// How it is retried.
        retry: RetryPolicy,
        /// How long one attempt may run.
        start_to_close_ms: u64,
        /// The step is to be compensated once it is done.
        compensable: bool,
        /// The step that it undoes, if it is a compensation.
        compensates: Option<ActivityId>,
        /// How long an attempt may wait for a worker; absent from records of before there was such a time-out, as the next two.
        schedule_to_start_ms: Option<u64>,
        /// How long all attempts may take together.
        schedule_to_close_ms: Option<u64>,
        /// How long a worker may be silent.
        heartbeat_ms: Option<u64>,
    }
    /// An attempt's task goes to the queue.
    ActivityAttemptScheduled {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Number of the attempt.
        attempt: Attempt,
        /// Its task waits until the home of its queue, which is limited, releases it; absent where it is not.
        held: Option<bool>,
    }
    /// A worker said that it began with an attempt.
    ActivityStarted {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Number of the attempt.
        attempt: Attempt,
        /// Who said so.
        worker: Option<Name>,
    }
    /// The activity was asked to stop.
    ActivityCancelRequested {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
    }
    /// The activity succeeded.
    ActivityCompleted {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// The attempt that did.
        attempt: Attempt,
        /// What it returned.
        result: Payload,
        /// Who did it.
        worker: Option<Name>,
        /// Why, in the words of the person who did it in a worker's place.
        reason: Option<Box<str>>,
    }
    /// An attempt failed; whether another follows is in `next_attempt_at`.
    ActivityAttemptFailed {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Number of the attempt.
        attempt: Attempt,
        /// Why.
        failure: Failure,
        /// When the next attempt is due; none: no attempt follows.
        next_attempt_at: Option<Timestamp>,
        /// It does not count against the maximum: no worker knew the activity.
        uncounted: bool,
        /// Who tried.
        worker: Option<Name>,
    }
    /// The activity failed for good.
    ActivityFailed {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// The failure of the last attempt.
        failure: Failure,
    }
    /// The activity's last attempt ran out of time.
    ActivityTimedOut {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Which time-out, by its error type.
        failure: Failure,
    }
    /// The activity ended because it was asked to.
    ActivityCanceled {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// What the worker said.
        details: Option<Payload>,
    }
    /// A person changed a pending activity; what is absent stays.
    ActivityOptionsUpdated {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// The input of its further attempts.
        input: Option<Payload>,
        /// Who changed it, if that is not said beside it.
        actor: Option<Name>,
        /// Why, in their words.
        reason: Option<Box<str>>,
        /// How it is retried from now on; absent from records of before there was such a change, as the next two.
        retry: Option<RetryChange>,
        /// How long it may take from now on.
        timeouts_ms: Option<TimeoutsChange>,
        /// When the next attempt is due, if that is sooner than before.
        next_attempt_at: Option<Timestamp>,
    }
    /// A worker said that an attempt goes on.
    ActivityHeartbeatRecorded {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Number of the attempt.
        attempt: Attempt,
        /// How far it is; the next attempt is given it.
        progress: Option<Payload>,
        /// Who said so.
        worker: Option<Name>,
    }
    /// No attempt of the activity begins; one in flight may end.
    ActivityPaused {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Who.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
    /// The activity goes on.
    ActivityResumed {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Who.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
}
