//! From events to lanes: who did what, from when to when.

use std::collections::HashMap;

use super::{
    fold,
    lane::{Attempt, End, Lane, LaneKind, Mark, Stretch},
    step::{attempt_failed, by, cut, end_of, ended, last_attempt, mark, stretch, why},
};
use crate::pages::{
    seen::{Details, Event, Run, Wait},
    time::At,
    told::Told,
};

/// Most lanes; more calls are grouped by the name of their activity.
pub(crate) const LANES_MAX: usize = 200;

/// Most children with a lane each.
pub(crate) const CHILD_LANES_MAX: usize = 30;

/// Most stretches, and most marks, of a lane: the first of them and the last.
pub(crate) const MARKS_MAX: usize = 60;

/// What happened in a run, per call.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    pub(crate) started: At,
    pub(crate) ended: Option<At>,
    pub(crate) now: At,
    /// The run's status.
    pub(crate) status: String,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) pauses: Vec<Stretch>,
    /// Where the way back began, and why.
    pub(crate) undo: Option<Mark>,
    /// Lanes that are not drawn, even grouped.
    pub(crate) lanes_left_out: usize,
    /// Events that are not drawn, since the history is too long.
    pub(crate) events_left_out: u64,
}

impl Timeline {
    /// Of these events of a run, in order, as it stands at `now`. Those of a long history may have a gap.
    pub(crate) fn of(run: &Run, events: &[Event], now: At) -> Self {
        let mut builder = Builder::new(run, events, now);
        for event in events {
            builder.take(event);
        }
        builder.finish(run)
    }

    /// The instant up to which it is drawn but for what is to come.
    pub(crate) fn until(&self) -> At {
        self.ended.unwrap_or(self.now)
    }
}

/// What a number of the run's stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Activity(u64),
    Timer(u64),
    Child(u64),
}

struct Builder {
    timeline: Timeline,
    by_key: HashMap<Key, (usize, bool)>,
    by_wait: HashMap<(String, Told), usize>,
    incidents: HashMap<u64, usize>,
    parked: HashMap<Option<u64>, u64>,
}

impl Builder {
    fn new(run: &Run, events: &[Event], now: At) -> Self {
        let started = run
            .started_at
            .or_else(|| events.first().map(|event| event.at))
            .unwrap_or(now);
        let first_seq = events.first().map_or(1, |event| event.seq);
        let name = run.workflow.clone().unwrap_or_default();
        let shown = events.len() as u64;
        Self {
            timeline: Timeline {
                started,
                ended: run.closed_at,
                now: now.max(started),
                status: run.status.clone(),
                lanes: vec![Lane::new(LaneKind::Run, name, first_seq, started)],
                pauses: Vec::new(),
                undo: None,
                lanes_left_out: 0,
                events_left_out: run.history_events.unwrap_or(shown).saturating_sub(shown),
            },
            by_key: HashMap::new(),
            by_wait: HashMap::new(),
            incidents: HashMap::new(),
            parked: HashMap::new(),
        }
    }

    fn take(&mut self, event: &Event) {
        let name = event.r#type.raw();
        if name == "ActivityHeartbeatRecorded" || name == "MarkerRecorded" {
            return;
        }
        let details = event.details();
        match name.split_at_checked(5) {
            Some(("Activ", _)) => self.take_activity(event, &details),
            Some(("Child", _)) => self.take_child(event, &details),
            Some(("Timer", _)) => self.take_timer(event, &details),
            _ => self.take_other(event, &details),
        }
    }

    fn take_activity(&mut self, event: &Event, details: &Details) {
        let Some(id) = details.activity_id else {
            return;
        };
        if event.r#type.raw() == "ActivityScheduled" {
            return self.schedule(event, details, id);
        }
        let Some(&(index, undoes)) = self.by_key.get(&Key::Activity(id)) else {
            return;
        };
        let Some(lane) = self.timeline.lanes.get_mut(index) else {
            return;
        };
        match event.r#type.raw() {
            "ActivityAttemptScheduled" => {
                lane.coming = None;
                lane.attempts.push(Attempt {
                    number: details.attempt.unwrap_or_default(),
                    activity: details.activity.clone().unwrap_or_default(),
                    sent: event.at,
                    started: None,
                    ended: None,
                    end: End::Open,
                    failure: None,
                    worker: None,
                    undoes,
                    seq: event.seq,
                    end_seq: None,
                });
            }
            "ActivityStarted" => {
                if let Some(attempt) = last_attempt(lane, details) {
                    attempt.started = Some(event.at);
                    attempt.worker.clone_from(&details.worker);
                }
            }
            "ActivityAttemptFailed" => attempt_failed(lane, event, details),
            "ActivityCompleted" => ended(lane, event, details, End::Done),
            "ActivityFailed" => ended(lane, event, details, End::Failed),
            "ActivityTimedOut" => ended(lane, event, details, End::TimedOut),
            "ActivityCanceled" => ended(lane, event, details, End::Canceled),
            "ActivityPaused" => lane
                .marks
                .push(mark(event, "paused", by("paused", details))),
            "ActivityResumed" => lane.marks.push(mark(event, "open", by("resumed", details))),
            "ActivityOptionsUpdated" => {
                lane.marks
                    .push(mark(event, "changed", by("options changed", details)))
            }
            "ActivityCancelRequested" => {
                lane.marks
                    .push(mark(event, "canceled", "asked to stop".to_owned()))
            }
            _ => {}
        }
    }

    /// A new call; one that undoes a step goes to the lane of that step.
    fn schedule(&mut self, event: &Event, details: &Details, id: u64) {
        let step = details.compensates;
        let step = step.and_then(|step| {
            let of = self.by_key.get(&Key::Activity(step));
            of.or_else(|| self.by_key.get(&Key::Child(step)))
                .map(|(index, _)| *index)
        });
        let index = step.unwrap_or_else(|| {
            let name = details.activity.clone().unwrap_or_default();
            let mut lane = Lane::new(LaneKind::Activity, name, event.seq, event.at);
            lane.compensable = details.compensable.unwrap_or_default();
            self.push(lane)
        });
        self.by_key
            .insert(Key::Activity(id), (index, details.compensates.is_some()));
    }

    fn push(&mut self, lane: Lane) -> usize {
        self.timeline.lanes.push(lane);
        self.timeline.lanes.len() - 1
    }

    fn take_child(&mut self, event: &Event, details: &Details) {
        let Some(id) = details.child_id else { return };
        if event.r#type.raw() == "ChildStarted" {
            let workflow_id = details.workflow_id.clone().unwrap_or_default();
            let mut lane = Lane::new(LaneKind::Child, workflow_id.clone(), event.seq, event.at);
            lane.note = details
                .workflow
                .as_ref()
                .map(|workflow| workflow.line().to_string());
            lane.child = Some(workflow_id);
            let index = self.push(lane);
            self.by_key.insert(Key::Child(id), (index, false));
            return;
        }
        let Some(&(index, _)) = self.by_key.get(&Key::Child(id)) else {
            return;
        };
        let Some(lane) = self.timeline.lanes.get_mut(index) else {
            return;
        };
        match event.r#type.raw() {
            "ChildCompleted" => lane.close(End::Done, event.at),
            "ChildFailed" => {
                lane.close(End::Failed, event.at);
                if let Some(failure) = &details.failure {
                    lane.marks.push(mark(event, "failed", why(failure)));
                }
            }
            "ChildCanceled" => lane.close(End::Canceled, event.at),
            "ChildCancelRequested" => {
                lane.marks
                    .push(mark(event, "canceled", "asked to stop".to_owned()))
            }
            _ => {}
        }
    }

    fn take_timer(&mut self, event: &Event, details: &Details) {
        let Some(id) = details.timer_id else { return };
        if event.r#type.raw() == "TimerStarted" {
            let mut lane = Lane::new(LaneKind::Timer, Told::from("timer"), event.seq, event.at);
            lane.stretches.push(Stretch {
                due: details.due_at,
                ..stretch(event, "timer".to_owned())
            });
            let index = self.push(lane);
            self.by_key.insert(Key::Timer(id), (index, false));
            return;
        }
        let Some(&(index, _)) = self.by_key.get(&Key::Timer(id)) else {
            return;
        };
        let Some(lane) = self.timeline.lanes.get_mut(index) else {
            return;
        };
        let end = match event.r#type.raw() {
            "TimerFired" => End::Done,
            _ => End::Canceled,
        };
        lane.close(end, event.at);
        if let Some(stretch) = lane.stretches.last_mut() {
            (stretch.to, stretch.end) = (Some(event.at), end);
        }
    }

    fn take_other(&mut self, event: &Event, details: &Details) {
        match event.r#type.raw() {
            "WaitRecorded" => self.take_waits(event, &details.waits),
            "WorkflowPaused" => {
                let pause = stretch(event, by("paused", details));
                self.timeline.pauses.push(pause);
            }
            "WorkflowResumed" => {
                if let Some(pause) = self.timeline.pauses.last_mut() {
                    pause.to.get_or_insert(event.at);
                }
            }
            "CompensationRegistered" => self.register(details),
            "CompensationStarted" => {
                let reason = match &details.failure {
                    Some(failure) => failure.r#type.line().to_string(),
                    None => quoted(details.outcome.as_ref()),
                };
                let undo = mark(event, "compensating", format!("compensating: {reason}"));
                self.timeline.undo.get_or_insert(undo);
            }
            "IncidentRaised" => self.raise(event, details),
            "IncidentResolved" => self.resolve(event, details),
            name => self.take_message(name, event, details),
        }
    }

    /// A message, or a wish: a mark on the lane of what waits for it, or on the run's.
    fn take_message(&mut self, name: &str, event: &Event, details: &Details) {
        let (signal, update) = (
            quoted(details.signal.as_ref()),
            quoted(details.update.as_ref()),
        );
        let (icon, what) = match name {
            "SignalReceived" => ("message", format!("signal {signal}")),
            "UpdateAccepted" => ("message", format!("update {update} accepted")),
            "UpdateRejected" => ("message", format!("update {update} rejected")),
            "ExternalSignalSent" => ("message", format!("signal {signal} sent to another run")),
            "ExternalSignalFailed" => ("failed", "a signal was taken by no run".to_owned()),
            "WorkflowCancelRequested" => ("canceled", "asked to stop".to_owned()),
            _ => return,
        };
        let waited = (name == "SignalReceived").then(|| {
            let key = (
                "signal".to_owned(),
                details.signal.clone().unwrap_or_default(),
            );
            self.by_wait.get(&key).copied()
        });
        let index = waited.flatten().unwrap_or_default();
        if let Some(lane) = self.timeline.lanes.get_mut(index) {
            lane.marks.push(mark(event, icon, what));
        }
    }

    /// The step can be undone.
    fn register(&mut self, details: &Details) {
        let step = details.compensates.map(Key::Activity);
        let step = step.and_then(|step| self.by_key.get(&step));
        if let Some(lane) = step.and_then(|(index, _)| self.timeline.lanes.get_mut(*index)) {
            lane.registered = true;
        }
    }

    /// The waits from here on are these: those that are not among them are over, others have begun.
    fn take_waits(&mut self, event: &Event, waits: &[Wait]) {
        for (key, &index) in &self.by_wait {
            let goes_on = waits
                .iter()
                .any(|wait| (wait.kind.as_str(), &wait.name) == (key.0.as_str(), &key.1));
            let lane = self
                .timeline
                .lanes
                .get_mut(index)
                .filter(|lane| !goes_on && lane.end == End::Open);
            if let Some(lane) = lane {
                lane.close(End::Done, event.at);
                if let Some(stretch) = lane.stretches.last_mut() {
                    (stretch.to, stretch.end) = (Some(event.at), End::Done);
                }
            }
        }
        for wait in waits.iter().filter(|wait| wait.kind != "children") {
            let key = (wait.kind.clone(), wait.name.clone());
            let index = match self.by_wait.get(&key) {
                Some(&index) => index,
                None => {
                    let name = Told::from(format!("{} {}", wait.kind, wait.name.raw()).as_str());
                    let mut lane = Lane::new(LaneKind::Wait, name, event.seq, event.at);
                    lane.close(End::Done, event.at);
                    self.push(lane)
                }
            };
            self.by_wait.insert(key, index);
            if let Some(lane) = self
                .timeline
                .lanes
                .get_mut(index)
                .filter(|lane| lane.end != End::Open)
            {
                (lane.end, lane.ended) = (End::Open, None);
                lane.stretches.push(Stretch {
                    due: wait.deadline,
                    ..stretch(event, format!("waits for {}", lane.name.line()))
                });
            }
        }
    }

    fn raise(&mut self, event: &Event, details: &Details) {
        let key = details.activity_id;
        let index = key
            .and_then(|id| self.by_key.get(&Key::Activity(id)))
            .map_or(0, |(index, _)| *index);
        let first = *self.parked.entry(key).or_insert(event.seq);
        self.incidents.insert(first, index);
        if let Some(lane) = self.timeline.lanes.get_mut(index) {
            let what = details.failure.as_ref().map(why).unwrap_or_default();
            lane.incidents
                .push(stretch(event, format!("waits for a person: {what}")));
        }
    }

    fn resolve(&mut self, event: &Event, details: &Details) {
        let first = details.incident_seq.unwrap_or_default();
        let index = self.incidents.get(&first).copied().unwrap_or_default();
        self.parked.retain(|_, seq| *seq != first);
        let Some(lane) = self.timeline.lanes.get_mut(index) else {
            return;
        };
        for incident in lane
            .incidents
            .iter_mut()
            .filter(|incident| incident.to.is_none())
        {
            incident.to = Some(event.at);
            incident.end = End::Done;
        }
        let act = details
            .act
            .as_ref()
            .map(|act| act.line().to_string())
            .unwrap_or_default();
        lane.marks.push(mark(
            event,
            "changed",
            by(&format!("{act} by hand"), details),
        ));
    }

    fn finish(mut self, run: &Run) -> Timeline {
        let (ended, status) = (self.timeline.ended, run.status.clone());
        if let (Some(mark), Some(reason)) = (
            &mut self.timeline.undo,
            run.compensation
                .as_ref()
                .and_then(|one| one.reason.as_ref()),
        ) {
            mark.what = format!("compensating: {}", reason.line());
        }
        if let Some(ended) = ended {
            for lane in self.timeline.lanes.iter_mut() {
                cut(lane, ended);
            }
            for pause in self.timeline.pauses.iter_mut() {
                pause.to.get_or_insert(ended);
            }
            if let Some(lane) = self.timeline.lanes.first_mut() {
                lane.end = end_of(&status);
            }
        }
        let is_undone = self.timeline.undo.is_some();
        for lane in self.timeline.lanes.iter_mut() {
            let is_uncovered = lane.compensable && lane.end == End::Done && !lane.registered;
            if is_undone && is_uncovered && lane.backward().next().is_none() {
                lane.note = Some("not compensated: none registered".to_owned());
            }
        }
        fold::fold(&mut self.timeline);
        self.timeline
    }
}

fn quoted(name: Option<&Told>) -> String {
    name.map(|name| name.line().to_string()).unwrap_or_default()
}
