//! What may be lost without harm: word to stop, and records that wait for a retry.

use sagaline_core::{
    ActivityId, Attempt, CancelAttempt, Retry, RetryDue, RunId, Timestamp, WorkflowId,
};

use super::*;

#[test]
fn whoever_has_a_task_is_told_to_stop_by_its_id() {
    let workflow_id = WorkflowId::new("o-1").unwrap();
    let run_id = RunId::derive("ns", &workflow_id, b"1");
    let cancel = Effect::Cancel(Box::new(CancelAttempt {
        workflow_id,
        run_id,
        activity_id: ActivityId::FIRST,
        attempt: Attempt::FIRST,
    }));
    let mut outbox = Outbox::default();

    let Sending::Record(record) = outbox.record(
        &shared(QueueTopic::Coming),
        (0, Timestamp::default()),
        &cancel,
    ) else {
        panic!("nothing keeps it");
    };

    let task_id = &*format!("{run_id}/1/1");
    let header = |name| {
        record
            .headers
            .get(name)
            .map(|value| str::from_utf8(value).unwrap())
    };
    assert_eq!((&*record.topic, record.partition), ("ns.control", 0));
    assert_eq!(record.key.as_deref(), Some(task_id.as_bytes()));
    assert_eq!(header("ce_type"), Some("sagaline.activity.cancel.v1"));
    assert_eq!(header("ce_subject"), Some(task_id));
    assert_eq!(header("ce_id"), Some(&*format!("{task_id}/cancel")));
    assert_eq!(header("sl-workflow-id"), Some("o-1"));
    assert_eq!(
        (header("sl-activity-id"), header("sl-attempt")),
        (Some("1"), Some("1"))
    );

    let error = SendError {
        kind: SendErrorKind::Missing,
        reason: "no topic".into(),
    };
    outbox.push(4, vec![cancel], HashMap::new());
    let mut entry = outbox.waiting.pop_front();
    for _ in 0..REPLY_TRIES_MAX {
        outbox
            .sent
            .insert(9, entry.take().expect("it is sent again"));
        outbox.failed(9, &error, Millis(1));
        entry = outbox.later.pop().map(|(_, entry)| entry);
    }
    assert!(
        entry.is_none(),
        "without a topic it holds up nobody for ever"
    );
    assert_eq!((outbox.dropped(), outbox.done(5)), (1, 5));
}

fn retry() -> Effect {
    let workflow_id = WorkflowId::new("w").unwrap();
    Effect::Retry(Box::new(Retry {
        due: RetryDue {
            run_id: RunId::derive("ns", &workflow_id, b"1"),
            workflow_id,
            activity_id: ActivityId::FIRST,
            attempt: Attempt::FIRST.next(),
        },
        next_attempt_at: Timestamp::from_millis(7),
    }))
}

/// How often a retry is sent when the log answers so each time.
fn sent_before_given_up(kind: SendErrorKind) -> usize {
    let mut outbox = Outbox::default();
    outbox.push(4, vec![retry()], HashMap::new());
    for times in 1..=100 {
        let entry = outbox.waiting.pop_front();
        let Some(entry) = entry.or_else(|| Some(outbox.later.pop()?.1)) else {
            assert_eq!(outbox.done(5), 5, "its batch is done");
            return times - 1;
        };
        outbox.sent.insert(1, entry);
        let reason = String::new();
        outbox.failed(1, &SendError { kind, reason }, Millis(0));
        assert!(
            outbox.next_undeliverable().is_none(),
            "its deadline follows"
        );
    }
    100
}

#[test]
fn a_retry_that_cannot_wait_in_its_topic_is_left_to_its_deadline() {
    assert_eq!(sent_before_given_up(SendErrorKind::Refused), 1);
    assert_eq!(sent_before_given_up(SendErrorKind::TooLarge), 1);
    assert_eq!(
        sent_before_given_up(SendErrorKind::Missing),
        RETRY_TRIES_MAX as usize
    );
    assert_eq!(sent_before_given_up(SendErrorKind::Unavailable), 100);
}
