//! Behaviour of transactions on a clock that the tests hold; what the wire shows is in the conformance tests.

use proptest::prelude::*;

use super::{init::EPOCH_MAX, *};

const ID: &str = "payments";
const TIMEOUT_MS: i32 = 1_000;

/// Transactions, a clock, and every change so far.
#[derive(Default)]
struct Bench {
    transactions: Transactions,
    now: u64,
    journal: Vec<Change>,
    last_id: i64,
}

impl Bench {
    fn make(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.journal.push(change.clone());
            self.transactions.apply(change, self.now);
        }
    }

    fn decide(&mut self, current: Option<Producer>) -> Result<Initialized, ErrorCode> {
        self.last_id += 1;
        let init = Init {
            id: ID,
            timeout_ms: TIMEOUT_MS,
            current,
        };
        let fresh = self.last_id;
        self.transactions.init(&init, || Ok(fresh))
    }

    /// Begins, or goes on, and carries out what has to be before.
    fn init(&mut self, current: Option<Producer>) -> Result<Producer, ErrorCode> {
        if let Initialized::Aborts(change) = self.decide(current)? {
            self.make(vec![change]);
            self.complete();
        }
        match self.decide(current)? {
            Initialized::Ready(producer, changes) => {
                self.make(changes);
                Ok(producer)
            }
            Initialized::Aborts(change) => panic!("{change:?} twice"),
        }
    }

    fn complete(&mut self) {
        let prepared = self.transactions.prepared();
        self.make(
            prepared
                .into_iter()
                .map(|id| Change::Completed { id })
                .collect(),
        );
    }

    fn add(&mut self, producer: Producer, partition: i32) -> Result<(), ErrorCode> {
        let mut parts = Parts::default();
        parts.put("orders", partition);
        let changes = self.transactions.add(&writer(producer), parts)?;
        self.make(changes);
        Ok(())
    }

    fn end(&mut self, producer: Producer, ending: Ending) -> Result<(), ErrorCode> {
        let changes = self.transactions.end(&writer(producer), ending)?;
        self.make(changes);
        Ok(())
    }

    fn state(&self) -> State {
        self.transactions.by_id[ID].state
    }
}

const fn writer(producer: Producer) -> Writer<'static> {
    Writer {
        id: ID,
        producer_id: producer.id,
        epoch: producer.epoch,
    }
}

fn admitted(bench: &Bench, producer: Producer, partition: i32) -> Result<(), ErrorCode> {
    bench
        .transactions
        .admit(&writer(producer), "orders", partition)
}

#[test]
fn a_transaction_takes_what_was_added_and_ends_once() {
    let mut bench = Bench::default();
    let producer = bench.init(None).unwrap();

    bench.add(producer, 1).unwrap();
    assert_eq!(admitted(&bench, producer, 1), Ok(()));
    assert_eq!(
        admitted(&bench, producer, 2),
        Err(ErrorCode::TransactionAbortable)
    );
    bench.end(producer, Ending::Commit).unwrap();

    let prepared = bench.transactions.prepared_of(ID).unwrap();
    assert_eq!(
        (prepared.producer, prepared.ending),
        (producer, Ending::Commit)
    );
    let busy = Err(ErrorCode::ConcurrentTransactions);
    assert_eq!(bench.add(producer, 1), busy);
    assert_eq!(bench.end(producer, Ending::Commit), busy);
    assert_eq!(bench.init(None).map(drop), busy);
    bench.complete();
    assert_eq!(bench.state(), State::Completed(Ending::Commit));
    assert_eq!(bench.end(producer, Ending::Commit), Ok(()));
    let other = bench.end(producer, Ending::Abort);
    assert_eq!(other, Err(ErrorCode::InvalidTxnState));
}

#[test]
fn what_is_part_already_is_not_written_again() {
    let mut bench = Bench::default();
    let producer = bench.init(None).unwrap();
    bench.add(producer, 1).unwrap();
    let before = bench.journal.len();

    bench.add(producer, 1).unwrap();

    assert_eq!(bench.journal.len(), before);
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_at_its_deadline_and_not_before() {
    let mut bench = Bench::default();
    let producer = bench.init(None).unwrap();
    assert_eq!(bench.transactions.next_deadline(), None);
    bench.now = 500;
    bench.add(producer, 1).unwrap();
    bench.now = 900;
    bench.add(producer, 2).unwrap();

    assert_eq!(bench.transactions.next_deadline(), Some(1_500));
    assert_eq!(bench.transactions.due(1_499), []);
    let due = bench.transactions.due(1_500);
    bench.make(due);

    assert_eq!(bench.transactions.next_deadline(), None);
    assert_eq!(bench.state(), State::Prepared(Ending::Abort));
    let fenced = bench.end(producer, Ending::Commit);
    assert_eq!(fenced, Err(ErrorCode::ProducerFenced));
}

#[test]
fn a_producer_id_whose_epochs_are_used_up_is_replaced() {
    let mut bench = Bench::default();
    let first = bench.init(None).unwrap();
    let used_up = Producer {
        epoch: EPOCH_MAX,
        ..first
    };
    bench.make(vec![Change::Initialized {
        id: ID.into(),
        producer: used_up,
        last_epoch: EPOCH_MAX - 1,
        previous_id: -1,
        timeout_ms: 1_000,
    }]);
    bench.add(used_up, 1).unwrap();

    let next = bench.init(None).unwrap();

    assert_ne!(next.id, first.id);
    assert_eq!(next.epoch, 0);
    let again = bench.init(Some(used_up));
    assert_eq!(again, Ok(next), "it may not have heard of it");
    assert_eq!(
        bench.end(used_up, Ending::Commit),
        Err(ErrorCode::InvalidProducerIdMapping)
    );
}

#[test]
fn limits_hold_and_the_id_that_was_idle_for_longest_makes_room() {
    let mut bench = Bench::default();
    for number in 0..IDS_MAX {
        bench.now = number as u64;
        let id = format!("id-{number}");
        bench.make(vec![Change::Initialized {
            id: id.as_str().into(),
            producer: Producer { id: 1, epoch: 0 },
            last_epoch: -1,
            previous_id: -1,
            timeout_ms: 1_000,
        }]);
    }
    bench.make(vec![Change::Added {
        id: "id-0".into(),
        parts: Parts::of_group("g"),
    }]);

    let producer = bench.init(None).unwrap();

    assert_eq!(bench.transactions.by_id.len(), IDS_MAX);
    assert!(
        bench.transactions.by_id.contains_key("id-0"),
        "it is in use"
    );
    assert!(!bench.transactions.by_id.contains_key("id-1"));
    let mut parts = Parts::default();
    for partition in 0..=TRANSACTION_PARTS_MAX as i32 {
        parts.put("orders", partition);
    }
    let refused = bench.transactions.add(&writer(producer), parts);
    assert_eq!(refused, Err(ErrorCode::PolicyViolation));
    let long = Parts::of_group(&"g".repeat(NAME_BYTES_MAX + 1));
    let refused = bench.transactions.add(&writer(producer), long);
    assert_eq!(refused, Err(ErrorCode::PolicyViolation));
}

/// What a client, or time, does next.
#[derive(Clone, Debug)]
enum Step {
    Init,
    GoOn(usize),
    Add(usize, i32),
    End(usize, bool),
    Complete,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Init),
        1 => (0..4_usize).prop_map(Step::GoOn),
        6 => (0..4_usize, 0..3).prop_map(|(who, partition)| Step::Add(who, partition)),
        4 => (0..4_usize, any::<bool>()).prop_map(|(who, commits)| Step::End(who, commits)),
        4 => Just(Step::Complete),
        1 => (0..1_500_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn whoever_was_fenced_stays_out_and_a_restart_changes_nothing(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut bench = Bench::default();
        let mut producers = vec![bench.init(None).unwrap()];
        for step in steps {
            let of = |who: usize| producers[producers.len().saturating_sub(1 + who)];
            match step {
                Step::Init => producers.extend(bench.init(None)),
                Step::GoOn(who) => {
                    let current = of(who);
                    producers.extend(bench.init(Some(current)));
                }
                Step::Add(who, partition) => {
                    let _ = bench.add(of(who), partition);
                }
                Step::End(who, commits) => {
                    let ending = if commits { Ending::Commit } else { Ending::Abort };
                    let _ = bench.end(of(who), ending);
                }
                Step::Complete => bench.complete(),
                Step::Pass(ms) => {
                    bench.now += ms;
                    let due = bench.transactions.due(bench.now);
                    bench.make(due);
                }
            }
            let current = &bench.transactions.by_id[ID];
            for old in &producers {
                if *old != current.producer {
                    prop_assert!(bench.transactions.of(&writer(*old)).is_err());
                }
            }
            prop_assert_eq!(
                current.state == State::Ongoing,
                bench.transactions.next_deadline().is_some()
            );
            check_restored(&bench)?;
        }
    }
}

/// The journal, and the fewest changes, restore the same.
fn check_restored(bench: &Bench) -> Result<(), TestCaseError> {
    let expected: Vec<_> = bench.transactions.changes().collect();
    for changes in [bench.journal.clone(), expected.clone()] {
        let mut restored = Transactions::default();
        for change in changes {
            restored.apply(change, bench.now);
        }
        let found: Vec<_> = restored.changes().collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(restored.parts, bench.transactions.parts);
        prop_assert_eq!(restored.prepared(), bench.transactions.prepared());
    }
    Ok(())
}
