//! Requests about workflows.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sagaline_core::{
    Cancel, Cause, Command, IdConflict, IdReuse, Message, Millis, Name, Payload, ReplyTo,
    RetryPolicy, RunId, Signal, Start, StartWith, Terminate, Trace, Update, WorkflowId,
    event::RejectReason,
};
use sagaline_journal::{
    Record,
    wire::{ce_type, header, id_conflict, id_reuse},
};

use super::{About, Input, Question, Reading, Refusal, about, delayed, operate};
use crate::envelope::{Envelope, bad_header};

pub(super) fn request(
    reading: &Reading,
    record: &Record,
    envelope: &Envelope<'_>,
    workflow_id: WorkflowId,
    ce_type: &str,
    cause: &Cause,
) -> Result<Input, Refusal> {
    let command = match ce_type {
        ce_type::WORKFLOW_START => Command::Start(start(reading, record, envelope, workflow_id)?),
        ce_type::WORKFLOW_CANCEL => Command::Cancel(Cancel {
            run_id: run_id(envelope)?,
            reason: reason(envelope)?,
            compensate: compensate(envelope, true)?,
            reply: reading.reply_to(envelope)?,
            workflow_id,
        }),
        ce_type::WORKFLOW_TERMINATE => Command::Terminate(Terminate {
            run_id: run_id(envelope)?,
            reason: reason(envelope)?,
            compensate: compensate(envelope, false)?,
            reply: reading.reply_to(envelope)?,
            workflow_id,
        }),
        ce_type::WORKFLOW_SIGNAL => Command::Signal(Signal {
            run_id: run_id(envelope)?,
            signal: name(envelope, header::SIGNAL)?,
            input: payload(envelope)?,
            reply: reading.reply_to(envelope)?,
            workflow_id,
        }),
        ce_type::WORKFLOW_UPDATE => Command::Update(Update {
            run_id: run_id(envelope)?,
            update_id: update_id(envelope)?,
            update: name(envelope, header::UPDATE)?,
            input: payload(envelope)?,
            reply: Some(required_reply(reading, envelope)?),
            workflow_id,
        }),
        ce_type::WORKFLOW_SIGNAL_WITH_START | ce_type::WORKFLOW_UPDATE_WITH_START => {
            let message = message_of_start(reading, envelope, (&workflow_id, ce_type))?;
            let start = start(reading, record, envelope, workflow_id)?;
            Command::StartWith(Box::new(StartWith { start, message }))
        }
        ce_type::WORKFLOW_OPERATE => {
            let operate = operate::operate(reading, envelope, workflow_id)?;
            Command::Operate(Box::new(operate))
        }
        ce_type::RETRY_DUE => Command::RetryDue(delayed::retry_due(envelope, workflow_id)?),
        ce_type::WORKFLOW_DESCRIBE => {
            return ask(reading, envelope, (workflow_id, About::Description), cause);
        }
        ce_type::WORKFLOW_QUERY => {
            return ask(reading, envelope, (workflow_id, query(envelope)?), cause);
        }
        other => {
            let shown: String = other.chars().take(80).collect();
            return Err(Refusal::new(
                RejectReason::UnknownType,
                format!("ce_type `{shown}` is not known"),
            ));
        }
    };
    Ok(Input::Command {
        cause: cause.clone(),
        command: Box::new(command),
    })
}

/// What a start comes with.
fn message_of_start(
    reading: &Reading,
    envelope: &Envelope<'_>,
    (workflow_id, ce_type): (&WorkflowId, &str),
) -> Result<Message, Refusal> {
    if ce_type == ce_type::WORKFLOW_SIGNAL_WITH_START {
        return Ok(Message::Signal {
            signal: name(envelope, header::SIGNAL)?,
            input: input_of_start(envelope, header::SIGNAL_INPUT)?,
        });
    }
    Ok(Message::Update(Update {
        workflow_id: workflow_id.clone(),
        run_id: None,
        update_id: update_id(envelope)?,
        update: name(envelope, header::UPDATE)?,
        input: input_of_start(envelope, header::UPDATE_INPUT)?,
        reply: Some(required_reply(reading, envelope)?),
    }))
}

fn query(envelope: &Envelope<'_>) -> Result<About, Refusal> {
    Ok(About::Query {
        query: name(envelope, header::QUERY)?,
        input: payload(envelope)?,
    })
}

/// A question, which wants an answer.
fn ask(
    reading: &Reading,
    envelope: &Envelope<'_>,
    (workflow_id, about): (WorkflowId, About),
    cause: &Cause,
) -> Result<Input, Refusal> {
    let question = Question {
        run_id: run_id(envelope)?,
        reply: required_reply(reading, envelope)?,
        workflow_id,
        about,
    };
    Ok(Input::Ask {
        cause: cause.clone(),
        question: Box::new(question),
    })
}

fn required_reply(reading: &Reading, envelope: &Envelope<'_>) -> Result<ReplyTo, Refusal> {
    reading.reply_to(envelope)?.ok_or_else(|| {
        let message = "header sl-reply-topic is missing";
        Refusal::new(RejectReason::MissingHeader, message)
    })
}

/// The name of a signal, a query or an update.
pub(super) fn name(envelope: &Envelope<'_>, header: &'static str) -> Result<Name, Refusal> {
    let name = envelope.required(header)?;
    Name::new(name).map_err(|invalid| bad_header(header, name, &invalid.to_string()))
}

/// Which update a record asks for.
fn update_id(envelope: &Envelope<'_>) -> Result<Name, Refusal> {
    let (header, id) = match envelope.header(header::UPDATE_ID)? {
        Some(id) => (header::UPDATE_ID, Some(id)),
        None => (header::CE_ID, envelope.attribute(header::CE_ID)?),
    };
    let id = id.ok_or_else(|| {
        let message =
            "header sl-update-id or ce_id is missing: the same update again is not done again";
        Refusal::new(RejectReason::MissingHeader, message)
    })?;
    Name::new(id).map_err(|invalid| bad_header(header, id, &invalid.to_string()))
}

/// What goes with a start beside its own input: JSON unless said, in base64.
fn input_of_start(envelope: &Envelope<'_>, header: &'static str) -> Result<Payload, Refusal> {
    let Some(text) = envelope.header(header)?.filter(|text| !text.is_empty()) else {
        return Ok(Payload::empty());
    };
    let bytes = STANDARD.decode(text);
    let bytes = bytes.map_err(|_| bad_header(header, text, "base64 is expected"))?;
    let content_type = envelope.header(header::MESSAGE_CONTENT_TYPE)?;
    Ok(match content_type.filter(|text| !text.is_empty()) {
        Some(content_type) => Payload::new(content_type, bytes),
        None => Payload::json(bytes),
    })
}

/// What a run is given.
pub(super) fn payload(envelope: &Envelope<'_>) -> Result<Payload, Refusal> {
    let payload = envelope.payload();
    if payload.is_too_large() {
        let bytes = payload.data().len();
        let max = sagaline_core::PAYLOAD_BYTES_MAX;
        let message = format!("input of {bytes} bytes; {max} are allowed");
        return Err(Refusal::new(RejectReason::TooLarge, message));
    }
    Ok(payload.clone())
}

pub(super) fn start(
    reading: &Reading,
    record: &Record,
    envelope: &Envelope<'_>,
    workflow_id: WorkflowId,
) -> Result<Start, Refusal> {
    let workflow = envelope.required(header::WORKFLOW)?;
    let workflow = Name::new(workflow).map_err(|invalid| {
        Refusal::new(RejectReason::BadHeader, format!("sl-workflow: {invalid}"))
    })?;
    let input = payload(envelope)?;
    let trace = envelope
        .header(header::TRACEPARENT)?
        .map(|parent| -> Result<Trace, Refusal> {
            Ok(Trace {
                parent: parent.into(),
                state: envelope.header(header::TRACESTATE)?.map(Into::into),
            })
        });
    Ok(Start {
        workflow_id,
        workflow,
        version: envelope
            .header(header::VERSION)?
            .filter(|version| !version.is_empty())
            .map(Into::into),
        input,
        id_conflict: id_conflict(envelope)?,
        id_reuse: id_reuse(envelope)?,
        reply: reading.reply_to(envelope)?,
        trace: trace.transpose()?,
        attributes: about::ATTRIBUTES.of(record, envelope)?,
        memo: about::MEMO.of(record, envelope)?,
        run_timeout: span(envelope, header::RUN_TIMEOUT_MS)?,
        execution_timeout: span(envelope, header::EXECUTION_TIMEOUT_MS)?,
        start_at: envelope.instant(header::START_AT)?,
        retry: retry(envelope)?,
        parent: None,
        appended_at: record.timestamp,
    })
}

fn id_conflict(envelope: &Envelope<'_>) -> Result<IdConflict, Refusal> {
    Ok(match envelope.header(header::ID_CONFLICT)? {
        None | Some(id_conflict::USE_EXISTING) => IdConflict::UseExisting,
        Some(id_conflict::FAIL) => IdConflict::Fail,
        Some(id_conflict::TERMINATE_EXISTING) if envelope.attribute(header::CE_ID)?.is_some() => {
            IdConflict::TerminateExisting
        }
        Some(id_conflict::TERMINATE_EXISTING) => {
            return Err(Refusal::new(
                RejectReason::MissingHeader,
                "sl-id-conflict = terminate-existing needs ce_id",
            ));
        }
        Some(other) => {
            return Err(bad_header(
                header::ID_CONFLICT,
                other,
                "use-existing, fail or terminate-existing is expected",
            ));
        }
    })
}

fn id_reuse(envelope: &Envelope<'_>) -> Result<IdReuse, Refusal> {
    Ok(match envelope.header(header::ID_REUSE)? {
        None | Some(id_reuse::REJECT_DUPLICATE) => IdReuse::RejectDuplicate,
        Some(id_reuse::ALLOW_DUPLICATE) => IdReuse::AllowDuplicate,
        Some(id_reuse::ALLOW_DUPLICATE_FAILED_ONLY) => IdReuse::AllowDuplicateFailedOnly,
        Some(other) => {
            return Err(bad_header(
                header::ID_REUSE,
                other,
                "reject-duplicate, allow-duplicate or allow-duplicate-failed-only is expected",
            ));
        }
    })
}

/// A time-out: 0 is none, as Temporal has it.
fn span(envelope: &Envelope<'_>, name: &'static str) -> Result<Option<Millis>, Refusal> {
    let millis = envelope.parsed::<u64>(name, "a number of milliseconds is expected")?;
    Ok(millis.filter(|millis| *millis > 0).map(Millis))
}

fn retry(envelope: &Envelope<'_>) -> Result<Option<Box<RetryPolicy>>, Refusal> {
    let Some(text) = envelope.header(header::RETRY)? else {
        return Ok(None);
    };
    match operate::retry_policy(text) {
        Ok(policy) => Ok(Some(Box::new(policy))),
        Err(why) => Err(bad_header(header::RETRY, text, &why)),
    }
}

pub(super) fn run_id(envelope: &Envelope<'_>) -> Result<Option<RunId>, Refusal> {
    envelope.parsed(header::RUN_ID, "a run id is a UUID")
}

pub(super) fn reason(envelope: &Envelope<'_>) -> Result<Option<Box<str>>, Refusal> {
    Ok(envelope.header(header::REASON)?.map(|reason| {
        reason
            .chars()
            .take(1_000)
            .collect::<String>()
            .into_boxed_str()
    }))
}

fn compensate(envelope: &Envelope<'_>, default: bool) -> Result<bool, Refusal> {
    Ok(envelope
        .parsed(header::COMPENSATE, "true or false is expected")?
        .unwrap_or(default))
}
