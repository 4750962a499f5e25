//! Histories as they are drawn.

use serde_json::{Value, json};

use super::{
    Timeline, attempts::shown_attempts, axis::Axis, lane::LaneKind, lanes::LANES_MAX,
    lanes::MARKS_MAX, svg,
};
use crate::pages::{
    seen::{Event, Run},
    time::At,
    timeline::End,
};

const START_MS: i64 = 1_800_000_000_000;

/// A history that is written event by event.
pub(crate) struct Told {
    events: Vec<Value>,
    now_ms: i64,
}

impl Told {
    pub(crate) fn new() -> Self {
        let told = Self {
            events: Vec::new(),
            now_ms: 0,
        };
        told.at(0, "WorkflowStarted", json!({"workflow": "order"}))
    }

    /// An event, so many milliseconds after the start.
    pub(crate) fn at(mut self, ms: i64, name: &str, attributes: Value) -> Self {
        self.now_ms = self.now_ms.max(ms);
        let seq = self.events.len() + 1;
        let at = At::from_ms(START_MS + ms).iso();
        self.events
            .push(json!({"seq": seq, "at": at, "type": name, "attributes": attributes}));
        self
    }

    /// An attempt of an activity, from sent to its end, which is done where there is no failure.
    fn attempt(
        self,
        (id, name, number): (u64, &str, u32),
        (from, to): (i64, i64),
        failure: Option<i64>,
    ) -> Self {
        let of = |more: Value| {
            let mut all = json!({"activity_id": id, "activity": name, "attempt": number});
            all.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            all
        };
        let sent = self.at(from, "ActivityAttemptScheduled", of(json!({})));
        let sent = sent.at(
            from + (to - from) / 10,
            "ActivityStarted",
            of(json!({"worker": "w-1"})),
        );
        match failure {
            None => sent.at(to, "ActivityCompleted", of(json!({"result": 1}))),
            Some(next) => {
                let failure = json!({"type": "Down", "message": "no", "details": null, "non_retryable": false});
                let next = At::from_ms(START_MS + next).iso();
                sent.at(
                    to,
                    "ActivityAttemptFailed",
                    of(json!({"failure": failure, "next_attempt_at": next})),
                )
            }
        }
    }

    fn scheduled(self, ms: i64, id: u64, name: &str, compensates: Option<u64>) -> Self {
        let attributes = json!({"activity_id": id, "activity": name, "compensates": compensates, "compensable": compensates.is_none()});
        self.at(ms, "ActivityScheduled", attributes)
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        serde_json::from_str(&Value::from(self.events.clone()).to_string()).unwrap()
    }

    fn drawn(&self, after_ms: i64) -> Timeline {
        let run = Run {
            workflow: Some("order".into()),
            started_at: Some(At::from_ms(START_MS)),
            status: "Running".to_owned(),
            ..Run::default()
        };
        Timeline::of(
            &run,
            &self.events(),
            At::from_ms(START_MS + self.now_ms + after_ms),
        )
    }

    fn closed(&self, status: &str) -> Timeline {
        let run = Run {
            started_at: Some(At::from_ms(START_MS)),
            closed_at: Some(At::from_ms(START_MS + self.now_ms)),
            status: status.to_owned(),
            ..Run::default()
        };
        Timeline::of(
            &run,
            &self.events(),
            At::from_ms(START_MS + self.now_ms + 60_000),
        )
    }
}

/// So many failed attempts of one activity, a second apart.
fn retried(attempts: u32) -> Told {
    let mut told = Told::new().scheduled(0, 1, "charge", None);
    for number in 1..=attempts {
        let from = i64::from(number) * 1_000;
        told = told.attempt(
            (1, "charge", number),
            (from, from + 300),
            Some(from + 1_000),
        );
    }
    told
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn an_attempt_that_comes_is_past_the_line_of_now() {
    let timeline = retried(3).drawn(100);
    let axis = Axis::of(&timeline);

    let lane = &timeline.lanes[1];
    let coming = lane.coming.unwrap();
    assert_eq!((lane.attempts.len(), coming.number), (3, 4));
    assert!(axis.x(coming.due) > axis.now.unwrap());
    let picture = svg(&timeline);
    assert!(picture.contains(">in 0:01</tspan>"), "{picture}");
    assert_eq!(count(&picture, "class=\"backoff\" x1"), 2);
}

#[test]
fn an_attempt_that_is_overdue_is_still_past_the_line_of_now() {
    let picture = svg(&retried(1).drawn(5_000));

    assert!(picture.contains("due 4 s ago</tspan>"), "{picture}");
    assert!(
        picture.contains("use class=\"coming\" href=\"#t-due\" x=\"81.00%\""),
        "{picture}"
    );
}

#[test]
fn the_queue_and_the_run_of_an_attempt_are_told_apart() {
    let told =
        Told::new()
            .scheduled(0, 1, "charge", None)
            .attempt((1, "charge", 1), (0, 1_000), None);
    let reported = svg(&told.drawn(0));
    let mut without = told;
    without
        .events
        .retain(|event| event["type"] != "ActivityStarted");
    let silent = svg(&without.drawn(0));

    assert_eq!(
        (
            count(&reported, "attempt queue"),
            count(&reported, "unreported")
        ),
        (1, 0)
    );
    assert_eq!(
        (
            count(&silent, "attempt queue"),
            count(&silent, "attempt unreported done")
        ),
        (0, 1)
    );
    assert!(silent.contains("start not reported"));
}

#[test]
fn more_than_twenty_attempts_are_three_a_block_and_five() {
    let whole = retried(20).drawn(0);
    let long = retried(95).drawn(0);

    assert_eq!(shown_attempts(&whole.lanes[1]).attempts().count(), 20);
    let numbers: Vec<u32> = shown_attempts(&long.lanes[1])
        .attempts()
        .map(|attempt| attempt.number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 91, 92, 93, 94, 95]);
    assert!(svg(&long).contains("× 87, Down × 87"));
}

#[test]
fn a_compensation_is_drawn_in_the_lane_of_its_step() {
    let told = Told::new()
        .scheduled(0, 1, "reserve", None)
        .attempt((1, "reserve", 1), (0, 300), None)
        .at(
            300,
            "CompensationRegistered",
            json!({"activity_id": 2, "activity": "release", "compensates": 1}),
        )
        .scheduled(300, 3, "label", None)
        .attempt((3, "label", 1), (300, 600), None)
        .at(
            600,
            "CompensationStarted",
            json!({"outcome": "failed", "failure": null, "forced": false}),
        )
        .scheduled(600, 2, "release", Some(1))
        .attempt((2, "release", 1), (600, 900), None);

    let timeline = told.closed("Failed");

    let names: Vec<String> = timeline
        .lanes
        .iter()
        .map(|lane| lane.name.to_string())
        .collect();
    assert_eq!(names, ["", "reserve", "label"]);
    let undo: Vec<&str> = timeline.lanes[1]
        .backward()
        .map(|attempt| attempt.activity.raw())
        .collect();
    assert_eq!((undo, timeline.lanes[1].end), (vec!["release"], End::Done));
    assert_eq!(
        timeline.lanes[2].note.as_deref(),
        Some("not compensated: none registered")
    );
    let picture = svg(&timeline);
    assert_eq!(count(&picture, "undo-line"), 1);
    assert!(picture.contains("attempt undo done"));
}

#[test]
fn a_long_stretch_without_events_is_folded_and_a_short_one_is_not() {
    let day = 86_400_000;
    let told = Told::new()
        .at(
            1_000,
            "TimerStarted",
            json!({"timer_id": 1, "due_at": At::from_ms(START_MS + 89 * day).iso()}),
        )
        .at(89 * day, "TimerFired", json!({"timer_id": 1}))
        .scheduled(89 * day, 2, "pay", None)
        .attempt((2, "pay", 1), (89 * day, 89 * day + 2_000), None);

    let axis = Axis::of(&told.drawn(0));

    let labels: Vec<&str> = axis.folds.iter().map(|fold| fold.label.as_str()).collect();
    assert_eq!(labels, ["88 days"]);
    let width =
        |from, to| axis.x(At::from_ms(START_MS + to)) - axis.x(At::from_ms(START_MS + from));
    assert!(width(89 * day, 89 * day + 2_000) > 20.0);
    assert!(Axis::of(&retried(3).drawn(0)).folds.is_empty());
}

#[test]
fn positions_never_go_back() {
    let timeline = retried(60).drawn(500);
    let axis = Axis::of(&timeline);

    let mut last = 0.0;
    for ms in (0..70_000).step_by(137) {
        let x = axis.x(At::from_ms(START_MS + ms));
        assert!(x >= last && x <= 100.0, "{ms}: {x} after {last}");
        last = x;
    }
}

#[test]
fn a_run_that_has_just_begun_is_drawn() {
    let picture = svg(&Told::new().drawn(0));

    assert!(
        picture.contains("class=\"now\"") && !picture.contains("NaN"),
        "{picture}"
    );
}

#[test]
fn what_was_open_when_the_run_ended_ended_with_it() {
    let told = Told::new()
        .scheduled(0, 1, "charge", None)
        .at(
            10,
            "ActivityAttemptScheduled",
            json!({"activity_id": 1, "activity": "charge", "attempt": 1}),
        )
        .at(
            20,
            "WorkflowPaused",
            json!({"actor": "ada", "reason": null}),
        )
        .at(500, "WorkflowTerminated", json!({"reason": "no"}));

    let timeline = told.closed("Terminated");

    let attempt = &timeline.lanes[1].attempts[0];
    assert_eq!(
        (attempt.end, attempt.ended),
        (End::Canceled, timeline.ended)
    );
    assert_eq!(timeline.pauses[0].to, timeline.ended);
}

#[test]
fn an_incident_is_hatched_until_it_is_solved() {
    let failure = json!({"type": "Gone", "message": "no", "details": null, "non_retryable": true});
    let told = Told::new()
        .scheduled(0, 1, "ship", None)
        .at(900, "IncidentRaised", json!({"kind": "attempts-exhausted", "activity_id": 1, "activity": "ship", "failure": failure}))
        .at(5_000, "IncidentResolved", json!({"incident_seq": 3, "act": "retry", "actor": "ada", "reason": "fixed"}));

    let lane = &told.drawn(1_000).lanes[1];

    assert_eq!(lane.incidents[0].to, Some(At::from_ms(START_MS + 5_000)));
    assert_eq!(lane.marks[0].what, "retry by hand by ada: \"fixed\"");
}

#[test]
fn a_wait_ends_where_it_is_not_told_of_any_more() {
    let wait = json!({"kind": "signal", "name": "approve", "since": At::from_ms(START_MS).iso(), "deadline": null, "choices": []});
    let told = Told::new()
        .at(100, "WaitRecorded", json!({"waits": [wait]}))
        .at(
            700,
            "SignalReceived",
            json!({"signal": "approve", "input": null, "sender": null}),
        )
        .at(700, "WaitRecorded", json!({"waits": []}))
        .at(900, "WaitRecorded", json!({"waits": [wait]}));

    let lane = &told.drawn(100).lanes[1];

    let spans: Vec<Option<i64>> = lane
        .stretches
        .iter()
        .map(|one| one.to.map(|to| to.ms() - START_MS))
        .collect();
    assert_eq!(
        (lane.name.raw(), spans),
        ("signal approve", vec![Some(700), None])
    );
    assert_eq!(lane.marks[0].icon, "message");
}

#[test]
fn more_than_thirty_children_share_a_lane_with_their_counts() {
    let mut told = Told::new();
    for id in 0..31_u64 {
        let ms = i64::try_from(id).unwrap() * 100;
        told = told.at(
            ms,
            "ChildStarted",
            json!({"child_id": id, "workflow": "order", "workflow_id": format!("b/{id}")}),
        );
    }
    for id in 0..20_u64 {
        let (name, more) = if id == 7 {
            ("ChildFailed", json!({"child_id": id}))
        } else {
            ("ChildCompleted", json!({"child_id": id}))
        };
        told = told.at(4_000 + i64::try_from(id).unwrap(), name, more);
    }

    let timeline = told.drawn(0);

    let lane = &timeline.lanes[1];
    assert_eq!((timeline.lanes.len(), lane.kind), (2, LaneKind::Children));
    assert_eq!(lane.note.as_deref(), Some("19 done, 1 failed, 11 open"));
    assert!(svg(&timeline).contains("tally failed"));
}

#[test]
fn a_hundred_thousand_events_make_a_bounded_picture() {
    let mut events = Told::new().events();
    let template = |name: &str, id: u64, activity: &str| {
        json!({"seq": events.len(), "at": At::from_ms(START_MS).iso(), "type": name,
            "attributes": {"activity_id": id, "activity": activity, "attempt": 1, "result": null}})
        .to_string()
    };
    let [scheduled, sent, done] = [
        "ActivityScheduled",
        "ActivityAttemptScheduled",
        "ActivityCompleted",
    ]
    .map(|name| template(name, 7_777, "step"));
    for id in 1..=33_333_u64 {
        for (place, text) in [&scheduled, &sent, &done].into_iter().enumerate() {
            let name = if id % 2 == 0 {
                "step".to_owned()
            } else {
                format!("one-{}", id % 1_000)
            };
            let text = text
                .replace("7777", &id.to_string())
                .replace("\"step\"", &format!("\"{name}\""));
            let mut event: Event = serde_json::from_str(&text).unwrap();
            event.seq = id * 3 + u64::try_from(place).unwrap();
            event.at = At::from_ms(START_MS + i64::try_from(event.seq).unwrap());
            events.push(event);
        }
    }
    let run = Run {
        started_at: Some(At::from_ms(START_MS)),
        ..Run::default()
    };

    let timeline = Timeline::of(&run, &events, At::from_ms(START_MS + 200_000));
    let picture = svg(&timeline);

    assert_eq!(timeline.lanes.len(), LANES_MAX);
    assert!(timeline.lanes_left_out > 0);
    assert!(
        timeline
            .lanes
            .iter()
            .all(|lane| lane.marks.len() <= MARKS_MAX && lane.stretches.len() <= MARKS_MAX)
    );
    assert!(picture.len() < 700_000, "{}", picture.len());
}

#[test]
fn names_of_strangers_are_text_in_the_picture() {
    let evil = "</title><script>alert(1)</script>\u{202e}\u{1b}[31m";
    let told = Told::new()
        .scheduled(0, 1, evil, None)
        .attempt((1, evil, 1), (0, 300), Some(900))
        .at(
            400,
            "SignalReceived",
            json!({"signal": evil, "input": null}),
        )
        .at(
            450,
            "WorkflowPaused",
            json!({"actor": evil, "reason": evil}),
        )
        .at(
            500,
            "CompensationStarted",
            json!({"outcome": evil, "failure": {"type": evil, "message": evil}}),
        );

    let picture = svg(&told.drawn(10));

    assert!(!picture.contains("<script") && !picture.contains(['\u{202e}', '\u{1b}']));
    assert!(
        picture.contains("&lt;script") || picture.contains("&#60;script"),
        "{picture}"
    );
}
