//! Many sagas of the example at once, of which each ends as its input says.

use std::collections::BTreeMap;

use sagaline_core::Outcome;

use super::{
    is_full,
    journal::Journal,
    process::Process,
    records::{Draft, order},
    say,
    wait::{LIMIT, Watch, within},
    world::World,
};

/// Sagas that were started.
#[derive(Debug)]
pub(crate) struct Load {
    expected: BTreeMap<String, Expected>,
    watch: Watch,
}

/// How a saga ends, and what is undone before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    outcome: Outcome,
    compensations: &'static [&'static str],
}

/// What becomes of an order by card and courier.
const KINDS: [(&str, &str, Expected); 5] = [
    ("visa", "ok", COMPLETED),
    (
        "visa",
        "refuses",
        Expected {
            outcome: Outcome::Failed,
            compensations: &["refund-card", "release-stock"],
        },
    ),
    ("visa", "ok", COMPLETED),
    (
        "declined",
        "ok",
        Expected {
            outcome: Outcome::Failed,
            compensations: &["release-stock"],
        },
    ),
    ("visa", "ok", COMPLETED),
];

const COMPLETED: Expected = Expected {
    outcome: Outcome::Completed,
    compensations: &[],
};

/// A worker that is slow enough for a crash to meet work of every kind.
pub(crate) fn worker(world: &World) -> Process {
    world.worker(&["--max-in-flight", if is_full() { "300" } else { "12" }])
}

impl Load {
    /// Starts so many at once.
    pub(crate) fn start(world: &World, count: usize) -> Self {
        let mut load = Self {
            expected: BTreeMap::new(),
            watch: Watch::begin(),
        };
        load.start_more(world, count);
        load
    }

    /// Starts so many more at once.
    pub(crate) fn start_more(&mut self, world: &World, count: usize) {
        self.start_by(world, count, |_, start| start);
    }

    /// Starts so many more at once, whose records lie in these partitions of the inbox.
    pub(crate) fn start_in(&mut self, world: &World, count: usize, partitions: &[i32]) {
        self.start_by(world, count, |number, start| {
            start.partition(partitions[number % partitions.len()])
        });
    }

    fn start_by<'w>(
        &mut self,
        world: &'w World,
        count: usize,
        place: impl Fn(usize, Draft<'w>) -> Draft<'w>,
    ) {
        let kinds = KINDS
            .iter()
            .cycle()
            .enumerate()
            .skip(self.len())
            .take(count);
        let starts: Vec<_> = kinds
            .map(|(number, (card, courier, end))| {
                let id = format!("saga-{number}");
                let start = world.start_order(&id, &order(&id, card, courier));
                let start = start
                    .header("ce_source", "load")
                    .header("ce_id", id.clone());
                self.expected.insert(id, *end);
                place(number, start).into_record()
            })
            .collect();
        world.send_all(starts);
    }

    pub(crate) fn len(&self) -> usize {
        self.expected.len()
    }

    /// Waits until as many have ended as were started.
    pub(crate) fn until_ended(&self, journal: &mut Journal<'_>) {
        let mut ended = 0;
        while ended < self.len() {
            // A limit for each step on the way: the machine may be slow, but something must happen.
            let more = within(LIMIT, || {
                Some(journal.read_on().ended()).filter(|now| *now > ended)
            });
            ended = more.unwrap_or_else(|| {
                panic!(
                    "no saga ended for {LIMIT:?}: {}{}",
                    self.open(journal),
                    journal.unread()
                )
            });
        }
    }

    /// Some that have not ended, and how far they are.
    fn open(&self, journal: &Journal<'_>) -> String {
        let ids = self.expected.keys();
        let open: Vec<&String> = ids.filter(|id| journal.outcome(id).is_none()).collect();
        let some = open.iter().take(5);
        let some = some.map(|id| format!("{id}: {}", journal.names(id).join(" ")));
        let some: Vec<String> = some.collect();
        format!("{} are open, of them\n{}\n", open.len(), some.join("\n"))
    }

    /// Every saga has one run, which ended as its input says, with everything undone that had to be.
    pub(crate) fn check(&self, journal: &Journal<'_>) {
        assert_eq!(journal.runs.len(), self.len(), "one run for each saga");
        for (id, expected) in &self.expected {
            let run = journal
                .newest(id)
                .unwrap_or_else(|| panic!("{id} was lost"));
            let got = (run.outcome(), run.compensations());
            assert_eq!(
                got,
                (Some(expected.outcome), expected.compensations.to_vec()),
                "{id}"
            );
        }
        let ended_so = |outcome| {
            self.expected
                .values()
                .filter(|one| one.outcome == outcome)
                .count()
        };
        say(&format!(
            "{} sagas in {:.1} s: {} completed, {} compensated, 0 lost, 0 twice; {} void records",
            self.len(),
            self.watch.elapsed().as_secs_f64(),
            ended_so(Outcome::Completed),
            ended_so(Outcome::Failed),
            journal
                .partitions
                .iter()
                .map(|partition| partition.void)
                .sum::<usize>(),
        ));
    }
}
