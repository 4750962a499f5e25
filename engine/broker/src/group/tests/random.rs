//! Three clients do whatever they like, well-behaved or not; what holds for all of them is checked after every step.

use proptest::prelude::*;

use super::world::{CLIENTS, Step, World};

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    prop_oneof![
        10 => (client.clone(), 0..3_usize, prop::bool::weighted(0.95))
            .prop_map(|(client, offer, keeps_id)| Step::Join { client, offer, keeps_id }),
        10 => client.clone().prop_map(|client| Step::Sync { client }),
        3 => client.clone().prop_map(|client| Step::Heartbeat { client }),
        1 => client.clone().prop_map(|client| Step::Leave { client }),
        2 => client.clone().prop_map(|client| Step::Commit { client }),
        1 => client.prop_map(|client| Step::Abandon { client }),
        1 => Just(Step::Delete),
        2 => (0..6_000_u64).prop_map(|ms| Step::Pass { ms }),
        1 => (0..100_000_u64).prop_map(|ms| Step::Pass { ms }),
    ]
}

proptest! {
    #[test]
    fn invariants_hold_whatever_clients_do(
        delay_ms in prop_oneof![Just(0_u64), Just(3_000)],
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new(delay_ms);
        for step in &steps {
            world.run(step);
        }
        world.settle();
    }
}
