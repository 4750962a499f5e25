//! People who step in: hold up and let go on, decide what becomes of an activity, solve incidents. They look first, but what
//! they saw may be over when their record comes.

use sagaline_core::{
    NO_TIMEOUT, OnExhausted, OptionsChange, RetryChange, RunId, TimeoutsChange, WorkflowId,
    event::IncidentKind,
};
use sagaline_journal::wire::{act, ce_type, header};
use sagaline_runtime::Keys;
use serde_json::{Map, Value, json};

use super::Act;
use crate::{
    event::Event,
    inputs::{Asks, ByHand, Input, OnActivity, OnIncident, OperateAsked, draft, identify},
    rng::Rng,
    time::Span,
    world::World,
};

/// Who they are.
pub(crate) const ACTOR: &str = "ada";

/// The error type that they fail activities with.
pub(crate) const GAVE_UP: &str = "GaveUp";

/// What somebody sees who looks at an open run.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) run_id: RunId,
    pub(crate) pending: Vec<u32>,
    pub(crate) incidents: Vec<(u64, IncidentKind)>,
    /// How many events it has, if it may be reset.
    pub(crate) resettable: Option<u64>,
}

impl World {
    /// Does something to the run of an id, or, more often, to one that somebody would look at.
    pub(super) fn operate(&mut self, id: &str) {
        let needy = self.check.needy();
        let id = match needy.is_empty() || self.rng.percent(30) {
            true => id.to_owned(),
            false => self.rng.pick(&needy).to_string(),
        };
        let id = id.as_str();
        let seen = WorkflowId::new(id).ok().and_then(|id| self.check.look(&id));
        if seen.is_none() && self.rng.percent(70) {
            return;
        }
        let number = self.number();
        let (run_id, by_hand) = draw(&mut self.rng, seen.as_ref(), number);
        let held = match &by_hand {
            ByHand::Pause => Some(None),
            ByHand::Activity {
                id,
                act: OnActivity::Pause,
                ..
            } => Some(Some(*id)),
            _ => None,
        };
        if let Some(activity_id) = held.filter(|_| self.rng.percent(80)) {
            let after = Span::millis(self.rng.below(10_000));
            let resume = Act::Resume(id.to_owned(), activity_id);
            self.push(after, Event::Client(resume));
        }
        self.step_in(id, run_id, by_hand);
    }

    pub(crate) fn resume(&mut self, id: &str, activity_id: Option<u32>) {
        let by_hand = match activity_id {
            None => ByHand::Resume,
            Some(id) => ByHand::Activity {
                id,
                act: OnActivity::Resume,
                even_if_running: false,
            },
        };
        self.step_in(id, None, by_hand);
    }

    fn step_in(&mut self, id: &str, run_id: Option<RunId>, by_hand: ByHand) {
        let mut record = draft(
            &self.topics.inbox,
            self.home(id),
            id,
            ce_type::WORKFLOW_OPERATE,
        );
        record.push_header(header::ACT, act_of(&by_hand));
        record.push_header(header::ACTOR, ACTOR);
        match (&by_hand, run_id) {
            (ByHand::Incident { seq, .. }, Some(run_id)) => {
                record.push_header(header::INCIDENT, format!("{run_id}.{seq}"));
            }
            (_, Some(run_id)) => record.push_header(header::RUN_ID, run_id.to_string()),
            (_, None) => {}
        }
        if let ByHand::Activity { id, .. } = &by_hand {
            record.push_header(header::ACTIVITY_ID, id.to_string());
        }
        let body = body_of(&by_hand);
        record.value = body.map(|body| body.to_string().into_bytes());
        let identity = self
            .rng
            .percent(70)
            .then(|| (ACTOR.to_owned(), format!("o-{}", self.number())));
        if let Some((source, id)) = &identity {
            identify(&mut record, source, id);
        }
        let wants_reply = self.ask_for_reply(&mut record);
        Keys::development().sign_record(&mut record);
        let asked = OperateAsked {
            run_id,
            act: by_hand,
            wants_reply,
        };
        let input = Input {
            workflow_id: WorkflowId::new(id).ok(),
            identity,
            asks: Asks::Operate(asked),
        };
        self.submit(record, input);
    }
}

/// What somebody does about what they see, now and then about what is not there.
fn draw(rng: &mut Rng, seen: Option<&Seen>, number: u64) -> (Option<RunId>, ByHand) {
    let some = |number: u64| format!("\"by hand {number}\"").into_bytes();
    let Some(seen) = seen else {
        let by_hand = match rng.percent(70) {
            true => ByHand::Delete,
            false => ByHand::Pause,
        };
        return (None, by_hand);
    };
    if let Some(events) = seen.resettable
        && rng.percent(50)
    {
        return (Some(seen.run_id), ByHand::Reset(rng.between(1, events)));
    }
    if !seen.incidents.is_empty() && rng.percent(60) {
        let (seq, kind) = *rng.pick(&seen.incidents);
        let act = match rng.below(4) {
            // Whoever tries poison again knows what happens.
            0 | 1 if kind != IncidentKind::Quarantined => {
                OnIncident::Retry(rng.percent(30).then(|| some(number)))
            }
            2 => OnIncident::Skip(some(number)),
            _ => OnIncident::Fail,
        };
        return (Some(seen.run_id), ByHand::Incident { seq, act });
    }
    let run_id = rng.percent(30).then_some(seen.run_id);
    if seen.pending.is_empty() || rng.percent(15) {
        let pauses = rng.percent(60);
        let act = match pauses {
            true => ByHand::Pause,
            false => ByHand::Resume,
        };
        return (run_id, act);
    }
    let id = match rng.percent(3) {
        true => 99,
        false => *rng.pick(&seen.pending),
    };
    let act = match rng.below(10) {
        0 | 1 => OnActivity::Pause,
        2 => OnActivity::Resume,
        3 | 4 => OnActivity::Retry(rng.percent(30).then(|| some(number))),
        5 => OnActivity::Complete(some(number)),
        6 => OnActivity::Fail,
        _ => OnActivity::Update(draw_options(rng)),
    };
    let act = ByHand::Activity {
        id,
        act,
        even_if_running: rng.percent(40),
    };
    (run_id, act)
}

/// Some options; none: what cannot be.
fn draw_options(rng: &mut Rng) -> Option<OptionsChange> {
    if rng.percent(5) {
        return None;
    }
    let start_to_close = rng.between(1_000, 8_000);
    let initial_interval = *rng.pick(&[1, 20, 100, 300, 3_000]);
    let attempts = *rng.pick(&[0, 1, 2, 4, 8]);
    let on_exhausted = *rng.pick(&[OnExhausted::Fail, OnExhausted::Park]);
    let schedule_to_close = *rng.pick(&[NO_TIMEOUT, 1_000, 8_000, 20_000]);
    let heartbeat = *rng.pick(&[NO_TIMEOUT, 300, 3_000]);
    Some(OptionsChange {
        retry: RetryChange {
            initial_interval_ms: rng.percent(60).then_some(initial_interval),
            maximum_attempts: rng.percent(40).then_some(attempts),
            on_exhausted: rng.percent(30).then_some(on_exhausted),
            ..RetryChange::default()
        },
        timeouts: TimeoutsChange {
            start_to_close: rng.percent(30).then_some(start_to_close),
            schedule_to_close: rng.percent(20).then_some(schedule_to_close),
            heartbeat: rng.percent(30).then_some(heartbeat),
            schedule_to_start: None,
        },
    })
}

const fn act_of(by_hand: &ByHand) -> &'static str {
    match by_hand {
        ByHand::Pause => act::PAUSE,
        ByHand::Resume => act::RESUME,
        ByHand::Delete => act::DELETE,
        ByHand::Reset(_) => act::RESET,
        ByHand::Activity { act, .. } => match act {
            OnActivity::Pause => act::ACTIVITY_PAUSE,
            OnActivity::Resume => act::ACTIVITY_RESUME,
            OnActivity::Retry(_) => act::ACTIVITY_RETRY,
            OnActivity::Complete(_) => act::ACTIVITY_COMPLETE,
            OnActivity::Fail => act::ACTIVITY_FAIL,
            OnActivity::Update(_) => act::ACTIVITY_UPDATE_OPTIONS,
        },
        ByHand::Incident { act, .. } => match act {
            OnIncident::Retry(_) => act::INCIDENT_RETRY,
            OnIncident::Skip(_) => act::INCIDENT_SKIP,
            OnIncident::Fail => act::INCIDENT_FAIL,
        },
    }
}

fn body_of(by_hand: &ByHand) -> Option<Value> {
    let payload = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let input = |input: &Option<Vec<u8>>| match input {
        Some(input) => json!({"input": payload(input)}),
        None => json!({}),
    };
    match by_hand {
        ByHand::Pause | ByHand::Resume | ByHand::Delete => None,
        ByHand::Reset(event_seq) => Some(json!({"event_seq": event_seq})),
        ByHand::Activity {
            act,
            even_if_running,
            ..
        } => {
            let mut body = match act {
                OnActivity::Pause | OnActivity::Resume => return None,
                OnActivity::Update(change) => return Some(options_of(change.as_ref())),
                OnActivity::Retry(changed) => input(changed),
                OnActivity::Complete(result) => json!({"result": payload(result)}),
                OnActivity::Fail => json!({"type": GAVE_UP, "message": "no use"}),
            };
            body["even_if_running"] = json!(even_if_running);
            Some(body)
        }
        ByHand::Incident { act, .. } => match act {
            OnIncident::Retry(changed) => Some(input(changed)),
            OnIncident::Skip(result) => Some(json!({"result": payload(result)})),
            OnIncident::Fail => None,
        },
    }
}

fn options_of(change: Option<&OptionsChange>) -> Value {
    let Some(OptionsChange { retry, timeouts }) = change else {
        return json!({"retry": {"jitter": 2}});
    };
    let or_none = |span: u64| match span {
        NO_TIMEOUT => Value::Null,
        span => json!(span),
    };
    let given = |options: Vec<(&str, Option<Value>)>| -> Map<String, Value> {
        let given = options.into_iter();
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect()
    };
    json!({
        "retry": given(vec![
            ("initial_interval", retry.initial_interval_ms.map(|one| json!(one))),
            ("maximum_attempts", retry.maximum_attempts.map(|one| json!(one))),
            ("on_exhausted", retry.on_exhausted.map(|one| json!(one))),
        ]),
        "timeouts": given(vec![
            ("start_to_close", timeouts.start_to_close.map(|one| json!(one))),
            ("schedule_to_close", timeouts.schedule_to_close.map(or_none)),
            ("heartbeat", timeouts.heartbeat.map(or_none)),
        ]),
    })
}
