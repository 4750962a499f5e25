//! librdkafka's errors, sorted by what can be done about them.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{Error, ErrorKind, SendError, SendErrorKind};

/// What a failed call means to its caller. `doing` says what was tried: "read orders.inbox/3".
pub(super) fn error(doing: &str, error: &KafkaError) -> Error {
    let (kind, code) = sort(error);
    Error::new(kind, code, format!("{doing}: {}", describe(error)))
}

/// As [`error`], with the reason that the library gave beside the code.
pub(super) fn error_because(doing: &str, error: &KafkaError, reason: &str) -> Error {
    let (kind, code) = sort(error);
    Error::new(kind, code, format!("{doing}: {reason}"))
}

/// The system gave no thread.
pub(super) fn no_thread(error: &std::io::Error) -> Error {
    let message = format!("start a thread: {error}");
    Error::new(ErrorKind::Unavailable, "thread", message)
}

/// An answer that did not come in time. The broker is away, or does not answer us.
pub(super) fn timed_out(doing: &str, waited: std::time::Duration) -> Error {
    let message = format!("{doing}: no answer within {} ms", waited.as_millis());
    Error::new(ErrorKind::Unavailable, "kafka-timeout", message)
}

/// Why an effect did not go out, and whether sending it again can help.
pub(super) fn send_error(error: &KafkaError) -> SendError {
    let kind = match error.rdkafka_error_code() {
        Some(code) if REFUSED.contains(&code) => SendErrorKind::Refused,
        // A topic name with a zero byte.
        None if matches!(error, KafkaError::Nul(_)) => SendErrorKind::Refused,
        _ => match sort(error).1 {
            TOPIC_MISSING => SendErrorKind::Missing,
            TOO_LARGE => SendErrorKind::TooLarge,
            _ => SendErrorKind::Unavailable,
        },
    };
    SendError {
        kind,
        reason: describe(error),
    }
}

/// The error in one line, without the name of a Rust variant.
pub(super) fn describe(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, reason, key, _) => format!("`{key}`: {reason}"),
        other => match code_of(other) {
            Some(RDKafkaErrorCode::Inconsistent) => "acknowledged without an offset".to_owned(),
            Some(code) => code.to_string(),
            None => other.to_string(),
        },
    }
}

/// The code, also of what an admin client asked for: rdkafka's own function leaves those out.
fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

fn sort(error: &KafkaError) -> (ErrorKind, &'static str) {
    use RDKafkaErrorCode as Code;

    let Some(code) = code_of(error) else {
        return (ErrorKind::Invalid, "kafka-refused");
    };
    match code {
        Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId => (ErrorKind::NotFound, TOPIC_MISSING),
        Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::LogTruncation => {
            (ErrorKind::NotFound, "kafka-offset-missing")
        }
        Code::TopicAlreadyExists => (ErrorKind::Conflict, "kafka-topic-exists"),
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication => (ErrorKind::Invalid, "kafka-denied"),
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
            (ErrorKind::Invalid, TOO_LARGE)
        }
        Code::InvalidTopic
        | Code::InvalidRecord
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::InvalidConfig
        | Code::InvalidRequest
        | Code::InvalidArgument
        | Code::InvalidGroupId
        | Code::InconsistentGroupProtocol
        | Code::PolicyViolation
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature => (ErrorKind::Invalid, "kafka-refused"),
        Code::IllegalGeneration
        | Code::UnknownMemberId
        | Code::RebalanceInProgress
        | Code::AssignmentLost
        | Code::FencedInstanceId => (ErrorKind::Fenced, "kafka-lease-lost"),
        _ => (ErrorKind::Unavailable, "kafka-unavailable"),
    }
}

const TOPIC_MISSING: &str = "kafka-topic-missing";
const TOO_LARGE: &str = "kafka-record-too-large";

/// Sending the same record again meets the same refusal. A topic that is missing is not among them: it may come.
const REFUSED: &[RDKafkaErrorCode] = &[
    RDKafkaErrorCode::InvalidTopic,
    RDKafkaErrorCode::InvalidRecord,
    RDKafkaErrorCode::InvalidArgument,
    RDKafkaErrorCode::InvalidTimestamp,
    RDKafkaErrorCode::UnsupportedForMessageFormat,
    RDKafkaErrorCode::PolicyViolation,
    RDKafkaErrorCode::TopicAuthorizationFailed,
    RDKafkaErrorCode::ClusterAuthorizationFailed,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn produced(code: RDKafkaErrorCode) -> SendError {
        send_error(&KafkaError::MessageProduction(code))
    }

    #[test]
    fn a_record_that_is_too_large_is_called_so() {
        assert_eq!(
            produced(RDKafkaErrorCode::MessageSizeTooLarge).kind,
            SendErrorKind::TooLarge
        );
    }

    #[test]
    fn what_the_rights_or_a_policy_forbid_is_refused_until_they_are_others() {
        for code in [
            RDKafkaErrorCode::TopicAuthorizationFailed,
            RDKafkaErrorCode::PolicyViolation,
            RDKafkaErrorCode::InvalidTopic,
        ] {
            assert_eq!(produced(code).kind, SendErrorKind::Refused, "{code}");
        }
    }

    #[test]
    fn a_missing_topic_may_come_and_is_named() {
        let error = produced(RDKafkaErrorCode::UnknownTopic);

        assert_eq!(error.kind, SendErrorKind::Missing);
        let partition = produced(RDKafkaErrorCode::UnknownPartition);
        assert_eq!(partition.kind, SendErrorKind::Missing);
        assert!(error.reason.contains("nknown topic"), "{}", error.reason);
        let late = produced(RDKafkaErrorCode::MessageTimedOut);
        assert_eq!(late.kind, SendErrorKind::Unavailable);
    }

    #[test]
    fn an_admin_client_that_gets_no_answer_was_not_refused() {
        let timed_out = KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut);

        assert_eq!(
            error("make topics", &timed_out).kind(),
            ErrorKind::Unavailable
        );
    }

    #[test]
    fn what_is_not_known_may_be_tried_again() {
        let error = error(
            "read a/0",
            &KafkaError::MetadataFetch(RDKafkaErrorCode::BadMessage),
        );

        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().starts_with("read a/0: "));
    }
}
