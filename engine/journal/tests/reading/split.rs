//! Splitting a transition changes neither its events nor their positions.

use sagaline_core::{Event, Payload, Transition, event};
use sagaline_journal::{RECORD_BYTES_MAX, split};
use sagaline_schemas::{SEQUENCE_MAX, encode_transition};

use crate::{log, random::Random};

fn of(events: Vec<Event>) -> Transition {
    Transition {
        first_seq: 17,
        events,
        ..log::transition(1)
    }
}

fn event(bytes: usize) -> Event {
    event::WorkflowCompleted {
        result: Payload::json(vec![b' '; bytes]),
    }
    .into()
}

fn encoded_bytes(transition: &Transition) -> usize {
    let mut value = Vec::new();
    encode_transition(transition, &mut value).unwrap();
    value.len()
}

fn check(whole: &Transition) -> Vec<Transition> {
    let parts = split(whole.clone()).unwrap();

    let mut next_seq = whole.first_seq;
    for part in &parts {
        assert_eq!(part.first_seq, next_seq);
        assert!(encoded_bytes(part) <= RECORD_BYTES_MAX || part.events.len() == 1);
        assert_eq!(
            Transition {
                first_seq: 17,
                events: Vec::new(),
                ..part.clone()
            },
            Transition {
                events: Vec::new(),
                ..whole.clone()
            }
        );
        next_seq += u64::try_from(part.events.len()).unwrap();
    }
    let events: Vec<Event> = parts.iter().flat_map(|part| part.events.clone()).collect();
    assert!(
        events == whole.events,
        "events are the same in the same order"
    );
    parts
}

#[test]
fn a_small_transition_stays_whole() {
    assert_eq!(check(&of(vec![event(10), event(20)])).len(), 1);
    assert_eq!(check(&of(Vec::new())).len(), 1);
}

#[test]
fn parts_are_filled_up_to_the_limit() {
    let parts = check(&of(vec![event(10_000); 300]));

    assert_eq!(
        parts
            .iter()
            .map(|part| part.events.len())
            .collect::<Vec<_>>(),
        [104, 104, 92]
    );
}

#[test]
fn an_event_over_the_limit_stays_alone() {
    let parts = check(&of(vec![event(1), event(2_000_000), event(1)]));

    assert_eq!(parts.len(), 3);
}

#[test]
fn a_list_of_too_many_small_events_is_split_by_their_number() {
    let small: Event = event::WorkflowCanceled { reason: None }.into();

    let parts = check(&of(vec![small; SEQUENCE_MAX + 1]));

    assert_eq!(parts.len(), 2);
}

#[test]
fn any_mixture_of_sizes_is_split_well() {
    for seed in 0..30 {
        let mut random = Random(seed);
        let events = (0..random.below(20)).map(|_| {
            let magnitude = random.below(22);
            event(random.below(1 << magnitude))
        });
        check(&of(events.collect()));
    }
}

#[test]
fn without_a_run_positions_stay_zero() {
    let whole = Transition {
        run_id: None,
        first_seq: 0,
        events: vec![event(700_000); 2],
        ..log::transition(1)
    };

    let parts = split(whole).unwrap();

    assert_eq!(
        parts.iter().map(|part| part.first_seq).collect::<Vec<_>>(),
        [0, 0]
    );
}
