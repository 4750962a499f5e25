//! Local activities: what a lane offers, when, and what becomes of what nobody takes.

use std::sync::{Mutex, MutexGuard};

use sagaline_core::{LOCAL_QUEUE, Millis, Timestamp};
use sagaline_journal::wire::header;

use super::{super::local::OFFERED_AGAIN_AFTER, *};
use crate::lane::{
    LocalTasks, Now, Offered, Phase,
    queued::tests::{at, begin, id, idle, task},
};

/// Answers as it is told, and notes which attempts it took.
#[derive(Debug)]
struct Here(Mutex<(Offered, Vec<String>)>);

impl Here {
    fn that(says: Offered) -> Arc<Self> {
        Arc::new(Self(Mutex::new((says, Vec::new()))))
    }

    fn look(&self) -> MutexGuard<'_, (Offered, Vec<String>)> {
        self.0.lock().unwrap()
    }

    fn taken(&self) -> usize {
        self.look().1.len()
    }
}

impl LocalTasks for Here {
    fn offer(&self, task: NewRecord) -> Offered {
        let mut here = self.look();
        if here.0 == Offered::Taken {
            let id = task.headers.get(header::CE_ID).unwrap();
            here.1.push(String::from_utf8(id.to_vec()).unwrap());
        }
        here.0.clone()
    }

    fn cancel(&self, task_id: &str) {
        self.look().1.retain(|one| one != task_id);
    }
}

fn local_task() -> Task {
    let mut task = task();
    Arc::make_mut(&mut task.scheduled).task_queue = Name::from(LOCAL_QUEUE);
    task
}

/// The owner of a partition with a run whose local attempt, of a minute at most, was sent at 0.
fn owner(here: &Arc<Here>) -> Lane {
    let mut lane = idle((QueueTopic::Coming, 0), here.clone());
    begin(&mut lane, local_task(), 0);
    lane.phase = Phase::Active;
    lane
}

fn now(seconds: i64) -> Now {
    Now {
        wall: at(seconds),
        monotonic: Millis(seconds.unsigned_abs() * 1_000),
    }
}

/// What the lane is to decide: attempts that have failed, by reason.
fn failed(lane: &mut Lane) -> Vec<String> {
    let commands = std::iter::from_fn(|| lane.outbox.next_undeliverable());
    let reason = |command| match command {
        Command::Undeliverable { reason, .. } => reason.into_string(),
        other => panic!("{other:?}"),
    };
    commands.map(reason).collect()
}

#[test]
fn a_local_task_is_offered_and_holds_up_no_batch() {
    let here = Here::that(Offered::Taken);
    let mut lane = owner(&here);

    let effect = Effect::Task(local_task());
    lane.outbox.push(4, vec![effect, forward()], HashMap::new());
    lane.offer_local(now(1));
    let entry = lane.outbox.waiting.pop_front().unwrap();
    lane.outbox.finish(&entry);

    assert_eq!(here.taken(), 1);
    assert_eq!((lane.outbox.len(), lane.outbox.done(4)), (0, 4));
}

#[test]
fn its_time_runs_from_when_it_was_taken() {
    let here = Here::that(Offered::Full);
    let mut lane = owner(&here);
    lane.outbox
        .push(4, vec![Effect::Task(local_task())], HashMap::new());

    lane.offer_local(now(1));
    assert_eq!(lane.outbox.next_turn(Millis(1)), Some(OFFERED_AGAIN_AFTER));
    assert_eq!(lane.hold_queued(&id(), at(60), at(61)), None);
    here.look().0 = Offered::Taken;
    lane.offer_local(now(62));

    assert_eq!((here.taken(), lane.outbox.next_turn(Millis(1))), (1, None));
    assert_eq!(lane.hold_queued(&id(), at(61 + 60), at(121)), None);
    assert_eq!(lane.fold.state.next_deadline(), Some(at(62 + 60)));
}

#[test]
fn what_nobody_here_can_run_has_failed_with_the_reason() {
    let here = Here::that(Offered::Nobody("no such activity".into()));
    let mut lane = owner(&here);
    lane.outbox
        .push(4, vec![Effect::Task(local_task())], HashMap::new());

    lane.offer_local(now(1));

    assert_eq!(failed(&mut lane), ["no such activity"]);
    assert!(!lane.outbox.is_full() && lane.outbox.done(4) == 4);
}

#[test]
fn what_is_no_longer_wanted_is_not_offered() {
    let here = Here::that(Offered::Taken);
    let mut lane = owner(&here);
    let second = Task {
        attempt: Attempt::FIRST.next(),
        ..local_task()
    };
    lane.outbox
        .push(4, vec![Effect::Task(second)], HashMap::new());

    lane.offer_local(now(1));

    assert_eq!((here.taken(), lane.outbox.next_turn(Millis(1))), (0, None));
}

#[test]
fn a_new_owner_offers_again_what_is_in_flight_once_all_answers_of_before_are_read() {
    let here = Here::that(Offered::Taken);
    let mut lane = owner(&here);
    // The old owner's batch is above what its footers say was done, too: that is no second offer.
    let mut outbox = std::mem::take(&mut lane.outbox);
    outbox.push(4, vec![Effect::Task(local_task())], HashMap::new());
    lane.outbox = outbox.after_take_over(&mut lane.fold);
    lane.careful = super::super::super::careful::Careful::after_take_over(&lane.fold, None, at(5));

    lane.offer_local(now(6));
    lane.offer_local_again(now(6), &mut Silent::default());
    assert_eq!(here.taken(), 0);
    // Until then its time does not run out.
    assert_eq!(lane.hold_queued(&id(), at(60), at(61)), None);

    lane.proof.passed(true, at(7), (0, 0));
    lane.proof.passed(false, at(7), (0, 0));
    lane.offer_local_again(now(8), &mut Silent::default());

    assert_eq!(here.taken(), 1);
    assert_eq!(failed(&mut lane), [""; 0]);
}

#[test]
fn what_owners_may_have_died_of_fails_instead_unless_it_runs_here() {
    for runs_here in [false, true] {
        let here = Here::that(Offered::Taken);
        let mut lane = owner(&here);
        if runs_here {
            lane.placed.took(&local_task(), at(1), &lane.fold.state);
        }
        lane.outbox = std::mem::take(&mut lane.outbox).after_take_over(&mut lane.fold);
        lane.outbox.local.suspect();
        lane.proof.passed(true, at(7), (0, 0));
        lane.proof.passed(false, at(7), (0, 0));

        lane.offer_local_again(now(8), &mut Silent::default());

        let failed = failed(&mut lane);
        assert_eq!(
            (here.taken(), failed.len()),
            match runs_here {
                true => (1, 0),
                false => (0, 1),
            }
        );
        assert!(
            failed
                .iter()
                .all(|reason| reason.contains("leave out `.local()`"))
        );
        assert_eq!(lane.hold_queued(&id(), at(60), at(61)), None);
    }
}

#[test]
fn a_cancelled_attempt_is_told_in_this_process_too() {
    let here = Here::that(Offered::Taken);
    let mut lane = owner(&here);
    lane.outbox
        .push(4, vec![Effect::Task(local_task())], HashMap::new());
    lane.offer_local(now(1));
    let task = local_task();
    let cancel = Effect::Cancel(Box::new(sagaline_core::CancelAttempt {
        workflow_id: task.workflow_id.clone(),
        run_id: task.run_id,
        activity_id: task.activity_id(),
        attempt: task.attempt,
    }));

    let shared = lane.shared.clone();
    let sending = lane
        .outbox
        .record(&shared, (0, Timestamp::default()), &cancel);

    assert!(matches!(sending, Sending::Record(_)));
    assert_eq!(here.taken(), 0);
}
