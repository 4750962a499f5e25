//! What workers report.

use sagaline_core::{
    Cause, Command, Failure, Millis, Name, OnExhausted, Payload, Report, ReportAttempt, WorkflowId,
    event::RejectReason, program::PROGRESS_BYTES_MAX,
};
use sagaline_journal::wire::{ce_type, header};

use super::{Input, Reading, Refusal};
use crate::envelope::{Envelope, bad_header};

pub(super) fn report(
    reading: &Reading,
    envelope: &Envelope<'_>,
    workflow_id: WorkflowId,
    ce_type: &str,
    cause: &Cause,
) -> Result<Input, Refusal> {
    let report = match ce_type {
        ce_type::ACTIVITY_COMPLETED => Report::Completed {
            result: envelope.payload().clone(),
        },
        ce_type::ACTIVITY_FAILED => failed(envelope)?,
        ce_type::ACTIVITY_CANCELED => Report::Canceled {
            details: cut(envelope.payload()),
        },
        ce_type::ACTIVITY_STARTED => Report::Started,
        ce_type::ACTIVITY_HEARTBEAT => Report::Heartbeat {
            progress: progress(envelope.payload())?,
        },
        other => {
            let shown: String = other.chars().take(80).collect();
            return Err(Refusal::new(
                RejectReason::UnknownType,
                format!("ce_type `{shown}` is not known"),
            ));
        }
    };
    let token = envelope.required(header::TOKEN)?;
    let claims = reading
        .keys
        .verify_token(token)
        .ok_or_else(|| Refusal::new(RejectReason::Forged, "sl-token is not genuine"))?;
    let worker = envelope
        .header(header::WORKER)?
        .and_then(|name| Name::new(&name.chars().take(60).collect::<String>()).ok());
    let command = Command::ReportAttempt(ReportAttempt {
        workflow_id,
        run_id: claims.run_id,
        activity_id: claims.activity_id,
        attempt: claims.attempt,
        report,
        worker,
    });
    Ok(Input::Command {
        cause: cause.clone(),
        command: Box::new(command),
    })
}

fn failed(envelope: &Envelope<'_>) -> Result<Report, Refusal> {
    let error_type = envelope.required(header::ERROR_TYPE)?;
    let error_type = Name::new(error_type).map_err(|invalid| {
        Refusal::new(RejectReason::BadHeader, format!("sl-error-type: {invalid}"))
    })?;
    let mut failure = Failure::new(
        error_type,
        envelope.header(header::ERROR_MESSAGE)?.unwrap_or_default(),
    );
    failure.non_retryable = envelope
        .parsed(header::NON_RETRYABLE, "true or false is expected")?
        .unwrap_or(false);
    let details = cut(envelope.payload());
    failure.details = (!details.data().is_empty()).then_some(details);
    let retry_after = envelope
        .parsed(
            header::RETRY_AFTER_MS,
            "a number of milliseconds is expected",
        )?
        .map(Millis);
    Ok(Report::Failed {
        failure,
        retry_after,
        on_exhausted: on_exhausted(envelope)?,
    })
}

/// What the worker wants when no attempt follows.
fn on_exhausted(envelope: &Envelope<'_>) -> Result<Option<OnExhausted>, Refusal> {
    match envelope.header(header::ON_EXHAUSTED)? {
        None => Ok(None),
        Some("fail") => Ok(Some(OnExhausted::Fail)),
        Some("park") => Ok(Some(OnExhausted::Park)),
        Some(other) => Err(bad_header(
            header::ON_EXHAUSTED,
            other,
            "fail or park is expected",
        )),
    }
}

/// How far an attempt is; its next one is told in a header.
fn progress(payload: &Payload) -> Result<Option<Payload>, Refusal> {
    let bytes = payload.data().len();
    if bytes > PROGRESS_BYTES_MAX {
        let message = format!("progress of {bytes} bytes; {PROGRESS_BYTES_MAX} are allowed");
        return Err(Refusal::new(RejectReason::TooLarge, message));
    }
    Ok((bytes > 0).then(|| payload.clone()))
}

/// Details over the limit are dropped: the error itself must not be lost to them.
fn cut(details: &Payload) -> Payload {
    if details.is_too_large() {
        Payload::empty()
    } else {
        details.clone()
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;
    use sagaline_journal::Record;

    use super::*;

    #[test]
    fn a_worker_may_say_what_follows_its_last_attempt() {
        let read = |word: Option<&str>| {
            let mut record = Record::new("ns.results".into(), 0, 7, Timestamp::default(), 0)
                .with_key(Some(b"w"));
            record.push_header(header::ERROR_TYPE, Some(b"CourierRefused"));
            if let Some(word) = word {
                record.push_header(header::ON_EXHAUSTED, Some(word.as_bytes()));
            }
            match failed(&Envelope::of_headers(&record)) {
                Ok(Report::Failed { on_exhausted, .. }) => Ok(on_exhausted),
                Ok(other) => panic!("{other:?}"),
                Err(refusal) => Err(refusal.reason),
            }
        };

        assert_eq!(read(None), Ok(None));
        assert_eq!(read(Some("fail")), Ok(Some(OnExhausted::Fail)));
        assert_eq!(read(Some("park")), Ok(Some(OnExhausted::Park)));
        assert_eq!(read(Some("retry")), Err(RejectReason::BadHeader));
    }
}
