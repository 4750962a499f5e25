//! Sagaline's pure state machine.
//!
//! ```text
//! Command ─▶ decide(&State, now) ─▶ Events | Rejection      Events ─▶ apply ─▶ state      Events ─▶ effects
//! ```
//! Deliberately absent: clocks, I/O, async, randomness, threads, hash order. Everything that this crate knows it was
//! given; the same commands in the same order give the same events on every machine.
//!
//! Start reading at [`transact()`], which is one input from command to events.
#![no_std]
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![deny(clippy::cast_possible_truncation, clippy::disallowed_methods)]

extern crate alloc;

mod about;
mod apply;
pub mod bounds;
mod cause;
mod child;
mod command;
mod decide;
mod effect;
pub mod event;
mod external;
mod failure;
pub mod filter;
mod id;
mod local;
mod options;
mod payload;
pub mod program;
mod queue;
mod replay;
mod reserved;
mod retry;
pub mod run;
pub mod show;
mod state;
mod time;
mod transact;
pub mod view;
mod wait;

pub use about::{
    FIELD_NAME_BYTES_MAX, FIELDS_BYTES_MAX, FIELDS_MAX, Field, Fields, FieldsOver, is_field_name,
};
pub use apply::Place;
pub use cause::{Cause, IDENTITIES_MAX, Identity, IdentityRing};
pub use child::{
    CHILD_DEPTH_MAX, ChildClosed, ChildEnd, ChildMessage, HANDED_OVER_BYTES_MAX, HANDED_OVER_MAX,
    Parent, StartChild, Stop, StopChild,
};
pub use command::{
    Act, ActivityAct, Cancel, Command, IdConflict, IdReuse, IncidentAct, Message, Operate,
    QueuedUntil, Reapply, ReplyTo, Report, ReportAttempt, ResetTo, RetryDue, Signal, Start,
    StartWith, Terminate, Trace, Update,
};
pub use decide::{
    Ignored, Rejection, refusal,
    start::{run_id_of_appended, run_id_of_start},
};
pub use effect::{
    CancelAttempt, Effect, Effects, QueueMessage, QueueWord, Reply, Retry, Task, effect_without_run,
};
pub use event::{Event, Outcome, Transition};
pub use external::{
    ExternalMessage, ExternalSignal, Sender, SignalExternal, SignalOutcome, SignalTold,
};
pub use failure::{ERROR_MESSAGE_BYTES_MAX, Failure, error_type};
pub use id::{
    ActivityId, Attempt, InvalidId, NAME_BYTES_MAX, Name, RunId, Seq, WORKFLOW_ID_BYTES_MAX,
    WorkflowId,
};
pub use local::{LOCAL_QUEUE, is_local, local_tasks};
pub use options::{NO_TIMEOUT, OptionsChange, RetryChange, TimeoutsChange};
pub use payload::{CONTENT_TYPE_JSON, PAYLOAD_BYTES_MAX, Payload, is_json};
pub use queue::{
    ChangeQueue, Limit, PausedType, QUEUE_PAUSED_MAX, QUEUE_RATE_PER_SECOND_MAX, QueueAct,
    QueueCommand, QueueTask,
};
pub use replay::{activate_last, replay, verify};
pub use reserved::{
    BATCH_ID_PREFIX, BATCH_WORKFLOW, OUR_NAMES, SCHEDULE_ID_PREFIX, SCHEDULE_WORKFLOW,
    workflow_of_id,
};
pub use retry::{
    OnExhausted, RETRY_AFTER_MAX, RETRY_TAKEN_OVER_AFTER, RetryPolicy, UNKNOWN_ACTIVITY_RETRY,
};
pub use run::{Activity, Run};
pub use state::{Closed, Delta, Overlay, Position, Queue, Restored, Snapshot, State};
pub use time::{InvalidSpan, Millis, Timestamp};
pub use transact::{Env, Transacted, fold, settle, transact};
pub use wait::{CHOICES_BYTES_MAX, Choice, WAITS_MAX, Wait, WaitFor};
