//! People who limit and pause task queues, and let them go again.

use sagaline_core::{Limit, Name, QueueAct, WorkflowId};
use sagaline_journal::wire::{act, ce_type, header};
use sagaline_runtime::Keys;
use serde_json::{Map, Value, json};

use super::ACTOR;
use crate::{
    inputs::{Asks, Input, QueueAsked, draft, identify},
    plan::QUEUES,
    world::World,
};

impl World {
    /// Somebody changes what limits a queue.
    pub(super) fn change_some_queue(&mut self) {
        let queue = format!("q{}", self.rng.below(QUEUES));
        let (stage, step) = (self.rng.below(3), self.rng.below(3));
        let act = match self.rng.below(10) {
            0 => QueueAct::Pause(None),
            1 => QueueAct::Pause(Some(
                Name::new(&format!("a{stage}-{step}")).expect("it is short"),
            )),
            2 | 3 => QueueAct::Resume(None),
            _ => QueueAct::Limit {
                max_outstanding: *self.rng.pick(&[
                    Limit::Keep,
                    Limit::Lift,
                    Limit::Set(0),
                    Limit::Set(1),
                    Limit::Set(2),
                    Limit::Set(5),
                ]),
                rate_per_hour: *self.rng.pick(&[
                    Limit::Keep,
                    Limit::Keep,
                    Limit::Lift,
                    Limit::Set(10),
                    Limit::Set(1_800),
                    Limit::Set(3_600 * 5),
                    Limit::Set(3_600 * 100),
                ]),
            },
        };
        self.change_queue(&queue, act);
    }

    /// Lets a queue go that would hold up the end.
    pub(crate) fn let_go(&mut self, queue: &str, paused: Vec<Option<Name>>) {
        for activity in paused {
            self.change_queue(queue, QueueAct::Resume(activity));
        }
        let lift = QueueAct::Limit {
            max_outstanding: Limit::Lift,
            rate_per_hour: Limit::Lift,
        };
        self.change_queue(queue, lift);
    }

    fn change_queue(&mut self, queue: &str, what: QueueAct) {
        let inbox = self.topics.inbox.clone();
        let mut record = draft(&inbox, self.home(queue), queue, ce_type::QUEUE_CHANGE);
        record.push_header(header::ACTOR, ACTOR);
        record.push_header(header::ACT, act_of(&what));
        match &what {
            QueueAct::Limit {
                max_outstanding,
                rate_per_hour,
            } => {
                let mut body = Map::new();
                put(&mut body, "max_outstanding", *max_outstanding);
                let rate = match *rate_per_hour {
                    Limit::Keep => Limit::Keep,
                    Limit::Lift => Limit::Lift,
                    Limit::Set(rate) => Limit::Set(rate as f64 / 3_600.0),
                };
                put(&mut body, "rate_per_second", rate);
                record.value = Some(Value::Object(body).to_string().into_bytes());
            }
            QueueAct::Pause(activity) | QueueAct::Resume(activity) => {
                if let Some(activity) = activity {
                    record.push_header(header::ACTIVITY, activity.as_str());
                }
            }
        }
        let named = self.rng.percent(70);
        let identity = named.then(|| (ACTOR.to_owned(), format!("q-{}", self.number())));
        if let Some((source, id)) = &identity {
            identify(&mut record, source, id);
        }
        let wants_reply = self.ask_for_reply(&mut record);
        Keys::development().sign_record(&mut record);
        let input = Input {
            workflow_id: WorkflowId::new(queue).ok(),
            identity,
            asks: Asks::Queue(QueueAsked::Change {
                act: what,
                wants_reply,
            }),
        };
        self.submit(record, input);
    }
}

const fn act_of(what: &QueueAct) -> &'static str {
    match what {
        QueueAct::Limit { .. } => act::LIMIT,
        QueueAct::Pause(_) => act::PAUSE,
        QueueAct::Resume(_) => act::RESUME,
    }
}

fn put<T: serde::Serialize>(body: &mut Map<String, Value>, name: &str, limit: Limit<T>) {
    match limit {
        Limit::Keep => {}
        Limit::Lift => drop(body.insert(name.to_owned(), Value::Null)),
        Limit::Set(limit) => drop(body.insert(name.to_owned(), json!(limit))),
    }
}
