//! A journal for tests: its records are built one by one, as an owner would write them.

use sagaline_core::{
    Cause, Event, Name, Payload, RunId, Timestamp, Transition, WorkflowId, event::WorkflowStarted,
};
use sagaline_journal::{EncodedTransition, Headers, JournalWriter, NewRecord, Record};
use sagaline_schemas::{Claim, Footer};

/// One partition, owned by epoch 1.
pub(crate) struct Script {
    writer: JournalWriter,
    pub(crate) records: Vec<Record>,
    batch_no: u64,
}

impl Script {
    /// Begins with a claim at offset 0.
    pub(crate) fn new() -> Self {
        let mut script = Self {
            writer: JournalWriter::new("ns.journal".into(), 3),
            records: Vec::new(),
            batch_no: 0,
        };
        let claim = Claim {
            epoch: 1,
            owner: "owner".into(),
            partitions: 12,
            app: "shop".into(),
            build: "1".into(),
            workflows: vec!["order".into()],
            closed_retention_ms: 1,
        };
        let claim = script.writer.claim(&claim).unwrap();
        script.append(&claim);
        script
    }

    /// A batch of these transitions; without any, a mark.
    pub(crate) fn batch(mut self, transitions: &[Transition]) -> Self {
        self.batch_no += 1;
        let mut encoded = Vec::new();
        for transition in transitions {
            EncodedTransition::append(transition, &mut encoded).unwrap();
        }
        let footer = Footer {
            epoch: 1,
            batch_no: self.batch_no,
            count: 0,
            now: Timestamp::from_millis(1_000),
            inputs: Vec::new(),
            effects_done: 0,
            open_runs: 1,
            digest: 0,
            trying: None,
        };
        for record in self.writer.batch(encoded, footer).unwrap() {
            self.append(&record);
        }
        self
    }

    /// A record of a stranger.
    pub(crate) fn foreign(mut self) -> Self {
        let record = NewRecord {
            topic: "ns.journal".into(),
            partition: 3,
            key: None,
            value: Some(b"hello".to_vec()),
            headers: Headers::new(),
        };
        self.append(&record);
        self
    }

    fn append(&mut self, record: &NewRecord) {
        let offset = i64::try_from(self.records.len()).unwrap();
        self.records
            .push(record.placed(offset, Timestamp::from_millis(1_000)));
    }
}

/// What happened to a run of `id` in one input.
pub(crate) fn transition(id: &str, first_seq: u64, events: impl Into<Vec<Event>>) -> Transition {
    let workflow_id = WorkflowId::new(id).unwrap();
    let cause = Cause {
        source: "sagaline.cli/ada".into(),
        id: first_seq.to_string().into(),
        topic: "ns.inbox".into(),
        partition: 3,
        offset: 0,
    };
    Transition {
        run_id: Some(RunId::derive("ns", &workflow_id, b"1")),
        workflow_id: Some(workflow_id),
        first_seq,
        at: Timestamp::from_millis(1_000 + i64::try_from(first_seq).unwrap()),
        cause,
        events: events.into(),
    }
}

/// The first event of a run.
pub(crate) fn started() -> Event {
    started_with(Payload::json(*b"{}"))
}

/// The first event of a run that was given `input`.
pub(crate) fn started_with(input: Payload) -> Event {
    WorkflowStarted {
        workflow: Name::from("order"),
        version: "1".into(),
        input,
        trace: None,
        attributes: None,
        memo: None,
        run_timeout_ms: None,
        execution_timeout_ms: None,
        parent: None,
        chain: None,
        start_at: None,
        retry: None,
        reset_of: None,
        reset: None,
    }
    .into()
}
