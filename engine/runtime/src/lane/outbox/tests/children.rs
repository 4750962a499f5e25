//! What tells a child to begin, and to stop.

use sagaline_core::{
    ChildMessage, ExternalMessage, ExternalSignal, IdReuse, Parent, Sender, Stop, StopChild,
    event::{ChildStarted, ParentClosePolicy},
};

use super::*;

fn parent() -> Parent {
    let workflow_id = WorkflowId::new("w").unwrap();
    Parent {
        run_id: RunId::derive("ns", &workflow_id, b"1"),
        root: workflow_id.clone(),
        workflow_id,
        child_id: ActivityId::FIRST,
        close_policy: ParentClosePolicy::Terminate,
        depth: 1,
    }
}

fn begin() -> Effect {
    let child = ChildStarted {
        child_id: ActivityId::FIRST,
        workflow: Name::from("mail"),
        version: None,
        workflow_id: WorkflowId::new("c").unwrap(),
        input: Payload::empty(),
        parent_close_policy: ParentClosePolicy::Terminate,
        id_reuse: IdReuse::RejectDuplicate,
        attributes: None,
        memo: None,
        run_timeout_ms: None,
        execution_timeout_ms: None,
        start_at: None,
        retry: None,
    };
    Effect::Child(Box::new(ChildMessage::Start {
        child: Arc::new(child),
        parent: parent(),
        trace: None,
    }))
}

fn stop(of: u32) -> Effect {
    Effect::Child(Box::new(ChildMessage::Stop(StopChild {
        workflow_id: WorkflowId::new("c").unwrap(),
        of: (parent().run_id, ActivityId::new(of).unwrap()),
        how: Stop::Terminate,
        reason: None,
    })))
}

#[derive(Default)]
struct Sends(Vec<(Tag, NewRecord)>);

impl LanePort for Sends {
    fn send(&mut self, _: i32, tag: Tag, record: NewRecord) {
        self.0.push((tag, record));
    }
    fn fetch(&mut self, _: i32, _: i64, _: i64) {}
    fn release(&mut self, _: i32) {}
    fn take(&mut self, _: i32, _: usize, _: usize, _: &mut Vec<sagaline_journal::Record>) {}
    fn append(&mut self, _: i32, _: Tag, _: Vec<NewRecord>) {}
    fn read(&mut self, _: Arc<str>, _: i32, _: Tag, _: i64, _: Option<i64>) {}
    fn ends(&mut self, _: i32, _: Tag) {}
    fn prove_lease(&mut self, _: i32, _: Tag) {}
    fn poll(&mut self, _: std::time::Duration, _: &mut Vec<sagaline_journal::PortEvent>) {}
}

/// Tags and `ce_id`s of what goes out now.
fn sent(outbox: &mut Outbox, tags: &mut Tag) -> Vec<(Tag, String)> {
    let (shared, state) = (shared(QueueTopic::Coming), State::new(1));
    let now = Now {
        wall: Timestamp::default(),
        monotonic: Millis(0),
    };
    let mut port = Sends::default();
    outbox.send_waiting((&shared, &state), 0, now, &mut port, tags);
    let id = |record: &NewRecord| {
        let id = record.headers.get(sagaline_journal::wire::header::CE_ID);
        String::from_utf8(id.unwrap().to_vec()).unwrap()
    };
    let sent = port.0.iter().map(|(tag, record)| (*tag, id(record)));
    sent.collect()
}

#[test]
fn what_stops_a_child_goes_out_when_what_begins_it_has_arrived() {
    let run_id = parent().run_id;
    let (mut outbox, mut tags) = (Outbox::default(), 0);
    outbox.push(4, vec![begin()], HashMap::new());
    outbox.push(5, vec![stop(1), stop(2)], HashMap::new());

    let first = sent(&mut outbox, &mut tags);
    let ids: Vec<&str> = first.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(
        ids,
        [format!("{run_id}/1"), format!("{run_id}/2/terminate")]
    );
    assert_eq!((outbox.len(), outbox.done(5)), (3, 3));

    outbox.acknowledged(first[0].0);
    let second = sent(&mut outbox, &mut tags);
    assert_eq!(second[0].1, format!("{run_id}/1/terminate"));
    assert_eq!((second.len(), outbox.done(5)), (1, 4));

    outbox.acknowledged(first[1].0);
    outbox.acknowledged(second[0].0);
    assert_eq!((outbox.len(), outbox.done(5)), (0, 5));
}

/// A signal of the parent to its child of that number.
fn signal(of: u32) -> Effect {
    let parent = parent();
    Effect::External(Box::new(ExternalMessage::Signal(ExternalSignal {
        workflow_id: WorkflowId::new("c").unwrap(),
        run_id: None,
        child: Some((parent.run_id, ActivityId::new(of).unwrap())),
        signal: Name::from("faster"),
        input: Payload::empty(),
        sender: Sender {
            workflow_id: parent.workflow_id,
            run_id: parent.run_id,
            signal_id: ActivityId::new(7).unwrap(),
            awaited: true,
        },
    })))
}

#[test]
fn a_signal_for_a_child_goes_out_when_what_begins_it_has_arrived() {
    let run_id = parent().run_id;
    let (mut outbox, mut tags) = (Outbox::default(), 0);
    outbox.push(4, vec![begin(), signal(1)], HashMap::new());

    let first = sent(&mut outbox, &mut tags);
    assert_eq!(first.len(), 1);
    outbox.acknowledged(first[0].0);

    let second = sent(&mut outbox, &mut tags);
    assert_eq!(second[0].1, format!("{run_id}/7/signal"));
}

#[test]
fn a_new_owner_begins_a_child_of_an_ended_parent_only_to_stop_it() {
    let of = |effects: Vec<Effect>| {
        let mut outbox = Outbox::default();
        outbox.push(4, effects, HashMap::new());
        let mut outbox = outbox.after_take_over(&mut Fold::new(1));
        let sent = sent(&mut outbox, &mut 0);
        let ids: Vec<String> = sent.into_iter().map(|(_, id)| id).collect();
        (ids, outbox.len())
    };
    let run_id = parent().run_id;

    assert_eq!(of(vec![begin(), stop(1)]), (vec![format!("{run_id}/1")], 2));
    assert_eq!(of(vec![begin()]), (Vec::new(), 0));
}
